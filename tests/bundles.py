"""What tests of exports build on: rows and a store in memory, a key of one's own, and the zip as its reader gets it."""

import importlib.util
import io
import time
import zipfile
from collections.abc import AsyncIterator, Callable, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chat.domain.model import LearnerId, Message, ThreadKey
from chat.privacy.export.build import BundleBuilder, Contents
from chat.privacy.export.bundle_key import KeyWrap
from chat.privacy.export.download import Download
from chat.privacy.export.epoch_wrap import EpochWrap
from chat.privacy.export.manifest import Subject
from chat.privacy.export.policy import Article, Policy
from chat.privacy.export.signing import SigningKey
from chat.privacy.export.store import BundleStore, Kept, bundle_id, is_bundle
from chat.storage.export_reads import PAGE, ReadMark
from chat.storage.history import ShownThread
from tests.api_client import LEARNER, TENANT, message_at, shown_thread
from tests.records import uid

ONE_LIFE = LearnerId(TENANT, LEARNER, 1)
REQUEST = uid(4, 1)
BUNDLE = bundle_id(TENANT, REQUEST)
HOUR = 3_600_000
SIGNING_KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
VERIFIER = Path(__file__).parents[1] / "docs" / "verify_bundle.py"


class MemoryReads:
    """The `ExportReads` of rows that a test names. It refuses a range that is not of one bucket or one page."""

    def __init__(self) -> None:
        self.shown: dict[str, ShownThread] = {}
        self.said: dict[str, dict[int, Message]] = {}
        self.read: list[ReadMark] = []
        self.deleted: set[str] = set()

    def add(self, number: int, messages: Sequence[Message], last_seq: int | None = None, **details: Any) -> None:
        """A thread with its messages; those up to `last_seq` that are not given have expired."""
        last = max((one.seq for one in messages), default=0) if last_seq is None else last_seq
        shown = shown_thread(number, last)
        self.shown[shown.thread_id] = shown._replace(details=shown.details._replace(**details))
        self.said[shown.thread_id] = {one.seq: one for one in messages}

    async def threads(self, _learner: LearnerId, after: str | None) -> list[ShownThread]:
        behind = sorted(one for one in self.shown if after is None or one > after)
        return [self.shown[one] for one in behind[:2]]

    async def last_seq(self, key: ThreadKey) -> int | None:
        return None if key.thread_id in self.deleted else self.shown[key.thread_id].last_seq

    async def messages(self, key: ThreadKey, first: int, last: int) -> list[Message]:
        assert (first - 1) // 500 == (last - 1) // 500, "a range over two buckets"
        assert last - first < PAGE, "a range longer than a page"
        said = self.said[key.thread_id]
        return [said[seq] for seq in range(first, last + 1) if seq in said]

    async def marks(self, _learner: LearnerId, after: ReadMark | None) -> list[ReadMark]:
        behind = sorted(one for one in self.read if after is None or one[:2] > after[:2])
        return behind[:2]


def conversation(messages: int = 25, threads: int = 3) -> MemoryReads:
    """Threads of so many messages each, two by the learner to one of the teacher, and two users' marks."""
    reads = MemoryReads()
    for number in range(1, threads + 1):
        said = [
            message_at(seq, number, message_id=uid(2, number * 10_000 + seq), sender_id=_sender(seq))
            for seq in range(1, messages + 1)
        ]
        reads.add(number, said)
        reads.read += [ReadMark(user, uid(1, number), messages) for user in (LEARNER, "teacher-1")]
    return reads


def _sender(seq: int) -> str:
    return LEARNER if seq % 3 else "teacher-1"


class MemoryStore:
    """The `BundleStore` in memory."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.written_at: dict[tuple[str, str], float] = {}

    async def put(self, bundle: str, name: str, content: bytes) -> bool:
        self.written_at.setdefault((bundle, name), time.time())
        return self.objects.setdefault((bundle, name), content) is content

    async def get(self, bundle: str, name: str, limit: int | None = None) -> bytes | None:
        found = self.objects.get((bundle, name))
        return None if found is None else found[:limit]

    async def replace(self, bundle: str, name: str, before: bytes, after: bytes) -> bool:
        if self.objects.get((bundle, name)) != before:
            return False
        self.objects[bundle, name], self.written_at[bundle, name] = after, time.time()
        return True

    async def delete(self, bundle: str) -> None:
        for one in [key for key in self.objects if key[0] == bundle]:
            del self.objects[one], self.written_at[one]

    async def bundles(self) -> AsyncIterator[Kept]:
        for bundle in sorted({key[0] for key in self.objects if is_bundle(key[0])}):
            times = {name: at for (one, name), at in self.written_at.items() if one == bundle}
            key = times.pop("key", 0.0)
            yield Kept(bundle, max(times.values(), default=key))


class LocalWrap:
    """The `KeyWrap` of one key that this process holds."""

    def __init__(self, key: bytes = bytes(32)) -> None:
        self._aead = AESGCM(key)

    async def wrap(self, bundle: str, key: bytes) -> bytes:
        return bytes(12) + self._aead.encrypt(bytes(12), key, bundle.encode())

    async def unwrap(self, bundle: str, wrapped: bytes) -> bytes:
        return self._aead.decrypt(wrapped[:12], wrapped[12:], bundle.encode())

    async def renewed(self, _bundle: str, _wrapped: bytes) -> bytes | None:
        return None


class MemoryEpochs:
    """Key-encryption keys of epochs, of which the last is current; those before it may be destroyed."""

    def __init__(self) -> None:
        self.names = ["one"]
        self.destroyed: set[str] = set()

    def wrap_of(self) -> EpochWrap:
        """What wraps in the current one."""
        return EpochWrap(self, self.current, self.is_over)

    def begin(self, name: str) -> None:
        """Another epoch."""
        self.names.append(name)

    async def current(self) -> str:
        return self.names[-1]

    async def is_over(self, epoch: str) -> bool:
        return epoch in self.destroyed

    async def has(self, epoch: str) -> bool:
        return epoch in self.names and epoch not in self.destroyed

    async def wrap(self, epoch: str, key: bytes, bound: str) -> bytes:
        return await LocalWrap(epoch.encode().ljust(32)).wrap(bound, key)

    async def unwrap(self, epoch: str, wrapped: bytes, bound: str) -> bytes:
        return await LocalWrap(epoch.encode().ljust(32)).unwrap(bound, wrapped)


def subject(article: Article = Article.ACCESS, learner: LearnerId = ONE_LIFE) -> Subject:
    """Who asks."""
    return Subject(learner, REQUEST, Policy.of(article, frozenset({learner.learner_id})))


def builder(store: BundleStore, wrap: KeyWrap | None = None, **options: Any) -> BundleBuilder:
    """A builder with the tests' keys; bundles stay for three days."""
    return BundleBuilder(store, wrap or LocalWrap(), SIGNING_KEY, **{"ttl": 72 * HOUR, **options})


async def no_progress(_chunk: str) -> None:
    """For who does not care."""


async def unjudged() -> None:
    """For readers who may go on."""


async def build(store: BundleStore, reads: Any, article: Article = Article.ACCESS, **options: Any) -> Contents:
    """A whole bundle."""
    return await builder(store, **options).build(reads, subject(article), no_progress)


async def zipped(store: BundleStore, wrap: KeyWrap | None = None, tenant: str = TENANT) -> bytes:
    """The zip of the bundle, whose length is the one that was told."""
    download = await Download.open(store, wrap or LocalWrap(), tenant, REQUEST)
    content = b"".join([piece async for piece in download.stream(unjudged)])
    assert len(content) == download.length
    return content


def members(content: bytes) -> dict[str, bytes]:
    """The files of a zip, by path; `zipfile` checks each one's CRC."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def lines(files: dict[str, bytes], section: str) -> list[dict[str, Any]]:
    """What stands in all of a section's lines."""
    paths = sorted(path for path in files if path.startswith(f"{section}/") and path.endswith(".jsonl"))
    return [orjson.loads(line) for path in paths for line in files[path].splitlines()]


@cache
def verifier() -> ModuleType:
    """The script for compliance officers, which knows nothing of the service."""
    spec = importlib.util.spec_from_file_location("verify_bundle", VERIFIER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def verified(content: bytes) -> dict[str, Any]:
    """The manifest of a zip that the script finds good."""
    script = verifier()
    manifest: dict[str, Any] = script.verify(io.BytesIO(content), {SIGNING_KEY.key_id: SIGNING_KEY.public})
    return manifest


Spoil = Callable[[dict[str, bytes]], None]


def rezipped(content: bytes, spoil: Spoil) -> bytes:
    """The zip with files that somebody else has changed."""
    files = members(content)
    spoil(files)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path, file in files.items():
            archive.writestr(path, file)
    return made.getvalue()
