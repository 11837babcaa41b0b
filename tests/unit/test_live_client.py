"""The client of live streams, both kinds, against an API that answers by a script."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from chat.errors import (
    ApiRefused,
    ApiUnavailable,
    BadInput,
    ChatError,
    Forbidden,
    NotVisible,
    TokenExpired,
    TokenInvalid,
)
from chat.sdk.live import (
    AsyncLiveStream,
    Deleted,
    Edited,
    Ended,
    LiveEvent,
    LiveStream,
    Posted,
    Reconnecting,
    Resync,
    Waiting,
)
from chat.sdk.live.line import LONGEST_SECONDS
from tests.records import uid

THREAD = uid(1, 1)
SHOWN = {
    "message_id": uid(2, 1),
    "thread_id": THREAD,
    "sender_id": "teacher-1",
    "content": "Hello\nworld",
    "message_type": "text",
    "reply_to": None,
    "metadata": {"page": 3},
    "created_at": "2026-01-15T10:30:00.000Z",
    "updated_at": "2026-01-15T10:30:00.001Z",
    "deleted_at": None,
}


class Played(Exception):
    """The script is at its end."""


def sse(event: str, data: Any, **fields: Any) -> bytes:
    lines = [f"event: {event}", f"data: {json.dumps(data)}", *(f"{name}: {value}" for name, value in fields.items())]
    return ("\n".join(lines) + "\n\n").encode()


def resync(after: int, last: int | None = None) -> bytes:
    return sse("resync", {"last_seq": after if last is None else last, "after_seq": after}, retry=1000)


def said(seq: int, event: str = "message", **changed: Any) -> bytes:
    return sse(event, SHOWN | {"seq": seq} | changed, **({"id": seq} if event == "message" else {}))


def end(reason: str) -> bytes:
    return sse("end", {"reason": reason})


def refusal(status: int, code: str = "x", **headers: str) -> httpx2.Response:
    return httpx2.Response(status, json={"code": code, "detail": f"said {status}"}, headers=headers)


class Body(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """Parts of a stream, which may break off with an error."""

    def __init__(self, parts: Iterable[bytes | Exception]) -> None:
        self._parts = [*parts]

    def __iter__(self) -> Any:
        for part in self._parts:
            if isinstance(part, Exception):
                raise part
            yield part

    async def __aiter__(self) -> Any:
        for part in self:
            yield part


@dataclass
class Api:
    """Answers each connection by the next scene: parts of a stream, an answer, or a fault."""

    scenes: list[Any]
    asked: list[httpx2.Request] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if len(self.asked) == len(self.scenes):
            raise Played
        self.asked.append(request)
        scene = self.scenes[len(self.asked) - 1]
        if isinstance(scene, Exception):
            raise scene
        if isinstance(scene, httpx2.Response):
            return scene
        return httpx2.Response(200, headers={"content-type": "text/event-stream; charset=utf-8"}, stream=Body(scene))

    @property
    def last_ids(self) -> list[str | None]:
        return [one.headers.get("last-event-id") for one in self.asked]

    @property
    def bearers(self) -> list[str]:
        return [one.headers["authorization"] for one in self.asked]


def follow(api: Api, token: Any, after: int | None) -> list[LiveEvent]:
    """All that is told until the script's end or the stream's."""

    def played() -> Iterator[LiveEvent]:
        with suppress(Played):
            yield from live.follow(THREAD, after)

    with LiveStream("http://api", token, transport=httpx2.MockTransport(api), pause=api.waits.append) as live:
        return list(played())


def follow_async(api: Api, token: Any, after: int | None) -> list[LiveEvent]:
    """The same, by the other client."""

    async def pause(seconds: float) -> None:
        api.waits.append(seconds)

    async def fresh() -> str:
        return str(token())

    async def played(live: AsyncLiveStream) -> AsyncIterator[LiveEvent]:
        with suppress(Played):
            async for event in live.follow(THREAD, after):
                yield event

    async def play() -> list[LiveEvent]:
        chosen = fresh if callable(token) else token
        async with AsyncLiveStream("http://api", chosen, transport=httpx2.MockTransport(api), pause=pause) as live:
            return [event async for event in played(live)]

    return asyncio.run(play())


Client = Callable[[Api, Any, int | None], list[LiveEvent]]


@pytest.fixture(params=[follow, follow_async], ids=["plain", "asyncio"])
def client(request: pytest.FixtureRequest) -> Client:
    return request.param  # type: ignore[no-any-return]


def seqs(seen: Iterable[LiveEvent]) -> list[int]:
    return [one.message.seq for one in seen if isinstance(one, Posted)]


def reasons(seen: Iterable[LiveEvent]) -> list[str]:
    return [one.reason for one in seen if isinstance(one, Reconnecting)]


def test_every_event_is_typed(client: Client) -> None:
    """Times in UTC, metadata as an object, husks without content; a name that is not known is passed over."""
    parts = [
        b": alive\n\n",
        resync(0, last=1),
        said(1),
        said(1, "edit", content="Hi"),
        said(1, "delete", content=None, deleted_at="2026-01-15T10:30:01.000Z"),
        sse("waiting", {"for": ["kafka"]}),
        sse("waiting", {"for": []}),
        sse("typing", {"who": "somebody"}),
        end("thread_deleted"),
    ]
    seen = client(Api([parts]), "jwt", 0)
    assert [type(one) for one in seen] == [Resync, Posted, Edited, Deleted, Waiting, Waiting, Ended]
    first, posted, edited, deleted, away, back, ended = seen
    assert first == Resync(1, 0)
    assert isinstance(posted, Posted)
    assert posted.message.metadata == {"page": 3}
    assert posted.message.created_at.isoformat() == "2026-01-15T10:30:00+00:00"
    assert isinstance(edited, Edited)
    assert edited.message.content == "Hi"
    assert isinstance(deleted, Deleted)
    assert deleted.message.content is None
    assert deleted.message.deleted_at is not None
    assert (away, back) == (Waiting(("kafka",)), Waiting(()))
    assert ended == Ended("thread_deleted")


def test_a_message_comes_once_over_broken_connections(client: Client) -> None:
    """The next connection begins behind the last whole message; what comes again is dropped."""
    api = Api(
        [
            [resync(0), said(1), said(2), said(3)[:-20], httpx2.ReadError("reset by peer")],
            httpx2.ConnectError("refused"),
            [resync(2), said(2), said(3), end("renew")],
            [resync(3), said(4)],
        ]
    )
    seen = client(api, "jwt", 0)
    assert seqs(seen) == [1, 2, 3, 4]
    assert api.last_ids == ["0", "2", "2", "3"]
    assert reasons(seen) == ["reset by peer", "refused", "renew", "the connection was closed"]


def test_what_is_said_while_nobody_listens_is_not_missed(client: Client) -> None:
    """A follower from now on that loses its connection before any message goes on where the first one began."""
    api = Api([[resync(5)], [resync(5, last=6), said(6)]])
    assert seqs(client(api, "jwt", None)) == [6]
    assert api.last_ids == [None, "5"]


def test_the_end_of_a_restored_thread_is_gone_back_to(client: Client) -> None:
    """A stream that begins before what the client has brings messages that are new; a later resync repeats none."""
    api = Api([[resync(3), said(4), resync(2), said(4), said(5)], []])
    assert seqs(client(api, "jwt", 9)) == [4, 5]
    assert api.last_ids == ["9", "5"]


def test_a_slow_client_reads_on(client: Client) -> None:
    """It is told, and connects again behind what it has."""
    api = Api([[resync(0), said(1), end("slow"), said(2)], [resync(1, last=2), said(2), end("learner_erased")]])
    seen = client(api, "jwt", 0)
    assert seqs(seen) == [1, 2]
    assert reasons(seen) == ["slow"]
    assert seen[-1] == Ended("learner_erased")


def test_faults_are_waited_out_ever_longer(client: Client) -> None:
    """Twice as long each time up to a limit, spread by half, until a stream begins; Retry-After is the least."""
    away: list[Any] = [refusal(503), httpx2.ReadTimeout("nothing came"), *[refusal(502)] * 8]
    page = httpx2.Response(200, headers={"content-type": "text/html"}, text="<p>Sign in")
    api = Api([*away, refusal(429, **{"retry-after": "77"}), page, [resync(0)], []])
    seen = client(api, "jwt", 0)
    for number, seconds in enumerate(api.waits[:10]):
        longest = min(LONGEST_SECONDS, 2.0**number)
        assert longest / 2 <= seconds <= longest
    assert api.waits[10] == 77
    assert api.waits[11] <= LONGEST_SECONDS
    assert api.waits[12] <= 1
    assert len(set(api.waits)) == len(api.waits)
    assert reasons(seen)[:2] == ["HTTP 503", "nothing came"]
    assert [one.seconds for one in seen if isinstance(one, Reconnecting)] == api.waits


def test_what_cannot_be_read_is_asked_for_again(client: Client) -> None:
    """Something between changed it: the message is not passed over."""
    api = Api([[resync(0), sse("message", {"seq": 1}, id=1), said(2)], [resync(0), said(1), said(2)]])
    seen = client(api, "jwt", 0)
    assert seqs(seen) == [1, 2]
    assert api.last_ids == ["0", "0"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda: refusal(400), BadInput),
        (lambda: refusal(401, "unauthenticated"), TokenInvalid),
        (lambda: refusal(401, "token_expired"), TokenExpired),
        (lambda: refusal(403), Forbidden),
        (lambda: refusal(404), NotVisible),
        (lambda: httpx2.Response(404, text="a proxy's own page"), NotVisible),
        (lambda: refusal(405), ApiRefused),
        (lambda: refusal(307, location="http://elsewhere/"), ApiRefused),
    ],
)
def test_a_refusal_has_a_type(client: Client, answer: Callable[[], httpx2.Response], expected: type[ChatError]) -> None:
    """And is not tried again."""
    api = Api([answer()])
    with pytest.raises(expected):
        client(api, "jwt", 0)
    assert api.waits == []


def test_a_bad_input_names_its_field(client: Client) -> None:
    """As the API does."""
    problem = {"code": "invalid", "errors": [{"field": "Last-Event-ID", "rule": "a number"}]}
    with pytest.raises(BadInput) as found:
        client(Api([httpx2.Response(400, json=problem)]), "jwt", 0)
    assert (found.value.field, found.value.rule) == ("Last-Event-ID", "a number")


@pytest.mark.parametrize(("reason", "expected"), [("token_expired", TokenExpired), ("unauthenticated", TokenInvalid)])
def test_the_only_tokens_end_is_an_error(client: Client, reason: str, expected: type[ChatError]) -> None:
    """Nobody can give another one."""
    with pytest.raises(expected):
        client(Api([[resync(0), end(reason)]]), "jwt", 0)


def test_a_token_that_expires_is_followed_by_a_fresh_one(client: Client) -> None:
    """Asked for before each connection, also when a stream could not begin; nothing is missed."""
    tokens = iter("abcde")
    expired = refusal(401, "token_expired")
    api = Api([[resync(0), said(1), end("token_expired")], [resync(1), said(2)], expired, [resync(2), said(3)]])
    seen = client(api, lambda: next(tokens), 0)
    assert seqs(seen) == [1, 2, 3]
    assert api.bearers == ["Bearer a", "Bearer b", "Bearer c", "Bearer d"]
    assert reasons(seen)[0] == "token_expired"


def test_a_fresh_token_that_is_refused_too_is_an_error(client: Client) -> None:
    """Two in a row: asking for a third would not help."""
    api = Api([[resync(0), end("token_expired")], refusal(401, "unauthenticated")])
    with pytest.raises(TokenInvalid):
        client(api, lambda: "jwt", 0)


def test_who_gives_tokens_may_be_away(client: Client) -> None:
    """A transient error of the callable is waited out, any other reaches the caller."""
    answers: list[Any] = [ApiUnavailable("the issuer is away"), "jwt", ZeroDivisionError()]

    def fresh() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    api = Api([[resync(0), said(1)]])
    with pytest.raises(ZeroDivisionError):
        client(api, fresh, 0)
    assert len(api.waits) == 2
    assert len(api.asked) == 1


@pytest.mark.parametrize("token", ["a\r\nx-other: b", "tökën"])
def test_a_token_that_is_no_header_is_never_sent(client: Client, token: str) -> None:
    """It would be a fault for ever."""
    api = Api([])
    with pytest.raises(TokenInvalid):
        client(api, token, 0)
    assert api.asked == []


def test_what_no_request_can_be_made_of_is_said_at_once() -> None:
    """An address without a scheme, a thread that is none, a seq that is none."""
    with pytest.raises(BadInput, match="address"):
        LiveStream("chat.example", "jwt")
    with LiveStream("http://api", "jwt") as live:
        for thread, after in (("../threads", 0), (THREAD, -1)):
            with pytest.raises(BadInput):
                next(iter(live.follow(thread, after)))
