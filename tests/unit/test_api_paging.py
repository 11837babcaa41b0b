"""Pages of messages: each message once, whichever way one goes."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.paging import Page, Step, around, read_page
from chat.domain.model import BUCKET, Message, ThreadKey
from chat.storage.memory_reads import MemoryHistory
from tests.api_client import key_of, message_at, put_conversation, shown_thread

KEY = key_of(1)
LENGTHS = st.integers(0, 60)
LIMITS = st.integers(1, 20)
MEANWHILE = st.tuples(st.integers(0, 5), st.integers(0, 12))
"""Messages posted and messages expired between two pages."""

OLDEST = Step(newer=True, bound=0)


async def conversation(length: int, expired: int = 0, key: ThreadKey = KEY) -> MemoryHistory:
    """A thread of so many messages, the first of them expired."""
    history = MemoryHistory()
    await put_conversation(history, key, length)
    await history.expire(key, expired)
    return history


async def walk(history: MemoryHistory, last_seq: int, step: Step | None, limit: int) -> list[list[int]]:
    """The seqs of every page from `step` on, in the direction of that step."""
    pages = []
    while step is not None:
        page = await read_page(history, KEY, last_seq, step, limit)
        pages.append([message.seq for message in page.items])
        step = page.newer if step.newer else page.older
    return pages


@given(LENGTHS, LENGTHS, LIMITS)
@example(length=0, expired=0, limit=1)
@example(length=20, expired=20, limit=5)
async def test_towards_older_each_message_comes_once(length: int, expired: int, limit: int) -> None:
    """From the newest back, full pages until nothing is left, and no empty page at the end."""
    history = await conversation(length, expired)
    pages = await walk(history, length, Step(newer=False, bound=length + 1), limit)
    kept = list(range(min(expired, length) + 1, length + 1))
    assert [seq for page in reversed(pages) for seq in page] == kept
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1] or not kept


async def test_a_reader_never_goes_back() -> None:
    """Where the newest expired before the oldest, as after a shorter retention, the way on ends behind the last."""
    history = await conversation(3)
    pages = await walk(history, 9, OLDEST, 2)
    assert pages == [[1, 2], [3], []]


async def test_a_reader_goes_on_behind_a_hole() -> None:
    """Where some in the middle expired before the oldest, as after a shorter retention, later ones are still found."""
    history = await conversation(0)
    kept = [*range(1, 6), *range(BUCKET * 2, BUCKET * 2 + 7)]
    for seq in kept:
        await history.put_message(KEY, message_at(seq))
    pages = await walk(history, kept[-1], OLDEST, 4)
    assert [seq for page in pages for seq in page] == kept


@given(LENGTHS, LENGTHS, LIMITS)
async def test_towards_newer_each_message_comes_once(length: int, expired: int, limit: int) -> None:
    """From the front on, over what has expired, full pages until nothing is left."""
    history = await conversation(length, expired)
    pages = await walk(history, length, OLDEST, limit)
    kept = list(range(min(expired, length) + 1, length + 1))
    assert [seq for page in pages for seq in page] == kept
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1] or not kept


@given(LENGTHS, LENGTHS, LIMITS, st.integers(0, 70), st.booleans())
async def test_both_ways_from_anywhere_make_the_whole(
    length: int,
    expired: int,
    limit: int,
    bound: int,
    newer: bool,  # noqa: FBT001 - Hypothesis draws it
) -> None:
    """A page, all that is older and all that is newer are the thread, each message once."""
    history = await conversation(length, expired)
    page = await read_page(history, KEY, length, Step(newer, bound), limit)
    older = await walk(history, length, page.older, limit)
    later = await walk(history, length, page.newer, limit)
    middle = [message.seq for message in page.items]
    found = [seq for part in reversed(older) for seq in part] + middle + [seq for part in later for seq in part]
    assert found == list(range(min(expired, length) + 1, length + 1))
    assert all(part for part in older + later)


@given(LENGTHS, LIMITS, st.integers(0, 70))
async def test_around_a_message_it_is_on_the_page(length: int, limit: int, seq: int) -> None:
    """The page around a seq holds it, with as many before it as behind it where there are as many."""
    page = await read_page(await conversation(length), KEY, length, around(seq, limit, length), limit)
    found = [message.seq for message in page.items]
    assert len(found) <= limit
    assert seq in found or not 1 <= seq <= length
    if limit <= seq <= length - limit:
        assert abs((seq - found[0]) - (found[-1] - seq)) <= 1


@settings(max_examples=20)
@given(st.integers(BUCKET - 30, BUCKET + 30), st.integers(1, 200))
async def test_a_page_may_lie_in_two_buckets(bound: int, limit: int) -> None:
    """Where one bucket ends and the next begins nothing is missing."""
    history = await conversation(BUCKET * 2)
    page = await read_page(history, KEY, BUCKET * 2, Step(newer=True, bound=bound), limit)
    assert [message.seq for message in page.items] == list(range(bound + 1, bound + limit + 1))


@settings(max_examples=200)
@given(LENGTHS, LIMITS, st.booleans(), st.lists(MEANWHILE, max_size=20))
@example(length=10, limit=3, newer=True, meanwhile=[(0, 10), (2, 0)])
@example(length=10, limit=3, newer=False, meanwhile=[(5, 9)])
async def test_while_somebody_writes_each_surviving_message_comes_once(
    length: int,
    limit: int,
    newer: bool,  # noqa: FBT001 - Hypothesis draws it
    meanwhile: list[tuple[int, int]],
) -> None:
    """Whatever is posted and expires between two pages: what was there all the time comes once, in order."""
    history = await conversation(length)
    last_seq, expired, found = length, 0, list[int]()
    changes = iter(meanwhile)
    step: Step | None = OLDEST if newer else Step(newer=False, bound=length + 1)
    while step is not None:
        page = await read_page(history, KEY, last_seq, step, limit)
        seqs = [message.seq for message in page.items]
        found += seqs if newer else reversed(seqs)
        step = page.newer if newer else page.older
        posted, gone = next(changes, (0, 0))
        for seq in range(last_seq + 1, last_seq + posted + 1):
            await history.put_message(KEY, message_at(seq))
        last_seq, expired = last_seq + posted, min(expired + gone, last_seq)
        await history.expire(KEY, expired)
    assert found == sorted(set(found), reverse=not newer)
    assert set(range(expired + 1, length + 1)) <= set(found) <= set(range(1, last_seq + 1))


async def test_what_is_not_committed_is_not_shown() -> None:
    """Rows beyond the thread's last seq are on no page, and nothing leads to them."""
    history = await conversation(3)
    await history.put_message(KEY, message_at(4))
    for step in (Step(newer=False, bound=2**63 - 1), OLDEST):
        page = await read_page(history, KEY, 3, step, 50)
        assert [message.seq for message in page.items] == [1, 2, 3]
        assert page.newer is None


async def test_common_pages_cost_one_question() -> None:
    """Only where the front has expired is a second question asked."""

    class Counting(MemoryHistory):
        asked = 0

        async def messages(self, key: ThreadKey, first: int, last: int) -> list[Message]:
            type(self).asked += 1
            return await super().messages(key, first, last)

    history = Counting()
    await put_conversation(history, KEY, 100)
    for step in (Step(newer=False, bound=101), Step(newer=True, bound=0), Step(newer=True, bound=100)):
        await read_page(history, KEY, 100, step, 50)
    assert Counting.asked == 3


async def test_an_empty_thread_has_one_empty_page() -> None:
    """A thread without messages gives nothing and leads nowhere."""
    history = MemoryHistory()
    await history.put_thread(KEY, shown_thread())
    assert await read_page(history, KEY, 0, OLDEST, 50) == Page([], None, None)
    assert await read_page(history, KEY, 0, around(1, 50, 0), 50) == Page([], None, None)
