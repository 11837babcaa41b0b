"""Routes that are solved with what a request brings: nothing but the cost differs from FastAPI's own way."""

from typing import Annotated, Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st

from api.lean_route import LeanRoute
from api.parameters import AfterSeq, Cursor, Learner, Limit, ThreadId
from api.rendering import Json

NAMES = ("after_seq", "learner_id", "limit", "cursor", "unknown")
VALUES = ("", "0", "5", "-5", "5.0", " 5", "201", "ada", "ä", "a b", "x" * 600, str(2**63))
QUERIES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=5)


async def _caller(request: Request) -> str:
    return request.headers.get("authorization", "nobody")


async def _endpoint(
    request: Request,
    caller: Annotated[str, Depends(_caller)],
    thread_id: ThreadId,
    *,
    learner_id: Learner,
    after_seq: AfterSeq = None,
    limit: Limit = 7,
    cursor: Cursor = None,
) -> Response:
    return Json([request.url.path, caller, thread_id, learner_id, after_seq, limit, cursor])


def _app(route: type[APIRoute]) -> FastAPI:
    router, app = APIRouter(prefix="/threads", route_class=route), FastAPI()
    router.get("/{thread_id}")(_endpoint)
    app.include_router(router)
    return app


LEAN, FULL = _app(LeanRoute), _app(APIRoute)


async def _answer(app: FastAPI, query: list[tuple[str, str]]) -> tuple[int, Any]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        answer = await client.get("/threads/one", params=urlencode(query), headers={"authorization": "me"})
    return answer.status_code, answer.json()


@given(QUERIES)
async def test_it_answers_as_fastapi_does(query: list[tuple[str, str]]) -> None:
    """Values, defaults and complaints, in their order."""
    assert await _answer(LEAN, query) == await _answer(FULL, query)


async def test_the_ways_are_told_apart() -> None:
    """What is compared is a good answer at times, and a complaint at others."""
    assert await _answer(LEAN, [("learner_id", "ada")]) == (200, ["/threads/one", "me", "one", "ada", None, 7, None])
    status, complaint = await _answer(LEAN, [("limit", "0")])
    assert (status, [one["loc"][-1] for one in complaint["detail"]]) == (422, ["learner_id", "limit"])


def test_it_is_described_as_any_other() -> None:
    """By FastAPI, from the same declarations."""
    assert LEAN.openapi() == FULL.openapi()


async def _with_header(etag: Annotated[str, Header()]) -> Response:
    return Json(etag)


async def _with_part(part: Annotated[str, Depends(lambda limit: limit)]) -> Response:
    return Json(part)


@pytest.mark.parametrize("endpoint", [_with_header, _with_part])
def test_an_endpoint_that_asks_for_more_is_no_lean_one(endpoint: Any) -> None:
    """It would be called without what it asks for."""
    with pytest.raises(TypeError, match="asks for more"):
        LeanRoute("/", endpoint, response_class=Json, response_model=None)
