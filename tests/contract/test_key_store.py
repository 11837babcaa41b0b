"""One suite for every store of key-encryption keys: the folder, and Vault's documented API (no real Vault)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chat.errors import KeyStoreUnavailable, KeyStoreUnfit, UnwrapFailed
from chat.privacy.kek import KeyEncryption, check_value, require_fitting
from chat.privacy.key_folder import KeyFolder
from chat.privacy.key_store import key_store, prepare
from chat.privacy.vault import VaultTransit
from chat.servers.free_port import free_port
from chat.settings import Environment, Settings
from tests.records import settings_for_tests
from tests.vault_server import TOKEN, Answer, VaultServer, vault_server

KEY = bytes(range(32))


@pytest.fixture
def vault() -> Iterator[VaultServer]:
    with vault_server() as one:
        yield one


def at(vault: VaultServer, **changes: object) -> Settings:
    return settings_for_tests(**{"vault_addr": vault.address, "vault_token": TOKEN} | changes)


@pytest.fixture(params=["folder", "vault"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "folder":
        return settings_for_tests(kek_folder=tmp_path / "keys")
    return at(request.getfixturevalue("vault"))


@pytest.fixture
def keys(settings: Settings) -> KeyEncryption:
    prepare(settings)
    return key_store(settings)


def test_the_settings_say_which_it_is(vault: VaultServer, tmp_path: Path) -> None:
    """Vault where its address is set; then no folder is made, and in production never."""
    folder = tmp_path / "keys"
    assert isinstance(key_store(at(vault, kek_folder=folder)), VaultTransit)
    prepare(at(vault, kek_folder=folder))
    local = settings_for_tests(kek_folder=folder)
    assert isinstance(key_store(local), KeyFolder)
    prepare(local.model_copy(update={"environment": Environment.PRODUCTION}))
    assert not folder.exists()
    prepare(local)
    assert folder.exists()


async def test_what_is_wrapped_is_unwrapped(keys: KeyEncryption, settings: Settings) -> None:
    """By any process, in its own epoch, with what it is bound to."""
    epoch, other = [await keys.new_epoch() for _ in range(2)]
    wrapped = await keys.wrap(epoch, KEY, "learner-1")
    assert KEY not in wrapped
    assert await key_store(settings).unwrap(epoch, wrapped, "learner-1") == KEY
    for tried in ((epoch, wrapped, "learner-2"), (other, wrapped, "learner-1"), (epoch, wrapped[:-4], "learner-1")):
        with pytest.raises(UnwrapFailed):
            await keys.unwrap(*tried)


async def test_an_epoch_is_there_until_it_is_destroyed(keys: KeyEncryption, settings: Settings) -> None:
    """Then nothing opens any more, nothing is made in its name, and a second end is none."""
    epoch, other = [await keys.new_epoch() for _ in range(2)]
    wrapped = await keys.wrap(epoch, KEY, "x")
    assert await keys.has(epoch)
    for _ in range(2):
        await keys.destroy(epoch)
    assert (await keys.has(epoch), await keys.has(other)) == (False, True)
    for one in (keys, key_store(settings)):
        with pytest.raises(KeyStoreUnavailable):
            await one.unwrap(epoch, wrapped, "x")
        with pytest.raises(KeyStoreUnavailable):
            await one.wrap(epoch, KEY, "x")
    assert not await keys.has(epoch)


async def test_a_check_value_tells_a_lost_key(keys: KeyEncryption) -> None:
    """It fits while the key is there, and no other."""
    epoch, other = [await keys.new_epoch() for _ in range(2)]
    value = await check_value(keys, epoch)
    await require_fitting(keys, [(epoch, value)])
    with pytest.raises(KeyStoreUnfit):
        await require_fitting(keys, [(other, value)])
    await keys.destroy(epoch)
    with pytest.raises(KeyStoreUnfit, match="never make another"):
        await require_fitting(keys, [(epoch, value)])


@pytest.mark.parametrize("status", [307, 412, 429, 472, 473, 500, 502, 503])
async def test_a_vault_that_cannot_now_is_waited_for(vault: VaultServer, status: int) -> None:
    """Sealed, a standby, busy or broken: the same request may be answered later."""
    keys = key_store(at(vault))
    epoch = await keys.new_epoch()
    wrapped = await keys.wrap(epoch, KEY, "x")
    vault.failing = status
    with pytest.raises(KeyStoreUnavailable, match=str(status)):
        await keys.unwrap(epoch, wrapped, "x")
    vault.failing = None
    assert await keys.unwrap(epoch, wrapped, "x") == KEY


async def test_a_vault_that_is_away_is_waited_for() -> None:
    """Nobody listens."""
    keys = key_store(settings_for_tests(vault_addr=f"http://127.0.0.1:{free_port()}", vault_token=TOKEN))
    with pytest.raises(KeyStoreUnavailable, match="does not answer"):
        await keys.has("an-epoch")


async def test_a_vault_that_says_no_is_unfit(vault: VaultServer) -> None:
    """A wrong token; no word of it in the text, nor in the settings' own."""
    wrong = at(vault, vault_token="s.a-wrong-token")
    with pytest.raises(KeyStoreUnfit, match="403") as caught:
        await key_store(wrong).new_epoch()
    assert "wrong-token" not in str(caught.value)
    assert "wrong-token" not in repr(wrong)


@pytest.mark.parametrize("step", ["POST", "DELETE"])
async def test_a_key_that_another_process_destroys_meanwhile_is_gone(
    vault: VaultServer, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Vault refuses to let it be deleted, or to delete it: that is no fault."""
    keys = key_store(at(vault))
    epoch = await keys.new_epoch()
    answer = vault.answer

    def too_late(method: str, path: str, token: str | None, body: dict[str, Any]) -> Answer:
        if method == step:
            vault.keys.clear()
        return answer(method, path, token, body)

    monkeypatch.setattr(vault, "answer", too_late)
    await keys.destroy(epoch)
    assert not await keys.has(epoch)


async def test_a_key_that_may_not_be_deleted_is_a_fault(vault: VaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there: nobody is told that it is gone."""
    keys = key_store(at(vault))
    epoch = await keys.new_epoch()
    answer = vault.answer

    def by_policy(method: str, path: str, token: str | None, body: dict[str, Any]) -> Answer:
        return (403, None) if method == "DELETE" else answer(method, path, token, body)

    monkeypatch.setattr(vault, "answer", by_policy)
    with pytest.raises(KeyStoreUnfit, match="403"):
        await keys.destroy(epoch)
    assert await keys.has(epoch)
