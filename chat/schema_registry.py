"""A schema registry with Confluent's REST interface: Confluent's own, Apicurio, Karapace, Redpanda.

Three kinds of request are all that is needed, so aiohttp makes them, which is here anyway.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

import aiohttp

from chat.errors import RegistryRefused, RegistryUnavailable, SchemaNotRegistered
from chat.settings import Settings
from chat.tls import authorities
from chat.topic_specs import Topic
from schemas import PUBLISHED, Version
from schemas.confluent import NONE_OF_OURS, fingerprint_of

MAX_BYTES = 1 << 20
_TIMEOUT = aiohttp.ClientTimeout(total=5.0, sock_connect=2.0)
_ACCEPTED = {"accept": "application/vnd.schemaregistry.v1+json, application/json", "accept-encoding": "identity"}

_LACKS = frozenset({40401, 40402, 40403})
"""The interface's own codes for a subject, version or schema that is not there. A bare 404 is some other server's."""

_NOT_TAKEN = frozenset({HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY})
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class _Answer(NamedTuple):
    status: int
    told: Mapping[str, Any]

    @property
    def lacks(self) -> bool:
        return self.status == HTTPStatus.NOT_FOUND and self.told.get("error_code") in _LACKS


class SchemaRegistry:
    """The registry of SCHEMA_REGISTRY_URL. Raises `BadSetting` where its CA file cannot be used."""

    def __init__(self, settings: Settings) -> None:
        name, password = settings.schema_registry_username, settings.schema_registry_password
        self._base = settings.schema_registry_url.rstrip("/")
        credentials = {"authorization": aiohttp.encode_basic_auth(name, password, "utf-8")} if name else {}
        self._headers = _ACCEPTED | credentials
        self._tls = authorities(settings.schema_registry_cafile, "SCHEMA_REGISTRY_CAFILE")

    async def fingerprint(self, schema_id: int) -> bytes | None:
        """CRC-64-AVRO of the schema with that id, or `NONE_OF_OURS`; None where the registry knows no such id.

        Raises `RegistryUnavailable`.
        """
        answer = await self._ask("GET", f"schemas/ids/{schema_id}")
        if answer.lacks:
            return None
        text = _required(answer, "schema", str)
        return fingerprint_of(text) if answer.told.get("schemaType", "AVRO") == "AVRO" else NONE_OF_OURS

    async def register(self, subject: str, schema: str) -> int:
        """The id of a schema, which the registry has under that subject then.

        Raises `RegistryUnavailable`, and `SchemaNotRegistered` where it does not take it.
        """
        return self._id(subject, await self._ask("POST", f"subjects/{quote(subject)}/versions", {"schema": schema}))

    async def lookup(self, subject: str, schema: str) -> int:
        """The id of a schema that the registry has under that subject.

        Raises `RegistryUnavailable`, and `SchemaNotRegistered` where it does not have it.
        """
        return self._id(subject, await self._ask("POST", f"subjects/{quote(subject)}", {"schema": schema}))

    def _id(self, subject: str, answer: _Answer) -> int:
        if answer.lacks:
            raise SchemaNotRegistered(f"the schema registry lacks our schema under {subject}: register it")
        if answer.status in _NOT_TAKEN:
            raise SchemaNotRegistered(f"the schema registry does not take our schema under {subject}: {answer.status}")
        number: int = _required(answer, "id", int)
        return number

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> _Answer:
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT, headers=self._headers, auto_decompress=False) as session,
                session.request(
                    method, f"{self._base}/{path}", json=body, ssl=self._tls, allow_redirects=False
                ) as response,
            ):
                return _Answer(response.status, _object(await _read(response)))
        except (aiohttp.ClientError, TimeoutError) as error:
            # Its kind alone: the text may hold the address.
            raise RegistryUnavailable(f"the schema registry does not answer ({type(error).__name__})") from error


async def event_ids(settings: Settings) -> dict[str, int]:
    """The registry's ids of all that the service writes, by their records' names; each at its newest version.

    Raises `RegistryUnavailable` and `SchemaNotRegistered`.
    """
    registry = SchemaRegistry(settings)
    ask = registry.register if settings.schema_registration == "register" else registry.lookup
    written = {Topic.EVENTS: list(PUBLISHED.events.values()), Topic.REJECTIONS: [PUBLISHED.newest["CommandRejected"]]}
    return {
        one.name: await ask(subject_of(topic, one), json.dumps(one.schema))
        for topic, versions in written.items()
        for one in versions
    }


def subject_of(topic: str, version: Version) -> str:
    """By Confluent's TopicRecordNameStrategy: a topic holds records of many types."""
    return f"{topic}-{version.schema['namespace']}.{version.name}"


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BYTES:
            raise RegistryUnavailable(f"the schema registry's answer is larger than {MAX_BYTES} bytes")
    return body


def _object(body: bytes) -> Mapping[str, Any]:
    """What an answer tells; nothing where it is no JSON object."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _required(answer: _Answer, name: str, kind: type) -> Any:
    """A member of a good answer."""
    if answer.status in _REFUSED:
        raise RegistryRefused(f"the schema registry refuses with status {answer.status}")
    found = answer.told.get(name)
    if answer.status != HTTPStatus.OK or type(found) is not kind:
        raise RegistryUnavailable(f"the schema registry answers with status {answer.status}, and not as one")
    return found
