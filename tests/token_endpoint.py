"""An OAuth server for tests: gives broker tokens for client credentials, and the key that they are signed with."""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import jwt

from tests.key_server import Answer
from tests.local_http import LocalHttp, Silent, say
from tests.signing import Signer, jwk_set

ISSUER, AUDIENCE, SCOPE = "https://idp.example", "kafka", "brokers"
LIFE_SECONDS = 300


class TokenEndpoint(LocalHttp):
    """`clients` are secrets by client id, a token's `sub`; `answer`, where set, stands for the good one."""

    def __init__(self, clients: Mapping[str, str], signer: Signer | None = None) -> None:
        super().__init__()
        self._clients = clients
        self._signer = signer or Signer.new("broker-tokens", "RS256")
        self.answer: Answer | None = None
        self.forms: list[str] = []

    @property
    def keys(self) -> str:
        """Where the brokers find the key."""
        return self.at("/keys")

    @property
    def tokens(self) -> str:
        """Where clients ask for a token."""
        return self.at("/token")

    def another(self) -> "TokenEndpoint":
        """One at another address, with the same key and clients, which does not listen yet."""
        return TokenEndpoint(self._clients, self._signer)

    def start(self) -> None:
        """Listens, always at the same address."""
        endpoint = self

        class Handler(Silent, BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                say(self, jwk_set([endpoint._signer]), content_type="application/json")

            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["content-length"])).decode()
                endpoint.forms.append(form)
                (endpoint.answer or endpoint.give)(self)

        self.listen(Handler)

    def give(self, request: BaseHTTPRequestHandler) -> None:
        """The good answer."""
        status, answer = self._answer(request.headers.get("authorization", ""), self.forms[-1])
        say(request, json.dumps(answer).encode(), status, content_type="application/json")

    def _answer(self, authorization: str, form: str) -> tuple[int, dict[str, object]]:
        client, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if self._clients.get(client) != secret or "grant_type=client_credentials" not in form:
            # Some servers repeat what they were sent.
            return 401, {"error": "invalid_client", "error_description": f"{client} is not known with {secret}"}
        return 200, {"access_token": self.token(client), "token_type": "Bearer", "expires_in": LIFE_SECONDS}

    def token(self, client: str) -> str:
        """What a client is given."""
        now = int(time.time())
        claims = {"sub": client, "iss": ISSUER, "aud": AUDIENCE, "scope": SCOPE, "iat": now, "exp": now + LIFE_SECONDS}
        return jwt.encode(claims, self._signer.private, "RS256", {"kid": self._signer.kid})


@contextmanager
def token_endpoint(clients: Mapping[str, str]) -> Iterator[TokenEndpoint]:
    """One that is there."""
    endpoint = TokenEndpoint(clients)
    endpoint.start()
    yield endpoint
    endpoint.stop()
