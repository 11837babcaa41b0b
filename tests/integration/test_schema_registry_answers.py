"""What answers of a schema registry mean, right and wrong ones, over real HTTP."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import schemas
from chat.errors import BadSetting, ChatError, RegistryRefused, RegistryUnavailable, SchemaNotRegistered
from chat.schema_registry import MAX_BYTES, SchemaRegistry, event_ids
from chat.servers.free_port import free_port
from chat.settings import Settings
from schemas.confluent import NONE_OF_OURS
from tests.records import settings_for_tests

CREATE = schemas.PUBLISHED.newest["CreateThread"]
TEXT = json.dumps(CREATE.schema)
KNOWN = json.dumps({"schema": TEXT}).encode()


class Stub(ThreadingHTTPServer):
    """Answers everything with one status and body, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.body = 200, b"{}"
        self.asked: list[tuple[str, str | None, Any]] = []

    @property
    def settings(self) -> Settings:
        return settings_for_tests(
            schema_registry_url=f"http://127.0.0.1:{self.server_port}/base/",
            schema_registry_username="worker",
            schema_registry_password="secret",
        )


class Handler(BaseHTTPRequestHandler):
    server: Stub

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        asked = f"{self.command} {self.path}", self.headers["authorization"], json.loads(body or b"null")
        self.server.asked.append(asked)
        self.send_response(self.server.status)
        self.send_header("location", "/elsewhere")
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_POST = do_GET  # noqa: N815 - the base class's name

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


LACKS = b'{"error_code": 40403, "message": "Schema not found"}'


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (200, KNOWN, CREATE.fingerprint),
        (200, json.dumps({"schema": TEXT, "schemaType": "AVRO", "references": []}).encode(), CREATE.fingerprint),
        (200, json.dumps({"schema": TEXT, "schemaType": "JSON"}).encode(), NONE_OF_OURS),
        (200, b'{"schema": "no schema at all"}', NONE_OF_OURS),
        (404, LACKS, None),
    ],
)
async def test_an_id_is_known_or_not(stub: Stub, status: int, body: bytes, found: bytes | None) -> None:
    """Asked by name and password; only the interface's own code says that an id is not known."""
    stub.status, stub.body = status, body
    assert await SchemaRegistry(stub.settings).fingerprint(7) == found
    assert stub.asked == [("GET /base/schemas/ids/7", "Basic d29ya2VyOnNlY3JldA==", None)]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, b'{"error_code": 0, "message": "no such path"}', RegistryUnavailable),
        (404, b"<html>not found</html>", RegistryUnavailable),
        (200, b"<html>log in</html>", RegistryUnavailable),
        (200, b"{}", RegistryUnavailable),
        (200, b'{"schema": 7}', RegistryUnavailable),
        (200, b"[" * 100_000, RegistryUnavailable),
        (200, b" " * (MAX_BYTES + 1), RegistryUnavailable),
        (302, KNOWN, RegistryUnavailable),
        (429, b"", RegistryUnavailable),
        (500, LACKS, RegistryUnavailable),
        (503, b"", RegistryUnavailable),
        (401, b"", RegistryRefused),
        (403, LACKS, RegistryRefused),
    ],
)
async def test_any_other_answer_says_nothing(stub: Stub, status: int, body: bytes, error: type[ChatError]) -> None:
    """It is waited out: of a wrong address, a proxy, a broken registry no id is unknown."""
    stub.status, stub.body = status, body
    with pytest.raises(error) as raised:
        await SchemaRegistry(stub.settings).fingerprint(7)
    assert type(raised.value) is error
    assert stub.settings.schema_registry_url not in str(raised.value)
    assert len(stub.asked) == 1


async def test_nobody_there_is_away() -> None:
    """A port on which nothing listens."""
    settings = settings_for_tests(schema_registry_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(RegistryUnavailable):
        await SchemaRegistry(settings).fingerprint(7)


@pytest.mark.parametrize(("registration", "path"), [("register", "/versions"), ("lookup", "")])
async def test_every_written_schema_has_its_id(stub: Stub, registration: str, path: str) -> None:
    """Events under their topic's and record's name, refusals under theirs; each text is the published one."""
    stub.body = b'{"id": 7}'
    ids = await event_ids(stub.settings.model_copy(update={"schema_registration": registration}))
    assert ids == dict.fromkeys([*schemas.PUBLISHED.events, "CommandRejected"], 7)
    asked = {request: json.loads(body["schema"]) for request, _, body in stub.asked}
    assert asked == {
        f"POST /base/subjects/{topic}-aivo.chat.v1.{name}{path}": schemas.PUBLISHED.newest[name].schema
        for name in ids
        for topic in ["chat.rejections" if name == "CommandRejected" else "chat.events"]
    }


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, b'{"error_code": 40401}', SchemaNotRegistered),
        (404, LACKS, SchemaNotRegistered),
        (409, b'{"error_code": 409}', SchemaNotRegistered),
        (422, b'{"error_code": 42201}', SchemaNotRegistered),
        (404, b"", RegistryUnavailable),
        (500, b"", RegistryUnavailable),
        (403, b"", RegistryRefused),
    ],
)
async def test_what_is_not_registered_is_said(stub: Stub, status: int, body: bytes, error: type[ChatError]) -> None:
    """For good where the registry says so, waited out where it says nothing."""
    stub.status, stub.body = status, body
    with pytest.raises(error) as raised:
        await event_ids(stub.settings)
    assert type(raised.value) is error


def test_a_wrong_setting_stops_at_once(stub: Stub) -> None:
    """Confluent's events without a registry, or a file of authorities that is none."""
    with pytest.raises(ValueError, match="SCHEMA_REGISTRY_URL"):
        settings_for_tests(event_format="confluent")
    with pytest.raises(BadSetting, match="SCHEMA_REGISTRY_CAFILE"):
        SchemaRegistry(stub.settings.model_copy(update={"schema_registry_cafile": __file__}))
