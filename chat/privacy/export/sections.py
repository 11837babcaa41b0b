"""The rows of a bundle, section by section, each from any place on: that is what makes an export resumable."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import ClassVar, NamedTuple, Protocol, TypeVar

from chat.domain.model import BUCKET, LearnerId, Message, ThreadKey, bucket_of
from chat.privacy.export import lines, page
from chat.privacy.export.policy import Policy
from chat.storage.export_reads import PAGE, ExportReads, ReadMark
from chat.storage.history import ShownThread

Q = TypeVar("Q")
A = TypeVar("A")

Place = tuple[str | int, ...]
"""Where a section stands: the clustering key of its last row."""

ANSWER = 512 * 1024
"""Characters of one answer, about: long messages are asked for fewer at a time."""

AHEAD = 2
"""Answers that are asked for before they are needed: enough to keep Cassandra busy, few enough for memory."""


class Row(NamedTuple):
    """One row: its line and how a person reads it, both None where there is only something to count."""

    place: Place
    line: bytes | None
    shown: str | None
    counts: Mapping[str, int]


class Section(Protocol):
    """A kind of rows."""

    name: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]

    def rows(self, after: Place | None) -> AsyncGenerator[Row, None]:
        """The rows behind a place, in one order for ever. Raises `StorageUnavailable`."""
        ...


class Threads:
    """The learner's threads, in the order of their ids."""

    name: ClassVar[str] = "threads"
    columns: ClassVar[tuple[str, ...]] = ("Thread", "Title", "Made by", "Made at", "Messages")

    def __init__(self, reads: ExportReads, learner: LearnerId, policy: Policy) -> None:
        self._reads, self._learner, self._policy = reads, learner, policy

    async def rows(self, after: Place | None) -> AsyncGenerator[Row, None]:
        async for shown in threads(self._reads, self._learner, str(after[0]) if after else None):
            yield self._row(shown)

    def _row(self, shown: ShownThread) -> Row:
        counts = {"threads": 1}
        if self._policy.hides(shown.details.created_by):
            counts["withheld_threads"] = 1
        return Row((shown.thread_id,), lines.thread(shown, self._policy), page.thread(shown, self._policy), counts)


class Messages:
    """Every message, thread by thread in the order of `Threads`, by seq; places are (thread_id, seq)."""

    name: ClassVar[str] = "messages"
    columns: ClassVar[tuple[str, ...]] = ("Thread", "No.", "At", "From", "Message")

    def __init__(self, reads: ExportReads, learner: LearnerId, policy: Policy) -> None:
        self._reads, self._learner, self._policy = reads, learner, policy
        self._page = PAGE

    async def rows(self, after: Place | None) -> AsyncGenerator[Row, None]:
        async for span, found in ahead(self._spans(after), self._read):
            before = span.first - 1
            for one in found:
                yield self._row(one, span.key.thread_id, one.seq - before - 1)
                before = one.seq
            if before < span.last:
                yield Row((span.key.thread_id, span.last), None, None, {"expired_messages": span.last - before})

    async def _spans(self, after: Place | None) -> AsyncIterator["Span"]:
        """Ranges of seqs that one answer holds; the thread that was begun goes on where it stood."""
        if after is not None:
            key = ThreadKey(self._learner, str(after[0]))
            for span in self._spans_of(key, int(after[1]) + 1, await self._reads.last_seq(key)):
                yield span
        behind = threads(self._reads, self._learner, str(after[0]) if after else None)
        keys = (ThreadKey(self._learner, shown.thread_id) async for shown in behind)
        async for key, last_seq in ahead(keys, self._reads.last_seq):
            for span in self._spans_of(key, 1, last_seq):
                yield span

    async def _read(self, span: "Span") -> list[Message]:
        found = list(await self._reads.messages(*span))
        said = sum(len(one.content or "") + len(one.metadata) for one in found)
        self._page = max(1, min(PAGE, ANSWER * len(found) // said)) if said else PAGE
        return found

    def _spans_of(self, key: ThreadKey, first: int, last_seq: int | None) -> Iterator["Span"]:
        while first <= (last_seq or 0):
            end_of_bucket = (bucket_of(first) + 1) * BUCKET
            last = min(first + self._page - 1, end_of_bucket, last_seq or 0)
            yield Span(key, first, last)
            first = last + 1

    def _row(self, one: Message, thread_id: str, expired: int) -> Row:
        hidden = self._policy.hides(one.sender_id)
        counts = _PLAIN
        if hidden or expired or one.deleted_at is not None or '"attachments"' in one.metadata:
            counts = _counts(one, expired, hidden=hidden)
        return Row((thread_id, one.seq), lines.message(one, hidden=hidden), page.message(one, hidden=hidden), counts)


class ReadMarks:
    """How far each user has read; that others have read is theirs to give away."""

    name: ClassVar[str] = "read_marks"
    columns: ClassVar[tuple[str, ...]] = ("User", "Thread", "Read up to no.")

    def __init__(self, reads: ExportReads, learner: LearnerId, policy: Policy) -> None:
        self._reads, self._learner, self._policy = reads, learner, policy

    async def rows(self, after: Place | None) -> AsyncGenerator[Row, None]:
        last = ReadMark(str(after[0]), str(after[1]), 0) if after else None
        while found := await self._reads.marks(self._learner, last):
            for last in found:
                yield self._row(last)

    def _row(self, mark: ReadMark) -> Row:
        place = (mark.user_id, mark.thread_id)
        if self._policy.hides(mark.user_id):
            return Row(place, None, None, {"withheld_read_marks": 1})
        return Row(place, lines.read_mark(mark), page.read_mark(mark), {"read_marks": 1})


class Span(NamedTuple):
    """The messages `first` … `last` of a thread, all of one bucket."""

    key: ThreadKey
    first: int
    last: int


_PLAIN: Mapping[str, int] = {"messages": 1}


def sections(reads: ExportReads, learner: LearnerId, policy: Policy) -> tuple[Section, ...]:
    """What a bundle has, in its order."""
    return Threads(reads, learner, policy), Messages(reads, learner, policy), ReadMarks(reads, learner, policy)


async def threads(reads: ExportReads, learner: LearnerId, after: str | None) -> AsyncIterator[ShownThread]:
    """All threads behind a thread id."""
    while found := await reads.threads(learner, after):
        for shown in found:
            yield shown
        after = found[-1].thread_id


async def ahead(questions: AsyncIterator[Q], ask: Callable[[Q], Awaitable[A]]) -> AsyncIterator[tuple[Q, A]]:
    """Each question with its answer, in order, with `AHEAD` of them under way."""
    waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
    try:
        async for question in questions:
            waiting.append((question, asyncio.ensure_future(ask(question))))
            if len(waiting) > AHEAD:
                first, answer = waiting.popleft()
                yield first, await answer
        while waiting:
            first, answer = waiting.popleft()
            yield first, await answer
    finally:
        for _, answer in waiting:
            answer.cancel()


def _counts(one: Message, expired: int, *, hidden: bool) -> dict[str, int]:
    counts = {
        "messages": 1,
        "expired_messages": expired,
        "deleted_messages": int(one.deleted_at is not None),
        "withheld_messages": int(hidden),
        "attachments": 0 if hidden else lines.attachments(one.metadata),
    }
    return {name: count for name, count in counts.items() if count}
