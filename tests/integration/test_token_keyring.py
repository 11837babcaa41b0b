"""The ring of token keys in Cassandra, which workers share and the API begins with."""

import asyncio
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from chat.errors import StorageRefused
from chat.jwks import parse
from chat.keyring import HeldKey, Keyring, Sought
from chat.servers.embedded import Addresses
from chat.settings import Settings
from chat.storage.session import Connection
from chat.storage.token_keys import SharedKeyring
from chat.token_keys import JwksKeys
from tests.keyspace import keyspace
from tests.records import NOW
from tests.signing import Signer, jwk_set

ONE, TWO = parse(jwk_set([Signer.new('it\'s "one"; %s é', "RS256"), Signer.new(None)]))


@pytest.fixture
def migrated(servers: Addresses) -> Iterator[Settings]:
    """For each test its own: one of them drops a table."""
    with keyspace(servers) as settings:
        yield settings


async def test_what_is_kept_is_what_was_learnt(connection: Connection) -> None:
    """From nothing through a key's coming, its end and its coming back, spans and times to the millisecond."""
    ring = SharedKeyring(connection)
    assert abs(await ring.now() - time.time() * 1000) < 60_000
    steps = [Keyring()]
    for jwks, later in (([ONE], 0), ([ONE, TWO], 1), ([TWO], 2), ([TWO], 10**7), ([ONE], 10**8)):
        steps.append(steps[-1].fetched(jwks, NOW + later).cooled_down(NOW + later))
    for before, after in pairwise(steps):
        assert _unordered(await ring.load()) == _unordered(before)
        assert await ring.swap(before, after)
    assert _unordered(await ring.load()) == _unordered(steps[-1])
    assert len(steps[-1].keys) == 3


def _unordered(ring: Keyring) -> tuple[set[HeldKey], int, int]:
    return set(ring.keys), ring.settled, ring.version


async def test_of_two_who_learn_at_once_one_learns_again(connection: Connection) -> None:
    """A swap of what is no longer there changes nothing."""
    ring = SharedKeyring(connection)
    first = Keyring().fetched([ONE], NOW)
    assert await ring.swap(Keyring(), first)
    assert not await ring.swap(Keyring(), Keyring().fetched([TWO], NOW + 1))
    assert _unordered(await ring.load()) == _unordered(first)


async def test_many_workers_learn_the_same(connection: Connection) -> None:
    """Ten that look for two keys at once all know both, from a ring in which each key stands once."""
    ring, stranger = SharedKeyring(connection), Sought("EdDSA", None)

    async def fetch() -> list[str]:
        return [ONE, TWO]

    workers = [JwksKeys(fetch, ring) for _ in range(10)]
    await asyncio.gather(*(worker.settle(stranger, NOW, bool) for worker in workers))
    assert all(worker.find(stranger, NOW) for worker in workers)
    assert sorted(one.jwk for one in (await ring.load()).keys) == sorted([ONE, TWO])


async def test_a_table_that_may_not_be_written_is_an_error_that_stays(
    connection: Connection, migrated: Settings
) -> None:
    """Not one that a worker would wait for."""
    await connection.run(f"DROP TABLE {migrated.cassandra_keyspace}.token_keys")
    with pytest.raises(StorageRefused):
        await SharedKeyring(connection).load()
