"""The consumer for ordinary code."""

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from chat.privacy.event_content import HEADER
from chat.sdk.change import Change, Opener, Raw, change, unopened
from chat.sdk.feed import Feed
from chat.settings import Settings, load

POLL_SECONDS = 0.5


class EventConsumer:
    """Reads `chat.events` as a member of a consumer group; a context manager.

    A change counts as handled when the next one is asked for, and only then may its offset be committed: what was
    being handled when the process ended, or when an error left the loop, comes again. Each event comes once, as far as
    this process remembers (100,000 events); in another process it may come again, with the same `event_id`.
    `opener` opens sealed content; that of `chat.sdk.sealed_events` is for `AsyncEventConsumer`.
    """

    def __init__(self, group: str, settings: Settings | None = None, *, opener: Opener | None = None) -> None:
        self._feed = Feed(settings or load(), group)
        self._opener = opener

    def changes(self, *, idle_seconds: float | None = None) -> Iterator[Change]:
        """Every change, in its learner's order; without end, or until none came for `idle_seconds`.

        Waits while Kafka is away. Raises `BrokerRefused`, `schemas.CodecError` for a record of a version that this
        program does not know, and what the opener raises; the record comes again then.
        """
        idle = 0.0
        while idle_seconds is None or idle < idle_seconds:
            raw = self._feed.next(POLL_SECONDS)
            if raw is None:
                idle += POLL_SECONDS
                continue
            idle = 0.0
            found = self._open(raw)
            if found is not None and not self._feed.is_repeat(found):
                yield found
            self._feed.handled(raw, found)

    def close(self) -> None:
        """Commits what was handled and leaves the group."""
        self._feed.close()

    def _open(self, raw: Raw) -> Change | None:
        if self._opener is None or raw.value is None or HEADER not in dict(raw.headers):
            return unopened(raw)
        return change(raw, self._opener(raw.value, raw.headers), sealed=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.close()
