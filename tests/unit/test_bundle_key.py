"""Bundles' keys, and the epochs that they are wrapped in: whatever comes between, no finished bundle is lost."""

from collections.abc import Callable

import pytest
from cryptography.exceptions import InvalidTag

from chat.errors import BundleGone
from chat.privacy.export.bundle_key import find, make_or_find, renew_all
from chat.privacy.export.store import KEY
from tests.bundles import MemoryEpochs, MemoryStore

ONE, OTHER = "a" * 32, "b" * 32


class Between(MemoryStore):
    """Lets something happen before the first put of a key."""

    def __init__(self, happen: Callable[[], None]) -> None:
        super().__init__()
        self._happen: Callable[[], None] | None = happen

    async def put(self, bundle: str, name: str, content: bytes) -> bool:
        happen, self._happen = self._happen, None
        if happen is not None:
            happen()
        return await super().put(bundle, name, content)


async def test_a_key_is_wrapped_in_the_current_epoch_and_opens_in_its_own() -> None:
    """For its own bundle alone, also when another epoch has begun; not once its own is destroyed."""
    epochs = MemoryEpochs()
    wrap = epochs.wrap_of()
    first = await wrap.wrap(ONE, b"1" * 32)
    assert await wrap.renewed(ONE, first) is None
    epochs.begin("two")
    second = await wrap.renewed(ONE, first)
    assert second is not None
    assert (first[:4], second[:4]) == (b"one\0", b"two\0")
    assert await wrap.unwrap(ONE, first) == await wrap.unwrap(ONE, second) == b"1" * 32
    with pytest.raises(InvalidTag):
        await wrap.unwrap(OTHER, first)
    epochs.destroyed.add("one")
    with pytest.raises(BundleGone):
        await wrap.unwrap(ONE, first)
    assert await wrap.unwrap(ONE, second) == b"1" * 32


async def test_a_rotation_wraps_every_bundles_key_anew() -> None:
    """Once each; then the old epoch may go, and the keys are what they were."""
    epochs, store = MemoryEpochs(), MemoryStore()
    keys = {one: await make_or_find(store, epochs.wrap_of(), one) for one in (ONE, OTHER)}
    epochs.begin("two")
    assert await renew_all(store, epochs.wrap_of()) == 2
    assert await renew_all(store, epochs.wrap_of()) == 0
    epochs.destroyed.add("one")
    assert {one: await find(store, epochs.wrap_of(), one) for one in keys} == keys


async def test_a_maker_that_was_stopped_while_an_epoch_ended_wraps_anew_before_it_seals() -> None:
    """The rotation had passed before the key was there; the next one ends the old epoch, and nothing is lost."""
    epochs = MemoryEpochs()
    store = Between(lambda: epochs.begin("two"))
    key = await make_or_find(store, epochs.wrap_of(), ONE)
    assert store.objects[ONE, KEY][:4] == b"two\0"
    epochs.destroyed.add("one")
    assert await find(store, epochs.wrap_of(), ONE) == key


async def test_a_key_that_nobody_can_open_gives_way_before_it_seals() -> None:
    """Its epoch was destroyed before it was put: another takes its place, and the bundle can be built."""
    epochs = MemoryEpochs()

    def end() -> None:
        epochs.begin("two")
        epochs.destroyed.add("one")

    store = Between(end)
    key = await make_or_find(store, epochs.wrap_of(), ONE)
    assert store.objects[ONE, KEY][:4] == b"two\0"
    assert await find(store, epochs.wrap_of(), ONE) == key


async def test_what_nobody_can_open_keeps_no_rotation_from_its_end() -> None:
    """A bundle that was left behind, from a folder that the rotation did not see, is gone; the others go on."""
    epochs, store = MemoryEpochs(), MemoryStore()
    await make_or_find(store, epochs.wrap_of(), ONE)
    epochs.begin("two")
    epochs.destroyed.add("one")
    kept = await make_or_find(store, epochs.wrap_of(), OTHER)
    epochs.begin("three")
    assert await renew_all(store, epochs.wrap_of()) == 1
    with pytest.raises(BundleGone):
        await find(store, epochs.wrap_of(), ONE)
    assert await find(store, epochs.wrap_of(), OTHER) == kept
