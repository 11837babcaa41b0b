"""What was refused of a learner's commands, for who moderates: read from Kafka, window by window.

Refused privacy commands are not among them: those who may see them have them in the privacy audit.
"""

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import structlog
from fastapi import APIRouter, Depends, Request, Response

import schemas
from api.auth import Caller
from api.documents import RefusalPage, documented
from api.parameters import DEFAULT_LIMIT, Cursor, Learner, Limit
from api.read_side import ReadSide, read_side
from api.refusal_log import Window
from api.rendering import Json, refusal, time_or_none
from chat.domain.model import FIRST_GENERATION
from chat.domain.partition import learner_key
from chat.domain.principal import Permission, Principal
from chat.domain.privacy import Kind, State
from chat.domain.verdicts import Code
from chat.errors import NotVisible
from chat.partition_reader import Kept
from chat.topic_specs import Topic
from schemas.registry import REFUSAL

router = APIRouter(prefix="/api/v1", tags=["refusals"])
Moderator = Annotated[Principal, Depends(Caller(Permission.MESSAGES_MODERATE))]

NEVER = 2**63
"""A time (ms) after all others."""

REQUESTS = 200
"""A learner's privacy requests among which the enrolment is looked for."""

_log = structlog.get_logger()


class Shown(NamedTuple):
    """Refusals, newest first; the offset before which the next page looks, and from when on (ms) nothing is left out.

    Both are None where all that the log still has was looked at. Of the erased
    they are what they are of one of whom nothing was ever refused.
    """

    items: list[dict[str, Any]]
    before: int | None
    since: int | None


@router.get("/refusals", response_class=Json, responses=documented(RefusalPage))
async def list_refusals(
    request: Request, caller: Moderator, learner_id: Learner, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response:
    """What was refused of a learner's commands in the last days, newest first; a page may be empty and not the last."""
    if not caller.reaches(learner_id):
        raise NotVisible
    side = read_side(request)
    listing = ("refusals", caller.tenant_id, learner_id)
    before = (await side.cursors.open(listing, cursor))[0] if cursor else None
    key = learner_key(caller.tenant_id, learner_id).encode()
    window = await side.refusals(key, before)
    shown = _shown(window, key, await _life_began(side, caller.tenant_id, learner_id), limit)
    next_cursor = None if shown.before is None else await side.cursors.seal(listing, (shown.before,))
    return Json({"items": [*map(refusal, shown.items)], "next_cursor": next_cursor, "since": time_or_none(shown.since)})


async def _life_began(side: ReadSide, tenant_id: str, learner_id: str) -> int:
    """From when on (ms) refusals are of the learner's present life: `NEVER` where that is over."""
    found = await side.history.learner(tenant_id, learner_id)
    if found is None:
        return NEVER
    if found.generation == FIRST_GENERATION:
        return 0
    subject = await side.requests.subject(tenant_id, learner_id)
    listed = await side.requests.requests(tenant_id, subject, REQUESTS)
    enrolments = (one for one in listed if one.kind is Kind.ENROLMENT and one.state is not State.FAILED)
    return next((one.requested_at for one in enrolments), NEVER)


def _shown(window: Window, key: bytes, began: int, limit: int) -> Shown:
    """What a page shows. A record under any other key than the learner's own is never opened."""
    items: list[dict[str, Any]] = []
    for one in reversed(window.records):
        if one.key != key or one.timestamp < began:
            continue
        if len(items) == limit:
            return Shown(items, one.offset + 1, items[-1]["timestamp"])
        items += _opened(one, key)
    if window.records and window.first > window.kept_from:
        return Shown(items, window.first, window.records[0].timestamp)
    return Shown(items, None, None)


def _opened(one: Kept, key: bytes) -> Iterator[dict[str, Any]]:
    """The refusal of a command in a record, unless it is of none or says that the learner was erased."""
    try:
        record_type, fields = schemas.decode(one.value, headers=one.headers)
    except schemas.CodecError:
        _log.warning("refusal_unreadable", topic=Topic.REJECTIONS.value, offset=one.offset)
        return
    if (
        record_type == REFUSAL
        and learner_key(fields["tenant_id"], fields["learner_id"]).encode() == key
        and fields["topic"] == Topic.COMMANDS
        and fields["code"] != Code.LEARNER_ERASED
    ):
        yield fields
