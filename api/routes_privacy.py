"""Privacy requests: a learner's list, one of them, and a learner's audit.

The contract names no permission for reading them: whoever may export or erase may see what came of it.
"""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.auth import Caller
from api.conditional import unless_held
from api.documents import AuditPage, PrivacyRequest, PrivacyRequestPage, conditional, documented
from api.parameters import DEFAULT_LIMIT, Cursor, Learner, Limit, RequestId
from api.read_side import read_side
from api.rendering import Json, audit_line
from api.rendering import privacy_request as render
from chat.domain.identifiers import is_uuid
from chat.domain.principal import Permission, Principal
from chat.domain.privacy import Request as PrivacyRequestState
from chat.domain.privacy import RequestKey
from chat.errors import NotVisible
from chat.storage.privacy_store import ListedAt, NotedAt, RequestHistory

router = APIRouter(prefix="/api/v1/privacy", tags=["privacy"])
Officer = Annotated[Principal, Depends(Caller(Permission.PRIVACY_EXPORT, Permission.PRIVACY_DELETE))]


@router.get("/requests", response_class=Json, responses=documented(PrivacyRequestPage))
async def list_requests(
    request: Request, caller: Officer, learner_id: Learner, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response:
    """A learner's exports, erasures and enrolments, newest first, each with its audit."""
    side = read_side(request)
    subject = await _subject(side.requests, caller, learner_id)
    listing = ("privacy requests", caller.tenant_id, learner_id)
    after = ListedAt(*await side.cursors.open(listing, cursor)) if cursor else None
    found = await side.requests.requests(caller.tenant_id, subject, limit + 1, after)
    last = found[limit - 1] if len(found) > limit else None
    next_cursor = await side.cursors.seal(listing, (last.requested_at, last.key.request_id)) if last else None
    shown = found[:limit]
    audits = await asyncio.gather(*map(side.requests.audit_of, shown))
    return Json({"items": [*map(render, shown, audits)], "next_cursor": next_cursor})


@router.get("/requests/{request_id}", response_class=Json, responses=conditional(PrivacyRequest))
async def get_request(request: Request, caller: Officer, request_id: RequestId) -> Response:
    """One request with its state and audit, or 304."""
    requests = read_side(request).requests
    found = await visible_request(requests, caller, request_id)
    audit = await requests.audit_of(found)
    latest = max((line.at for line in audit), default=0)  # of many lines only so many are shown
    return unless_held(request, (found.updated_at, len(audit), latest), lambda: render(found, audit))


@router.get("/audit", response_class=Json, responses=documented(AuditPage))
async def list_audit(
    request: Request, caller: Officer, learner_id: Learner, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response:
    """All that was done or tried for a learner, newest first: refused commands too."""
    side = read_side(request)
    subject = await _subject(side.requests, caller, learner_id)
    listing = ("privacy audit", caller.tenant_id, learner_id)
    after = NotedAt(*await side.cursors.open(listing, cursor)) if cursor else None
    found = await side.requests.audit(subject, limit + 1, after)
    last = found[limit - 1] if len(found) > limit else None
    next_cursor = await side.cursors.seal(listing, (last.at, last.entry)) if last else None
    return Json({"items": [audit_line(one) for one in found[:limit]], "next_cursor": next_cursor})


async def _subject(requests: RequestHistory, caller: Principal, learner_id: str) -> bytes:
    """What stands for a learner whom the caller reaches. Raises `NotVisible`."""
    if not caller.reaches(learner_id):
        raise NotVisible
    return await requests.subject(caller.tenant_id, learner_id)


async def visible_request(requests: RequestHistory, caller: Principal, request_id: str) -> PrivacyRequestState:
    """A request for a learner whom the caller reaches. Raises `NotVisible`."""
    key = RequestKey(caller.tenant_id, request_id)
    found = await requests.request(key) if is_uuid(request_id) else None
    if found is None or not await _reaches(requests, caller, found.subject):
        raise NotVisible
    return found


async def _reaches(requests: RequestHistory, caller: Principal, subject: bytes) -> bool:
    """A request that has ended knows its learner no more, so the caller's are compared with it."""
    if caller.scope is None:
        return True
    return subject in {await requests.subject(caller.tenant_id, one) for one in caller.scope}
