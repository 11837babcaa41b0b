"""An export that is killed, raced or deleted while it is built."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chat.errors import BundleGone, BundleStoreFull, BundleStoreRefused, BundleStoreUnavailable
from chat.privacy.export.build import Limits
from chat.privacy.export.expiry import delete_expired
from chat.privacy.export.store import Kept
from tests import bundles
from tests.bundles import MemoryStore

LIMITS = Limits(records=10)


class Killed(Exception):
    """Stands for the end of the process."""


class FailingStore(MemoryStore):
    """Ends the process at the n-th put: before it, or after it."""

    def __init__(self, at: int, *, after: bool) -> None:
        super().__init__()
        self._left, self._after = at, after

    async def put(self, bundle: str, name: str, content: bytes) -> bool:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Killed
        done = await super().put(bundle, name, content)
        if self._left == 0:
            raise Killed
        return done


async def test_a_kill_at_any_put_changes_nothing_in_the_end() -> None:
    """Before and after each of them: what was finished is kept as it was, and the bundle is the same but for times."""
    whole = MemoryStore()
    await bundles.build(whole, bundles.conversation(), limits=LIMITS)
    expected = bundles.members(await bundles.zipped(whole))
    puts = len(whole.objects)
    assert puts > 12
    for after in (False, True):
        for at in range(1, puts + 1):
            store = FailingStore(at, after=after)
            with pytest.raises(Killed):
                await bundles.build(store, bundles.conversation(), limits=LIMITS)
            finished = dict(store.objects)
            await bundles.build(store, bundles.conversation(), limits=LIMITS)
            assert finished.items() <= store.objects.items()
            content = await bundles.zipped(store)
            bundles.verified(content)
            files = bundles.members(content)
            same = [path for path in expected if not path.startswith(("manifest", "index"))]
            assert {path: files[path] for path in same} == {path: expected[path] for path in same}
            assert set(files) == set(expected)


async def test_a_store_that_comes_back_goes_on() -> None:
    """Its fault goes through to whoever runs the job, who calls again."""

    class Flaky(MemoryStore):
        calls = 0

        async def put(self, bundle: str, name: str, content: bytes) -> bool:
            self.calls += 1
            if self.calls % 2:
                raise BundleStoreUnavailable("away")
            return await super().put(bundle, name, content)

    store, faults = Flaky(), 0
    for _ in range(50):
        try:
            await bundles.build(store, bundles.conversation(), limits=LIMITS)
            break
        except BundleStoreUnavailable:
            faults += 1
    assert faults > 10
    bundles.verified(await bundles.zipped(store))


async def test_two_who_build_at_once_make_one_bundle() -> None:
    """One of them has lost its lease and does not know it, and reads rows that the other did not see."""
    store = MemoryStore()
    other_reads = bundles.conversation(messages=31)

    class Racing(MemoryStore):
        """Lets another build the whole bundle in the middle of the first one's third put."""

        puts = 0

        async def put(self, bundle: str, name: str, content: bytes) -> bool:
            self.puts += 1
            if self.puts == 4:
                await bundles.build(store, other_reads, limits=LIMITS)
            return await store.put(bundle, name, content)

        async def get(self, bundle: str, name: str, limit: int | None = None) -> bytes | None:
            return await store.get(bundle, name, limit)

    await bundles.build(Racing(), bundles.conversation(), limits=LIMITS)
    content = await bundles.zipped(store)
    bundles.verified(content)
    assert len(bundles.lines(bundles.members(content), "messages")) == 31 * 3


async def test_a_bundle_that_is_deleted_under_way_ends_its_building() -> None:
    """Nothing of it is left that could be opened, and nobody is told that it is done."""
    store = MemoryStore()
    seen: list[str] = []

    async def delete(chunk: str) -> None:
        seen.append(chunk)
        if chunk == "messages/000002":
            raise BundleGone("cancelled")

    with pytest.raises(BundleGone):
        await bundles.builder(store, limits=LIMITS).build(bundles.conversation(), bundles.subject(), delete)
    assert seen == ["threads/000001", "messages/000001", "messages/000002"]
    with pytest.raises(BundleGone):
        await bundles.zipped(store)


async def test_what_a_deletion_left_behind_is_not_mixed_with_a_new_bundle() -> None:
    """A deletion takes the key first; a kill after that leaves chunks that nobody can open."""
    store = MemoryStore()
    await bundles.build(store, bundles.conversation(), limits=LIMITS)
    old = dict(store.objects)
    del store.objects[next(one for one in old if one[1] == "key")]
    await bundles.build(store, bundles.conversation(), limits=LIMITS)
    assert not set(old.values()) & set(store.objects.values())
    bundles.verified(await bundles.zipped(store))


async def test_bundles_expire_by_their_last_write() -> None:
    """The finished and the given up; one that is still written to stays."""
    deleted: list[str] = []

    class Old(MemoryStore):
        async def bundles(self) -> AsyncIterator[Kept]:
            for name, touched_at in (("young", 101.0), ("old", 100.0), ("older", 1.0)):
                yield Kept(name, touched_at)

        async def delete(self, bundle: str) -> None:
            deleted.append(bundle)

    store: Any = Old()
    assert await delete_expired(store, ttl=900.0, now=1_000.0) == 2
    assert deleted == ["old", "older"]


async def test_a_bundle_that_cannot_be_deleted_keeps_none_of_the_others() -> None:
    """They go all the same; then it is told what was wrong first."""
    first, second, third = "a" * 32, "b" * 32, "c" * 32
    faults = {first: BundleStoreRefused("no right"), second: BundleStoreFull("no room")}

    class Stuck(MemoryStore):
        async def delete(self, bundle: str) -> None:
            if bundle in faults:
                raise faults[bundle]
            await super().delete(bundle)

    store = Stuck()
    for bundle in (first, second, third):
        await store.put(bundle, "key", b"x")
    with pytest.raises(BundleStoreRefused, match="no right"):
        await delete_expired(store, ttl=60.0, now=time.time() + 70)
    assert [kept.bundle async for kept in store.bundles()] == [first, second]
