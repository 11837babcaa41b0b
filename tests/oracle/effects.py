"""Whether the tables show what an event says, at the moment when it can be read."""

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from cassandra.cluster import Session

import schemas

_OF_LEARNER = "tenant_id = ? AND learner_id = ? AND generation = 1"
_MESSAGE = f"""SELECT message_id, updated_at, deleted_at FROM messages
    WHERE {_OF_LEARNER} AND thread_id = ? AND bucket = ? AND seq = ?"""
_LOG = f"SELECT last_seq, status, updated_at FROM thread_log WHERE {_OF_LEARNER} AND thread_id = ? LIMIT 1"
_LISTED = f"SELECT last_seq, updated_at FROM threads WHERE {_OF_LEARNER} AND thread_id = ?"
_MARK = f"SELECT seq FROM read_marks WHERE {_OF_LEARNER} AND user_id = ? AND thread_id = ?"
DELETED = 2
Row = Mapping[str, Any]


class Effects:
    """Looks at single rows. What is later than the event shows its effect too."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._message, self._log, self._listed, self._mark = map(session.prepare, (_MESSAGE, _LOG, _LISTED, _MARK))
        self._shown: Mapping[str, Callable[[Row, tuple[Any, ...]], dict[str, bool]]] = {
            "CHAT_THREAD_CREATED": self._thread,
            "CHAT_THREAD_UPDATED": self._thread,
            "CHAT_THREAD_DELETED": self._deleted,
            "CHAT_THREAD_READ": self._read,
            "CHAT_MESSAGE_CREATED": self._created,
            "CHAT_MESSAGE_UPDATED": self._updated,
            "CHAT_MESSAGE_DELETED": self._emptied,
        }

    def missing(self, event: schemas.Record) -> str:
        """The tables that do not show an event's effect; none of them does once the thread was deleted."""
        fields = event.fields
        thread = fields["tenant_id"], fields["learner_id"], uuid.UUID(fields["data"]["thread_id"])
        shown = self._shown[event.type](fields, thread)
        hidden = ", ".join(table for table, good in shown.items() if not good)
        if hidden and event.type != "CHAT_THREAD_DELETED" and self._log_of(thread).get("status") == DELETED:
            return ""
        return hidden

    def _thread(self, fields: Row, thread: tuple[Any, ...]) -> dict[str, bool]:
        at = fields["data"]["updated_at"]
        log, listed = self._log_of(thread), self._listed_of(thread)
        return {"thread_log": _millis(log, "updated_at") >= at, "threads": _millis(listed, "updated_at") >= at}

    def _deleted(self, _fields: Row, thread: tuple[Any, ...]) -> dict[str, bool]:
        return {"thread_log": self._log_of(thread).get("status") == DELETED, "threads": not self._listed_of(thread)}

    def _read(self, fields: Row, thread: tuple[Any, ...]) -> dict[str, bool]:
        row = self._row(self._mark, (*thread[:2], fields["data"]["user_id"], thread[2]))
        return {"read_marks": row.get("seq", -1) >= fields["data"]["seq"]}

    def _created(self, fields: Row, thread: tuple[Any, ...]) -> dict[str, bool]:
        seq = fields["data"]["seq"]
        log, listed = self._log_of(thread), self._listed_of(thread)
        return {
            "messages": bool(self._message_at(thread, seq)),
            "thread_log": (log.get("last_seq") or -1) >= seq,
            "threads": (listed.get("last_seq") or -1) >= seq,
        }

    def _updated(self, fields: Row, thread: tuple[Any, ...]) -> dict[str, bool]:
        row = self._message_at(thread, fields["data"]["seq"])
        return {"messages": _millis(row, "updated_at") >= fields["data"]["updated_at"]}

    def _emptied(self, fields: Row, thread: tuple[Any, ...]) -> dict[str, bool]:
        row = self._message_at(thread, fields["data"]["seq"])
        return {"messages": row.get("deleted_at") is not None}

    def _message_at(self, thread: tuple[Any, ...], seq: int) -> Row:
        return self._row(self._message, (*thread, (seq - 1) // 500, seq))

    def _log_of(self, thread: tuple[Any, ...]) -> Row:
        return self._row(self._log, thread)

    def _listed_of(self, thread: tuple[Any, ...]) -> Row:
        return self._row(self._listed, thread)

    def _row(self, statement: Any, values: tuple[Any, ...]) -> Row:
        """The one row, empty where there is none."""
        found = self._session.execute(statement, values, timeout=2).one()
        return {} if found is None else dict(found)


def _millis(row: Row, name: str) -> int:
    """A row's time, -1 where it has none."""
    moment = row.get(name)
    return -1 if moment is None else round(moment.replace(tzinfo=UTC).timestamp() * 1000)
