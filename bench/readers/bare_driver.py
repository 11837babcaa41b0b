"""A yardstick: the driver alone reads plain rows and makes JSON of them. No HTTP, no token, nothing to open."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from typing import Any

import orjson

from bench.measure import MeasurementError, Seen, seen
from bench.reader import AT_ONCE
from bench.workload import Place
from bench.workloads.pages import PAGE
from chat.domain.model import FIRST_GENERATION
from chat.settings import Settings
from chat.storage.session import Connection

_NEWEST = f"""SELECT seq, CAST(message_id AS text) AS message_id, sender_id, message_type, content, metadata,
    CAST(reply_to AS text) AS reply_to, to_unix_timestamp(created_at) AS created_at,
    to_unix_timestamp(updated_at) AS updated_at, to_unix_timestamp(deleted_at) AS deleted_at FROM messages
    WHERE tenant_id = ? AND learner_id = ? AND generation = ? AND thread_id = ? AND bucket = 0 LIMIT {PAGE}"""  # noqa: S608 - a constant


def read(settings: Settings, places: list[Place]) -> Seen:
    """Raises `MeasurementError` where there is no whole page."""
    return asyncio.run(_read(settings, places))


async def _read(settings: Settings, places: list[Place]) -> Seen:
    connection = await Connection.open(settings)
    try:
        statement, rest = await connection.prepare(_NEWEST), iter(places)
        times = await asyncio.gather(*(_one_after_the_other(connection, statement, rest) for _ in range(AT_ONCE)))
    finally:
        await connection.close()
    return seen([one for many in times for one in many])


async def _one_after_the_other(
    connection: Connection, statement: Any, rest: Iterator[Place]
) -> list[tuple[float, float]]:
    times = []
    for tenant_id, learner_id, thread_id in rest:
        sent = time.time()
        rows = await connection.execute(statement, (tenant_id, learner_id, FIRST_GENERATION, uuid.UUID(thread_id)))
        if len(rows) != PAGE:
            raise MeasurementError(f"a page holds {len(rows)} messages")
        orjson.dumps({"items": [_shown(thread_id, row) for row in rows]})
        times.append((sent, time.time()))
    return times


def _shown(thread_id: str, row: Any) -> dict[str, Any]:
    shown: dict[str, Any] = row._asdict()
    content, metadata = (shown[name][1:].decode() for name in ("content", "metadata"))
    return shown | {"thread_id": thread_id, "content": content, "metadata": orjson.Fragment(metadata)}
