"""What stands around every answer: request ids, security headers, and who else's pages may read it."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.errors import BadSetting, StorageUnavailable
from chat.storage.memory_reads import MemoryHistory
from tests.api_client import ApiClient, Broken, client_of, key_of, make_app, put_conversation
from tests.records import uid

THREAD = f"/api/v1/threads/{uid(1, 1)}"
SCHOOL = "https://school.example"


async def application(**settings: Any) -> ApiClient:
    """A reader of a conversation."""
    history = MemoryHistory()
    await put_conversation(history, key_of(1), 3)
    return client_of(make_app(history, **settings))


@pytest.fixture
async def client() -> ApiClient:
    return await application()


NOBODY = client_of(make_app(MemoryHistory()))
OURS = re.compile(r"[0-9a-f]{16}-\d+")


@pytest.mark.parametrize("given_id", ["abc-1", "a", "A.b_c-9", "0199c0de-0000-7000-8000-00000000000a", "a" * 128])
async def test_a_request_keeps_its_own_id(client: ApiClient, given_id: str) -> None:
    """A plain `X-Request-ID` comes back, with every kind of answer."""
    for path, status in ((THREAD, 200), ("/nowhere", 404), ("/health", 200)):
        answer = await client.get(path, headers={"x-request-id": given_id})
        assert (answer.status_code, answer.headers["x-request-id"]) == (status, given_id)


@pytest.mark.parametrize("strange", [
    b"", b"a b", b"a" * 129, b'x"y', b"a\tb", b"a;b", b"a,b", b"<script>", b"${jndi:x}", b"%0d%0aset-cookie:x",
    b"\xe9", b"\x00", b"a\x1b[31m", b"{}", b"../x",
])  # fmt: skip
async def test_a_strange_id_is_replaced(client: ApiClient, strange: bytes) -> None:
    """Whatever is too long or not plain is nobody's id: the answer has a new one, and nothing of the old."""
    answer = await client.http.get("/", headers=[(b"x-request-id", strange)])
    assert OURS.fullmatch(answer.headers["x-request-id"])
    assert answer.headers.get_list("x-request-id") == [answer.headers["x-request-id"]]


@given(st.binary(min_size=1, max_size=200))
async def test_only_plain_ids_come_back(raw: bytes) -> None:
    """Of any bytes an answer's id is plain, and either theirs or ours."""
    answer = await NOBODY.http.get("/", headers=[(b"x-request-id", raw)])
    shown = answer.headers["x-request-id"]
    assert shown.encode() == raw or OURS.fullmatch(shown)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", shown)


async def test_two_ids_are_none(client: ApiClient) -> None:
    """A proxy and a client that do not agree give the request no name."""
    one = ("x-request-id", "abc-1")
    assert (await client.http.get("/", headers=[one])).headers["x-request-id"] == "abc-1"
    assert OURS.fullmatch((await client.http.get("/", headers=[one, one])).headers["x-request-id"])


async def test_every_request_has_an_id_of_its_own(client: ApiClient) -> None:
    """Where it brings none."""
    shown = [(await client.get("/")).headers["x-request-id"] for _ in range(3)]
    assert all(map(OURS.fullmatch, shown))
    assert len(set(shown)) == 3


@pytest.mark.parametrize(("path", "status"), [(THREAD, 200), ("/", 200), ("/health", 200), ("/metrics", 200),
                                              ("/nowhere", 404), ("/openapi.json", 200)])  # fmt: skip
async def test_browsers_are_told_to_do_nothing_with_it(client: ApiClient, path: str, status: int) -> None:
    """No sniffing, no framing, no scripts, no embedding, no telling where one came from."""
    answer = await client.get(path)
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in answer.headers if name in SECURITY} == SECURITY


SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


async def test_docs_run_their_own_scripts_alone(client: ApiClient) -> None:
    """The page loads nothing but this service's files, holds no script of its own, and is framed by nobody."""
    page = await client.get("/docs")
    policy = dict(rule.strip().partition(" ")[::2] for rule in page.headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["frame-ancestors"]) == ("'none'", "'self'", "'none'")
    assert re.findall(r"<script(?: src=\"[^\"]+\")?>([^<]*)</script>", page.text) == ["", ""]
    linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    kinds = {"docs/swagger-ui.css": "text/css", "docs/swagger-ui-bundle.js": "text/javascript",
             "docs/start.js": "text/javascript"}  # fmt: skip
    assert set(linked) == set(kinds)
    for path, kind in kinds.items():
        answer = await client.get(f"/{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
        assert answer.text
    assert "openapi.json" in (await client.get("/docs/start.js")).text


@pytest.mark.parametrize("name", ["redoc.standalone.js", "nothing.js", "..%2fcore.py", "%2e%2e/core.py", ""])
async def test_docs_give_nothing_else_away(client: ApiClient, name: str) -> None:
    """Of the files beside them none is served."""
    assert (await client.get(f"/docs/{name}")).status_code == 404


@pytest.mark.parametrize("path", [THREAD, f"{THREAD}/messages", "/", "/health", "/metrics", "/docs", "/openapi.json",
                                  "/nowhere"])  # fmt: skip
async def test_head_is_get_without_the_body(client: ApiClient, path: str) -> None:
    """The same status and headers, and nothing else."""
    authorization = {"authorization": f"Bearer {client.bearer}", "x-request-id": "abc-1"}
    got, head = [await client.http.request(method, path, headers=authorization) for method in ("GET", "HEAD")]
    assert got.content
    assert head.content == b""
    assert head.status_code == got.status_code
    varying = {"content-length"} if path == "/metrics" else set()  # they count the requests
    assert [one for one in head.headers.items() if one[0] not in varying] == [
        one for one in got.headers.items() if one[0] not in varying
    ]


@pytest.mark.parametrize(("history", "path", "settings", "status"), [
    (MemoryHistory(), "/nowhere", {}, 404),
    (Broken(StorageUnavailable()), THREAD, {}, 503),
    (Broken(ValueError()), THREAD, {}, 500),
    (MemoryHistory(), "/", {"enable_rate_limiting": True, "rate_limit": 1}, 429),
])  # fmt: skip
async def test_no_answer_goes_without(history: MemoryHistory, path: str, settings: dict[str, Any], status: int) -> None:
    """Errors, too, have the id and the security headers, and say to a page that is let in what they are."""
    client = client_of(make_app(history, cors_origins=(SCHOOL,), **settings))
    asked = {"origin": SCHOOL, "x-request-id": "abc-1"}
    answer = [await client.get(path, headers=asked) for _ in range(2)][-1]
    assert answer.status_code == status
    assert answer.headers["x-request-id"] == "abc-1"
    assert SECURITY.items() <= answer.headers.items()
    assert answer.headers["access-control-allow-origin"] == SCHOOL


async def test_other_sites_are_let_in_where_they_are_named() -> None:
    """`Access-Control-Allow-Origin` only with CORS_ORIGINS, only for those, and never with credentials."""
    closed, opened = await application(), await application(cors_origins=(SCHOOL, "http://localhost:5173"))
    name = "access-control-allow-origin"
    for origin in (SCHOOL, "http://localhost:5173"):
        answer = await opened.get(THREAD, headers={"origin": origin})
        assert (answer.headers[name], answer.headers["vary"]) == (origin, "Origin")
        assert "access-control-allow-credentials" not in answer.headers
        assert name not in (await closed.get(THREAD, headers={"origin": origin})).headers
    for origin in (
        "https://other.example",
        "null",
        "http://school.example",
        f"{SCHOOL}.evil.example",
        f"{SCHOOL}:8443",
    ):
        assert name not in (await opened.get(THREAD, headers={"origin": origin})).headers


async def test_a_page_may_read_what_it_needs() -> None:
    """The headers that lead on: the tag, the limit, the id."""
    client = await application(cors_origins=(SCHOOL,))
    exposed = (await client.get(THREAD, headers={"origin": SCHOOL})).headers["access-control-expose-headers"]
    assert {"etag", "ratelimit", "retry-after", "x-request-id"} <= set(exposed.split(", "))


@pytest.mark.parametrize(("origin", "method", "header", "allowed"), [
    (SCHOOL, "GET", "authorization", True),
    (SCHOOL, "GET", "authorization, if-none-match, x-request-id", True),
    (SCHOOL, "GET", "x-other", False),
    (SCHOOL, "POST", "authorization", False),
    (SCHOOL, "DELETE", "authorization", False),
    ("https://other.example", "GET", "authorization", False),
])  # fmt: skip
async def test_a_page_asks_first(
    origin: str,
    method: str,
    header: str,
    allowed: bool,  # noqa: FBT001 - a row of the table
) -> None:
    """A browser is told what a page may send: reading, with a token."""
    client = await application(cors_origins=(SCHOOL,))
    asked = {"origin": origin, "access-control-request-method": method, "access-control-request-headers": header}
    answer = await client.http.options(THREAD, headers=asked)
    assert (answer.status_code == 200) is allowed
    assert ("access-control-allow-origin" in answer.headers) is (origin == SCHOOL)


async def test_everybody_is_let_in_with_a_star() -> None:
    """Without credentials, so that it gives away nothing that a token does not open."""
    client = await application(cors_origins=("*",))
    headers = (await client.get(THREAD, headers={"origin": "https://any.example"})).headers
    assert headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in headers


@pytest.mark.parametrize("origin", [
    "school.example", f"{SCHOOL}/", f"{SCHOOL}/app", "ftp://school.example", "https://", "https://*.school.example",
    "HTTPS://SCHOOL.EXAMPLE", "https://user@school.example", "null",
])  # fmt: skip
def test_what_is_no_origin_stops_the_process(origin: str) -> None:
    """CORS_ORIGINS is named, its value is not repeated; nothing that no browser sends is waited for in vain."""
    with pytest.raises(BadSetting, match="CORS_ORIGINS") as caught:
        make_app(MemoryHistory(), cors_origins=(SCHOOL, origin))
    assert "school.example/app" not in str(caught.value)
