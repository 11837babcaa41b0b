"""The keys of a set that changes, over a server that is there, away, or slow."""

import asyncio
from dataclasses import dataclass, field

import pytest

from chat import token_keys
from chat.errors import KeysUnavailable, StorageUnavailable
from chat.jwks import parse
from chat.keyring import COOL_DOWN_MS, NOTICE_MS, Keyring, Sought
from chat.token_keys import REFRESH_SECONDS, JwksKeys, OwnKeyring
from tests.records import NOW
from tests.signing import Signer, jwk_set
from tests.wait import until_async

ONE, TWO, ALIKE = Signer.new("one"), Signer.new("two"), Signer.new("one")


@dataclass
class KeyServer:
    """A key server, a clock, and what was asked of the one by the other."""

    signers: list[Signer] = field(default_factory=lambda: [ONE])
    now: int = NOW
    away: bool = False
    fetches: int = 0

    async def fetch(self) -> list[str]:
        self.fetches += 1
        await asyncio.sleep(0)
        if self.away:
            raise KeysUnavailable("away")
        return parse(jwk_set(self.signers))

    def keys(self, ring: OwnKeyring | None = None) -> JwksKeys:
        """The keys of a process that asks this server."""
        ring = ring or OwnKeyring()
        ring.now = self.time  # type: ignore[method-assign]
        return JwksKeys(self.fetch, ring)

    async def time(self) -> int:
        return self.now


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetch that failed may be repeated at once."""
    monkeypatch.setattr(token_keys, "RETRY_SECONDS", 0.0)


@pytest.fixture
def server() -> KeyServer:
    return KeyServer()


async def counts(keys: JwksKeys, kid: str, at: int) -> bool:
    """Whether a key counts at a time, asking the server where need be."""
    sought = Sought("EdDSA", kid)
    await keys.settle(sought, at, bool)
    return bool(keys.find(sought, at))


async def test_nobody_can_tell_before_the_first_fetch(server: KeyServer) -> None:
    """Which is no answer, neither yes nor no; after it both are."""
    keys = server.keys()
    assert not keys.is_settled(NOW)
    assert await counts(keys, "one", NOW)
    assert not await counts(keys, "two", NOW)
    assert keys.is_settled(NOW)


async def test_keys_that_are_known_cost_no_fetch(server: KeyServer) -> None:
    """However many tokens name them."""
    keys = server.keys()
    for minute in range(100):
        assert await counts(keys, "one", NOW + 60_000 * minute)
    assert server.fetches == 1


async def test_a_new_key_counts_for_the_command_that_asks_for_it(server: KeyServer) -> None:
    """A key id that nobody knows is looked for at once, and what was signed before it was found counts too."""
    keys = server.keys()
    assert await counts(keys, "one", NOW)
    server.now += 2_000
    server.signers.append(TWO)
    assert await counts(keys, "two", NOW + 1_000)
    assert server.fetches == 2


async def test_key_ids_that_nobody_knows_make_no_storm(server: KeyServer) -> None:
    """A hundred of them cost one fetch a cool-down, one after the other and all at once."""
    keys = server.keys()
    assert await counts(keys, "one", NOW)
    for _ in range(3):
        server.now += COOL_DOWN_MS + 1
        asked = server.fetches
        assert not any([await counts(keys, f"none-{number}", server.now) for number in range(50)])
        assert not any(await asyncio.gather(*(counts(keys, f"none-{number}", server.now) for number in range(50))))
        server.now += COOL_DOWN_MS - 1
        assert not await counts(keys, "none", server.now)
        assert server.fetches == asked + 1


async def test_a_clock_that_is_behind_the_brokers_is_no_endless_search(server: KeyServer) -> None:
    """A command from the future is judged like any other."""
    keys = server.keys()
    assert not await counts(keys, "two", NOW + 10 * COOL_DOWN_MS)
    assert server.fetches == 1


async def test_a_server_that_is_away_takes_no_key_away(server: KeyServer) -> None:
    """Keys that are known go on to count; of the others nobody can tell until it is back."""
    keys = server.keys()
    assert await counts(keys, "one", NOW)
    server.away = True
    server.now += 10 * 60_000
    assert await counts(keys, "one", server.now)
    with pytest.raises(KeysUnavailable):
        await counts(keys, "two", server.now)
    server.away = False
    server.signers.append(TWO)
    assert await counts(keys, "two", server.now)


async def test_a_server_that_is_away_is_left_alone(server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a fetch that failed there is none for a while, however many wait for one."""
    monkeypatch.setattr(token_keys, "RETRY_SECONDS", 3_600.0)
    server.away = True
    keys = server.keys()
    asked = [counts(keys, f"key-{number}", NOW) for number in range(50)]
    assert all(isinstance(one, KeysUnavailable) for one in await asyncio.gather(*asked, return_exceptions=True))
    assert server.fetches == 1


async def test_a_key_that_left_counts_for_what_came_before(server: KeyServer) -> None:
    """Its end is a notice after the fetch that lacked it, for a process of now and for one that starts later."""
    ring = OwnKeyring()
    keys = server.keys(ring)
    assert await counts(keys, "one", NOW)
    server.signers = [TWO]
    server.now = found = NOW + 60_000
    assert await counts(keys, "two", found)
    server.now = found + NOTICE_MS + 60_000
    for process in (keys, server.keys(ring)):
        assert await counts(process, "one", NOW)
        assert await counts(process, "one", found + NOTICE_MS)
        assert not await counts(process, "one", found + NOTICE_MS + 1)


async def test_a_key_that_comes_back_in_time_was_never_away(server: KeyServer) -> None:
    """As where two servers of one set are not of one mind: the key has one span, without an end."""
    ring = OwnKeyring()
    keys = server.keys(ring)
    for signers in ([ONE], [TWO], [ONE, TWO], [TWO], [ONE, TWO]):
        server.signers = signers
        server.now += 60_000
        await keys._refresh()
    assert [one.until for one in (await ring.load()).keys] == [None, None]


async def test_a_key_that_comes_back_late_has_a_second_span(server: KeyServer) -> None:
    """Between its two spans it does not count."""
    ring = OwnKeyring()
    keys = server.keys(ring)
    for signers in ([ONE, TWO], [TWO], [TWO], [TWO], [TWO], [ONE, TWO]):
        server.signers = signers
        server.now += 60_000
        await keys._refresh()
    between = NOW + 2 * 60_000 + NOTICE_MS + 1
    assert [await counts(keys, "one", at) for at in (NOW, between, server.now)] == [True, False, True]


async def test_another_key_of_the_same_id_takes_the_place(server: KeyServer) -> None:
    """Both are tried until the first one's end."""
    keys = server.keys()
    assert await counts(keys, "one", NOW)
    server.signers = [ALIKE]
    server.now += 60_000
    await keys._refresh()
    assert len(keys.find(Sought("EdDSA", "one"), server.now)) == 2
    assert len(keys.find(Sought("EdDSA", "one"), server.now + NOTICE_MS + 1)) == 1


class Contested(OwnKeyring):
    """A ring that another process changes while this one fetches, once."""

    def __init__(self, other: Keyring) -> None:
        super().__init__()
        self._other: Keyring | None = other

    async def swap(self, before: Keyring, after: Keyring) -> bool:
        if self._other is None:
            return await super().swap(before, after)
        await super().swap(before, self._other)
        self._other = None
        return False


async def test_what_another_process_learnt_meanwhile_is_not_lost(server: KeyServer) -> None:
    """The fetch is done again on top of it."""
    keys = server.keys(Contested(Keyring().fetched(parse(jwk_set([TWO])), NOW - 1_000)))
    server.now += 1_000
    assert await counts(keys, "one", server.now)
    assert server.fetches == 2
    assert await counts(keys, "two", server.now)


async def test_what_another_process_has_found_is_not_fetched_again(server: KeyServer) -> None:
    """Keys, and that there is no such key."""
    ring = OwnKeyring()
    mine, theirs = server.keys(ring), server.keys(ring)
    assert await counts(mine, "one", NOW)
    assert await counts(theirs, "one", NOW)
    server.now += 1_000
    assert not await counts(mine, "two", server.now)
    assert not await counts(theirs, "two", server.now)
    assert server.fetches == 2


async def test_a_ring_begins_with_its_seed(server: KeyServer) -> None:
    """A process knows at its start what others have kept, the server being away; a seed that failed is asked again."""
    asked = []

    async def seed() -> Keyring:
        asked.append(1)
        if len(asked) == 1:
            raise StorageUnavailable
        return Keyring().fetched(parse(jwk_set([ONE])), NOW)

    server.away = True
    keys = server.keys(OwnKeyring(seed))
    with pytest.raises(StorageUnavailable):
        await counts(keys, "one", NOW)
    assert await counts(keys, "one", NOW + 1)
    assert await counts(keys, "one", NOW + 60_000)
    assert len(asked) == 2


async def test_keys_are_kept_fresh(server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetched at the start and again and again, over a server that fails now and then."""
    assert REFRESH_SECONDS * 1_000 < NOTICE_MS, "every worker must learn of a key's end before it comes"
    monkeypatch.setattr(token_keys, "REFRESH_SECONDS", 0.0)
    server.away = True
    keys = server.keys()
    keeping = asyncio.create_task(keys.keep())
    await until_async(lambda: server.fetches > 2)
    server.away = False
    await until_async(lambda: keys._ring.version > 2)
    server.away = True
    asked = server.fetches
    await until_async(lambda: server.fetches > asked + 2)
    assert not keeping.done()
    assert keys.find(Sought("EdDSA", "one"), NOW)
    keeping.cancel()
