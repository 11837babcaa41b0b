"""Tokens for the brokers over real HTTP: asked for once, again before they end, and never shown."""

import asyncio
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import jwt
import pytest
from aiokafka.errors import KafkaConnectionError

from chat.errors import BadSetting
from chat.settings import Settings
from streams import broker_token
from streams.broker_token import TokenProvider
from tests.local_http import say
from tests.records import settings_for_tests
from tests.token_endpoint import SCOPE, TokenEndpoint, token_endpoint

PASSWORD = "planted-client-secret"


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    with token_endpoint({"chat-worker": PASSWORD}) as one:
        yield one


def settings_of(endpoint: TokenEndpoint, password: str = PASSWORD) -> Settings:
    return settings_for_tests(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="OAUTHBEARER",
        kafka_sasl_username="chat-worker",
        kafka_sasl_password=password,
        kafka_sasl_oauth_token_url=endpoint.tokens,
        kafka_sasl_oauth_scope=SCOPE,
    )


async def test_one_token_is_asked_for_by_many_connections(endpoint: TokenEndpoint) -> None:
    """Ten connections at once have the client's token by one request, which names the scope."""
    provider = TokenProvider(settings_of(endpoint))
    tokens = await asyncio.gather(*(provider.token() for _ in range(10)))
    assert len(set(tokens)) == 1
    assert jwt.decode(tokens[0], options={"verify_signature": False})["sub"] == "chat-worker"
    assert [form.split("&") for form in endpoint.forms] == [["grant_type=client_credentials", f"scope={SCOPE}"]]


async def test_a_token_is_asked_for_again_before_it_ends(
    endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a token's life only a share is used: with none of it each connection asks anew."""
    monkeypatch.setattr(broker_token, "SHARE", 0.0)
    provider = TokenProvider(settings_of(endpoint))
    for _ in range(3):
        await provider.token()
    assert len(endpoint.forms) == 3


async def test_wrong_credentials_are_a_fault_that_shows_none(endpoint: TokenEndpoint) -> None:
    """The endpoint repeats what it was sent; the fault does not."""
    with pytest.raises(KafkaConnectionError) as fault:
        await TokenProvider(settings_of(endpoint, "planted-wrong-one")).token()
    assert "planted" not in str(fault.value)


async def test_an_endpoint_that_is_away_is_a_fault_and_then_is_not(endpoint: TokenEndpoint) -> None:
    """Aiokafka tries again, and gets its token when the endpoint is there."""
    provider = TokenProvider(settings_of(endpoint))
    endpoint.stop()
    with pytest.raises(KafkaConnectionError):
        await provider.token()
    endpoint.start()
    assert await provider.token()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"no json", b'{"access_token": 1}', b'{"access_token": ""}', b"null"]
)
async def test_an_answer_that_holds_no_token_is_a_fault(endpoint: TokenEndpoint, body: bytes) -> None:
    """Whatever else comes with status 200 is none."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        say(request, body, content_type="application/json")

    endpoint.answer = answer
    with pytest.raises(KafkaConnectionError, match="no token"):
        await TokenProvider(settings_of(endpoint)).token()


def test_authorities_that_are_none_stop_the_process(endpoint: TokenEndpoint) -> None:
    """Before anything is asked, with the variable's name."""
    wrong = settings_of(endpoint).model_copy(update={"kafka_sasl_oauth_cafile": "nothing.pem"})
    with pytest.raises(BadSetting, match="KAFKA_SASL_OAUTH_CAFILE"):
        TokenProvider(wrong)
