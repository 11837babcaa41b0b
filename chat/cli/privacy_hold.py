"""`chat privacy hold`: a learner who must not be erased for now."""

import asyncio
import re
import time
import uuid
from typing import Annotated

import typer

from chat.cli.output import AsJsonLines, json_line
from chat.cli.privacy_requests import Learner, Tenant
from chat.cli.send import FAILED
from chat.cli.start import start
from chat.domain.privacy import Kind
from chat.errors import BadInput
from chat.settings import Settings
from chat.storage import migrate
from chat.storage.cassandra_privacy import CassandraRequests
from chat.storage.lives import Lives
from chat.storage.privacy_store import Entry
from chat.storage.receipts import CassandraHolds
from chat.storage.session import Connection

_REASON = re.compile(r"[a-z][a-z0-9_]{0,63}")


def hold(
    *,
    tenant: Tenant,
    learner: Learner,
    reason: Annotated[str, typer.Option(help="Why, as a code of a-z, 0-9 and _; never a name.")] = "",
    release: Annotated[bool, typer.Option("--release", help="Take the hold away.")] = False,
    _as_json: AsJsonLines = False,
) -> None:
    """Keep a learner from being erased: requests end `held` until it is released.

    Exit status 1 where it comes too late, because an erasure has begun to destroy the learner's key.
    """
    if release == bool(reason):
        raise BadInput("--reason, --release", "give one of them")
    if reason and not _REASON.fullmatch(reason):
        raise BadInput("--reason", "must be a code of at most 64 of a-z, 0-9 and _, a letter first")
    if not asyncio.run(_hold(start(), tenant, learner, reason)):
        json_line({"held": False, "code": "learner_erased"})
        raise typer.Exit(FAILED)
    json_line({"held": bool(reason), "code": reason or None})


async def _hold(settings: Settings, tenant: str, learner: str, reason: str) -> bool:
    connection = await Connection.open(settings)
    try:
        await migrate.check(connection)
        requests, holds = await CassandraRequests.open(connection), await CassandraHolds.open(connection)
        subject = await requests.subject(tenant, learner)
        code = reason or await holds.hold_on(subject) or "none"
        if reason:
            life = await (await Lives.open(connection)).life_of(subject)
            if not life.alive or not await holds.hold(subject, reason, life.generation):
                return False
        else:
            await holds.release(subject)
        await requests.note(_entry(subject, "hold" if reason else "release", code))
        return True
    finally:
        await connection.close()


def _entry(subject: bytes, action: str, code: str) -> Entry:
    now = time.time_ns() // 1_000_000
    return Entry(Kind.DELETION, subject, now, "", "operator", action, code, str(uuid.uuid4()))
