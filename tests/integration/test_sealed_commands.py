"""Sealed commands and sealed dead letters through the program, a real worker, Kafka and Cassandra."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from chat.broker import Place
from chat.domain.partition import partition_of
from chat.ids import new_id
from chat.partition_reader import read
from chat.servers.embedded import Addresses
from chat.settings import Settings
from chat.storage.sealing_end import destroy_over
from chat.storage.session import Connection
from chat.topic_specs import DAY, Topic
from tests.chat_program import ChatProgram
from tests.clean_house import clean_house, drop_keyspace
from tests.records import PARTITIONS, token
from tests.worker import WorkerProcess, environment

CANARY = "wombat-under-the-wisteria"
IDS = {"tenant_id": "tenant-1", "learner_id": "learner-1"}
HOME = b"tenant-1/learner-1"


@pytest.fixture(scope="module")
def house(servers: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = clean_house(servers, dead_letter_content="sealed")
    worker = WorkerProcess(settings, tmp_path_factory.mktemp("worker")).start()
    worker.until_ready()
    yield settings
    worker.end()
    drop_keyspace(settings)


@pytest.fixture
def chat(house: Settings, tmp_path: Path) -> ChatProgram:
    return ChatProgram(tmp_path, environment(house) | {"CHAT_TOKEN": token()})


def lines(*commands: dict[str, object]) -> str:
    return "".join(f"{json.dumps(IDS | command)}\n" for command in commands)


def raw(house: Settings, topic: Topic) -> bytes:
    """All bytes of all records of a topic."""
    kept = [one for number in range(PARTITIONS) for batch in read(house, Place(topic, number)) for one in batch]
    return b"\n".join((one.value or b"") + repr(one.headers).encode() for one in kept)


def destroyed(house: Settings, days: int) -> list[str]:
    """The keys that are destroyed so many days from now."""

    async def destroy() -> list[str]:
        connection = await Connection.open(house)
        try:
            return await destroy_over(connection, house, time.time_ns() // 1_000_000 + days * DAY)
        finally:
            await connection.close()

    return asyncio.run(destroy())


def test_sealed_commands_leave_no_word_in_the_command_log(chat: ChatProgram, house: Settings) -> None:
    """They are applied as any; the same sent plain are duplicates; a renewed key opens on, then is destroyed."""
    (chat.folder / "key").write_text(chat.run("privacy", "command-key").out)
    thread = new_id()
    commands: list[dict[str, object]] = [
        {"type": "CreateThread", "title": CANARY, "command_id": new_id(), "thread_id": thread},
        {"type": "PostMessage", "content": CANARY, "command_id": new_id(), "thread_id": thread, "message_id": new_id()},
    ]
    sealed = chat.run("send", "--wait", "--seal", "key", stdin=lines(*commands))
    assert [line["outcome"] for line in sealed.lines] == ["applied"] * 2, sealed.err
    assert CANARY.encode() in raw(house, Topic.EVENTS)
    assert CANARY.encode() not in raw(house, Topic.COMMANDS)
    renewed = chat.run("privacy", "command-key", "--renew").out
    assert renewed != (chat.folder / "key").read_text()
    assert chat.run("privacy", "command-key").out == renewed
    old = chat.run("send", "--wait", "--seal", "key", stdin=lines({"type": "CreateThread", "title": "old"}))
    assert [line["outcome"] for line in old.lines] == ["applied"]
    plain = chat.run("send", "--wait", stdin=lines(*commands))
    assert [(line["code"], line["event_id"]) for line in plain.lines] == [
        ("duplicate", line["event_id"]) for line in sealed.lines
    ]
    officer = ("--token", token(user="officer-1", role="compliance"))
    request: dict[str, object] = {"type": "ExportLearnerData", "reason": "access"}
    asked = chat.run("send", "--wait", "--seal", "key", *officer, stdin=lines(request))
    assert [line["outcome"] for line in asked.lines] == ["applied"]
    assert (destroyed(house, 31), len(destroyed(house, 32)), destroyed(house, 32)) == ([], 1, [])


def test_what_can_be_read_by_now_is_replayed_once(chat: ChatProgram, house: Settings) -> None:
    """A letter of an older service is applied as the token's user; replayed again, it is a duplicate."""
    value = json.dumps(IDS | {"type": "CreateThread", "title": "t", "command_id": new_id(), "thread_id": new_id()})
    said = [("error-code", "unknown_schema"), ("error-detail", "x"), ("source-topic", "chat.commands")]
    said += [("source-partition", "0"), ("source-offset", "0"), ("source-timestamp", "0")]
    headers: list[tuple[str, str | bytes | None]] = [(f"x-{name}", text) for name, text in said]
    producer = Producer({"bootstrap.servers": house.kafka_bootstrap_servers[0]})
    for _ in range(2):
        producer.produce(Topic.DEAD_LETTER, value, HOME, partition_of(HOME, PARTITIONS), headers=headers)
    assert producer.flush(30) == 0
    first, second = ([line for line in chat.run("dead-letter", "replay").lines if "replayed" in line] for _ in range(2))
    assert [line["outcome"] for line in first] == ["applied"]
    assert [(line["code"], line["event_id"]) for line in second] == [("duplicate", first[0]["event_id"])]


def test_letters_are_sealed_opened_and_destroyed(chat: ChatProgram, house: Settings) -> None:
    """No word in the log; `list --open` shows it; what stays unreadable makes no other letter; then its key goes."""
    learner = f"learner-{new_id()}"

    def mine(*options: str) -> dict[str, object]:
        key = f"tenant-1/{learner}"
        (found,) = (line for line in chat.run("dead-letter", "list", *options).lines if line["key"] == key)
        return found

    chat.run("send", "--wait", stdin=lines({"type": "Nonsense", "title": CANARY, "learner_id": learner}))
    assert CANARY.encode() not in raw(house, Topic.DEAD_LETTER)
    assert (mine()["state"], mine()["error_code"], mine().get("value")) == ("sealed", "unknown_type", None)
    assert CANARY.encode() in base64.b64decode(str(mine("--open")["value"]))
    ended = chat.run("dead-letter", "replay")
    assert ended.status == 1
    assert [line["outcome"] for line in ended.lines if line.get("key") == f"tenant-1/{learner}"] == ["unreadable"]
    assert mine("--open")["state"] == "opened"  # one letter still
    assert mine()["day"] not in destroyed(house, 7)
    assert mine()["day"] in destroyed(house, 9)
    assert mine("--open")["state"] == "destroyed"
