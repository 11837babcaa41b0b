"""A real HTTP server of a test's own, in a thread: at one address, and now and then away."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from chat.servers.free_port import free_port


class LocalHttp:
    """Lets a handler answer, while it is started."""

    def __init__(self) -> None:
        self._port = free_port()
        self._server: ThreadingHTTPServer | None = None

    def at(self, path: str) -> str:
        """The address of a path."""
        return f"http://127.0.0.1:{self._port}{path}"

    def listen(self, handler: type[BaseHTTPRequestHandler]) -> None:
        """Listens, always at the same address."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Is away."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class Silent:
    """For a handler that writes nothing to the terminal."""

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def say(request: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """One answer."""
    request.send_response(status)
    for name, value in ({"content-length": str(len(body))} | headers).items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)
