"""A learner is erased, through Kafka, Cassandra and HTTP, and nothing brings it back; another one stays as it was."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from chat.cli.http import get
from chat.ids import new_id
from chat.privacy.receipt import ReceiptKey, verify_chain
from chat.settings import Settings
from chat.storage import migrate
from chat.storage.receipts import CassandraReceipts
from chat.storage.session import Connection
from streams.erasure import STEPS
from tests.api_process import api_processes
from tests.chat_program import ChatProgram
from tests.conftest import StartWorker
from tests.erasure_worker import PROGRAM
from tests.oracle.topics import EVENTS, Group, Reader
from tests.privacy_house import House
from tests.records import PARTITIONS, token
from tests.wait import until
from tests.worker import WorkerProcess, environment

ADMIN = token(user="admin-1", role="admin")
TABLES = ("messages", "thread_log", "commands", "threads", "read_marks", "learner_threads", "thread_owners")


class Life:
    """A learner who has a thread with messages, an edit, a deletion and marks, and a thread that was deleted."""

    def __init__(self, house: House, learner: str, word: str) -> None:
        self.house, self.learner, self.word = house, learner, word
        self.thread, self.gone, self.message = new_id(), new_id(), new_id()
        self._admin = ChatProgram(house.chat.folder, environment(house.settings) | {"CHAT_TOKEN": ADMIN})

    def send(self, *commands: dict[str, Any]) -> list[str]:
        """How each of these ends: `applied`, or the code."""
        given = [{"tenant_id": "tenant-1", "learner_id": self.learner, **one} for one in commands]
        ended = self._admin.run("send", "--wait", stdin="".join(json.dumps(one) + "\n" for one in given))
        assert len(ended.lines) == len(given), ended.err
        return [str(line["code"] or line["outcome"]) for line in ended.lines]

    def live(self) -> "Life":
        """Writes all of it."""
        here, there, words = {"thread_id": self.thread}, {"thread_id": self.gone}, {"content": self.word}
        second = new_id()
        outcomes = self.send(
            {"type": "CreateThread", **here, "title": self.word, "metadata": {"of": self.word}},
            {"type": "CreateThread", **there, "title": self.word},
            {"type": "PostMessage", **here, "message_id": self.message, **words},
            {"type": "PostMessage", **here, "message_id": second, **words},
            {"type": "PostMessage", **there, "message_id": new_id(), **words},
            {"type": "EditMessage", **here, "message_id": self.message, "content": f"{self.word} again"},
            {"type": "DeleteMessage", **here, "message_id": second},
            {"type": "MarkRead", **here, "seq": 2},
            {"type": "MarkRead", **there, "seq": 1},
            {"type": "DeleteThread", **there},
        )
        assert set(outcomes) == {"applied"}
        return self

    def shown(self) -> tuple[int, int]:
        """Status of the thread and of its messages over HTTP."""
        return self._get(f"/api/v1/threads/{self.thread}"), self._get(f"/api/v1/threads/{self.thread}/messages")

    def listed(self) -> list[str]:
        """Ids of the threads that HTTP lists."""
        _, body = get(self.house.address, f"/api/v1/threads?learner_id={self.learner}", ADMIN)
        return [one["thread_id"] for one in body["items"]]

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Its rows by table, write times aside."""
        return asyncio.run(_rows(self.house.settings, self.learner))

    def _get(self, path: str) -> int:
        return get(self.house.address, path, ADMIN)[0]


async def _rows(settings: Settings, learner: str) -> dict[str, list[tuple[Any, ...]]]:
    connection = await Connection.open(settings)
    try:
        asked = f"SELECT * FROM {{}} WHERE learner_id = '{learner}' ALLOW FILTERING"
        return {table: sorted(map(tuple, await connection.run(asked.format(table))), key=repr) for table in TABLES}
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def house(fresh: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    settings = fresh.model_copy(update={"api_port": 0, "enable_rate_limiting": False})
    with api_processes(folder) as start:
        yield House(fresh, folder, start(settings).address())


@pytest.fixture
def worker(house: House, start_worker: StartWorker) -> WorkerProcess:
    return start_worker(house.settings).until_ready()


@pytest.fixture
def events(house: House) -> Iterator[Reader]:
    reader = Reader(house.settings.kafka_bootstrap_servers[0], PARTITIONS, [EVENTS])
    yield reader
    reader.close()


def last_values(events: Reader, learner: str) -> dict[str, bytes | None]:
    """By key, but for those of privacy requests, the last record that there is of a learner."""
    prefix = f"tenant-1/{learner}/"
    said = [one for one in events.read_to(events.ends()) if (one.key or b"").decode().startswith(prefix)]
    values = {(one.key or b"").decode().removeprefix(prefix): one.value for one in said}
    return {key: value for key, value in values.items() if not key.startswith("privacy/")}


def receipts(house: House) -> tuple[list[str], dict[str, str]]:
    """The tenant's receipts, first to last, and the public key."""
    return asyncio.run(_receipts(house.settings))


async def _receipts(settings: Settings) -> tuple[list[str], dict[str, str]]:
    connection = await Connection.open(settings)
    try:
        chain = await (await CassandraReceipts.open(connection)).chain("tenant-1")
        secret = await migrate.service_secret(connection, "receipts")
        return [one.document for one in chain], ReceiptKey(secret).jwk
    finally:
        await connection.close()


def test_an_erased_learner_is_nowhere_and_stays_so(
    house: House, worker: WorkerProcess, events: Reader, start_worker: StartWorker
) -> None:
    """Rows, reads and keys on the events; late commands, a group set back, and a new life that cannot see the old."""
    erased, control = Life(house, "learner-1", "canary").live(), Life(house, "learner-2", "sparrow").live()
    before, spoken = control.rows(), last_values(events, "learner-2")
    assert erased.shown() == (200, 200)
    assert all(erased.rows().values())

    asked = house.ask("delete", "learner-1", "--reason", "consent_withdrawn")
    ended = house.until_final(asked["request_id"])
    assert (ended["state"], asked["outcome"]) == ("completed", "applied")

    def is_nowhere() -> None:
        assert {table: rows for table, rows in erased.rows().items() if rows} == {}
        keys = last_values(events, "learner-1")
        assert {erased.thread, erased.gone, f"{erased.thread}/read/admin-1"} < keys.keys()
        assert len(keys) == 7
        assert set(keys.values()) == {None}
        assert control.rows() == before
        assert last_values(events, "learner-2") == spoken

    is_nowhere()
    assert erased.shown() == (404, 404)
    assert erased.listed() == []
    assert control.shown() == (200, 200)
    post = {"type": "PostMessage", "thread_id": erased.thread, "message_id": new_id(), "content": "late"}
    make = {"type": "CreateThread", "thread_id": new_id(), "title": "late"}
    assert erased.send(post, make) == ["learner_erased"] * 2
    assert house.ask("delete", "learner-1")["code"] == "learner_erased"

    body = orjson.loads(orjson.dumps(ended["receipt"]))["body"]
    assert body["counts"] == {
        "threads": 2, "messages": 2, "marks": 1, "commands": 10, "bundles": 0, "tombstones": 5
    }  # fmt: skip
    assert "learner-1" not in json.dumps(ended["receipt"])
    times = [body["steps"][step] for step in STEPS[:-1]]
    assert times == sorted(times)

    assert worker.stop() == 0
    group = Group(house.settings.kafka_bootstrap_servers[0], house.settings.consumer_group, PARTITIONS)
    group.rewind()
    again = start_worker(house.settings).until_ready()
    until(lambda: group.committed() == group.ends(), what="all of the log read again")
    group.close()
    is_nowhere()

    assert house.ask("enrol", "learner-1")["outcome"] == "applied"
    taken = {"type": "CreateThread", "thread_id": erased.thread, "title": "mine again"}
    assert erased.send(taken, post, make) == ["thread_exists", "thread_not_found", "applied"]
    assert erased.shown() == (404, 404)
    assert erased.listed() == [make["thread_id"]]
    assert house.ask("enrol", "learner-1")["code"] == "invalid"
    assert again.alive


def test_a_hold_keeps_a_learner_and_says_so(house: House, worker: WorkerProcess, events: Reader) -> None:
    """The request ends `held`, audited, with nothing done; released, the learner can be erased."""
    held = Life(house, "learner-3", "witness").live()
    before, spoken = held.rows(), last_values(events, "learner-3")
    whose = ("--tenant", "tenant-1", "--learner", "learner-3")
    assert house.chat.run("privacy", "hold", *whose, "--reason", "court_order").status == 0
    ended = house.until_final(house.ask("delete", "learner-3")["request_id"])
    assert (ended["state"], ended["reason_code"]) == ("held", "legal_hold")
    assert (held.rows(), last_values(events, "learner-3")) == (before, spoken)
    assert house.chat.run("privacy", "hold", *whose, "--release").status == 0
    assert house.until_final(house.ask("delete", "learner-3")["request_id"])["state"] == "completed"
    assert house.chat.run("privacy", "hold", *whose, "--reason", "too_late").status == 1
    assert worker.alive


DEATHS = [f"die-{when}-{step}" for step in STEPS for when in ("before", "after")]


def test_a_worker_killed_at_every_step_leaves_one_receipt(
    house: House, start_worker: StartWorker, events: Reader, tmp_path: Path
) -> None:
    """`kill -9` before and after each step: the request ends once, counts are those of an undisturbed erasure."""
    worker = start_worker(house.settings, program=(PROGRAM,)).until_ready()
    life = Life(house, "learner-4", "ember").live()
    for death in DEATHS:
        (tmp_path / death).touch()
    asked = house.ask("delete", "learner-4", wait=False)
    for _ in DEATHS:
        assert worker.exit_status(60) == -9
        worker.start()
    ended = house.until_final(asked["request_id"])
    assert list(tmp_path.glob("die-*")) == []
    assert ended["state"] == "completed"
    assert [line["action"] for line in ended["audit"]] == ["requested", "completed"]  # type: ignore[attr-defined]
    assert {table: rows for table, rows in life.rows().items() if rows} == {}
    assert set(last_values(events, "learner-4").values()) == {None}
    documents, public = receipts(house)
    verify_chain(documents, public)
    mine = [one for one in map(orjson.loads, documents) if one["body"]["request_id"] == asked["request_id"]]
    assert mine == [ended["receipt"]]
    assert mine[0]["body"]["counts"]["tombstones"] == 5
    assert mine[0]["body"]["number"] == len(documents)
