"""A key server for tests: a real HTTP server in a thread, which may be rude or away."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from chat.servers.free_port import free_port
from tests.signing import Signer, jwk_set

Answer = Callable[[BaseHTTPRequestHandler], None]


class KeyServer:
    """Serves the set of its `signers`, or whatever `answer` says, and counts how often it was asked."""

    def __init__(self, *signers: Signer) -> None:
        self.signers = list(signers)
        self.answer: Answer = self.serve
        self.asked = 0
        self._port = free_port()
        self._server: ThreadingHTTPServer | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/keys.json"

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        """The good answer."""
        say(request, jwk_set(self.signers))

    def start(self) -> None:
        """Listens, always at the same address."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked += 1
                server.answer(self)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Is away."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def say(request: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """One answer."""
    request.send_response(status)
    for name, value in ({"content-length": str(len(body))} | headers).items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


@contextmanager
def key_server(*signers: Signer) -> Iterator[KeyServer]:
    """A key server that is there."""
    server = KeyServer(*signers)
    server.start()
    yield server
    server.stop()
