"""Messages: a thread's history in pages, and one of them."""

from typing import Annotated, Any, NamedTuple, Self

import orjson
from fastapi import APIRouter, Depends, Request, Response

from api.auth import Caller, visible_thread
from api.conditional import unless_held
from api.cursor import Cursors, Listing, bad_cursor
from api.documents import Message, MessagePage, conditional, documented
from api.lean_route import LeanRoute
from api.paging import Page, Step, around, read_page
from api.parameters import DEFAULT_LIMIT, MAX_SEQ, AfterSeq, AroundSeq, BeforeSeq, Cursor, Limit, MessageId, ThreadId
from api.read_side import ReadSide, read_side
from api.rendering import Json
from api.rendering import message as render
from chat.domain.identifiers import is_uuid
from chat.domain.model import ThreadKey
from chat.domain.principal import Permission, Principal
from chat.errors import BadInput, NotVisible

router = APIRouter(prefix="/api/v1/threads/{thread_id}/messages", tags=["messages"], route_class=LeanRoute)
MessageReader = Annotated[Principal, Depends(Caller(Permission.MESSAGES_READ))]


class Query(NamedTuple):
    """Where a listing begins: the newest messages, or those beside a seq. It also says what comes first."""

    begins: str = "newest"
    seq: int = MAX_SEQ

    @classmethod
    def of(cls, **seqs: int | None) -> Self:
        """The query that at most one of `seqs` makes. Raises `BadInput` where there are more."""
        given = [(name, seq) for name, seq in seqs.items() if seq is not None]
        if len(given) > 1:
            raise BadInput(given[1][0], "only one of after_seq, before_seq and around_seq may be given")
        return cls(*given[0]) if given else cls()

    @property
    def oldest_first(self) -> bool:
        """Whether a page begins with its oldest message."""
        return self.begins == "after_seq"

    def first_step(self, limit: int, last_seq: int) -> Step:
        """The way to the first page."""
        if self.begins == "around_seq":
            return around(self.seq, limit, last_seq)
        return Step(newer=self.oldest_first, bound=self.seq)


@router.get("", response_class=Json, responses=documented(MessagePage))
async def list_messages(
    request: Request,
    caller: MessageReader,
    thread_id: ThreadId,
    *,
    after_seq: AfterSeq = None,
    before_seq: BeforeSeq = None,
    around_seq: AroundSeq = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response:
    """A thread's messages, newest first; with `after_seq` oldest first."""
    query = Query.of(after_seq=after_seq, before_seq=before_seq, around_seq=around_seq)
    side = read_side(request)
    key = await visible_thread(side.history, caller, thread_id)
    page = await side.pages.read((key, query, cursor, limit), lambda: _page(side, key, query, cursor, limit))
    return Json(orjson.Fragment(page))


@router.get("/{message_id}", response_class=Json, responses=conditional(Message))
async def get_message(request: Request, caller: MessageReader, thread_id: ThreadId, message_id: MessageId) -> Response:
    """One message, or 304; a deleted one is shown without its content."""
    history = read_side(request).history
    key = await visible_thread(history, caller, thread_id)
    found = await history.message(key, message_id) if is_uuid(message_id) else None
    if found is None:
        raise NotVisible
    return unless_held(request, (found.message.seq, found.version), lambda: render(found.message))


async def _page(side: ReadSide, key: ThreadKey, query: Query, cursor: str | None, limit: int) -> bytes:
    """A page as it is answered, which is the same for all who see the thread. Raises `NotVisible` and `BadInput`."""
    last_seq = await side.history.last_seq(key)
    if last_seq is None:
        raise NotVisible
    listing = ("messages", key.learner.tenant_id, key.thread_id)
    step = query.first_step(limit, last_seq)
    if cursor:
        query, step = _resume(query, await side.cursors.open(listing, cursor))
    page = await read_page(side.history, key, last_seq, step, limit)
    shown = await _rendered(side.cursors, listing, query, page)
    return orjson.dumps(shown | {"last_seq": last_seq})


def _resume(query: Query, place: list[int | str | bool]) -> tuple[Query, Step]:
    """The query that a cursor came from, which is also the request's where the request repeats it, and the way on."""
    begins, seq, newer, bound = place
    came_from = Query(str(begins), int(seq))
    if query not in {Query(), came_from}:
        raise bad_cursor()
    return came_from, Step(bool(newer), int(bound))


async def _rendered(cursors: Cursors, listing: Listing, query: Query, page: Page) -> dict[str, Any]:
    """A page in its query's order, with the cursors that lead on from it."""
    forward, back = (page.newer, page.older) if query.oldest_first else (page.older, page.newer)
    return {
        "items": [render(one) for one in (page.items if query.oldest_first else reversed(page.items))],
        "next_cursor": await cursors.seal(listing, (*query, *forward)) if forward else None,
        "prev_cursor": await cursors.seal(listing, (*query, *back)) if back else None,
    }
