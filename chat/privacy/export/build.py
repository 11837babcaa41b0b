"""Builds a bundle, chunk by chunk. It may be killed anywhere: what the store has of it is its state.

A chunk is put where none of that name is, so the first one counts. Whoever builds the bundle again, or at the same
time as somebody who has lost the lease and does not know it, reads the heads of the chunks that are there and goes on.
"""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from importlib import resources
from typing import Any, NamedTuple

from chat.errors import BundleGone
from chat.privacy.export import bundle_key, manifest, page
from chat.privacy.export.bundle_key import KeyWrap
from chat.privacy.export.chunk import HEAD_LIMIT, BundleSeal, Head, head_of
from chat.privacy.export.manifest import Subject
from chat.privacy.export.member import Member, Packer, pack
from chat.privacy.export.sections import Place, Row, Section, sections
from chat.privacy.export.signing import SigningKey
from chat.privacy.export.store import BundleStore, bundle_id
from chat.storage.export_reads import ExportReads

FRONT, MANIFEST, CONTENTS = "front", "manifest", "contents"
"""The last chunks: overview and schemas, manifest and signature, and what tells a download where all is."""

LINES_TYPE, PAGE_TYPE, JSON_TYPE = "application/jsonl", "text/html", "application/json"
SCHEMAS = ("thread", "message", "read_mark")

Progress = Callable[[str], Awaitable[None]]
"""Called with the name of every chunk that is kept; what it raises ends the building."""


class Limits(NamedTuple):
    """A chunk ends with its `records`-th row, or with the row that brings its lines to `size` bytes."""

    records: int = 10_000
    size: int = 2 * 1024 * 1024


class Kept(NamedTuple):
    """A chunk that is in the store."""

    name: str
    head: Head


class Contents(NamedTuple):
    """What a finished bundle holds, in its order. Times are UTC milliseconds."""

    made_at: int
    expires_at: int
    counts: dict[str, int]
    manifest_sha256: str
    key_id: str
    chunks: tuple[Kept, ...]


class BundleBuilder:
    """Builds bundles into a store; `ttl` is how long they stay, in milliseconds."""

    def __init__(
        self,
        store: BundleStore,
        wrap: KeyWrap,
        signing_key: SigningKey,
        *,
        ttl: int,
        limits: Limits = Limits(),  # noqa: B008 - a value that cannot change
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store, self._wrap = store, wrap
        self._means = _Means(store, signing_key, ttl, limits, clock)

    async def build(self, reads: ExportReads, subject: Subject, progress: Progress) -> Contents:
        """Builds what is not there yet of a subject's bundle.

        Raises `BundleStoreUnavailable`, `StorageUnavailable` and `KeyStoreUnavailable`, after which it may be called
        again, `BundleGone` where the bundle is deleted meanwhile, or `BundleDamaged`.
        """
        bundle = bundle_id(subject.learner.tenant_id, subject.request_id)
        key = await bundle_key.make_or_find(self._store, self._wrap, bundle)
        seal = BundleSeal(bundle, key)
        if (finished := await read_contents(self._store, seal, bundle)) is not None:
            return finished
        work = _Work(self._means, bundle, seal, progress)
        chunks = [
            chunk
            for section in sections(reads, subject.learner, subject.policy)
            for chunk in await work.section(section)
        ]
        return await work.finish(subject, chunks)

    async def discard(self, tenant_id: str, request_id: str) -> None:
        """Deletes what there is of a bundle. Raises `BundleStoreUnavailable`."""
        await self._means.store.delete(bundle_id(tenant_id, request_id))


class _Means(NamedTuple):
    """What every bundle of a builder is made with."""

    store: BundleStore
    signing_key: SigningKey
    ttl: int
    limits: Limits
    clock: Callable[[], int]


class _Work:
    """One bundle under way."""

    def __init__(self, means: _Means, bundle: str, seal: BundleSeal, progress: Progress) -> None:
        self._store, self._signing_key, self._ttl, self._limits, self._clock = means
        self._bundle, self._seal, self._progress = bundle, seal, progress

    async def section(self, section: Section) -> list[Kept]:
        """A section's chunks, those that are there and then the others."""
        chunks = [chunk async for chunk in self._there(section)]
        while not _is_whole(chunks):
            await self._go_on(section, chunks)
        return chunks

    async def finish(self, subject: Subject, chunks: Sequence[Kept]) -> Contents:
        """Overview, manifest and contents, in this order."""
        counts = manifest.total(chunk.head.counts for chunk in chunks)
        now = self._clock()
        read_from = min(chunk.head.read_from for chunk in chunks)
        span = manifest.Span(read_from, max(chunk.head.read_to for chunk in chunks), now + self._ttl)
        told = manifest.describe(subject, span, counts)
        front = await self._small(FRONT, await _front(told, chunks), now)
        listed = _members([front, *chunks])
        exact = manifest.render(told, listed, self._signing_key.key_id)
        signed = [
            await pack(manifest.PATH, JSON_TYPE, exact),
            await pack(manifest.SIGNATURE_PATH, "application/octet-stream", self._signing_key.sign(exact)),
        ]
        last = await self._small(MANIFEST, signed, now)
        digest, made_at = last.head.members[0].sha256, last.head.read_to
        key_id = self._signing_key.key_id
        return await self._note(Contents(made_at, made_at + self._ttl, counts, digest, key_id, (last, front, *chunks)))

    async def _there(self, section: Section) -> AsyncIterator[Kept]:
        number = 1
        while (head := await self._head(_name(section, number))) is not None:
            yield Kept(_name(section, number), head)
            number += 1

    async def _go_on(self, section: Section, chunks: list[Kept]) -> None:
        """Adds chunks to the section, until its end or until one is there that somebody else has made."""
        after = chunks[-1].head.after if chunks else None
        async with aclosing(section.rows(after)) as rows:
            while not _is_whole(chunks):
                name = _name(section, len(chunks) + 1)
                head, body = await self._fill(section, name, rows, after)
                chunk = await self._keep(name, head, body)
                chunks.append(chunk)
                if chunk.head != head:
                    return
                after = head.after

    async def _fill(
        self, section: Section, name: str, rows: AsyncIterator[Row], after: Place | None
    ) -> tuple[Head, bytes]:
        draft = _Draft(section, name, after)
        started = self._clock()
        async for row in rows:
            draft.add(row)
            if draft.is_due:
                await draft.settle()
            if draft.records >= self._limits.records or draft.size >= self._limits.size:
                return await draft.finish(started, self._clock(), ends=False)
        return await draft.finish(started, self._clock(), ends=True)

    async def _small(self, name: str, packed: Sequence[tuple[Member, bytes]], now: int) -> Kept:
        if (found := await self._head(name)) is not None:
            return Kept(name, found)
        head = Head(tuple(member for member, _ in packed), {}, None, ends=True, read_from=now, read_to=now)
        return await self._keep(name, head, b"".join(body for _, body in packed))

    async def _keep(self, name: str, head: Head, body: bytes) -> Kept:
        """The chunk as it is in the store then: another, where one of its name was there before."""
        if not await self._store.put(self._bundle, name, self._seal.seal(name, head, body)):
            found = await self._head(name)
            if found is None:
                raise BundleGone("the bundle was deleted while it was built")
            head = found
        await self._progress(name)
        return Kept(name, head)

    async def _note(self, contents: Contents) -> Contents:
        now = self._clock()
        noted = self._seal.seal(
            CONTENTS, Head((), {}, None, ends=True, read_from=now, read_to=now), json.dumps(contents).encode()
        )
        if await self._store.put(self._bundle, CONTENTS, noted):
            return contents
        found = await read_contents(self._store, self._seal, self._bundle)
        if found is None:
            raise BundleGone("the bundle was deleted while it was built")
        return found

    async def _head(self, name: str) -> Head | None:
        start = await self._store.get(self._bundle, name, HEAD_LIMIT)
        return None if start is None else self._seal.open_head(name, start)


class _Draft:
    """A chunk that is being filled: its lines, and the same as a page."""

    def __init__(self, section: Section, name: str, after: Place | None) -> None:
        self._lines = Packer(f"{name}.jsonl", LINES_TYPE)
        self._page = Packer(f"{name}.html", PAGE_TYPE)
        self._page.add(page.table_head(name.replace("_", " ").capitalize(), section.columns).encode())
        self._counts: dict[str, int] = {}
        self._place = after
        self.records = 0

    @property
    def size(self) -> int:
        return self._lines.size

    @property
    def is_due(self) -> bool:
        return self._lines.is_due or self._page.is_due

    def add(self, row: Row) -> None:
        self._place = row.place
        for name, count in row.counts.items():
            self._counts[name] = self._counts.get(name, 0) + count
        if row.line is not None and row.shown is not None:
            self.records += 1
            self._lines.add(row.line + b"\n")
            self._page.add(row.shown.encode())

    async def settle(self) -> None:
        await self._lines.settle()
        await self._page.settle()

    async def finish(self, read_from: int, read_to: int, *, ends: bool) -> tuple[Head, bytes]:
        self._page.add(page.TABLE_FOOT.encode())
        lines, packed_lines = await self._lines.finish(self.records)
        shown, packed_page = await self._page.finish()
        members = (lines, shown) if self.records else ()
        body = packed_lines + packed_page if self.records else b""
        return Head(members, self._counts, self._place, ends, read_from, read_to), body


async def read_contents(store: BundleStore, seal: BundleSeal, bundle: str) -> Contents | None:
    """What a bundle holds; None where it is not finished. Raises `BundleDamaged`, and what the store does."""
    whole = await store.get(bundle, CONTENTS)
    if whole is None:
        return None
    told = Contents(*json.loads(seal.open_body(CONTENTS, whole)))
    return told._replace(chunks=tuple(Kept(name, head_of(head)) for name, head in told.chunks))


async def _front(told: dict[str, Any], chunks: Sequence[Kept]) -> list[tuple[Member, bytes]]:
    pages = [one.path for one in _members(chunks) if one.media_type == PAGE_TYPE]
    folder = resources.files("chat.privacy.export") / "line_schemas"
    schemas = [(f"{name}.schema.json", (folder / f"{name}.schema.json").read_bytes()) for name in SCHEMAS]
    return [
        await pack("index.html", PAGE_TYPE, page.index(told, pages).encode()),
        *[await pack(f"schemas/{name}", "application/schema+json", content) for name, content in schemas],
    ]


def _members(chunks: Iterable[Kept]) -> list[Member]:
    return [member for chunk in chunks for member in chunk.head.members]


def _name(section: Section, number: int) -> str:
    return f"{section.name}/{number:06d}"


def _is_whole(chunks: Sequence[Kept]) -> bool:
    return bool(chunks) and chunks[-1].head.ends
