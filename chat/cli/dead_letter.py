"""`chat dead-letter`: what could not be read, and another try."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

import schemas
from chat.cli.output import PLAIN, AsJsonLines, json_line
from chat.cli.send import FAILED, SECONDS, report
from chat.cli.start import start
from chat.dead_letter import Letter, letters, opened
from chat.errors import BadInput, SealBroken
from chat.privacy.sealed_command import is_sealed, key_id_of
from chat.privacy.sealed_letter import Content
from chat.schema_registry import SchemaRegistry
from chat.sdk.client import Client
from chat.sdk.producer import Sent, headers
from chat.sdk.record import Identity, Outgoing
from chat.settings import Settings
from chat.storage import migrate
from chat.storage.command_keys import CommandKeys
from chat.storage.letter_keys import LetterKeys
from chat.storage.sealing_end import sealing_keys
from chat.storage.sealing_keys import Purpose
from chat.storage.session import Connection
from chat.topic_specs import Topic
from schemas.confluent import is_framed, schema_id, unframed

app = typer.Typer(help="What could not be read, and another try.", no_args_is_help=True, **PLAIN)

Json = dict[str, Any]
_SOURCES = frozenset({Topic.COMMANDS, Topic.PRIVACY_COMMANDS})


@dataclass(frozen=True, slots=True)
class _Keys:
    letters: LetterKeys
    commands: CommandKeys
    registry: SchemaRegistry | None


@app.command(name="list")
def list_letters(
    *,
    unseal: Annotated[bool, typer.Option("--open", help="Show value and headers too, in base64.")] = False,
    _as_json: AsJsonLines = False,
) -> None:
    """Print every dead letter as a JSON line: what was wrong, where its record lay, its size and its headers' names.

    `state` is plain, sealed, opened (with --open), destroyed (its day's key is no more), or broken.
    """
    asyncio.run(_list(start(), unseal=unseal))


@app.command()
def replay(
    *,
    token: Annotated[str, typer.Option(envvar="CHAT_TOKEN", help="The JWT to send with.", show_envvar=True)] = "",
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the next outcome.")] = SECONDS,
    _as_json: AsJsonLines = False,
) -> None:
    """Send what can be read by now once more, as the token's user, and print each outcome.

    Equal letters are sent once. What this program cannot read either stays where it is, and has a line that says why;
    so no letter makes another. Safe to repeat: what was applied is then a duplicate. Exit status as of `chat send
    --wait`, and 1 where something stayed.
    """
    if not token:
        raise BadInput("--token", "give one, or set CHAT_TOKEN")
    settings = start()
    ready, stayed = asyncio.run(_sorted(settings))
    for line in stayed:
        json_line(line)
    if not (_send(settings, ready, token, timeout) and not stayed):
        raise typer.Exit(FAILED)


async def _list(settings: Settings, *, unseal: bool) -> None:
    async with _keys(settings) as keys:
        for letter in letters(settings):
            json_line(await _shown(letter, keys) if unseal else _head(letter))


async def _sorted(settings: Settings) -> tuple[list[tuple[Letter, Outgoing, Content]], list[Json]]:
    """What can be sent, and a line for each that cannot."""
    ready: dict[tuple[str, bytes | None, bytes], tuple[Letter, Outgoing, Content]] = {}
    stayed = []
    async with _keys(settings) as keys:
        for letter in letters(settings):
            try:
                record, content = await _readable(letter, keys)
            except (schemas.Unreadable, SealBroken) as error:
                stayed.append(_head(letter) | {"outcome": "unreadable", "reason": str(error)})
            else:
                ready[record.topic, record.key, record.value] = letter, record, content
    return list(ready.values()), stayed


async def _readable(letter: Letter, keys: _Keys) -> tuple[Outgoing, Content]:
    """The record to send. Raises `Unreadable` or `SealBroken` where it would be a dead letter again."""
    content = await opened(letter, keys.letters)
    if content is None:
        raise SealBroken("the key of its day was destroyed")
    if letter.said["x-source-topic"] not in _SOURCES:
        raise SealBroken("its source is no topic of commands")
    topic = Topic(letter.said["x-source-topic"])
    value = await _unsealed(letter, content.value, topic, keys.commands)
    identity = _identity(await _unframed(value, keys.registry))
    record = Outgoing({"command_id": identity[2]}, topic, letter.key, content.value or b"", identity)
    return record, content


async def _unsealed(letter: Letter, value: bytes | None, topic: Topic, keys: CommandKeys) -> bytes:
    if value is None or not is_sealed(value):
        return value or b""
    opener = (await keys.find([key_id_of(value)])).get(key_id_of(value))
    if opener is None or opener.key is None:
        raise SealBroken("the command is sealed to a key that is not there")
    return opener.key.open(value, topic, letter.key)


async def _unframed(value: bytes, registry: SchemaRegistry | None) -> bytes:
    if registry is None or not is_framed(value) or (number := schema_id(value)) is None:
        return value
    of_schema = await registry.fingerprint(number)
    if of_schema is None:
        raise schemas.Unreadable("unknown_schema", "the schema registry does not know the id of its framing")
    return unframed(value, of_schema)


def _identity(value: bytes) -> Identity:
    try:
        fields = schemas.decode_command(value).fields
    except schemas.InvalidRecord as error:
        command_id, tenant_id, learner_id = error.identity
        return tenant_id, learner_id, command_id
    return fields["tenant_id"], fields["learner_id"], fields["command_id"]


def _send(settings: Settings, ready: list[tuple[Letter, Outgoing, Content]], token: str, timeout: float) -> bool:
    if not ready:
        return True
    client = Client(settings, outcomes=True)
    try:
        sent = [_sent(client, record, content, token) for _, record, content in ready]
        return report(sent, timeout, {"replayed": "yes"})
    finally:
        client.close()


def _sent(client: Client, record: Outgoing, content: Content, token: str) -> Sent:
    own = [(name, value or b"") for name, value in content.headers]
    return Sent(record.command, client.send(record, [*own, *headers(token, "", "")]))


def _head(letter: Letter) -> Json:
    said = {name.removeprefix("x-").replace("-", "_"): value for name, value in letter.said.items()}
    return said | {
        "key": None if letter.key is None else letter.key.decode(errors="replace"),
        "size": len(letter.value or b""),
        "headers": [name for name, _ in letter.own],
        "state": "plain" if letter.day is None else "sealed",
        "day": letter.day,
        "partition": letter.partition,
        "offset": letter.offset,
    }


async def _shown(letter: Letter, keys: _Keys) -> Json:
    try:
        content = await opened(letter, keys.letters)
    except SealBroken:
        return _head(letter) | {"state": "broken"}
    if content is None:
        return _head(letter) | {"state": "destroyed"}
    state = "plain" if letter.day is None else "opened"
    return _head(letter) | {"state": state, "value": _base64(content.value), "content_headers": dict(_texts(content))}


def _texts(content: Content) -> Iterator[tuple[str, str | None]]:
    return ((name, _base64(value)) for name, value in content.headers)


def _base64(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw).decode()


@asynccontextmanager
async def _keys(settings: Settings) -> AsyncIterator[_Keys]:
    connection = await Connection.open(settings)
    try:
        await migrate.check(connection)
        of_days = LetterKeys(sealing_keys(connection, settings, Purpose.LETTERS), settings)
        of_commands = CommandKeys(sealing_keys(connection, settings, Purpose.COMMANDS))
        yield _Keys(of_days, of_commands, SchemaRegistry(settings) if settings.schema_registry_url else None)
    finally:
        await connection.close()
