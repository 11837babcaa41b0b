"""The history of a Cassandra that may not be there yet: until then, every question raises `StorageUnavailable`."""

import asyncio
from collections.abc import Collection
from contextlib import suppress

import structlog

from api.late_requests import LateRequests
from chat.domain.model import LearnerId, Life, Message, ThreadKey
from chat.errors import KeyStoreUnavailable, StorageUnavailable
from chat.keyring import Keyring
from chat.privacy.sealed_command import CommandKey
from chat.settings import Settings
from chat.storage import migrate
from chat.storage.cassandra_privacy import CassandraRequests
from chat.storage.command_keys import public_key
from chat.storage.history import Place, ShownMessage, ShownThread
from chat.storage.learner_keys import KeyTools, LearnerKeys
from chat.storage.lives import Lives
from chat.storage.reads import HistoryReader
from chat.storage.sealing_keys import Purpose, load
from chat.storage.session import Connection

RETRY_SECONDS = 1.0
CHECK_SECONDS = 5.0
"""From one look at the tables' version to the next."""

_log = structlog.get_logger()


class LateHistory:
    """A `History` that connects by itself, as long as that takes; afterwards the driver finds its nodes again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: Connection | None = None
        self._opened: HistoryReader | None = None
        self._opened_requests: CassandraRequests | None = None
        self._opened_lives: Lives | None = None
        self.requests = LateRequests(lambda: self._requests)

    async def hold(self) -> None:
        """Connects, and holds the connection until it is cancelled.

        Raises `SchemaMismatch` where Cassandra's tables are not, or no longer, what this program reads, and
        `KeyStoreUnfit` where the key-encryption keys are not those of the keyspace.
        """
        try:
            while self._opened is None:
                await self._try()
            _log.info("connected_to_cassandra")
            await self._watch_tables()
        finally:
            if self._connection is not None:
                await self._connection.close()

    async def _try(self) -> None:
        try:
            self._connection = self._connection or await Connection.open(self._settings)
            await migrate.check(self._connection)
            self._opened_requests = await CassandraRequests.open(self._connection)
            tools = await KeyTools.open(self._connection, self._settings)
            self._opened_lives = tools.lives
            self._opened = await HistoryReader.open(self._connection, LearnerKeys(tools, writes=False))
        except (StorageUnavailable, KeyStoreUnavailable) as error:
            _log.warning("waiting_for_cassandra", reason=str(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _watch_tables(self) -> None:
        ours = migrate.migrations()
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            with suppress(StorageUnavailable):
                await migrate.check(self.connection, ours)

    async def probe(self) -> None:
        """Returns when the keyspace's replicas answer."""
        await self._reader.probe()

    async def cursor_secret(self) -> bytes:
        """The secret that all API processes on this keyspace share."""
        return await self._reader.secret("cursor")

    async def command_key(self) -> CommandKey | None:
        """What producers may seal commands to."""
        kept = (await load(self.connection, Purpose.COMMANDS)).current
        return None if kept is None else public_key(kept)

    async def life_of(self, subject: bytes) -> Life:
        """The latest life of who stands behind a subject, as the table has it now."""
        if self._opened_lives is None:
            raise StorageUnavailable("not connected to Cassandra yet")
        return await self._opened_lives.life_of(subject)

    async def keyring(self) -> Keyring:
        """The keys of tokens that the workers know."""
        return await self._reader.keyring()

    async def owner(self, tenant_id: str, thread_id: str) -> ThreadKey | None:
        return await self._reader.owner(tenant_id, thread_id)

    async def learner(self, tenant_id: str, learner_id: str) -> LearnerId | None:
        return await self._reader.learner(tenant_id, learner_id)

    async def thread(self, key: ThreadKey) -> ShownThread | None:
        return await self._reader.thread(key)

    async def threads(self, learner: LearnerId, limit: int, after: Place | None = None) -> list[ShownThread]:
        return await self._reader.threads(learner, limit, after)

    async def marks(self, learner: LearnerId, user_id: str, thread_ids: Collection[str]) -> dict[str, int]:
        return await self._reader.marks(learner, user_id, thread_ids)

    async def last_seq(self, key: ThreadKey) -> int | None:
        return await self._reader.last_seq(key)

    async def messages(self, key: ThreadKey, first: int, last: int) -> list[Message]:
        return await self._reader.messages(key, first, last)

    async def first_kept(self, key: ThreadKey, last_seq: int, first: int = 1) -> int | None:
        return await self._reader.first_kept(key, last_seq, first)

    async def message(self, key: ThreadKey, message_id: str) -> ShownMessage | None:
        return await self._reader.message(key, message_id)

    @property
    def connection(self) -> Connection:
        """Raises `StorageUnavailable` as long as there is none that is good."""
        if self._opened is None or self._connection is None:
            raise StorageUnavailable("not connected to Cassandra yet")
        return self._connection

    @property
    def _requests(self) -> CassandraRequests:
        if self._opened_requests is None:
            raise StorageUnavailable("not connected to Cassandra yet")
        return self._opened_requests

    @property
    def _reader(self) -> HistoryReader:
        if self._opened is None:
            raise StorageUnavailable("not connected to Cassandra yet")
        return self._opened
