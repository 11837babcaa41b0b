"""The ledger of erasures, replayed into a Cassandra that is older than some of them: their lives end again.

It is done before anything else starts, and as often as one likes. What is left of the rows goes as well; of Kafka
nothing has to be done again, for it did not go back.
"""

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from chat.domain.model import LearnerId, ThreadKey
from chat.domain.privacy import RequestKey
from chat.errors import ReceiptForged
from chat.privacy.erasure_notes import Notes
from chat.privacy.receipt import SECRET as RECEIPT_SECRET
from chat.privacy.receipt import ReceiptKey, verify, verify_chain
from chat.privacy.subject import SECRET, Subjects
from chat.storage import migrate
from chat.storage.cassandra_erasure import CassandraLifeRows
from chat.storage.cassandra_privacy import CassandraRequests
from chat.storage.erasure_store import Link
from chat.storage.lives import LifeKey, Lives
from chat.storage.receipts import CassandraReceipts
from chat.storage.session import Connection

_LIFE = "tenant_id, learner_id, generation"
_LIVES = (
    f"SELECT DISTINCT {_LIFE} FROM learner_threads",
    f"SELECT DISTINCT {_LIFE} FROM threads",
    f"SELECT DISTINCT {_LIFE} FROM read_marks",
    f"SELECT DISTINCT {_LIFE}, shard FROM commands",
)
_THREADS = (
    f"SELECT DISTINCT {_LIFE}, CAST(thread_id AS text) AS thread FROM thread_log",
    f"SELECT DISTINCT {_LIFE}, CAST(thread_id AS text) AS thread, bucket FROM messages",
)
PAGE = 1_000
HOLDER, LEASE_SECONDS = "ledger", 15


class Replayed(NamedTuple):
    """`receipts` of the ledger; `lives` that they ended, of which `purged` still had rows."""

    receipts: int
    lives: int
    purged: int


@dataclass(frozen=True)
class LedgerReplay:
    """Every method raises `StorageUnavailable`, and may then be called again."""

    connection: Connection
    lives: Lives
    chain: CassandraReceipts
    rows: CassandraLifeRows
    requests: CassandraRequests
    subjects: Subjects
    public: dict[str, str]

    @classmethod
    async def open(cls, connection: Connection) -> Self:
        """On a keyspace that was restored."""
        subjects = Subjects(await migrate.service_secret(connection, SECRET))
        public = ReceiptKey(await migrate.service_secret(connection, RECEIPT_SECRET)).jwk
        lives, chain = await Lives.open(connection), await CassandraReceipts.open(connection)
        rows, requests = await CassandraLifeRows.open(connection), await CassandraRequests.open(connection)
        return cls(connection, lives, chain, rows, requests, subjects, public)

    async def run(self, documents: Iterable[str]) -> Replayed:
        """Ends what the receipts say has ended. Raises `ReceiptForged` before it has changed anything."""
        given = self._by_tenant(documents)
        for tenant_id, links in given.items():
            await self._require_chain(tenant_id, links)
        ended: set[LifeKey] = set()
        for tenant_id, links in given.items():
            for link in links.values():
                await self.chain.add(tenant_id, link)
                ended.add(await self._end(json.loads(link.document)["body"]))
                await self._give_receipt(RequestKey(tenant_id, link.request_id), link.document)
        return Replayed(sum(map(len, given.values())), len(ended), await self._purge(ended))

    def _by_tenant(self, documents: Iterable[str]) -> dict[str, dict[int, Link]]:
        found: dict[str, dict[int, Link]] = {}
        for document in documents:
            body = verify(document, self.public)
            link = Link(body["number"], body["request_id"], document)
            found.setdefault(body["tenant_id"], {})[link.number] = link
        return found

    async def _require_chain(self, tenant_id: str, links: dict[int, Link]) -> None:
        """That the ledger goes on where the restored receipts end, and leaves none out."""
        kept = {link.number: link for link in await self.chain.chain(tenant_id)}
        if parted := [number for number in kept.keys() & links.keys() if kept[number] != links[number]]:
            raise ReceiptForged(f"receipt {min(parted)} of {tenant_id} is another one here than in the ledger")
        verify_chain([one.document for _, one in sorted((kept | links).items())], self.public)

    async def _end(self, body: dict[str, Any]) -> LifeKey:
        life = LifeKey(bytes.fromhex(body["subject"]), body["generation"])
        await self.lives.end(*life)
        await self.lives.fence(*life, body["fence"])
        return life

    async def _give_receipt(self, key: RequestKey, document: str) -> None:
        """To a request that was open at the backup: whoever ends it once more issues no other receipt."""
        found = await self.requests.find(key)
        if found is None or found.is_final:
            return
        request = await self.requests.lease(key, HOLDER, LEASE_SECONDS)
        if request is not None:
            notes = Notes.read(request.notes)._replace(draft=document)
            await self.requests.save(request._replace(notes=notes.text()), HOLDER)

    async def _purge(self, ended: set[LifeKey]) -> int:
        """Removes the rows of ended lives, the list of a life's threads last; how many lives had some."""
        lives: set[LearnerId] = set()
        for cql in _THREADS:
            async for life, row in self._rows(cql, ended):
                await self.rows.purge_thread(ThreadKey(life, row.thread))
                lives.add(life)
        for cql in _LIVES:
            lives |= {life async for life, _ in self._rows(cql, ended)}
        for life in lives:
            await self.rows.purge_learner(life)
            async for page in self.rows.threads(life):
                for thread_id in page:  # the ids of threads that had no rows any more are still owned
                    await self.rows.purge_thread(ThreadKey(life, thread_id))
            await self.rows.forget_threads(life)
        return len(lives)

    async def _rows(self, cql: str, ended: set[LifeKey]) -> AsyncIterator[tuple[LearnerId, Any]]:
        """The partitions of ended lives, of all that a table has."""
        statement = await self.connection.prepare(cql)
        statement.is_idempotent = True
        statement.fetch_size = PAGE
        async for page in self.connection.pages(statement, ()):
            for row in page:
                life = LearnerId(row.tenant_id, row.learner_id, row.generation)
                if LifeKey(self.subjects.of(life.learner), life.generation) in ended:
                    yield life, row
