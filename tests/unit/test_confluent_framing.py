"""Confluent's wire framing: taken off commands by a registry's word, put on events; without any server."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas
from chat.domain.events import Cause, thread_deleted
from chat.domain.partition import partition_of
from chat.errors import RegistryMadeAnew, RegistryUnavailable
from chat.privacy.sealed_command import CommandKey, CommandOpener, new_private_key
from chat.storage.command_keys import Opener
from chat.storage.schema_ids import MAX_HELD, Kept, SchemaIds, beginning
from schemas import confluent
from schemas.confluent import NONE_OF_OURS
from streams.emit import Emitter
from streams.publish import Outgoing
from streams.work import Work
from tests.records import NOW, PARTITIONS, Log, Sent, teacher, uid
from tests.way import MemoryPublisher, World

VERSIONS = schemas.PUBLISHED.versions
CREATE = schemas.PUBLISHED.newest["CreateThread"]
HOME = b"tenant-1/learner-1"
FIELDS = {
    "command_id": uid(3, 1),
    "tenant_id": "tenant-1",
    "learner_id": "learner-1",
    "thread_id": uid(1, 1),
    "title": "a",
    "metadata": "{}",
}


class MemoryRegistry:
    """A registry, which may be `away`; and the rows of what was learned of it."""

    def __init__(self, **known: bytes) -> None:
        self.known = {int(name.removeprefix("id")): one for name, one in known.items()}
        self.kept: dict[int, Kept] = {}
        self.asked: list[int] = []
        self.away = False
        self.meanwhile: Kept | None = None

    async def fingerprint(self, schema_id: int) -> bytes | None:
        self.asked.append(schema_id)
        if self.away:
            raise RegistryUnavailable("away")
        return self.known.get(schema_id)

    async def now(self) -> int:
        return NOW + 7

    async def read(self, schema_id: int) -> Kept | None:
        return self.kept.get(schema_id)

    async def change(self, schema_id: int, before: Kept | None, after: Kept) -> bool:
        if self.meanwhile is not None:  # another worker was faster
            self.kept[schema_id], self.meanwhile = self.meanwhile, None
        if self.kept.get(schema_id) != before:
            return False
        self.kept[schema_id] = after
        return True

    def process(self) -> SchemaIds:
        """What a new process knows."""
        return SchemaIds(self, self)


DELETED = thread_deleted(Cause("tenant-1", "learner-1", uid(3, 1), NOW), uid(1, 1), "admin-1")


def house(registry: MemoryRegistry, **changes: Any) -> tuple[World, Log]:
    return World(find_schemas=registry.process().find, **changes), Log()


def put(log: Log, value: bytes) -> Sent:
    """Appends a record with that value, and a good token."""
    headers = (("authorization", f"Bearer {teacher('tenant-1')}".encode()),)
    return log.append(value, HOME, partition_of(HOME, PARTITIONS), headers)


def framed(number: int, record: str = "CreateThread", **fields: Any) -> bytes:
    return confluent.framed(schemas.encode(record, FIELDS | fields), number)[0]


def letters(world: World) -> list[tuple[bytes | None, bytes | None]]:
    found = [dict(one.headers) for one in world.publisher.records("chat.dead-letter")]
    return [(one["x-error-code"], one["x-error-detail"]) for one in found]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda one: f"{one.name}-{one.number}")
def test_a_schema_is_known_by_its_text_whatever_a_registry_adds(version: schemas.Version) -> None:
    """Descriptions, defaults, white space and Java's marks change nothing; another field or name does."""
    text = json.dumps(version.schema)
    assert confluent.fingerprint_of(text) == version.fingerprint
    java = text.replace('"type": "string"', '"type": {"type": "string", "avro.java.string": "String"}')
    assert java != text
    assert confluent.fingerprint_of(java) == version.fingerprint
    assert confluent.fingerprint_of(json.dumps(version.schema | {"name": "Another"})) != version.fingerprint


@given(st.one_of(st.text(max_size=80), st.recursive(st.none() | st.text(max_size=5), st.lists).map(json.dumps)))
def test_any_text_has_a_fingerprint_or_none_of_ours(text: str) -> None:
    """Whatever a registry holds, it is never an error, and never taken for one of ours."""
    assert confluent.fingerprint_of(text) not in schemas.PUBLISHED.by_fingerprint


@pytest.mark.parametrize("text", ["[" * 100_000, '{"type": "record", "name": 1, "fields": [1]}', '{"type": "object"}'])
def test_hostile_texts_are_none_of_ours(text: str) -> None:
    """Too deep, or of the wrong types."""
    assert confluent.fingerprint_of(text) == NONE_OF_OURS


@given(st.integers(1, 2**31 - 1), st.binary(max_size=20))
def test_what_is_framed_comes_back(number: int, datum: bytes) -> None:
    """By the header that goes with it; with a broken header or none it stays as it is."""
    value = CREATE.header + datum
    there, header = confluent.framed(value, number)
    assert confluent.is_framed(there)
    assert confluent.schema_id(there) == number
    assert there == b"\0" + number.to_bytes(4) + datum
    assert confluent.plain(there, [(confluent.HEADER, header)]) == value
    for broken in (None, b"", header[:-2], b"\xff" + header[1:], b"zz" + header[2:]):
        assert confluent.plain(there, [(confluent.HEADER, broken)]) == there
    assert confluent.plain(there, []) == there
    assert confluent.plain(value, [(confluent.HEADER, header)]) == value
    assert confluent.plain(None, []) is None


def test_a_framed_command_is_the_same_command() -> None:
    """Framed it is applied, in our own framing again it is a duplicate, and so it is sealed around the framing."""
    private, public = new_private_key()
    key = CommandKey.from_bytes(public)

    async def find(_ids: object) -> Mapping[bytes, Opener]:
        return {key.key_id: Opener(CommandOpener(private), None)}

    world, log = house(MemoryRegistry(id7=CREATE.fingerprint), find_command_keys=find)
    put(log, framed(7))
    put(log, schemas.encode("CreateThread", FIELDS))
    put(log, key.seal(framed(7), log.topic, HOME))
    world.run(log.records)
    assert [one.type for one in world.events()] == ["CHAT_THREAD_CREATED"]
    assert world.codes() == ["duplicate", "duplicate"]
    assert letters(world) == []


@pytest.mark.parametrize(
    ("value", "code", "said"),
    [
        (framed(8), b"unknown_schema", b"did not know the id"),
        (framed(9), b"unknown_schema", b"no Avro record"),
        (framed(10), b"unknown_schema", b"no published schema"),
        (framed(7)[:4], b"undecodable", b"cut short"),
        (b"\0", b"undecodable", b"cut short"),
        (b"\0\0\0\0\0datum", b"undecodable", b"no id"),
        (b"\0\x80\0\0\1datum", b"undecodable", b"no id"),
        (framed(11), b"unknown_type", b"topic"),
    ],
)
def test_what_no_schema_of_ours_is_named_for_says_why(value: bytes, code: bytes, said: bytes) -> None:
    """A dead letter of its own bytes, which names the rule; an id that no registry gives is not asked for."""
    event = schemas.PUBLISHED.newest["CHAT_THREAD_CREATED"].fingerprint
    registry = MemoryRegistry(id7=CREATE.fingerprint, id9=NONE_OF_OURS, id10=b"another!", id11=event)
    world, log = house(registry)
    sent = put(log, value)
    world.run(log.records)
    ((found, detail),) = letters(world)
    assert found == code
    assert said in (detail or b"")
    assert world.publisher.records("chat.dead-letter")[0].value == sent.value
    assert registry.asked == ([] if code == b"undecodable" else [confluent.schema_id(value)])


def test_a_bad_command_in_the_framing_is_refused_and_not_lost() -> None:
    """With its identity readable it is `invalid`, as in our own framing; a service's own record cannot be forged so."""
    fence = schemas.PUBLISHED.newest["FenceLearner"]
    world, log = house(MemoryRegistry(id7=CREATE.fingerprint, id8=fence.fingerprint))
    put(log, framed(7) + b"more")
    put(log, framed(7, title=""))
    identity = {name: FIELDS[name] for name in ("command_id", "tenant_id", "learner_id")}
    forged: dict[str, Any] = {**identity, "request_id": uid(4, 1), "generation": 1}
    put(log, confluent.framed(schemas.encode("FenceLearner", forged), 8)[0])
    world.run(log.records)
    assert world.codes() == ["invalid", "invalid", "unauthenticated"]


def test_without_a_registry_the_framing_is_no_record() -> None:
    """Off by default: what begins with a zero byte is a dead letter as ever."""
    world, log = World(), Log()
    put(log, framed(7))
    world.run(log.records)
    assert [code for code, _ in letters(world)] == [b"undecodable"]


def test_what_came_before_the_registry_is_judged_without_it() -> None:
    """A dead letter of the time before stays one, and the registry is not asked for it; the record behind is read."""
    registry = MemoryRegistry(id7=CREATE.fingerprint)
    world, log = house(registry, registry_since=NOW)
    assert put(log, framed(8)).timestamp == NOW
    put(log, framed(7))
    world.run(log.records)
    assert [code for code, _ in letters(world)] == [b"undecodable"]
    assert [one.type for one in world.events()] == ["CHAT_THREAD_CREATED"]
    assert registry.asked == [7]


async def test_the_first_worker_says_since_when_there_is_a_registry() -> None:
    """Once: those that come later, or at the same time, take it as it is kept."""
    registry = MemoryRegistry()
    first = await beginning(registry)
    assert first == NOW + 7, "by the clock of all workers"
    registry.kept = {0: Kept(NONE_OF_OURS, first - 5)}
    assert await beginning(registry) == first - 5
    registry.kept, registry.meanwhile = {}, Kept(NONE_OF_OURS, first - 9)
    assert await beginning(registry) == first - 9


def test_a_registry_that_forgot_changes_nothing() -> None:
    """What an id meant is kept: another process, with the id gone, judges the same records in the same way."""
    registry = MemoryRegistry(id7=CREATE.fingerprint)
    world, log = house(registry)
    put(log, framed(7))
    world.run(log.records)
    registry.known.clear()
    again = World(find_schemas=registry.process().find)
    again.run(log.records)
    assert again.events() == world.events() != []
    assert letters(again) == []


def test_a_registry_that_learned_changes_nothing_behind() -> None:
    """Records judged while it did not know an id stay dead letters for every process; those behind are applied."""
    registry = MemoryRegistry()
    world, log = house(registry)
    put(log, framed(7))
    world.run(log.records)
    registry.known[7] = CREATE.fingerprint
    put(log, framed(7, command_id=uid(3, 2)))
    for process in (registry.process(), registry.process()):
        later = World(find_schemas=process.find)
        later.run(log.records)
        assert [code for code, _ in letters(later)] == [b"unknown_schema"]
        assert [one.fields["command_id"] for one in later.events()] == [uid(3, 2)]


async def test_whoever_keeps_it_first_is_right() -> None:
    """Of two workers that asked a registry before and after it learned an id, both judge by what was kept first."""
    registry = MemoryRegistry()
    registry.meanwhile = Kept(CREATE.fingerprint)
    assert (await registry.process().find({7: NOW}))[7].at(NOW) == CREATE.fingerprint
    registry = MemoryRegistry(id7=CREATE.fingerprint)
    registry.meanwhile = Kept(unknown_until=NOW)
    found = (await registry.process().find({7: NOW}))[7]
    assert (found.at(NOW), found.at(NOW + 1)) == (None, CREATE.fingerprint)


async def test_an_id_that_means_another_schema_stops_the_worker() -> None:
    """A registry that counts anew could turn an export into an erasure: nothing is judged by it."""
    registry = MemoryRegistry(id7=CREATE.fingerprint)
    await registry.process().find({7: NOW})
    registry.known[7] = schemas.PUBLISHED.newest["DeleteThread"].fingerprint
    with pytest.raises(RegistryMadeAnew, match="id 7"):
        await registry.process().find({7: NOW})


async def test_a_known_id_is_asked_for_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for a while; after it once more; and while the registry is away it goes on, but no new process does."""
    registry = MemoryRegistry(id7=CREATE.fingerprint)
    ids = registry.process()
    for _ in range(3):
        assert (await ids.find({7: NOW}))[7].at(NOW) == CREATE.fingerprint
    assert registry.asked == [7]
    monkeypatch.setattr("chat.storage.schema_ids.HELD_SECONDS", 0.0)
    ids = registry.process()
    await ids.find({7: NOW})
    registry.away = True
    assert (await ids.find({7: NOW}))[7].at(NOW) == CREATE.fingerprint
    assert registry.asked == [7] * 3
    for process, schema_id in ((registry.process(), 7), (ids, 8)):
        with pytest.raises(RegistryUnavailable):
            await process.find({schema_id: NOW})
    assert registry.kept.keys() == {7}


async def test_strangers_ids_take_no_room() -> None:
    """However many ids are named, a process keeps few in mind."""
    ids = MemoryRegistry().process()
    for number in range(1, MAX_HELD * 2):
        await ids.find({number: NOW})
    assert 0 < len(ids._held) <= MAX_HELD


async def test_events_and_refusals_go_out_framed() -> None:
    """Each with its own schema's id and fingerprint; whoever has our schemas reads it without a registry."""
    plain, said = [await _said(ids) for ids in (None, {DELETED.type: 41})]
    assert plain.value is not None
    assert said.value == b"\0" + (41).to_bytes(4) + plain.value[10:]
    assert schemas.decode(said.value, headers=said.headers) == schemas.decode(plain.value)
    with pytest.raises(schemas.Unreadable):
        schemas.decode(said.value)
    published = schemas.PUBLISHED.newest[DELETED.type].fingerprint[::-1].hex()
    assert dict(said.headers)[confluent.HEADER] == published.encode()
    assert confluent.HEADER not in dict(plain.headers)


async def _said(ids: Mapping[str, int] | None) -> Outgoing:
    publisher = MemoryPublisher()
    record = Log().send("DeleteThread", command_id=uid(3, 1), thread_id=uid(1, 1))
    emitter = Emitter(publisher, schemas.Format.AVRO, PARTITIONS, schema_ids=ids)  # type: ignore[arg-type]
    await emitter.emit(Work(events=[(record, DELETED)]))
    (said,) = publisher.records("chat.events")
    return said
