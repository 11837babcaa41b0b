"""The bundles of exports, and the public key that they are checked with."""

import time
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from api.auth import Caller, token_left
from api.bounded_sending import BoundedSending
from api.documents import SigningKeys, documented, problems
from api.middleware import BODILESS
from api.parameters import RequestId
from api.problem_codes import ProblemCode
from api.read_side import read_side
from api.rendering import Json
from api.routes_privacy import visible_request
from chat.domain.principal import Permission, Principal
from chat.domain.privacy import Kind, State
from chat.domain.privacy import Request as PrivacyRequest
from chat.errors import BundleGone, NotVisible
from chat.ids import new_id
from chat.privacy.export.download import Judge
from chat.privacy.export.shelf import Shelf
from chat.privacy.subject import actor
from chat.storage.privacy_store import Entry

router = APIRouter(prefix="/api/v1/privacy", tags=["privacy"])
Exporter = Annotated[Principal, Depends(Caller(Permission.PRIVACY_EXPORT))]

_BYTES = {"schema": {"type": "string", "contentMediaType": "application/zip"}}
ZIP: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/zip": _BYTES}, "description": "The bundle; its manifest lists and signs all of it"}
}


@router.get(
    "/exports/{request_id}",
    response_class=StreamingResponse,
    responses=problems(*(code.status for code in ProblemCode)) | ZIP,
)
async def get_export(request: Request, caller: Exporter, request_id: RequestId) -> Response:
    """A finished bundle as a zip, put together while it is sent. That it was fetched is noted before it is.

    Of a learner who was erased there is none, from the destruction of the learner's key on. What is under way then, or
    outlives its token, or is not taken, is broken off before its `Content-Length`.
    """
    side = read_side(request)
    shelf = _shelf(request)
    found = await visible_request(side.requests, caller, request_id)
    if found.kind is not Kind.EXPORT or found.state is not State.COMPLETED:
        raise NotVisible
    try:
        download = await shelf.open(found)
    except BundleGone as error:
        raise NotVisible from error
    body = download.stream(_judge(request, shelf, found))
    if BODILESS in request.scope:
        body = _nothing()
    else:
        as_learner = await side.requests.subject(caller.tenant_id, caller.user_id)
        await side.requests.note(_downloaded(found, actor(caller.user_id, as_learner, found.subject)))
    headers = {
        "content-length": str(download.length),
        "content-disposition": f'attachment; filename="export-{request_id}.zip"',
        "cache-control": "private, no-store",
    }
    return BoundedSending(body, media_type="application/zip", headers=headers)


@router.get("/signing-keys", response_class=Json, responses=documented(SigningKeys))
async def get_signing_keys(request: Request, _caller: Exporter) -> Response:
    """The public keys that signatures of exports are checked with, as a JWK Set (RFC 7517, RFC 8037)."""
    return Json({"keys": [_shelf(request).public_jwk]})


def _judge(request: Request, shelf: Shelf, found: PrivacyRequest) -> Judge:
    """Whether the token still counts, and its learner's life stands. Raises as the route does before the first byte.

    Where nobody can tell it raises too: a bundle has all of a learner's words.
    """
    left = token_left(request)

    async def judge() -> None:
        await left()
        await shelf.judge(found)

    return judge


async def _nothing() -> AsyncGenerator[bytes]:
    """For HEAD: no chunk is read, and nothing was fetched."""
    yield b""


def _shelf(request: Request) -> Shelf:
    """Where bundles are. Raises `NotVisible` in a service that makes none."""
    shelf = read_side(request).exports
    if shelf is None:
        raise NotVisible
    return shelf


def _downloaded(found: PrivacyRequest, by: str) -> Entry:
    return Entry(
        kind=found.kind,
        subject=found.subject,
        at=time.time_ns() // 1_000_000,
        request_id=found.key.request_id,
        actor=by,
        action="downloaded",
        code="",
        cause=new_id(),
    )
