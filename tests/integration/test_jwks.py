"""The JWK Set over real HTTP, from a server that behaves and from one that does not."""

import asyncio
import datetime as dt
import gzip
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from unittest.mock import patch

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from chat import jwks
from chat.errors import KeysUnavailable
from chat.jwks import MAX_BYTES, fetch_from, parse
from chat.servers.free_port import free_port
from chat.storage.memory_reads import MemoryHistory
from tests.api_client import ApiClient, client_of, key_of, make_app, put_conversation
from tests.key_server import Answer, KeyServer, key_server
from tests.local_http import say
from tests.records import uid
from tests.signing import Signer, jwk_set
from tests.wait import until_async

SECONDS = 60.0
ONE, TWO = Signer.new("one"), Signer.new("two", "RS256")
THREAD = f"/api/v1/threads/{uid(1, 1)}"


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with key_server(ONE) as one:
        yield one


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is to get the set gets it, however long the machine stands still."""
    monkeypatch.setattr(jwks, "_TIMEOUT", aiohttp.ClientTimeout(total=SECONDS))


def _hasty() -> AbstractContextManager[object]:
    """Inside, the limits of time are short: for fetches that only they can end."""
    return patch.object(jwks, "_TIMEOUT", aiohttp.ClientTimeout(total=1.0, sock_connect=0.5, sock_read=0.5))


@pytest.fixture
async def client(server: KeyServer) -> ApiClient:
    """A reader of a conversation, with tokens of that server's keys."""
    history = MemoryHistory()
    await put_conversation(history, key_of(1), 3)
    app = make_app(history, jwt_secret_key="", jwt_jwks_url=server.address)
    return client_of(app, ONE.token())


async def test_the_set_is_fetched(server: KeyServer) -> None:
    """As it is now, each time."""
    fetch = fetch_from(server.address)
    assert await fetch() == parse(jwk_set([ONE]))
    server.signers.append(TWO)
    assert await fetch() == parse(jwk_set([ONE, TWO]))


def _silent(request: BaseHTTPRequestHandler) -> None:
    """Says nothing until the other side has gone."""
    request.connection.recv(1)


def _trickling(request: BaseHTTPRequestHandler) -> None:
    """Always says a little, so that no silence is too long."""
    request.send_response(200)
    request.end_headers()
    gone = threading.Event()
    with suppress(OSError):
        while not gone.wait(0.05):
            request.wfile.write(b" ")


def _endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    with suppress(OSError):
        while True:
            request.wfile.write(b" " * 65_536)


def _no_http(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(GOOD)


def _redirect(to: Callable[[], str]) -> Answer:
    return lambda request: say(request, b"", 302, location=to())


GOOD = jwk_set([ONE])
RUDE: dict[str, Answer] = {
    "an error": lambda request: say(request, GOOD, 500),
    "nothing there": lambda request: say(request, GOOD, 404),
    "no content": lambda request: say(request, GOOD, 204),
    "garbage": lambda request: say(request, b"<html>"),
    "an empty set": lambda request: say(request, b'{"keys": []}'),
    "nothing": lambda request: say(request, b""),
    "half of it": lambda request: say(request, GOOD[:-1], content_length=str(len(GOOD))),
    "one byte too many": lambda request: say(request, GOOD.ljust(MAX_BYTES + 1)),
    "no end": _endless,
    "a packed set": lambda request: say(request, gzip.compress(GOOD), content_encoding="gzip"),
    "no HTTP": _no_http,
    "silence": _silent,
    "a trickle": _trickling,
}
ENDLESS = {"silence", "a trickle"}
"""What nothing but the limits of time can end."""


@pytest.mark.parametrize("name", RUDE)
async def test_a_server_that_does_not_behave_is_a_fault(server: KeyServer, name: str) -> None:
    """Nothing that it says is taken for a set, and it keeps nobody for long; afterwards its set is fetched."""
    fetch = fetch_from(server.address)
    server.answer = RUDE[name]
    with _hasty() if name in ENDLESS else nullcontext(), pytest.raises(KeysUnavailable):
        await asyncio.wait_for(fetch(), SECONDS / 2)
    server.answer = server.serve
    assert await fetch() == parse(GOOD)


async def test_a_set_of_the_largest_size_is_good(server: KeyServer) -> None:
    """The control of one byte too many."""
    server.answer = lambda request: say(request, GOOD.ljust(MAX_BYTES))
    assert await fetch_from(server.address)() == parse(GOOD)


async def test_nobody_there_is_a_fault() -> None:
    """A port that nobody listens on, and a name that nobody has."""
    for address in (f"http://127.0.0.1:{free_port()}/keys", "http://keys.invalid/keys"):
        with _hasty(), pytest.raises(KeysUnavailable):
            await fetch_from(address)()


async def test_no_redirect_is_followed(server: KeyServer, tmp_path: Path) -> None:
    """Neither to a file nor to another server, which is not even asked."""
    file = tmp_path / "jwks.json"
    file.write_bytes(GOOD)
    with key_server(ONE) as other:
        for target in (f"file://{file}", other.address):
            server.answer = _redirect(lambda target=target: target)  # type: ignore[misc]
            with pytest.raises(KeysUnavailable, match="302"):
                await fetch_from(server.address)()
            assert await fetch_from(target)() == parse(GOOD)
        assert other.asked == 1


async def test_a_certificate_that_nobody_vouches_for_is_a_fault(server: KeyServer, tmp_path: Path) -> None:
    """Over https the server must prove who it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path))
    with key_server(ONE) as impostor:
        assert impostor._server is not None
        impostor._server.socket = context.wrap_socket(impostor._server.socket, server_side=True)
        with pytest.raises(KeysUnavailable, match="Certificate"):
            await fetch_from(impostor.address.replace("http:", "https:"))()
        assert impostor.asked == 0
    assert await fetch_from(server.address)() == parse(GOOD)


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    until = now + dt.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, until)
    signed = builder.sign(key, hashes.SHA256())
    path = folder / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + signed.public_bytes(Encoding.PEM))
    return path


async def test_a_fault_names_no_address(server: KeyServer) -> None:
    """An address may hold a password, and a fault is logged."""
    server.stop()
    with pytest.raises(KeysUnavailable) as caught:
        await fetch_from(server.address.replace("127.", "user:secret@127."))()
    assert "secret" not in str(caught.value)


async def test_rotation_is_seen_by_the_next_request(client: ApiClient, server: KeyServer) -> None:
    """A token of a key that was added is good at once; one of a key that nobody has is 401."""
    assert (await client.get(THREAD)).status_code == 200
    server.signers.append(TWO)
    client.bearer = TWO.token()
    assert (await client.get(THREAD)).status_code == 200
    client.bearer = Signer.new("three").token()
    assert (await client.get(THREAD)).json()["code"] == "unauthenticated"


async def test_many_unknown_key_ids_are_one_fetch(client: ApiClient, server: KeyServer) -> None:
    """However many tokens name however many of them."""
    assert (await client.get(THREAD)).status_code == 200
    stranger = ONE.private

    async def ask(number: int) -> int:
        bearer = Signer(f"none-{number}", "EdDSA", stranger).token()
        return (await client.get(THREAD, headers={"authorization": f"Bearer {bearer}"})).status_code

    assert set(await asyncio.gather(*map(ask, range(60)))) == {401}
    assert server.asked == 2


async def test_without_keys_nobody_can_tell(client: ApiClient, server: KeyServer) -> None:
    """503 while the set was never fetched, with or without a good key; what needs no key is refused all the same."""
    server.stop()
    answer = await client.get(THREAD)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "5"
    for bearer in (None, "nonsense"):
        client.bearer = bearer
        assert (await client.get(THREAD)).status_code == 401


async def test_keys_that_are_known_are_used_on(client: ApiClient, server: KeyServer) -> None:
    """With the server away, known keys open the door, and of a new one nobody can tell until it is back."""
    assert (await client.get(THREAD)).status_code == 200
    server.stop()
    assert (await client.get(THREAD)).status_code == 200
    client.bearer = TWO.token()
    assert (await client.get(THREAD)).status_code == 503


async def test_a_slow_server_keeps_nobody_else_waiting(client: ApiClient, server: KeyServer) -> None:
    """While one request waits for its key, those with known keys are answered."""
    assert (await client.get(THREAD)).status_code == 200
    freed = threading.Event()
    server.answer = lambda request: _failing(request, freed)
    stranger = {"authorization": f"Bearer {TWO.token()}"}
    waiting = asyncio.create_task(client.get(THREAD, headers=stranger))
    await until_async(lambda: server.asked == 2)
    for _ in range(5):
        assert (await client.get(THREAD)).status_code == 200
    assert not waiting.done()
    freed.set()
    assert (await waiting).status_code == 503


def _failing(request: BaseHTTPRequestHandler, freed: threading.Event) -> None:
    """Says nothing until it may, and then nothing that is of use."""
    freed.wait(SECONDS)
    say(request, b"", 500)
