"""Who may see what: 401, 403 and one 404."""

import time

import pytest

from chat.storage.memory_reads import MemoryHistory
from tests.api_client import LEARNER, ApiClient, client_of, key_of, make_app, put_conversation
from tests.records import token, uid

KEY = key_of(1)
LIST = f"/api/v1/threads?learner_id={LEARNER}"
THREAD = f"/api/v1/threads/{KEY.thread_id}"
MESSAGES = f"{THREAD}/messages"
MESSAGE = f"{MESSAGES}/{uid(2, 1)}"
PATHS = (LIST, THREAD, MESSAGES, MESSAGE)


@pytest.fixture
async def client() -> ApiClient:
    history = MemoryHistory()
    await put_conversation(history, KEY, 3)
    return client_of(make_app(history))


def _minute(begins_in: int) -> str:
    """A token good for a minute."""
    return token(now=time.time() + begins_in, ttl=60)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("header", "code"), [
    (None, "unauthenticated"),
    ("", "unauthenticated"),
    ("Bearer", "unauthenticated"),
    ("Bearer ", "unauthenticated"),
    ("Bearer nonsense", "unauthenticated"),
    (f"Basic {token()}", "unauthenticated"),
    (token(), "unauthenticated"),
    (f"Bearer {token(role='root')}", "unauthenticated"),
    (f"Bearer {token(nbf=2**40)}", "unauthenticated"),
    (f"Bearer {token(now=0, ttl=1)}", "token_expired"),
])  # fmt: skip
async def test_without_a_good_token_nothing_is_shown(
    client: ApiClient, path: str, header: str | None, code: str
) -> None:
    """401 with `WWW-Authenticate` and the code of what is wrong with the token."""
    client.bearer = None
    response = await client.get(path, headers=None if header is None else {"authorization": header})
    assert (response.status_code, response.json()["code"]) == (401, code)
    challenge = 'Bearer realm="aivo-chat"'
    assert response.headers["www-authenticate"] == challenge + ("" if header is None else ', error="invalid_token"')
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_with_a_good_token_all_is_shown(client: ApiClient, path: str, scheme: str) -> None:
    """The control of the test above; the scheme's case does not matter (RFC 9110 §11.1)."""
    client.bearer = None
    assert (await client.get(path, headers={"authorization": f"{scheme} {token()}"})).status_code == 200


async def test_two_authorizations_are_none(client: ApiClient) -> None:
    """A request with two tokens says of nobody who asks."""
    good = ("authorization", f"Bearer {token()}")
    assert (await client.http.get(THREAD, headers=[good])).status_code == 200
    assert (await client.http.get(THREAD, headers=[good, good])).status_code == 401


async def test_a_token_ends_between_two_requests(client: ApiClient) -> None:
    """The time counts on every request, though the token is remembered."""
    client.bearer = _minute(0)
    assert (await client.get(THREAD)).status_code == 200
    client.bearer = _minute(-61)
    assert (await client.get(THREAD)).json()["code"] == "token_expired"


@pytest.mark.parametrize(("permissions", "allowed"), [
    (["threads:read", "messages:read"], set(PATHS)),
    (["threads:read"], {LIST, THREAD}),
    (["messages:read"], {MESSAGES, MESSAGE}),
    (["messages:write"], set()),
    ([], set()),
])  # fmt: skip
async def test_a_permission_that_is_lacking_is_403(
    client: ApiClient, permissions: list[str], allowed: set[str]
) -> None:
    """Whatever the token asks for: also for what is not there or out of its reach."""
    client.bearer = token(permissions=permissions)
    answers = {path: (await client.get(path)).status_code for path in PATHS}
    assert answers == {path: 200 if path in allowed else 403 for path in PATHS}
    if MESSAGES not in allowed:
        assert (await client.get(f"/api/v1/threads/{uid(1, 77)}/messages")).status_code == 403
        assert (await client.get(f"{MESSAGES}?limit=0")).status_code == 403


@pytest.mark.parametrize(("role", "learners", "sees"), [
    ("learner", [LEARNER], True),
    ("guardian", [LEARNER, "learner-2"], True),
    ("teacher", ["*"], True),
    ("admin", [], True),
    ("compliance", [], True),
    ("learner", ["learner-2"], False),
    ("guardian", [], False),
    ("teacher", ["learner-10", "learner"], False),
    ("service", [LEARNER], None),
])  # fmt: skip
async def test_scope_decides_what_is_seen(
    client: ApiClient,
    role: str,
    learners: list[str],
    sees: bool | None,  # noqa: FBT001 - a row of the table
) -> None:
    """Each role as the contract's table says; a service without permissions sees nothing at all."""
    client.bearer = token(role=role, learners=learners)
    expected = {True: 200, False: 404, None: 403}[sees]
    assert [(await client.get(path)).status_code for path in PATHS] == [expected] * len(PATHS)


async def test_what_is_hidden_and_what_is_not_there_look_alike(client: ApiClient) -> None:
    """Out of scope, of another tenant, no such id, no id at all and no such path give one and the same answer."""
    absent = [f"/api/v1/threads/{uid(1, 77)}", f"/api/v1/threads/{uid(1, 77)}/messages", f"{MESSAGES}/{uid(2, 77)}",
              "/api/v1/threads/none", f"/api/v1/threads/{KEY.thread_id.upper().replace('0', 'A', 1)}", "/nowhere",
              f"{MESSAGES}/none", "/api/v1/threads/", "/api/v1/threads/%00/messages"]  # fmt: skip
    answers = [await client.get(path) for path in absent]
    for hidden in (token(learners=["learner-2"]), token("tenant-2")):
        client.bearer = hidden
        answers += [await client.get(path) for path in PATHS if path != LIST]
    client.bearer = token(learners=["learner-2"])
    answers.append(await client.get(LIST))
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    shown = [{name: value for name, value in one.headers.items() if name != "x-request-id"} for one in answers]
    assert all(one == shown[0] for one in shown)


async def test_a_cursor_opens_no_door(client: ApiClient) -> None:
    """A good cursor in the hands of one who may not see the thread or the learner is a 404, as without it."""
    cursor = (await client.json(MESSAGES, limit=1))["next_cursor"]
    assert (await client.get(MESSAGES, cursor=cursor)).status_code == 200
    client.bearer = token(learners=["learner-2"])
    assert (await client.get(MESSAGES, cursor=cursor)).status_code == 404
    assert (await client.get("/api/v1/threads", learner_id=LEARNER, cursor=cursor)).status_code == 404
