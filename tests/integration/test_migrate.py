"""Migrations on a real Cassandra."""

import asyncio
import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from chat.errors import MigrationFailed, SchemaMismatch, StorageRefused, StorageUnavailable
from chat.servers.embedded import Addresses
from chat.settings import Settings
from chat.storage import migration_lock
from chat.storage.migrate import FOLDER, check, migrate, migrations, service_secret
from chat.storage.migration_lock import MigrationLock
from chat.storage.session import Connection
from tests.chat_program import ChatProgram
from tests.records import settings_for_tests
from tests.wait import until_async
from tests.worker import environment

TTL = 6
"""Seconds of a lock: longer than a machine stands still, and one test waits them out."""

OURS = [one.name for one in migrations(FOLDER)]


@pytest.fixture
def empty(servers: Addresses) -> Iterator[Settings]:
    """Settings of a keyspace that is not there."""
    with fresh_keyspace(servers) as settings:
        yield settings


@pytest.fixture(scope="module")
def connection(servers: Addresses) -> Iterator[Connection]:
    """A connection to a keyspace whose migrations have run; the lock is free."""
    with fresh_keyspace(servers) as settings:
        asyncio.run(migrate(settings))
        connection = asyncio.run(Connection.open(settings))
        yield connection
        asyncio.run(connection.close())


@contextmanager
def fresh_keyspace(servers: Addresses) -> Iterator[Settings]:
    settings = settings_for_tests(
        cassandra_contact_points=servers.cassandra,
        cassandra_port=servers.cassandra_port,
        cassandra_keyspace=f"test_{uuid.uuid4().hex[:12]}",
    )
    yield settings
    asyncio.run(cql(settings, f"DROP KEYSPACE IF EXISTS {settings.cassandra_keyspace}"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of our migrations, which a test may change."""
    return shutil.copytree(FOLDER, tmp_path / "migrations")


async def cql(settings: Settings, statement: str) -> None:
    connection = await Connection.open(settings, keyspace=False)
    await connection.run(statement)
    await connection.close()


async def test_migrations_run_once(empty: Settings) -> None:
    """The first run makes every table and secret, the second finds nothing to do and changes no secret."""
    assert await migrate(empty) == OURS
    connection = await Connection.open(empty)
    first = await service_secret(connection, "command_digest")
    assert await migrate(empty) == []
    assert await service_secret(connection, "command_digest") == first
    assert len(first) == 32
    assert await service_secret(connection, "cursor") != first
    await check(connection)
    await connection.close()


def test_two_processes_at_once_make_one_database(empty: Settings, tmp_path: Path) -> None:
    """Of two `chat migrate` on no keyspace at all both succeed, and each migration is applied by one of them."""
    runs = ChatProgram(tmp_path, environment(empty)).run_two("migrate", "--json")
    assert [run.status for run in runs] == [0, 0], runs
    applied = [name for run in runs for name in json.loads(run.out)["applied"]]
    assert sorted(applied) == sorted(OURS)


async def test_a_changed_migration_is_refused(empty: Settings, folder: Path) -> None:
    """A file that was changed after it ran stops both the migration and every process."""
    await migrate(empty, folder)
    first = folder / f"{OURS[0]}.cql"
    first.write_text(first.read_text() + "-- changed\n")
    with pytest.raises(SchemaMismatch, match=f"{OURS[0]} was changed"):
        await migrate(empty, folder)


async def test_a_newer_database_is_refused(empty: Settings, folder: Path) -> None:
    """A database with a migration that the program does not know is left alone, at migration and at start."""
    (folder / f"{len(OURS) + 1:04}_of_tomorrow.cql").write_text("CREATE TABLE IF NOT EXISTS later (a int PRIMARY KEY);")
    assert (await migrate(empty, folder))[-1].endswith("of_tomorrow")
    with pytest.raises(SchemaMismatch, match="newer than this program"):
        await migrate(empty)
    connection = await Connection.open(empty)
    with pytest.raises(SchemaMismatch, match="newer than this program"):
        await check(connection)
    await connection.close()


async def test_a_broken_off_migration_goes_on_when_it_is_mended(empty: Settings, folder: Path) -> None:
    """A statement that Cassandra refuses is named; nothing counts as applied until all of its file has run."""
    name = f"{len(OURS) + 1:04}_broken"
    file = folder / f"{name}.cql"
    good = "CREATE TABLE IF NOT EXISTS half (a int PRIMARY KEY);"
    file.write_text(f"{good} CREATE TABLE nonsense;")
    with pytest.raises(MigrationFailed, match=f"{name}, statement 2: .*Syntax"):
        await migrate(empty, folder)
    file.write_text(good)
    assert await migrate(empty, folder) == [name]


async def test_a_process_does_not_start_before_the_migrations(empty: Settings) -> None:
    """Without keyspace, and with a keyspace without tables, the error says what to run."""
    with pytest.raises(SchemaMismatch, match="chat migrate"):
        await Connection.open(empty)
    replication = "{'class': 'NetworkTopologyStrategy', 'datacenter1': 1}"
    await cql(empty, f"CREATE KEYSPACE {empty.cassandra_keyspace} WITH replication = {replication}")
    connection = await Connection.open(empty)
    with pytest.raises(SchemaMismatch, match=r"never migrated.*run `chat migrate`"):
        await check(connection)
    await connection.close()


async def test_another_replication_is_refused(empty: Settings) -> None:
    """A keyspace that is replicated otherwise than the setting says is not touched."""
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    await cql(empty, f"CREATE KEYSPACE {empty.cassandra_keyspace} WITH replication = {replication}")
    with pytest.raises(SchemaMismatch, match="CASSANDRA_REPLICATION"):
        await migrate(empty)


async def test_a_missing_secret_says_what_to_run(connection: Connection) -> None:
    """A secret that was never made is an error, not an empty secret."""
    with pytest.raises(SchemaMismatch, match="chat migrate"):
        await service_secret(connection, "nonsense")


async def test_a_statement_that_is_refused_is_permanent(connection: Connection) -> None:
    """What Cassandra says no to is told apart from Cassandra being away."""
    with pytest.raises(StorageRefused):
        await connection.execute("SELECT nothing FROM nowhere")


async def test_the_lock_is_freed_when_its_owner_is_gone(connection: Connection) -> None:
    """The lock of a process that was killed expires by itself, and the next one takes it."""
    take = "INSERT INTO schema_lock (name, owner) VALUES ('migrate', 'a dead process') IF NOT EXISTS USING TTL 2"
    await connection.execute(take)
    async with asyncio.timeout(30), MigrationLock(connection) as lock:
        lock.require()
        assert await _owner(connection) == lock.owner
    assert await _owner(connection) is None


async def test_a_second_owner_waits_for_the_first(connection: Connection) -> None:
    """Whoever comes second says for whom it waits, and has the lock when the first has freed it."""
    with capture_logs() as said:
        async with MigrationLock(connection) as first:
            second = MigrationLock(connection)
            waiting = asyncio.create_task(second.__aenter__())
            await until_async(lambda: said, what="the second one's word")
            assert not waiting.done()
    assert [line["owner"] for line in said] == [first.owner]
    await asyncio.wait_for(waiting, 30)
    assert await _owner(connection) == second.owner
    await second.__aexit__(None, None, None)


async def test_the_lock_is_renewed_while_its_owner_works(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement may take longer than the lock's time to live."""
    monkeypatch.setattr(migration_lock, "TTL", TTL)
    async with MigrationLock(connection) as lock:
        began = lock.until
        await until_async(lambda: lock.until > began + TTL, what="a renewal past the first time to live")
        lock.require()
        assert await _owner(connection) == lock.owner


async def test_a_lost_lock_stops_its_owner(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner whose lock somebody else has runs no further statement, and leaves the other's lock alone."""
    monkeypatch.setattr(migration_lock, "TTL", TTL)
    async with MigrationLock(connection) as lock:
        steal = "UPDATE schema_lock SET owner = 'a thief' WHERE name = 'migrate' IF owner = %s"
        await connection.execute(steal, (lock.owner,))
        await until_async(lambda: lock.until == 0, what="the owner hearing of it")
        with pytest.raises(StorageUnavailable, match="lock was lost"):
            lock.require()
    assert await _owner(connection) == "a thief"
    await connection.execute("DELETE FROM schema_lock WHERE name = 'migrate' IF EXISTS")


async def _owner(connection: Connection) -> str | None:
    rows = await connection.execute("SELECT owner FROM schema_lock WHERE name = 'migrate'")
    return rows[0].owner if rows else None
