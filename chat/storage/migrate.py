"""Migrations: numbered CQL files, applied in order and once, and what they make that must be there from the start.

Safe to repeat and to run twice at once. A migration that was broken off runs again from its first statement, so every
statement must be one that may run twice (`IF NOT EXISTS`).

Programs of two versions work side by side while one takes the other's place. A migration says which is the oldest that
may: `-- oldest program: 0008` is the one whose newest migration is 0008. Without such a line it is the migration's own.
"""

import asyncio
import hashlib
import json
import re
import secrets
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cassandra import InvalidRequest

from chat.errors import KeyStoreReadOnly, MigrationFailed, SchemaMismatch, StorageRefused, StorageUnavailable
from chat.privacy.export.signing import SigningKey
from chat.privacy.kek import KeyEncryption, check_value, require_fitting
from chat.privacy.key_store import key_store, prepare
from chat.privacy.subject import SECRET as SUBJECT
from chat.settings import Environment, Settings
from chat.storage import command_keys
from chat.storage.cql_script import statements
from chat.storage.key_epochs import Epochs, open_epoch
from chat.storage.migration_lock import MigrationLock
from chat.storage.sealing_keys import Purpose, SealingKeys
from chat.storage.session import FAULTS, Connection

FOLDER = Path(__file__).parents[2] / "cassandra" / "migrations"
SECRETS = ("command_digest", "cursor", "internal_commands", "receipts", SUBJECT)
SECRET_BYTES = 32
AGREEMENT_SECONDS = 60.0
"""How long the nodes may take to agree on a schema."""

_FILE = re.compile(r"(\d{4})_[a-z0-9_]+\.cql")
_OLDEST = re.compile(r"^-- oldest program: (\d{4})$", re.MULTILINE)
_KEYSPACE = "CREATE KEYSPACE IF NOT EXISTS {name} WITH replication = {replication}"
_LOCK = "schema_lock (name text PRIMARY KEY, owner text)"
_APPLIED = "schema_migrations (number int PRIMARY KEY, name text, checksum text, applied_at timestamp)"
_ADD_OLDEST = "ALTER TABLE schema_migrations ADD IF NOT EXISTS oldest_program int"
_READ = "SELECT number, name, checksum, oldest_program FROM schema_migrations"
_RECORD = """INSERT INTO schema_migrations (number, name, checksum, oldest_program, applied_at)
    VALUES (%s, %s, %s, %s, %s) IF NOT EXISTS"""
_KEEP_SECRET = "INSERT INTO service_secrets (name, secret) VALUES (%s, %s) IF NOT EXISTS"  # noqa: S105 - CQL
_READ_SECRET = "SELECT secret FROM service_secrets WHERE name = %s"  # noqa: S105 - CQL
_REPLICATION = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = %s"


class Migration(NamedTuple):
    """A file of `cassandra/migrations`; its checksum is the SHA-256 of its bytes, in hexadecimal."""

    number: int
    name: str
    checksum: str
    oldest_program: int
    statements: Sequence[str]


class Applied(NamedTuple):
    """A migration as the database remembers it; of old ones it does not know the oldest program."""

    number: int
    name: str
    checksum: str
    oldest_program: int | None


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """Every migration in order. Raises `SchemaMismatch` where the numbers are not 1, 2, 3 … or a file is no script."""
    found = [_read(path) for path in sorted(folder.glob("*.cql"))]
    if not found or [one.number for one in found] != list(range(1, len(found) + 1)):
        raise SchemaMismatch(f"the migrations in {folder} are not numbered 0001, 0002, 0003 and so on")
    return found


def _read(path: Path) -> Migration:
    named = _FILE.fullmatch(path.name)
    if named is None:
        raise SchemaMismatch(f"{path.name} is not named like 0001_what_it_makes.cql")
    raw = path.read_bytes()
    try:
        text = raw.decode()
        script = tuple(statements(text))
    except ValueError as error:
        raise SchemaMismatch(f"{path.name}: {error}") from None
    oldest = _OLDEST.search(text) or named
    return Migration(int(named[1]), path.stem, hashlib.sha256(raw).hexdigest(), int(oldest[1]), script)


async def migrate(settings: Settings, folder: Path = FOLDER) -> list[str]:
    """Makes the keyspace and applies what is missing; the names of the migrations applied by this run.

    Raises `MigrationFailed` where Cassandra refuses a statement, `SchemaMismatch` where the database is not one that
    these migrations made, `KeyStoreUnfit` where the key-encryption keys are not the keyspace's, `SigningKeyUnfit`,
    `StorageRefused`, or `StorageUnavailable`; run again after the last.
    """
    wanted = migrations(folder)
    await _make_keyspace(settings)
    connection = await Connection.open(settings)
    try:
        await _make_table(connection, _LOCK)
        async with MigrationLock(connection) as lock:
            await _make_table(connection, _APPLIED)
            await _define(connection, _ADD_OLDEST, "table schema_migrations")
            missing = _missing(wanted, await _applied(connection))
            for one in missing:
                await _apply(connection, lock, one)
        await _make_secrets(connection)
        if settings.message_encryption or settings.privacy_enabled or settings.dead_letter_content == "sealed":
            await _make_keys(connection, settings)
        if settings.privacy_enabled:
            _make_signing_key(settings)
    finally:
        await connection.close()
    return [one.name for one in missing]


async def check(connection: Connection, ours: Sequence[Migration] | None = None) -> None:
    """Raises `SchemaMismatch` where this program, whose migrations are `ours`, may not work on the database.

    For every process at its start, and while it runs: then with what it read at its start, for the files may be
    another version's by now.
    """
    try:
        applied = await _applied(connection)
    except StorageRefused as error:
        if not isinstance(error.__cause__, InvalidRequest):
            raise
        raise SchemaMismatch("the database was never migrated, or by an older program: run `chat migrate`") from None
    missing = _missing(migrations() if ours is None else ours, applied)
    if missing:
        raise SchemaMismatch(f"the database lacks migration {missing[0].name}: run `chat migrate`")


async def service_secret(connection: Connection, name: str) -> bytes:
    """A secret that all processes share, 32 bytes. Raises `SchemaMismatch` where it was never made."""
    rows = await connection.execute(_READ_SECRET, (name,))
    if not rows:
        raise SchemaMismatch(f"the secret {name} is not there: run `chat migrate`")
    return bytes(rows[0].secret)


def _missing(wanted: Sequence[Migration], applied: Sequence[Applied]) -> list[Migration]:
    known = {one.number: one for one in wanted}
    for done in applied:
        if done.number not in known:
            _require_new_enough(done, len(wanted))
        elif known[done.number].checksum != done.checksum:
            raise SchemaMismatch(f"migration {known[done.number].name} was changed after it ran: restore its file")
    numbers = {done.number for done in applied}
    return [one for one in wanted if one.number not in numbers]


def _require_new_enough(done: Applied, program: int) -> None:
    """That a program whose newest migration is `program` may work on what a later migration made."""
    if done.oldest_program is None or program < done.oldest_program:
        raise SchemaMismatch(f"the database has migration {done.name}, newer than this program: use a newer one")


async def _applied(connection: Connection) -> list[Applied]:
    return [Applied(*row) for row in await connection.execute(_READ)]


async def _apply(connection: Connection, lock: MigrationLock, one: Migration) -> None:
    for number, statement in enumerate(one.statements, start=1):
        lock.require()
        await _define(connection, statement, f"{one.name}, statement {number}")
    done = (one.number, one.name, one.checksum, one.oldest_program, time.time_ns() // 1_000_000)
    await connection.execute(_RECORD, done)


async def _make_keyspace(settings: Settings) -> None:
    """Raises `SchemaMismatch` where it is there with another replication: changing that takes a repair."""
    connection = await Connection.open(settings, keyspace=False)
    name, replication = settings.cassandra_keyspace, settings.cassandra_replication
    try:
        found = await connection.execute(_REPLICATION, (name,))
        if not found:
            statement = _KEYSPACE.format(name=name, replication=_cql_map(replication))
            await _define(connection, statement, f"keyspace {name}")
        elif not _is_replicated(found[0].replication, replication):
            raise SchemaMismatch(
                f"keyspace {name} has another replication than CASSANDRA_REPLICATION {json.dumps(replication)}: "
                "alter the keyspace and repair it, or correct the setting"
            )
    finally:
        await connection.close()


def _cql_map(replication: Mapping[str, int]) -> str:
    pairs = {"class": "NetworkTopologyStrategy"} | {name: str(count) for name, count in replication.items()}
    return "{" + ", ".join(f"{_quoted(key)}: {_quoted(value)}" for key, value in pairs.items()) + "}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _is_replicated(found: Mapping[str, str], wanted: Mapping[str, int]) -> bool:
    counts = {name: count for name, count in found.items() if name != "class"}
    by_datacentre = found["class"].endswith("NetworkTopologyStrategy")
    return by_datacentre and counts == {name: str(count) for name, count in wanted.items()}


async def _make_table(connection: Connection, definition: str) -> None:
    """A table that two nodes may be asked for at once: with one id, chosen here, they make the same one."""
    name = definition.split(maxsplit=1)[0]
    table_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{connection.keyspace}/{name}")
    await _define(connection, f"CREATE TABLE IF NOT EXISTS {definition} WITH ID = {table_id}", f"table {name}")


async def _define(connection: Connection, statement: str, what: str) -> None:
    """Runs a statement that changes the schema and waits until all nodes agree on it."""
    try:
        await connection.run(statement)
    except StorageRefused as error:
        raise MigrationFailed(f"{what}: {error.__cause__}") from error
    if not await asyncio.to_thread(_agreed, connection):
        raise StorageUnavailable(f"{what}: the nodes do not agree on the schema: run it again")


def _agreed(connection: Connection) -> bool:
    control = connection.cluster.control_connection
    try:
        return bool(control.wait_for_schema_agreement(wait_time=AGREEMENT_SECONDS))
    except FAULTS:
        return False


async def _make_secrets(connection: Connection) -> None:
    for name in SECRETS:
        await connection.execute(_KEEP_SECRET, (name, secrets.token_bytes(SECRET_BYTES)))


async def _make_keys(connection: Connection, settings: Settings) -> None:
    """Opens the first epoch of key-encryption keys, and makes the first key that commands are sealed to.

    It never opens another epoch where that one's key is not at hand.
    """
    prepare(settings)
    keys = key_store(settings)
    if (await Epochs.load(connection)).current is None:
        await _open_first_epoch(connection, keys)
    epochs = await Epochs.load(connection)
    await require_fitting(keys, [(one.name, one.check_value) for one in epochs.readable])
    # Where the folder can only be read nobody can seal commands, until this or a renewal was run elsewhere.
    with suppress(KeyStoreReadOnly):
        await command_keys.begin(SealingKeys(connection, keys, Purpose.COMMANDS))


def _make_signing_key(settings: Settings) -> None:
    """Never in production: what was signed with a key that nobody kept can be checked no more."""
    if settings.environment is not Environment.PRODUCTION:
        SigningKey.make(settings.signing_key_file)
    SigningKey.load(settings.signing_key_file)


async def _open_first_epoch(connection: Connection, keys: KeyEncryption) -> None:
    epoch = await keys.new_epoch()
    if not await open_epoch(connection, epoch, await check_value(keys, epoch), None):
        await keys.destroy(epoch)  # somebody else was faster
