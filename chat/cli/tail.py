"""`chat tail`: what is on the topics, as JSON lines."""

import base64
import contextlib
import signal
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import orjson
import typer
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, Message, TopicPartition

import schemas
from chat.broker import Found, Place, broker, describe_all, typed
from chat.cli.output import PLAIN, AsJsonLines, line
from chat.cli.start import start
from chat.dead_letter import SAID
from chat.domain.events import FLAGGED
from chat.domain.partition import learner_key, partition_of
from chat.errors import Transient
from chat.heartbeat import is_heartbeat
from chat.kafka import headers_of, librdkafka
from chat.privacy.sealed_letter import HEADER
from chat.sdk.change import Headers
from chat.settings import Settings
from chat.topic_specs import Topic

CONSUMER = {"group.id": "aivo-chat-tail", "enable.auto.commit": False, "enable.partition.eof": True}
POLL_SECONDS = 0.2


class From(StrEnum):
    """Where to begin."""

    EARLIEST = "earliest"
    LATEST = "latest"


OFFSETS = {From.EARLIEST: OFFSET_BEGINNING, From.LATEST: OFFSET_END}
OUTPUT = [Topic.EVENTS, Topic.REJECTIONS, Topic.DEAD_LETTER]


app = typer.Typer(**PLAIN)


@app.command()
def tail(
    *,
    topic: Annotated[list[Topic], typer.Option(metavar="TOPIC", help="Only this topic; repeat it for more.")] = OUTPUT,
    tenant: Annotated[str, typer.Option(help="Only this tenant's.")] = "",
    learner: Annotated[str, typer.Option(help="Only this learner's.")] = "",
    begin: Annotated[From, typer.Option("--from", help="Begin with the oldest record or with the next.")] = From.LATEST,
    until_end: Annotated[bool, typer.Option("--until-end", help="Stop at the last record.")] = False,
    _as_json: AsJsonLines = False,
) -> None:
    """Print events, refusals and dead letters as JSON lines until Ctrl-C. Each says in `record` where it lies.

    A record whose text cannot be read has its bytes in `value`, in base64.
    """
    settings = start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        for message in _messages(settings, topic, _partition_of(tenant, learner), begin, until_end=until_end):
            if _is_of(message.key(), tenant, learner) and not is_heartbeat(message.key(), message.value()):
                line(_shown(message).decode())


def _partition_of(tenant: str, learner: str) -> bytes | None:
    """The key whose partition holds all that is asked for; None: any may hold some of it."""
    return learner_key(tenant, learner).encode() if tenant and learner else None


def _messages(
    settings: Settings, topics: list[Topic], key: bytes | None, begin: From, *, until_end: bool
) -> Iterator[Message]:
    places = _places(settings, topics, key)
    left = set(places)
    consumer = Consumer(librdkafka(settings) | CONSUMER)
    consumer.assign([TopicPartition(place.topic, place.partition, OFFSETS[begin]) for place in places])
    try:
        while left or not until_end:
            for message in consumer.consume(500, POLL_SECONDS):
                if message.error() is None:
                    yield message
                elif message.error().code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                    left.discard(Place(message.topic(), message.partition()))
                elif not isinstance(error := typed(message.error()), Transient):
                    raise error
    finally:
        consumer.close()


def _places(settings: Settings, topics: list[Topic], key: bytes | None) -> list[Place]:
    found = describe_all(broker(settings), topics)
    return [Place(topic.name, one) for topic in found.values() for one in _partitions(topic, key)]


def _partitions(topic: Found, key: bytes | None) -> Sequence[int]:
    """A dead letter lies on its record's partition, which may be a wrong one."""
    if key is None or topic.name == Topic.DEAD_LETTER:
        return range(topic.partitions)
    return [partition_of(key, topic.partitions)]


def _is_of(key: bytes | None, tenant: str, learner: str) -> bool:
    parts = (key or b"").decode(errors="replace").split("/")
    owner = dict(zip(("tenant", "learner"), parts, strict=False))
    return (not tenant or owner.get("tenant") == tenant) and (not learner or owner.get("learner") == learner)


def _shown(message: Message) -> bytes:
    """A JSON object: what the record says, in its own letters, then what is said of it."""
    own: Headers = headers_of(message)
    return _content(message.value(), own)[:-1] + b"," + orjson.dumps(_about(message, own))[1:]


def _about(message: Message, own: Headers) -> dict[str, Any]:
    key = message.key()
    record: dict[str, Any] = {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "key": None if key is None else key.decode(errors="replace"),
    }
    headers = {name: (value or b"").decode(errors="replace") for name, value in own}
    if FLAGGED in headers:
        record["flagged"] = True
    letter = _dead_letter(headers) if message.topic() == Topic.DEAD_LETTER else {}
    return letter | {"record": record}


def _content(value: bytes | None, headers: Headers) -> bytes:
    if value is None:
        return b'{"tombstone":true}'
    try:
        return schemas.encode(*schemas.decode(value, headers=headers), schemas.Format.JSON)
    except schemas.CodecError:
        return orjson.dumps({"value": base64.b64encode(value).decode()})


def _dead_letter(headers: Mapping[str, str]) -> dict[str, Any]:
    """What the service says of it; a record may have brought headers of such names."""
    said = {name.removeprefix("x-").replace("-", "_"): headers[name] for name in (*SAID, HEADER) if name in headers}
    return {"dead_letter": said} if said else {}
