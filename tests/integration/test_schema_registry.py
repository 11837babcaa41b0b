"""Confluent's wire framing through a real registry, Confluent's own serialisers, a real worker, Kafka and Cassandra."""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema, topic_record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

import schemas
from chat.domain.partition import learner_key, partition_of
from chat.ids import new_id
from chat.sdk import Event, EventConsumer, Producer
from chat.sdk.client import Client
from chat.sdk.producer import Sent, headers
from chat.sdk.record import Outgoing
from chat.servers.embedded import Addresses
from chat.settings import Settings
from chat.topic_specs import Topic
from schemas.confluent import HEADER, is_framed
from tests.chat_program import ChatProgram
from tests.clean_house import clean_house, drop_keyspace
from tests.conftest import StartWorker
from tests.oracle.topics import DEAD_LETTER, EVENTS, REJECTIONS, Group, Reader, Said
from tests.records import PARTITIONS, token
from tests.registry_server import RegistryServer, registry_server
from tests.wait import until
from tests.worker import WorkerProcess, environment

TENANT = "tenant-1"


@pytest.fixture(scope="module")
def starting() -> Iterator[RegistryServer]:
    """Starts beside the other servers."""
    with registry_server() as server:
        yield server


@pytest.fixture(scope="module")
def house(starting: RegistryServer, servers: Addresses) -> Iterator[Settings]:
    settings = clean_house(servers, event_format="confluent", schema_registry_url=starting.url)
    yield settings
    drop_keyspace(settings)


@pytest.fixture(scope="module")
def registry(starting: RegistryServer, house: Settings) -> RegistryServer:  # noqa: ARG001 - which took its time too
    return starting.until_ready()


@pytest.fixture
def worker(house: Settings, registry: RegistryServer, start_worker: StartWorker) -> WorkerProcess:  # noqa: ARG001 - asked by it
    return start_worker(house).until_ready()


@pytest.fixture
def client(house: Settings) -> Iterator[Client]:
    one = Client(house, outcomes=True)
    yield one
    one.close()


def create(learner: str = "learner-1", **fields: Any) -> dict[str, Any]:
    return {
        "command_id": new_id(),
        "tenant_id": TENANT,
        "learner_id": learner,
        "thread_id": new_id(),
        "title": "Fractions",
        "metadata": "{}",
        **fields,
    }


def written(registry: RegistryServer, record: str, fields: dict[str, Any]) -> bytes:
    """A command as Confluent's serialiser writes it; it registers the schema."""
    text = json.dumps(schemas.PUBLISHED.newest[record].schema)
    conf = {"subject.name.strategy": topic_record_subject_name_strategy}
    value: bytes = AvroSerializer(registry.client(), text, conf=conf)(fields, context(Topic.COMMANDS))
    return value


def read(registry: RegistryServer, said: Said) -> dict[str, Any]:
    """A record as Confluent's deserialiser reads it."""
    fields: dict[str, Any] = AvroDeserializer(registry.client())(said.value, context(said.topic))
    return fields


def context(topic: str) -> SerializationContext:
    return SerializationContext(topic, MessageField.VALUE)


def send(client: Client, value: bytes, fields: dict[str, Any], topic: Topic = Topic.COMMANDS, **who: str) -> Sent:
    """Sends a command's bytes as they are."""
    identity = fields["tenant_id"], fields["learner_id"], fields["command_id"]
    record = Outgoing(fields, topic, learner_key(*identity[:2]).encode(), value, identity)
    return Sent(fields, client.send(record, headers(token(TENANT, **who), "", "")))


def ended(sent: Sent) -> tuple[str, str | None]:
    outcome = sent.outcome(120)
    return outcome.outcome, outcome.code


APPLIED, UNKNOWN = ("applied", None), ("dead_letter", "unknown_schema")


def everything(house: Settings) -> list[Said]:
    reader = Reader(house.kafka_bootstrap_servers[0], PARTITIONS)
    said = list(reader.read_to(reader.ends()))
    reader.close()
    return said


def elsewhere(learner: str) -> str:
    """A learner of another partition."""
    home = partition_of(f"{TENANT}/{learner}".encode(), PARTITIONS)
    others = (f"learner-{number}" for number in range(2, 100))
    return next(one for one in others if partition_of(f"{TENANT}/{one}".encode(), PARTITIONS) != home)


@pytest.mark.usefixtures("worker")
def test_confluents_serialiser_is_understood_and_understands(
    house: Settings, registry: RegistryServer, client: Client
) -> None:
    """Its commands are applied, again in our own framing they are duplicates, and it reads every event and refusal."""
    fields = create()
    assert ended(send(client, written(registry, "CreateThread", fields), fields)) == APPLIED
    assert ended(send(client, schemas.encode("CreateThread", fields), fields)) == ("refused", "duplicate")
    request = {key: fields[key] for key in ("tenant_id", "learner_id")} | {"command_id": new_id()}
    request |= {"request_id": new_id(), "reason": "access"}
    value = written(registry, "ExportLearnerData", request)
    assert ended(send(client, value, request, Topic.PRIVACY_COMMANDS, user="o-1", role="compliance")) == APPLIED
    said = [one for one in everything(house) if one.topic != DEAD_LETTER]
    assert all(is_framed(one.value) and len(one.header(HEADER)) == 16 for one in said)
    (created,) = (one for one in said if one.topic == EVENTS and one.key == _key(fields))
    assert read(registry, created)["data"]["title"] == "Fractions"
    assert read(registry, created)["command_id"] == fields["command_id"]
    (refusal,) = (one for one in said if one.topic == REJECTIONS)
    assert (read(registry, refusal)["code"], read(registry, refusal)["offset"]) == ("duplicate", 1)


def _key(fields: dict[str, Any]) -> bytes:
    return f"{TENANT}/{fields['learner_id']}/{fields['thread_id']}".encode()


@pytest.mark.usefixtures("worker")
def test_our_own_readers_need_no_registry(house: Settings, registry: RegistryServer, tmp_path: Path) -> None:
    """The SDK's producer hears its outcome, its consumer and `chat tail` read the events, with the registry asleep."""
    alone = house.model_copy(update={"schema_registry_url": "", "event_format": "avro"})
    chat = ChatProgram(tmp_path, environment(alone))
    _signal(registry, signal.SIGSTOP)
    fields = create("learner-9", title="Without")
    with Producer(alone, token=token(TENANT)) as producer:
        assert producer.send({"type": "CreateThread"} | fields | {"metadata": {}}).outcome(120).succeeded
    with EventConsumer("alone", alone) as events:
        mine = next(one for one in events.changes(idle_seconds=60) if one.entity.learner_id == "learner-9")
    tailed = chat.run("tail", "--from", "earliest", "--until-end", "--tenant", TENANT, "--learner", "learner-9")
    _signal(registry, signal.SIGCONT)
    assert isinstance(mine, Event)
    assert mine.data["title"] == "Without"
    assert [line["event_type"] for line in tailed.lines] == ["CHAT_THREAD_CREATED"]


def _signal(registry: RegistryServer, number: signal.Signals) -> None:
    assert registry.process is not None
    registry.process.signal(number)


def test_a_registry_that_is_away_is_waited_for(registry: RegistryServer, client: Client, worker: WorkerProcess) -> None:
    """A new id's lane waits and says so, other lanes and known ids go on; back again, the command is applied."""
    known, plain = create("learner-1"), create(elsewhere("learner-1"))
    assert ended(send(client, written(registry, "CreateThread", known), known)) == APPLIED
    again = create("learner-1")
    framed = written(registry, "CreateThread", again)
    deletion = {key: known[key] for key in ("tenant_id", "learner_id", "thread_id")} | {"command_id": new_id()}
    new = written(registry, "DeleteThread", deletion)
    _signal(registry, signal.SIGSTOP)
    assert ended(send(client, framed, again)) == APPLIED
    stuck = send(client, new, deletion, role="admin")
    until(lambda: worker.ready()[1].get("waiting_for") == ["schema_registry"], what="the worker's waiting")
    assert worker.ready()[0] == 503
    assert ended(send(client, schemas.encode("CreateThread", plain), plain)) == APPLIED
    assert not stuck._pending.outcome.done()
    _signal(registry, signal.SIGCONT)
    assert ended(stuck) == APPLIED
    worker.until_ready()


def test_what_is_read_again_is_judged_by_what_its_id_meant_then(
    house: Settings, registry: RegistryServer, client: Client, start_worker: StartWorker, tmp_path: Path
) -> None:
    """An id that is unknown makes a dead letter of its own bytes, also once the registry knows it; what was applied by
    an id is applied by it again, also once the registry has forgotten it. The letter can be sent again.
    """
    chat = ChatProgram(tmp_path, environment(house) | {"CHAT_TOKEN": token(TENANT)})
    worker = start_worker(house).until_ready()
    fields = create("learner-5")
    early = _ahead(registry, fields)
    letter = send(client, early, fields)
    assert ended(letter) == UNKNOWN
    known = registry.client().register_schema("other", Schema(_other_text(), "AVRO"))
    assert known == int.from_bytes(early[1:5])
    replayed = chat.run("dead-letter", "replay")
    assert [line["outcome"] for line in replayed.lines] == ["applied"], replayed.err
    assert worker.stop() == 0
    registry.forget("other")
    before = _outcomes(house)
    _read_all_again(house, start_worker)
    assert _outcomes(house) == {what: 2 * times for what, times in before.items()}
    assert before[DEAD_LETTER, str(letter.position().offset)] == 1
    assert {one.value for one in everything(house) if one.topic == DEAD_LETTER} == {early}


def _other_text() -> str:
    """The schema of CreateThread with another description: the same for who reads, and another for a registry."""
    schema = schemas.PUBLISHED.newest["CreateThread"].schema
    return json.dumps(schema | {"doc": f"A copy {new_id()}"})


def _ahead(registry: RegistryServer, fields: dict[str, Any]) -> bytes:
    """A framed command by the id that the registry gives next."""
    last: int = registry.client().register_schema("last", Schema(_other_text(), "AVRO"))
    return b"\x00" + (last + 1).to_bytes(4) + schemas.encode("CreateThread", fields)[10:]


def _outcomes(house: Settings) -> Counter[tuple[str, str]]:
    """How often each event of a thread and each dead letter is there; the group of privacy commands is not set back."""
    said = (one for one in everything(house) if one.topic != REJECTIONS and b"/privacy/" not in (one.key or b""))
    return Counter((one.topic, _name(one)) for one in said if not one.is_tombstone)


def _name(said: Said) -> str:
    if said.topic == DEAD_LETTER:
        return said.header("x-source-offset")
    return str(schemas.decode(said.value, headers=said.headers).fields["event_id"])


def _read_all_again(house: Settings, start_worker: StartWorker) -> None:
    group = Group(house.kafka_bootstrap_servers[0], house.consumer_group, PARTITIONS)
    group.rewind()
    worker = start_worker(house)
    until(lambda: group.committed() == group.ends(), 60, "every command's being read again")
    assert worker.stop() == 0
    group.close()


def test_without_leave_to_register_the_schemas_must_be_there(
    house: Settings, registry: RegistryServer, start_worker: StartWorker
) -> None:
    """A worker that may only look them up starts while they are all there, and else names the subject that is not."""
    lookup = house.model_copy(update={"schema_registration": "lookup"})
    assert start_worker(lookup).until_ready().stop() == 0
    registry.forget("chat.events-aivo.chat.v1.CHAT_THREAD_READ")
    worker = start_worker(lookup)
    assert worker.exit_status(60) == 78
    assert "chat.events-aivo.chat.v1.CHAT_THREAD_READ" in worker.tail()


def test_a_registry_is_left_only_when_told_so(house: Settings, start_worker: StartWorker, tmp_path: Path) -> None:
    """Without it no worker starts; once its ids are forgotten, all that the tests above have used, one does."""
    without = house.model_copy(update={"schema_registry_url": "", "event_format": "avro"})
    worker = start_worker(without)
    assert worker.exit_status(60) == 78
    assert "SCHEMA_REGISTRY_URL" in worker.tail()
    chat = ChatProgram(tmp_path, environment(house))
    told = [chat.run("schemas", "forget-ids", "--json").lines for _ in range(2)]
    assert told == [[{"forgotten": 4}], [{"forgotten": 0}]]
    start_worker(without).until_ready()


@pytest.mark.soak
def test_a_registry_that_counts_anew_stops_the_worker(
    house: Settings, registry: RegistryServer, client: Client, start_worker: StartWorker, tmp_path: Path
) -> None:
    """It was stopped and kept its ids: all goes on. It lost them and gives one to another schema: nothing is judged."""
    worker = start_worker(house).until_ready()
    fields = create("learner-7")
    value = written(registry, "CreateThread", fields)
    assert ended(send(client, value, fields)) == APPLIED
    registry.stop()
    until(lambda: not worker.metric("chat_waiting_for_server"), what="nothing to wait for")
    registry.start().until_ready()
    another = create("learner-7")
    assert ended(send(client, written(registry, "CreateThread", another), another)) == APPLIED
    registry.stop()
    registry.lose_all()
    registry.start().until_ready()
    number = int.from_bytes(value[1:5])
    while registry.client().register_schema("others", Schema(_other_text(), "AVRO")) < number - 1:
        pass
    text = json.dumps(schemas.PUBLISHED.newest["UpdateThread"].schema)
    assert registry.client().register_schema("update", Schema(text, "AVRO")) == number
    stuck = send(client, value, another)
    assert worker.exit_status(60) == 72
    assert "another schema than before" in worker.tail()
    assert not stuck._pending.outcome.done()
    chat = ChatProgram(tmp_path, environment(house))
    assert chat.run("schemas", "forget-ids").status == 0
    start_worker(house).until_ready()
    assert ended(stuck) == ("dead_letter", "undecodable")
    number = registry.client().register_schema("create", Schema(_other_text(), "AVRO"))
    value = b"\0" + number.to_bytes(4) + value[5:]
    assert ended(send(client, value, fields)) == ("refused", "duplicate")
