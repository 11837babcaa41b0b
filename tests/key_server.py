"""A key server for tests: a real HTTP server in a thread, which may be rude or away."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from tests.local_http import LocalHttp, Silent, say
from tests.signing import Signer, jwk_set

Answer = Callable[[BaseHTTPRequestHandler], None]


class KeyServer(LocalHttp):
    """Serves the set of its `signers`, or whatever `answer` says, and counts how often it was asked."""

    def __init__(self, *signers: Signer) -> None:
        super().__init__()
        self.signers = list(signers)
        self.answer: Answer = self.serve
        self.asked = 0

    @property
    def address(self) -> str:
        return self.at("/keys.json")

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        """The good answer."""
        say(request, jwk_set(self.signers))

    def start(self) -> None:
        """Listens, always at the same address."""
        server = self

        class Handler(Silent, BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked += 1
                server.answer(self)

        self.listen(Handler)


@contextmanager
def key_server(*signers: Signer) -> Iterator[KeyServer]:
    """A key server that is there."""
    server = KeyServer(*signers)
    server.start()
    yield server
    server.stop()
