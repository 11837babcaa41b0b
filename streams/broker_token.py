"""Tokens with which aiokafka's clients show the brokers who they are: OAuth's client credentials (RFC 6749 §4.4).

librdkafka has the same by itself, and hears first where the credentials are wrong (`chat.broker.typed`). So here
every fault is one of a connection, which aiokafka tries again.
"""

import asyncio
import time
from http import HTTPStatus
from typing import Any, NamedTuple

import aiohttp
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

from chat.settings import Settings
from chat.tls import authorities

SHARE = 0.8
"""Of its life a token is used, as librdkafka does."""

LIFE_SECONDS = 60.0
"""Of a token that does not say how long it lasts."""

_TIMEOUT = aiohttp.ClientTimeout(total=5.0)


class _Token(NamedTuple):
    text: str
    until: float


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """One token for the process, asked for again before it ends. Raises `BadSetting` where its authorities are none."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.kafka_sasl_oauth_token_url
        self._headers = {
            "accept": "application/json",
            "authorization": aiohttp.encode_basic_auth(settings.kafka_sasl_username, settings.kafka_sasl_password),
        }
        self._form = {"grant_type": "client_credentials"}
        if settings.kafka_sasl_oauth_scope:
            self._form["scope"] = settings.kafka_sasl_oauth_scope
        self._tls = authorities(settings.kafka_sasl_oauth_cafile, "KAFKA_SASL_OAUTH_CAFILE")
        self._asking = asyncio.Lock()
        self._held: _Token | None = None

    async def token(self) -> str:
        """The token for a new connection. Raises `KafkaConnectionError` where there is none; the text names none."""
        async with self._asking:
            if self._held is None or time.monotonic() > self._held.until:
                self._held = await self._ask()
        return self._held.text

    async def _ask(self) -> _Token:
        asked = time.monotonic()
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT, headers=self._headers) as session,
                session.post(self._url, data=self._form, ssl=self._tls, allow_redirects=False) as answer,
            ):
                body = await answer.json() if answer.status == HTTPStatus.OK else {}
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise KafkaConnectionError(f"no token: {type(error).__name__}") from None
        return _token(body, asked)


def _token(body: Any, asked: float) -> _Token:
    text = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(text, str) or not text:
        raise KafkaConnectionError("no token: the endpoint gave none")
    life = body.get("expires_in")
    seconds = float(life) if isinstance(life, int | float) and life > 0 else LIFE_SECONDS
    return _Token(text, asked + SHARE * seconds)
