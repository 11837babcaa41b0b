"""Pages of a thread's messages, by arithmetic: seq has no gaps, and messages expire from the front only."""

from typing import NamedTuple

from chat.domain.model import Message, ThreadKey
from chat.storage.history import History


class Step(NamedTuple):
    """One page's way through a thread: towards newer messages from behind `bound`, or towards older ones before it."""

    newer: bool
    bound: int


class Page(NamedTuple):
    """Messages, oldest first, and the steps that lead on from them, None where nothing is left that way."""

    items: list[Message]
    older: Step | None
    newer: Step | None


async def read_page(history: History, key: ThreadKey, last_seq: int, step: Step, limit: int) -> Page:
    """The page of up to `limit` messages that `step` leads to, none of them beyond `last_seq`."""
    first, last = _window(step, limit, last_seq)
    # One more on the older side tells whether anything is left there.
    found = await history.messages(key, first - 1, last)
    if step.newer and first <= last and _starts_late(found, first):
        first = found[0].seq if found else await _first_from(history, key, first, last_seq)
        last = min(last_seq, first + limit - 1)
        found = await history.messages(key, first, last)
    items = [message for message in found if message.seq >= first]
    older = Step(newer=False, bound=first) if len(items) < len(found) else None
    more = last < last_seq and (items or await history.first_kept(key, last_seq))
    return Page(items, older, Step(newer=True, bound=last) if more else None)


async def _first_from(history: History, key: ThreadKey, first: int, last_seq: int) -> int:
    """Where the messages go on, or beyond the last one: a reader never goes back to where it has been."""
    kept = await history.first_kept(key, last_seq, first)
    return last_seq + 1 if kept is None else kept


def around(seq: int, limit: int, last_seq: int) -> Step:
    """The step to the page that has `seq` in its middle."""
    return Step(newer=False, bound=min(seq + limit // 2, last_seq) + 1)


def _window(step: Step, limit: int, last_seq: int) -> tuple[int, int]:
    """The first and the last seq of a page; the first is the greater one where the page is empty."""
    if step.newer:
        first = min(step.bound, last_seq) + 1
        return first, min(first + limit - 1, last_seq)
    last = min(max(step.bound, 1) - 1, last_seq)
    return max(last - limit + 1, 1), last


def _starts_late(found: list[Message], first: int) -> bool:
    return not found or found[0].seq > first
