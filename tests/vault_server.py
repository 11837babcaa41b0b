"""A small server with the documented API of Vault's transit engine, as far as the service asks it.

It is no Vault: it shows that our requests are those of the documentation and that every answer in it is understood.
"""

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "s.the-token-of-the-tests"
Answer = tuple[int, dict[str, Any] | None]


class VaultServer:
    """Its keys, and what goes wrong with it: `failing` is a status that it answers everything with."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}
        self.deletable: set[str] = set()
        self.failing: int | None = None
        self.address = ""

    def answer(self, method: str, path: str, token: str | None, body: dict[str, Any]) -> Answer:
        """Status and data of a request to `/v1/transit/<path>`."""
        if self.failing is not None:
            return self.failing, None
        if token != TOKEN:
            return 403, None
        verb, name, *rest = path.split("/")
        if verb in {"encrypt", "decrypt"}:
            return self._crypt(verb, name, body)
        return self._manage(method, name, rest, body)

    def _manage(self, method: str, name: str, rest: list[str], body: dict[str, Any]) -> Answer:
        if method == "POST" and not rest:
            assert body == {"type": "aes256-gcm96"}
            self.keys.setdefault(name, os.urandom(32))
            return 204, None
        if name not in self.keys:
            return (404 if method == "GET" else 400), None
        if rest == ["config"]:
            self.deletable |= {name} if body["deletion_allowed"] else set()
        elif method == "DELETE":
            if name not in self.deletable:
                return 400, None
            del self.keys[name]
        else:
            return 200, {"name": name, "type": "aes256-gcm96", "latest_version": 1}
        return 204, None

    def _crypt(self, verb: str, name: str, body: dict[str, Any]) -> Answer:
        about = base64.b64decode(body["associated_data"], validate=True)
        if verb == "encrypt":
            key = AESGCM(self.keys.setdefault(name, os.urandom(32)))
            nonce = os.urandom(12)
            sealed = nonce + key.encrypt(nonce, base64.b64decode(body["plaintext"], validate=True), about)
            return 200, {"ciphertext": f"vault:v1:{base64.b64encode(sealed).decode()}", "key_version": 1}
        try:
            _, _, told = body["ciphertext"].split(":")
            sealed = base64.b64decode(told, validate=True)
            plain = AESGCM(self.keys[name]).decrypt(sealed[:12], sealed[12:], about)
        except (KeyError, ValueError, InvalidTag):
            return 400, None
        return 200, {"plaintext": base64.b64encode(plain).decode()}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    vault: VaultServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        read = self.rfile.read(int(self.headers.get("content-length") or 0))
        assert self.path.startswith("/v1/transit/")
        path = self.path.removeprefix("/v1/transit/")
        body = json.loads(read) if read else {}
        status, data = self.vault.answer(self.command, path, self.headers.get("x-vault-token"), body)
        told = b"" if status == 204 else json.dumps({"data": data} if data else {"errors": ["no"]}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Nothing: what is asked is no news."""


@contextmanager
def vault_server() -> Iterator[VaultServer]:
    """One on a port of its own, until the block ends."""
    vault = VaultServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"vault": vault}))
    vault.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield vault
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
