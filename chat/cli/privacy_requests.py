"""`chat privacy export`, `delete`, `enrol` and `status`: what is asked for a learner's data, and what came of it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from chat.cli.export_bundle import fetch, until_ended
from chat.cli.output import AsJson, AsJsonLines, json_line, line, note
from chat.cli.send import FAILED, SECONDS, report
from chat.cli.start import start
from chat.domain.identifiers import is_uuid
from chat.domain.principal import Role
from chat.domain.privacy import Request, RequestKey, State
from chat.errors import BadInput
from chat.sdk import Producer
from chat.settings import Settings
from chat.storage import migrate
from chat.storage.cassandra_privacy import CassandraRequests
from chat.storage.privacy_store import ListedAt, Noted
from chat.storage.session import Connection
from chat.tokens import make_token
from schemas.timestamps import to_text

PAGE = 100
OPERATOR = "operator"
TOKEN_SECONDS = 300
"""A command's token has to be good when its record comes to the log; a download asks for another."""

Tenant = Annotated[str, typer.Option(help="The learner's tenant.")]
Learner = Annotated[str, typer.Option(help="Whose data it is.")]
RequestId = Annotated[str, typer.Option("--request", help="request_id, a UUID; by default a new one.")]
Token = Annotated[
    str,
    typer.Option(
        envvar="CHAT_TOKEN",
        help="The JWT to send with; by default one of `operator`, signed with JWT_SECRET_KEY.",
        show_envvar=True,
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the command's outcome and print it.")]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the outcome.")]


def export(
    *,
    tenant: Tenant,
    learner: Learner,
    reason: Annotated[str, typer.Option(help="access, portability or other.")] = "access",
    request: RequestId = "",
    token: Token = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the outcome, then for the export's end.")] = False,
    out: Annotated[Path | None, typer.Option(help="Wait, then write the bundle there, from the API.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for outcome and end, each.")] = SECONDS,
    _as_json: AsJsonLines = False,
) -> None:
    """Ask for everything that is kept of a learner. With --wait it prints a second line when the export has ended.

    Exit status as of `chat send`; with --wait 0 only where the export was completed, 2 where it has not ended in time.
    """
    wait = wait or out is not None
    name = "ExportLearnerData"
    sent = _send(name, tenant, learner, token, wait=wait, timeout=timeout, request_id=request, reason=reason)
    if not wait:
        return
    settings = start()
    ended = asyncio.run(until_ended(settings, RequestKey(tenant, sent), timeout))
    if ended.state is State.COMPLETED and out is not None:
        fetch(settings, sent, token or _operators(settings, tenant), out)
    json_line(_shown(ended))
    if ended.state is not State.COMPLETED:
        raise typer.Exit(FAILED)


def delete(
    *,
    tenant: Tenant,
    learner: Learner,
    reason: Annotated[str, typer.Option(help="erasure, consent_withdrawn, retention or other.")] = "erasure",
    request: RequestId = "",
    token: Token = "",
    wait: Wait = False,
    timeout: Timeout = SECONDS,
    _as_json: AsJsonLines = False,
) -> None:
    """Ask for a learner's erasure. Exit status as of `chat send`."""
    _send("DeleteLearnerData", tenant, learner, token, wait=wait, timeout=timeout, request_id=request, reason=reason)


def enrol(
    *,
    tenant: Tenant,
    learner: Learner,
    request: RequestId = "",
    token: Token = "",
    wait: Wait = False,
    timeout: Timeout = SECONDS,
    _as_json: AsJsonLines = False,
) -> None:
    """Let an erased learner be written about again. Exit status as of `chat send`."""
    _send("EnrolLearner", tenant, learner, token, wait=wait, timeout=timeout, request_id=request)


def status(
    *,
    tenant: Tenant,
    learner: Annotated[str, typer.Option(help="All requests of this learner, newest first.")] = "",
    request: Annotated[str, typer.Option(help="This request alone.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show a learner's requests, or one request, each with its audit; for operators, out of the store itself."""
    if bool(learner) == bool(request):
        raise BadInput("--learner, --request", "give one of them")
    if request and not is_uuid(request):
        raise BadInput("--request", "must be a UUID in lower-case canonical text")
    found = asyncio.run(_found(start(), tenant, learner, request))
    for one, audit in found:
        _print(one, audit, as_json=as_json)
    if not found:
        note("there is no such request" if request else "nothing was ever asked for this learner")
        raise typer.Exit(FAILED)


COMMANDS = (export, delete, enrol, status)
"""Those of `chat privacy` that are about requests."""


def _send(record_type: str, tenant: str, learner: str, token: str, *, wait: bool, timeout: float, **fields: str) -> str:
    """Sends the command and prints its ids, with `wait` also how it ended; the request's id."""
    given = {name: value for name, value in fields.items() if value}
    settings = start()
    with Producer(settings, token=token or _operators(settings, tenant), outcomes=wait) as producer:
        sent = producer.send({"type": record_type, "tenant_id": tenant, "learner_id": learner, **given})
        ids = {"request_id": str(sent.command["request_id"])}
        if not wait:
            sent.position(timeout)
            json_line({"command_id": sent.command["command_id"], **ids})
        elif not report([sent], timeout, ids):
            raise typer.Exit(FAILED)
    return ids["request_id"]


def _operators(settings: Settings, tenant: str) -> str:
    """Who has the secret that signs tokens needs none to be given one. Raises `BadInput` for who has not."""
    if not settings.jwt_secret_key:
        raise BadInput("--token", "give one, or set CHAT_TOKEN")
    return make_token(settings, tenant, OPERATOR, Role.COMPLIANCE, ["*"], ttl=TOKEN_SECONDS)


async def _found(settings: Settings, tenant: str, learner: str, request: str) -> list[tuple[Request, list[Noted]]]:
    connection = await Connection.open(settings)
    try:
        await migrate.check(connection)
        requests = await CassandraRequests.open(connection)
        found = await (_one(requests, tenant, request) if request else _all(requests, tenant, learner))
        return [(one, await requests.audit_of(one)) for one in found]
    finally:
        await connection.close()


async def _one(requests: CassandraRequests, tenant: str, request: str) -> list[Request]:
    found = await requests.request(RequestKey(tenant, request))
    return [] if found is None else [found]


async def _all(requests: CassandraRequests, tenant: str, learner: str) -> list[Request]:
    subject = await requests.subject(tenant, learner)
    found: list[Request] = []
    after: ListedAt | None = None
    while page := await requests.requests(tenant, subject, PAGE, after):
        found += page
        after = ListedAt(page[-1].requested_at, page[-1].key.request_id)
    return found


def _print(one: Request, audit: list[Noted], *, as_json: bool) -> None:
    if as_json:
        json_line(_shown(one) | {"receipt": _receipt(one), "audit": [_shown_line(noted) for noted in audit]})
        return
    line("  ".join(filter(None, _shown(one).values())))
    for noted in audit:
        line("    " + "  ".join(filter(None, _shown_line(noted).values())))


def _shown(one: Request) -> dict[str, Any]:
    return {
        "request_id": one.key.request_id,
        "kind": one.kind.value,
        "state": one.state.value,
        "step": one.step,
        "reason_code": one.reason_code,
        "requested_at": to_text(one.requested_at),
        "updated_at": to_text(one.updated_at),
        "receipt": one.receipt,
    }


def _receipt(one: Request) -> orjson.Fragment | None:
    return orjson.Fragment(one.receipt) if one.receipt else None


def _shown_line(noted: Noted) -> Mapping[str, str]:
    return {"at": to_text(noted.at), "action": noted.action, "code": noted.code, "actor": noted.actor}
