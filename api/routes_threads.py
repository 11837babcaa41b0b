"""Threads: a learner's list, and one of them."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.auth import Caller, visible_thread
from api.conditional import unless_held
from api.documents import Thread, ThreadPage, conditional, documented
from api.lean_route import LeanRoute
from api.parameters import DEFAULT_LIMIT, Cursor, Learner, Limit, ThreadId
from api.read_side import read_side
from api.rendering import Json
from api.rendering import thread as render
from chat.domain.principal import Permission, Principal
from chat.errors import NotVisible
from chat.storage.history import Place

router = APIRouter(prefix="/api/v1/threads", tags=["threads"], route_class=LeanRoute)
ThreadReader = Annotated[Principal, Depends(Caller(Permission.THREADS_READ))]


@router.get("", response_class=Json, responses=documented(ThreadPage))
async def list_threads(
    request: Request, caller: ThreadReader, learner_id: Learner, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response:
    """A learner's threads, latest activity first."""
    if not caller.reaches(learner_id):
        raise NotVisible
    side = read_side(request)
    listing = ("threads", caller.tenant_id, learner_id)
    after = Place(*await side.cursors.open(listing, cursor)) if cursor else None
    learner = await side.history.learner(caller.tenant_id, learner_id)
    if learner is None:
        return Json({"items": [], "next_cursor": None})
    found = await side.history.threads(learner, limit + 1, after)
    last = found[limit - 1] if len(found) > limit else None
    next_cursor = await side.cursors.seal(listing, (last.last_activity_at, last.thread_id)) if last else None
    shown = found[:limit]
    marks = await side.history.marks(learner, caller.user_id, [one.thread_id for one in shown]) if shown else {}
    items = [render(learner, one, marks.get(one.thread_id, 0)) for one in shown]
    return Json({"items": items, "next_cursor": next_cursor})


@router.get("/{thread_id}", response_class=Json, responses=conditional(Thread))
async def get_thread(request: Request, caller: ThreadReader, thread_id: ThreadId) -> Response:
    """One thread, with the caller's own read mark, or 304."""
    history = read_side(request).history
    key = await visible_thread(history, caller, thread_id)
    shown, marks = await asyncio.gather(history.thread(key), history.marks(key.learner, caller.user_id, [thread_id]))
    if shown is None:
        raise NotVisible
    read_seq = marks.get(thread_id, 0)
    return unless_held(request, (shown.last_seq, shown.version, read_seq), lambda: render(key.learner, shown, read_seq))
