"""What every store of bundles keeps to: in memory, in a folder, and in a real S3 server."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from chat.privacy.export.build import Limits, Progress
from chat.privacy.export.expiry import delete_expired
from chat.privacy.export.folder_store import FolderStore
from chat.privacy.export.s3_store import S3Store
from chat.privacy.export.store import KEY, BundleStore
from tests import bundles
from tests.bundles import MemoryStore
from tests.s3_server import BUCKET, S3Server, s3_server
from tests.wait import until_async

ONE, OTHER = "a" * 32, "b" * 32


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(params=["memory", "folder", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BundleStore]:
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "folder":
        yield FolderStore(tmp_path / "exports")
    else:
        server: S3Server = request.getfixturevalue("s3")
        one = S3Store(BUCKET, prefix=f"{request.node.name}/", client=server.client())
        yield one
        for bundle in [kept.bundle async for kept in one.bundles()]:
            await one.delete(bundle)


async def test_what_is_put_is_what_is_got(store: BundleStore) -> None:
    """Whole, and its beginning; an empty object, a large one, and none."""
    large = bytes(range(256)) * 20_000
    assert await store.put(ONE, "messages/000001", large)
    assert await store.put(ONE, KEY, b"")
    assert await store.get(ONE, "messages/000001") == large
    assert await store.get(ONE, "messages/000001", 1_000) == large[:1_000]
    assert await store.get(ONE, "messages/000001", len(large) + 9) == large
    assert await store.get(ONE, "messages/000002") is None
    assert await store.get(OTHER, "messages/000001", 10) is None


async def test_the_first_put_counts(store: BundleStore) -> None:
    """A second one is told so and changes nothing."""
    assert await store.put(ONE, "front", b"first")
    assert not await store.put(ONE, "front", b"second")
    assert await store.get(ONE, "front") == b"first"


async def test_of_many_puts_at_once_one_counts(store: BundleStore) -> None:
    """Two workers that both think the request is theirs cannot both be right."""
    contents = [f"from {number}".encode() * 1_000 for number in range(8)]
    done = await asyncio.gather(*(store.put(ONE, "front", one) for one in contents))
    assert done.count(True) == 1
    assert await store.get(ONE, "front") == contents[done.index(True)]


async def test_an_object_is_replaced_where_it_is_what_it_was_thought_to_be(store: BundleStore) -> None:
    """Of many at once one; nothing where it is another, or is not there."""
    await store.put(ONE, KEY, b"before")
    # S3Proxy compares and puts, but lets others in between; Amazon documents that S3 does not.
    after = [f"after {number}".encode() for number in range(1 if isinstance(store, S3Store) else 6)]
    done = await asyncio.gather(*(store.replace(ONE, KEY, b"before", one) for one in after))
    assert done.count(True) == 1
    assert await store.get(ONE, KEY) == after[done.index(True)]
    assert not await store.replace(ONE, KEY, b"before", b"late")
    assert not await store.replace(OTHER, KEY, b"before", b"late")
    await store.delete(ONE)
    assert not await store.replace(ONE, KEY, after[done.index(True)], b"late")
    assert [kept async for kept in store.bundles()] == []


async def test_a_key_that_is_wrapped_anew_does_not_make_a_bundle_younger(store: BundleStore) -> None:
    """So that no rotation lengthens how long it is kept."""
    await store.put(ONE, KEY, b"before")
    await store.put(ONE, "messages/000001", b"x")
    (listed,) = [kept async for kept in store.bundles()]
    await until_async(lambda: time.time() > listed.touched_at + 1.1, what="another second")
    assert await store.replace(ONE, KEY, b"before", b"after")
    assert [kept async for kept in store.bundles()] == [listed]


async def test_a_deleted_bundle_is_gone_and_the_others_stay(store: BundleStore) -> None:
    """Deleting again is no error, and the name is free again."""
    for bundle in (ONE, OTHER):
        for name in (KEY, "messages/000001", "messages/000002", "contents"):
            await store.put(bundle, name, b"x")
    await store.delete(ONE)
    await store.delete(ONE)
    assert [kept.bundle async for kept in store.bundles()] == [OTHER]
    assert await store.get(ONE, KEY) is None
    assert await store.get(ONE, "messages/000001") is None
    assert await store.get(OTHER, "messages/000002") == b"x"
    assert await store.put(ONE, KEY, b"y")


async def test_all_bundles_are_listed_with_the_time_of_their_last_write(store: BundleStore) -> None:
    """So that what has expired can be found, also what was given up half done."""
    before = time.time() - 2
    assert [kept async for kept in store.bundles()] == []
    await store.put(OTHER, KEY, b"x")
    for number in range(3):
        await store.put(ONE, f"messages/{number:06d}", b"x")
    listed = [kept async for kept in store.bundles()]
    assert sorted(kept.bundle for kept in listed) == [ONE, OTHER]
    assert all(before < kept.touched_at < time.time() + 2 for kept in listed)
    assert await delete_expired(store, ttl=60.0) == 0
    assert await delete_expired(store, ttl=60.0, now=time.time() + 70) == 2
    assert [kept async for kept in store.bundles()] == []


async def test_what_is_no_bundle_is_left_alone(store: BundleStore) -> None:
    """Whatever shares the folder or the bucket is not listed: so it never expires, and stops nobody who looks."""
    others = ("keys", "lost+found", OTHER.upper(), ONE[1:], f"{ONE}0", f"{ONE[1:]}g")
    for name in (*others, ONE):
        await store.put(name, "000001", b"x")
    assert [kept.bundle async for kept in store.bundles()] == [ONE]
    assert await delete_expired(store, ttl=60.0, now=time.time() + 70) == 1
    assert [await store.get(name, "000001") for name in others] == [b"x"] * len(others)


async def test_a_whole_bundle_goes_through_it(store: BundleStore) -> None:
    """Built, cut off, built on, downloaded and verified."""
    with pytest.raises(_Cut):
        await bundles.builder(store, limits=Limits(records=10)).build(
            bundles.conversation(), bundles.subject(), _cut_at("messages/000003")
        )
    await bundles.build(store, bundles.conversation(), limits=Limits(records=10))
    content = await bundles.zipped(store)
    bundles.verified(content)
    assert len(bundles.lines(bundles.members(content), "messages")) == 75


class _Cut(Exception):
    """The end of a worker."""


def _cut_at(name: str) -> Progress:
    async def progress(chunk: str) -> None:
        if chunk == name:
            raise _Cut

    return progress
