"""The chain of receipts and the legal holds in Cassandra, both by lightweight transactions only."""

import asyncio
import time
import uuid
from typing import Any, Self

from chat.storage.erasure_store import Link
from chat.storage.session import Connection

_LAST = "SELECT number, CAST(request_id AS text), document FROM receipts WHERE tenant_id = ? LIMIT 1"
_ADD = "INSERT INTO receipts (tenant_id, number, request_id, document) VALUES (?, ?, ?, ?) IF NOT EXISTS"
_CHAIN = """SELECT number, CAST(request_id AS text), document FROM receipts WHERE tenant_id = ?
    ORDER BY number ASC"""
_TENANTS = "SELECT DISTINCT tenant_id FROM receipts"
_HELD = "SELECT reason FROM legal_holds WHERE subject = ?"
_HOLD = "UPDATE legal_holds SET reason = ?, held_at = ? WHERE subject = ? IF ending != ?"
_RELEASE = "DELETE reason, held_at FROM legal_holds WHERE subject = ? IF reason != null"
_CLOSE = "UPDATE legal_holds SET ending = ? WHERE subject = ? IF reason = null"


class CassandraReceipts:
    """The receipts of every tenant."""

    def __init__(self, connection: Connection, prepared: dict[str, Any]) -> None:
        self._connection = connection
        self._prepared = prepared

    @classmethod
    async def open(cls, connection: Connection) -> Self:
        """Prepares every statement. Raises `StorageUnavailable`."""
        return cls(connection, await _prepared(connection, _LAST, _ADD, _CHAIN, _TENANTS))

    async def last(self, tenant_id: str) -> Link | None:
        rows = await self._connection.execute(self._prepared[_LAST], (tenant_id,))
        return Link(*rows[0]) if rows else None

    async def add(self, tenant_id: str, link: Link) -> Link:
        values = (tenant_id, link.number, uuid.UUID(link.request_id), link.document)
        row = (await self._connection.execute(self._prepared[_ADD], values))[0]
        return link if row.applied else Link(row.number, str(row.request_id), row.document)

    async def chain(self, tenant_id: str) -> list[Link]:
        """All of a tenant's receipts, the first one first."""
        rows = await self._connection.execute_paged(self._prepared[_CHAIN], (tenant_id,))
        return [Link(*row) for row in rows]

    async def tenants(self) -> list[str]:
        """Everybody who has receipts."""
        return [row.tenant_id for row in await self._connection.execute_paged(self._prepared[_TENANTS], ())]


class CassandraHolds:
    """Legal holds. One row decides who was first, a hold or an erasure: asking one table and writing to another, an
    erasure that was about to begin would not see a hold that was put meanwhile.
    """

    def __init__(self, connection: Connection, prepared: dict[str, Any]) -> None:
        self._connection = connection
        self._prepared = prepared

    @classmethod
    async def open(cls, connection: Connection) -> Self:
        """Prepares every statement. Raises `StorageUnavailable`."""
        return cls(connection, await _prepared(connection, _HELD, _HOLD, _RELEASE, _CLOSE))

    async def hold_on(self, subject: bytes) -> str | None:
        rows = await self._connection.execute(self._prepared[_HELD], (subject,))
        return rows[0].reason if rows else None

    async def hold(self, subject: bytes, reason: str, generation: int) -> bool:
        return await self._apply(_HOLD, reason, time.time_ns() // 1_000_000, subject, generation)

    async def release(self, subject: bytes) -> None:
        await self._apply(_RELEASE, subject)

    async def close(self, subject: bytes, generation: int) -> bool:
        return await self._apply(_CLOSE, generation, subject)

    async def _apply(self, cql: str, *values: Any) -> bool:
        rows = await self._connection.execute(self._prepared[cql], values)
        return bool(rows[0].applied)


async def _prepared(connection: Connection, *statements: str) -> dict[str, Any]:
    return dict(zip(statements, await asyncio.gather(*map(connection.prepare, statements)), strict=True))
