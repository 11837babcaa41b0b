"""The `RequestStore` and `RequestHistory` in Cassandra.

`privacy_requests` is changed by lightweight transactions only. The other tables follow from it; each of their rows is
written with a time of its own content, so that what is written again changes nothing, and what was taken away stays so.
"""

import asyncio
import uuid
from typing import Any, Self

from chat.domain.model import Learner
from chat.domain.privacy import FINAL, Kind, Request, RequestKey, State
from chat.privacy.subject import SECRET, Subjects
from chat.storage import migrate
from chat.storage.privacy_store import AUDIT_LIMIT, PAGE, Entry, ListedAt, Noted, NotedAt, OpenRequest, shard_of
from chat.storage.session import Connection

_COLUMNS = """tenant_id, request_id, kind, subject, learner_id, command_id, reason, reason_code, actor, position, part,
    place, digest, headers, requested_at, updated_at, state, step, notes, receipt"""
_NAMES = tuple(_COLUMNS.replace(",", " ").split())
_ONE = "tenant_id = ? AND request_id = ?"

_FIND = f"SELECT {_COLUMNS} FROM privacy_requests WHERE {_ONE}"
_ACCEPT = f"INSERT INTO privacy_requests ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))}) IF NOT EXISTS"
# position > 0: a condition on nothing but null would make a row where there is none.
_LEASE = f"UPDATE privacy_requests USING TTL ? SET lease = ? WHERE {_ONE} IF lease = null AND position > 0"
_LEASED = f"SELECT lease FROM privacy_requests WHERE {_ONE}"
_RENEW = f"UPDATE privacy_requests USING TTL ? SET lease = ? WHERE {_ONE} IF lease = ?"
_SAVE = f"""UPDATE privacy_requests SET state = ?, step = ?, notes = ?, reason_code = ?, receipt = ?, updated_at = ?
    WHERE {_ONE} IF lease = ? AND updated_at < ?"""
# Whoever has the lease: an end is never taken back, so it may be closed by anybody, and again.
_CLOSE = f"""UPDATE privacy_requests SET learner_id = '', headers = {{}}, notes = '', lease = null
    WHERE {_ONE} IF state IN ({", ".join(f"'{one}'" for one in sorted(FINAL))})"""

_REMEMBER = "INSERT INTO privacy_commands (subject, command_id, tenant_id, request_id) VALUES (?, ?, ?, ?)"
_RECALL = "SELECT tenant_id, request_id FROM privacy_commands WHERE subject = ? AND command_id = ?"
_OPEN = """INSERT INTO privacy_open (shard, requested_at, tenant_id, request_id, kind, subject)
    VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"""
_SHUT = """DELETE FROM privacy_open USING TIMESTAMP ?
    WHERE shard = ? AND requested_at = ? AND tenant_id = ? AND request_id = ?"""
_UNFINISHED = f"""SELECT requested_at, tenant_id, request_id, kind, subject FROM privacy_open
    WHERE shard = ? AND (requested_at, tenant_id, request_id) > (?, ?, ?) LIMIT {PAGE}"""
_LIST = """INSERT INTO privacy_requests_by_subject (subject, requested_at, request_id) VALUES (?, ?, ?)
    USING TIMESTAMP ?"""
_LISTED = """SELECT request_id FROM privacy_requests_by_subject
    WHERE subject = ? AND (requested_at, request_id) < (?, ?) LIMIT ?"""
_STATEMENTS = [
    _FIND,
    _ACCEPT,
    _LEASE,
    _LEASED,
    _RENEW,
    _SAVE,
    _CLOSE,
    _REMEMBER,
    _RECALL,
    _OPEN,
    _SHUT,
    _UNFINISHED,
    _LIST,
]
_STATEMENTS += [_LISTED]

_LOGS = {Kind.EXPORT: "chat_export_logs", Kind.DELETION: "chat_deletion_logs", Kind.ENROLMENT: "chat_deletion_logs"}
_LINE = "at, CAST(entry AS text), request_id, actor, action, code"
_NOTE, _NOTED, _AUDIT_OF, _AUDIT = (
    {table: cql.format(table=table, line=_LINE) for table in set(_LOGS.values())}
    for cql in (
        """INSERT INTO {table} (subject, at, entry, request_id, actor, action, code) VALUES (?, ?, ?, ?, ?, ?, ?)
            USING TIMESTAMP ?""",
        "SELECT code FROM {table} WHERE subject = ? AND at = ? AND entry = ?",
        # Within one partition: the lines of one learner.
        f"SELECT {{line}} FROM {{table}} WHERE subject = ? AND request_id = ? LIMIT {AUDIT_LIMIT} ALLOW FILTERING",
        "SELECT {line} FROM {table} WHERE subject = ? AND (at, entry) < (?, ?) LIMIT ?",
    )
)
_STATEMENTS += [cql for group in (_NOTE, _NOTED, _AUDIT_OF, _AUDIT) for cql in group.values()]

_FIRST = OpenRequest(-1, RequestKey("", str(uuid.UUID(int=0))), Kind.EXPORT, b"")
_NEWEST = (1 << 62, str(uuid.UUID(int=0)))


class CassandraRequests:
    """Requests and their audit on one connection."""

    def __init__(self, connection: Connection, prepared: dict[str, Any], subjects: Subjects) -> None:
        self._connection = connection
        self._prepared = prepared
        self._subjects = subjects

    @classmethod
    async def open(cls, connection: Connection) -> Self:
        """Prepares every statement. Raises `StorageUnavailable`, and `SchemaMismatch` where a secret is not there."""
        prepared = await asyncio.gather(*map(connection.prepare, _STATEMENTS))
        for cql, statement in zip(_STATEMENTS, prepared, strict=True):
            statement.is_idempotent = " IF " not in cql
        secret = await migrate.service_secret(connection, SECRET)
        return cls(connection, dict(zip(_STATEMENTS, prepared, strict=True)), Subjects(secret))

    async def find(self, key: RequestKey) -> Request | None:
        rows = await self._ask(_FIND, *_name(key))
        return _request(rows[0]) if rows else None

    async def find_command(self, subject: bytes, command_id: str) -> Request | None:
        for row in await self._ask(_RECALL, subject, uuid.UUID(command_id)):
            found = await self.find(RequestKey(row.tenant_id, str(row.request_id)))
            if found is not None and (found.subject, found.command_id) == (subject, command_id):
                return found
        return None

    async def accept(self, request: Request) -> Request:
        tenant_id, request_id = _name(request.key)
        await self._ask(_REMEMBER, request.subject, uuid.UUID(request.command_id), tenant_id, request_id)
        answer = (await self._ask(_ACCEPT, *_row(request)))[0]
        return request if answer.applied else _request(answer)

    async def enlist(self, request: Request) -> None:
        at = request.requested_at
        await self._ask(_LIST, request.subject, at, _name(request.key)[1], at * 1000)

    async def queue(self, request: Request) -> None:
        at = request.requested_at
        place = (shard_of(request.subject), at, *_name(request.key))
        await self._ask(_OPEN, *place, request.kind.value, request.subject, at * 1000)

    async def unfinished(self, shard: int, after: OpenRequest | None = None) -> list[OpenRequest]:
        last = after or _FIRST
        rows = await self._ask(_UNFINISHED, shard, last.requested_at, *_name(last.key))
        return [
            OpenRequest(at, RequestKey(tenant_id, str(request_id)), Kind(kind), bytes(subject))
            for at, tenant_id, request_id, kind, subject in rows
        ]

    async def lease(self, key: RequestKey, holder: str, seconds: int) -> Request | None:
        rows = await self._ask(_LEASED, *_name(key))
        if not rows or rows[0].lease not in {None, holder}:
            return None  # cheaper than a transaction, and what most lookers find
        answer = (await self._ask(_LEASE, seconds, holder, *_name(key)))[0]
        # An answer may have been lost: then the lease that is in the way is our own.
        if not answer.applied and getattr(answer, "lease", None) != holder:
            return None
        return await self.find(key)

    async def renew(self, key: RequestKey, holder: str, seconds: int) -> bool:
        return bool((await self._ask(_RENEW, seconds, holder, *_name(key), holder))[0].applied)

    async def save(self, request: Request, holder: str) -> bool:
        state = (request.state.value, request.step, request.notes, request.reason_code, request.receipt)
        at = request.updated_at
        answer = (await self._ask(_SAVE, *state, at, *_name(request.key), holder, at))[0]
        # Not applied, and yet there: its answer was lost, and it was sent again. A late one takes nothing back.
        kept = (getattr(answer, "lease", None), getattr(answer, "updated_at", 0))
        return bool(answer.applied) or kept == (holder, at)

    async def close(self, request: Request) -> None:
        name = _name(request.key)
        if (await self._ask(_CLOSE, *name))[0].applied:
            await self._ask(_SHUT, request.updated_at * 1000, shard_of(request.subject), request.requested_at, *name)

    async def note(self, entry: Entry) -> None:
        said = (entry.request_id, entry.actor, entry.action, entry.code)
        await self._ask(_NOTE[_LOGS[entry.kind]], entry.subject, entry.at, entry.id, *said, entry.at * 1000)

    async def noted(self, entry: Entry) -> str | None:
        rows = await self._ask(_NOTED[_LOGS[entry.kind]], entry.subject, entry.at, entry.id)
        return str(rows[0].code) if rows else None

    async def subject(self, tenant_id: str, learner_id: str) -> bytes:
        return self._subjects.of(Learner(tenant_id, learner_id))

    async def request(self, key: RequestKey) -> Request | None:
        return await self.find(key)

    async def requests(
        self, tenant_id: str, subject: bytes, limit: int, after: ListedAt | None = None
    ) -> list[Request]:
        at, request_id = after or _NEWEST
        rows = await self._ask(_LISTED, subject, at, uuid.UUID(request_id), limit)
        found = await asyncio.gather(*(self.find(RequestKey(tenant_id, str(row.request_id))) for row in rows))
        return [one for one in found if one is not None]

    async def audit_of(self, request: Request) -> list[Noted]:
        rows = await self._ask(_AUDIT_OF[_LOGS[request.kind]], request.subject, request.key.request_id)
        return [Noted(*row) for row in reversed(rows)]

    async def audit(self, subject: bytes, limit: int, after: NotedAt | None = None) -> list[Noted]:
        at, entry = after or _NEWEST
        asked = (subject, at, uuid.UUID(entry), limit)
        answers = await asyncio.gather(*(self._ask(cql, *asked) for cql in _AUDIT.values()))
        lines = [Noted(*row) for rows in answers for row in rows]
        return sorted(lines, key=lambda one: (one.at, one.entry), reverse=True)[:limit]

    async def _ask(self, cql: str, *values: Any) -> list[Any]:
        return await self._connection.execute(self._prepared[cql], values)


def _name(key: RequestKey) -> tuple[str, uuid.UUID]:
    return key.tenant_id, uuid.UUID(key.request_id)


def _row(request: Request) -> tuple[Any, ...]:
    """A request's values in the order of `_COLUMNS`."""
    return (
        *_name(request.key),
        request.kind.value,
        request.subject,
        request.learner_id,
        uuid.UUID(request.command_id),
        request.reason,
        request.reason_code,
        request.actor,
        request.position,
        request.partition,
        request.offset,
        request.digest,
        dict(request.headers),
        request.requested_at,
        request.updated_at,
        request.state.value,
        request.step,
        request.notes,
        request.receipt,
    )


def _request(row: Any) -> Request:
    return Request(
        key=RequestKey(row.tenant_id, str(row.request_id)),
        kind=Kind(row.kind),
        subject=bytes(row.subject),
        learner_id=row.learner_id,
        command_id=str(row.command_id),
        reason=row.reason,
        reason_code=row.reason_code,
        actor=row.actor,
        position=row.position,
        partition=row.part,
        offset=row.place,
        digest=bytes(row.digest),
        headers=tuple(sorted((row.headers or {}).items())),
        requested_at=row.requested_at,
        updated_at=row.updated_at,
        state=State(row.state),
        step=row.step,
        notes=row.notes,
        receipt=row.receipt,
    )
