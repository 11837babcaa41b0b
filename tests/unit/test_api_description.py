"""The API's description: `docs/openapi.yaml`, and what it says against what is answered."""

from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
import yaml
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from api import documents
from api.examples import ANSWERS, PROBLEMS
from api.health import Health
from api.problem_codes import ProblemCode
from chat.cli.openapi import description
from chat.errors import StorageUnavailable
from chat.storage.memory_reads import MemoryHistory
from tests.api_client import LEARNER, ApiClient, Broken, client_of, key_of, make_app, put_conversation
from tests.records import token, uid
from tests.sse import parse
from tests.worker import ROOT

FILE = ROOT / "docs" / "openapi.yaml"
FOUND: Any = yaml.safe_load(FILE.read_text(encoding="utf-8"))
THREADS = "/api/v1/threads"
THREAD = f"{THREADS}/{uid(1, 1)}"
ONE_THREAD = "/api/v1/threads/{thread_id}"
GOOD = {
    "/": "/",
    "/health": "/health",
    "/health/live": "/health/live",
    "/health/ready": "/health/ready",
    "/metrics": "/metrics",
    THREADS: f"{THREADS}?learner_id={LEARNER}",
    ONE_THREAD: THREAD,
    f"{ONE_THREAD}/messages": f"{THREAD}/messages",
    f"{ONE_THREAD}/messages/{{message_id}}": f"{THREAD}/messages/{uid(2, 1)}",
    f"{ONE_THREAD}/stream": f"{THREAD}/stream",
}
"""A request that shows something, by its path's template."""

PRIVACY = {
    f"/api/v1/privacy/{path}"
    for path in ("requests", "requests/{request_id}", "audit", "exports/{request_id}", "signing-keys", "command-keys")
}
"""Asked with another token: `test_api_privacy.py`, `test_api_exports.py` and `test_api_command_keys.py` do."""

REFUSALS = "/api/v1/refusals"
"""Asked with another token too, by `test_api_refusals.py`."""


async def up() -> None:
    """A server that answers."""


async def down() -> None:
    """A server that does not."""
    raise StorageUnavailable


async def application(**settings: Any) -> ApiClient:
    """A reader of a conversation, whose servers are there."""
    history = MemoryHistory()
    await put_conversation(history, key_of(1), 3)
    return client_of(make_app(history, Health({"cassandra": up, "kafka": up}), stream_seconds=0.1, **settings))


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for."""
    while "$ref" in part:
        found = FOUND
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def response_of(path: str, status: int) -> dict[str, Any]:
    """What the description says of a path's answer."""
    return resolved(FOUND["paths"][path]["get"]["responses"][str(status)])


def fits(response: httpx.Response, path: str) -> None:
    """An answer is as its path's description says: status, media type, body and headers."""
    described = response_of(path, response.status_code)
    needed = {name for name, one in described["headers"].items() if resolved(one)["required"]}
    assert {name.lower() for name in needed} <= set(response.headers)
    if not response.content:
        assert "content" not in described
        return
    media = response.headers["content-type"].partition(";")[0]
    schema = described["content"][media]["schema"]
    validator = Draft202012Validator(FOUND | schema)
    if media == "text/event-stream":
        for event in parse(response.text):
            validator.validate({name: value for name, value in event.as_sent().items() if value is not None})
    else:
        validator.validate(response.text if media == "text/plain" else orjson.loads(response.content))


def test_the_file_is_what_the_code_gives() -> None:
    """`make docs` would change nothing."""
    assert FILE.read_text(encoding="utf-8") == description()


def test_it_is_openapi() -> None:
    """By the specification's own schema, every reference found."""
    assert not list(OpenAPIV31SpecValidator(FOUND).iter_errors())
    assert list(OpenAPIV31SpecValidator(FOUND | {"paths": {"/": {"get": {"responses": {"ok": {}}}}}}).iter_errors())


def test_it_is_the_same_in_every_form() -> None:
    """YAML, JSON and `/openapi.json` are of one description."""
    assert orjson.loads(description(as_json=True)) == FOUND


async def test_the_service_shows_it() -> None:
    """Whatever the settings are."""
    client = await application(enable_rate_limiting=True, cors_origins=("https://school.example",))
    client.bearer = None
    assert await client.json("/openapi.json") == FOUND


def test_every_path_is_described() -> None:
    """Each with its statuses and an id of its own; no 422 anywhere."""
    assert set(FOUND["paths"]) == GOOD.keys() | PRIVACY | {REFUSALS}
    of_history = {"200", "400", "401", "403", "404", "405", "429", "500", "503"}
    for path in FOUND["paths"]:
        operation = FOUND["paths"][path]["get"]
        statuses = set(operation["responses"])
        if path.startswith("/api/"):
            assert statuses - {"304"} == of_history
            assert operation["security"] == [{"token": []}]
        else:
            assert statuses <= {"200", "405", "429", "500", "503"}
            assert operation["security"] == []
    ids = [item["get"]["operationId"] for item in FOUND["paths"].values()]
    assert len(set(ids)) == len(FOUND["paths"])
    assert "422" not in str(FOUND["paths"])
    assert "ValidationError" not in str(FOUND["components"])


def test_parameters_have_their_limits() -> None:
    """As the service checks them, and no null, which no query can hold."""
    given = {
        one["name"]: one["schema"]
        for path in (THREADS, f"{ONE_THREAD}/messages")
        for one in map(resolved, FOUND["paths"][path]["get"]["parameters"])
    }
    assert set(given) == {
        "learner_id", "thread_id", "limit", "cursor", "after_seq", "before_seq", "around_seq", "X-Request-ID",
    }  # fmt: skip
    assert given["limit"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    for name in ("after_seq", "before_seq", "around_seq"):
        assert given[name] == {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
    assert given["cursor"] == {"type": "string", "maxLength": 512}


def test_a_message_is_what_the_contract_says() -> None:
    """Every key of the contract, in its order, and all of them always there."""
    message = FOUND["components"]["schemas"]["Message"]
    assert " ".join(message["properties"]) == (
        "message_id thread_id seq sender_id content message_type reply_to metadata created_at updated_at deleted_at"
    )
    assert message["required"] == list(message["properties"])


def examples() -> Iterator[tuple[str, str, Any, Any]]:
    """Every example with its schema."""
    for path, item in FOUND["paths"].items():
        for status, response in item["get"]["responses"].items():
            for content in resolved(response).get("content", {}).values():
                for told, example in content.get("examples", {}).items():
                    yield f"{path} {status} {told}", status, content["schema"], example["value"]


def test_examples_are_of_their_schemas() -> None:
    """Each of them; every answer in JSON has one, and every code stands under its own status."""
    seen = set()
    for where, status, schema, value in examples():
        assert Draft202012Validator(FOUND | schema).is_valid(value), where
        seen.add((status, value.get("code")))
    assert {(str(code.status), code) for code in ProblemCode} <= seen
    for (document, _), told in ANSWERS.items():
        for value in told.values():
            getattr(documents, document).model_validate_json(orjson.dumps(value))


def test_examples_are_of_nothing_else() -> None:
    """A body with a code of another status is none of a status' problems."""
    schema = (
        FOUND | resolved({"$ref": "#/components/responses/NotFound"})["content"]["application/problem+json"]["schema"]
    )
    assert Draft202012Validator(schema).is_valid(PROBLEMS[ProblemCode.NOT_FOUND])
    assert not Draft202012Validator(schema).is_valid(PROBLEMS[ProblemCode.FORBIDDEN])


@pytest.mark.parametrize("path", GOOD)
async def test_what_is_shown_is_as_described(path: str) -> None:
    """Body and headers of every path's success, counted or not, and of 304."""
    for settings in ({}, {"enable_rate_limiting": True}):
        client = await application(**settings)
        answer = await client.get(GOOD[path])
        assert answer.status_code == 200
        fits(answer, path)
        counted = {"ratelimit", "ratelimit-policy"} & set(answer.headers)
        described = {name.lower() for name in response_of(path, 200)["headers"]}
        assert counted <= described
        assert counted or not settings or path in {"/health", "/health/live", "/health/ready", "/metrics"}
        if "304" in FOUND["paths"][path]["get"]["responses"]:
            held = await client.get(GOOD[path], headers={"if-none-match": answer.headers["etag"]})
            assert held.status_code == 304
            fits(held, path)


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
async def test_what_is_not_ready_is_as_described(path: str) -> None:
    """503 is no problem's body there, and the example is what is said."""
    answer = await client_of(make_app(MemoryHistory(), Health({"cassandra": down, "kafka": up}))).get(path)
    assert answer.status_code == 503
    assert answer.json() in ANSWERS["Readiness", 503].values()
    fits(answer, path)


async def provoked(code: ProblemCode) -> httpx.Response:
    """An answer with that code."""
    client = await application()
    if code is ProblemCode.METHOD_NOT_ALLOWED:
        return await client.http.post(THREAD)
    if code is ProblemCode.RATE_LIMITED:
        client = await application(enable_rate_limiting=True, rate_limit=60)
        return [await client.get(THREAD) for _ in range(61)][-1]
    faults = {ProblemCode.INTERNAL: ValueError(), ProblemCode.UNAVAILABLE: StorageUnavailable()}
    if code in faults:
        return await client_of(make_app(Broken(faults[code]))).get(THREAD)
    bearers = {
        ProblemCode.UNAUTHENTICATED: None,
        ProblemCode.TOKEN_EXPIRED: token(now=0, ttl=1),
        ProblemCode.FORBIDDEN: token(permissions=[]),
        ProblemCode.NOT_FOUND: token(learners=["learner-2"]),
    }
    client.bearer = bearers.get(code, client.bearer)
    return await client.get(THREAD if code in bearers else f"{THREAD}/messages?limit=201")


@pytest.mark.parametrize("code", ProblemCode)
async def test_every_problem_is_as_described(code: ProblemCode) -> None:
    """Status, headers and body; the description's example is what is really said."""
    answer = await provoked(code)
    assert answer.status_code == code.status
    assert answer.json() == PROBLEMS[code]
    fits(answer, ONE_THREAD)
    assert answer.headers["cache-control"] == "no-store"
    described = {name.lower() for name in response_of(ONE_THREAD, code.status)["headers"]}
    special = {"www-authenticate", "retry-after", "allow"}
    assert special & set(answer.headers) == special & described
