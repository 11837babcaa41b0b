"""A learner is erased, through Kafka, Cassandra and HTTP, and nothing brings it back; another one stays as it was."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import pytest

from chat.cli.http import get
from chat.domain.partition import learner_key, partition_of
from chat.ids import new_id
from chat.privacy.receipt import ReceiptKey, verify_chain
from chat.settings import Settings
from chat.storage import migrate
from chat.storage.receipts import CassandraReceipts
from chat.storage.session import Connection
from streams.erasure import STEPS
from tests.api_process import PROGRAM, api_processes
from tests.conftest import StartWorker
from tests.erasure_worker import KEPT_SECONDS
from tests.erasure_worker import PROGRAM as WORKER
from tests.oracle.topics import EVENTS, Group, Reader
from tests.privacy_house import House
from tests.records import PARTITIONS, token
from tests.wait import until
from tests.worker import WorkerProcess

ADMIN = token(user="admin-1", role="admin")
TABLES = ("messages", "thread_log", "commands", "threads", "read_marks", "learner_threads", "thread_owners")


class Life:
    """A learner who has a thread with messages, an edit, a deletion and marks, and a thread that was deleted."""

    def __init__(self, house: House, learner: str, word: str) -> None:
        self.house, self.learner, self.word = house, learner, word
        self.thread, self.gone, self.message = new_id(), new_id(), new_id()

    def send(self, *commands: dict[str, Any]) -> list[str]:
        """How each of these ends: `applied`, or the code."""
        ended = self.house.send(*({"learner_id": self.learner, **one} for one in commands), bearer=ADMIN)
        return [str(one["code"] or one["outcome"]) for one in ended]

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

    def post(self) -> dict[str, Any]:
        """A new message for the thread."""
        return {"type": "PostMessage", "thread_id": self.thread, "message_id": new_id(), "content": "late"}

    def make(self) -> dict[str, Any]:
        """A new thread."""
        return {"type": "CreateThread", "thread_id": new_id(), "title": "late"}

    def toss(self, command: dict[str, Any]) -> None:
        """Sends a command and does not wait for what becomes of it."""
        self.house.send({"learner_id": self.learner, **command}, bearer=ADMIN, wait=False)

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
    forgetful = f"from chat.storage import learner_keys; learner_keys.KEPT_SECONDS = {KEPT_SECONDS}; {PROGRAM}"
    with patch("tests.api_process.PROGRAM", forgetful), api_processes(folder) as start:
        yield House(fresh, folder, start(settings).address())


@pytest.fixture(scope="module")
def resident(house: House, start_resident: StartWorker) -> WorkerProcess:
    """The worker of all tests, but for those that it is in the way of."""
    return start_resident(house.settings, program=(WORKER,))


@pytest.fixture
def worker(resident: WorkerProcess) -> WorkerProcess:
    return (resident if resident.alive else resident.start()).until_ready()


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


def assert_nowhere(life: Life, events: Reader) -> None:
    """No row is left, and every key that was ever said of it has a tombstone as its last record."""
    assert {table: rows for table, rows in life.rows().items() if rows} == {}
    keys = last_values(events, life.learner)
    assert {life.thread, life.gone, f"{life.thread}/read/admin-1", f"{life.gone}/read/admin-1"} < keys.keys()
    assert len(keys) == 7
    assert set(keys.values()) == {None}


def test_an_erased_learner_is_nowhere(house: House, worker: WorkerProcess, events: Reader) -> None:
    """No row, no answer, tombstones for all keys, late commands refused; another learner is as before."""
    erased, control = Life(house, "learner-1", "canary").live(), Life(house, "learner-2", "sparrow").live()
    before, spoken = control.rows(), last_values(events, "learner-2")
    assert erased.shown() == (200, 200)
    assert all(erased.rows().values())
    asked = house.ask("delete", "learner-1", "--reason", "consent_withdrawn")
    ended = house.until_final(asked["request_id"])
    assert (ended["state"], asked["outcome"]) == ("completed", "applied")
    assert_nowhere(erased, events)
    assert erased.shown() == (404, 404)
    assert erased.listed() == []
    assert (control.rows(), last_values(events, "learner-2"), control.shown()) == (before, spoken, (200, 200))
    assert erased.send(erased.post(), erased.make()) == ["learner_erased"] * 2
    assert house.request("DeleteLearnerData", "learner-1", reason="other")["code"] == "learner_erased"
    assert worker.alive


def test_the_receipt_says_what_was_done(house: House, worker: WorkerProcess) -> None:
    """Counts and times, in the order of the steps, and no id of the learner."""
    Life(house, "learner-7", "lark").live()
    receipt: Any = house.erase("learner-7")["receipt"]
    assert receipt["body"]["counts"] == {
        "threads": 2, "messages": 2, "marks": 1, "commands": 10, "bundles": 0, "tombstones": 5
    }  # fmt: skip
    assert "learner-7" not in json.dumps(receipt)
    times = [receipt["body"]["steps"][step] for step in STEPS[:-1]]
    assert times == sorted(times)
    assert worker.alive


def test_the_log_read_again_brings_nothing_back(
    house: House, worker: WorkerProcess, events: Reader, start_worker: StartWorker
) -> None:
    """Nor does a new life, in which old thread ids stay taken, and which goes on when all is read once more."""
    life = Life(house, "learner-8", "wren").live()
    house.erase("learner-8")
    again = rewound(house, worker, start_worker)
    assert_nowhere(life, events)
    assert house.ask("enrol", "learner-8")["outcome"] == "applied"
    new = life.make()
    assert life.send({**new, "thread_id": life.thread}, life.post(), new) == [
        "thread_exists", "thread_not_found", "applied"
    ]  # fmt: skip
    assert (life.shown(), life.listed()) == ((404, 404), [new["thread_id"]])
    assert house.request("EnrolLearner", "learner-8")["code"] == "invalid"
    rows = life.rows()
    rewound(house, again, start_worker)
    assert (life.rows(), life.listed()) == (rows, [new["thread_id"]])


def rewound(house: House, worker: WorkerProcess, start_worker: StartWorker) -> WorkerProcess:
    """Another worker, once it has read all of the log from its beginning."""
    assert worker.stop() == 0
    group = Group(house.settings.kafka_bootstrap_servers[0], house.settings.consumer_group, PARTITIONS)
    group.rewind()
    another = start_worker(house.settings, program=(WORKER,)).until_ready()
    until(lambda: group.committed() == group.ends(), what="all of the log read again")
    group.close()
    return another


def test_a_hold_keeps_a_learner_and_says_so(house: House, worker: WorkerProcess, events: Reader) -> None:
    """The request ends `held`, audited, with nothing done; released, the learner can be erased."""
    held = Life(house, "learner-3", "witness").live()
    before, spoken = held.rows(), last_values(events, "learner-3")
    whose = ("--tenant", "tenant-1", "--learner", "learner-3")
    assert house.chat.run("privacy", "hold", *whose, "--reason", "court_order").status == 0
    ended = house.erase("learner-3")
    assert (ended["state"], ended["reason_code"]) == ("held", "legal_hold")
    assert (held.rows(), last_values(events, "learner-3")) == (before, spoken)
    assert house.chat.run("privacy", "hold", *whose, "--release").status == 0
    assert house.erase("learner-3")["state"] == "completed"
    assert house.chat.run("privacy", "hold", *whose, "--reason", "too_late").status == 1
    assert worker.alive


def test_verify_finds_what_is_there_and_no_more(house: House, worker: WorkerProcess) -> None:
    """Before: rows and words in every place that holds some. Behind: words in the logs only, by their offsets."""
    life, whose = Life(house, "learner-5", "lantern").live(), ("--tenant", "tenant-1", "--learner", "learner-5")
    before = house.chat.run("privacy", "verify", *whose)
    assert before.status == 1, before.err
    tables = {str(one["place"]).split()[0] for one in before.lines if one["what"] == "row"}
    assert tables >= set(TABLES)
    assert _topics(before.lines, "words") == {"chat.commands": 6, "chat.events": 6}
    house.erase("learner-5")
    behind = house.chat.run("privacy", "verify", *whose)
    assert [one for one in behind.lines if one["what"] == "row"] == []
    assert _topics(behind.lines, "words") == {"chat.commands": 6, "chat.events": 6}
    assert _topics(behind.lines, "ids")["chat.events"] > 7
    assert house.request("EnrolLearner", "learner-5")["outcome"] == "applied"
    new = new_id()
    assert life.send({"type": "CreateThread", "thread_id": new, "title": "new"}) == ["applied"]
    again = house.chat.run("privacy", "verify", *whose)
    assert _topics(again.lines, "words") == {"chat.commands": 6, "chat.events": 6}
    assert not any(new in str(one) for one in again.lines)
    nobody = house.chat.run("privacy", "verify", "--tenant", "tenant-1", "--learner", "learner-none")
    assert (nobody.status, nobody.lines) == (0, [])
    assert worker.alive


def _topics(lines: list[dict[str, object]], what: str) -> Counter[str]:
    """How many traces of a kind there are on each topic."""
    return Counter(str(one["place"]).partition("[")[0] for one in lines if one["what"] == what and "@" in str(one))


def test_a_worker_that_slept_through_it_brings_nothing_back(
    house: House, resident: WorkerProcess, start_worker: StartWorker, events: Reader
) -> None:
    """Stopped with commands in its hands before the fence, woken after the purge; its successor did all of it."""
    resident.end()
    sleeper = start_worker(house.settings, program=(WORKER,)).until_ready()
    life = Life(house, "learner-6", "dormouse").live()
    sleeper.signal(signal.SIGSTOP)
    for _ in range(5):
        life.toss(life.post())
    start_worker(house.settings, program=(WORKER,)).until_ready()
    ended = house.until_final(house.request("DeleteLearnerData", "learner-6", reason="other", wait=False)["request_id"])
    assert ended["state"] == "completed"
    sleeper.signal(signal.SIGCONT)
    sleeper.until_ready()
    assert life.send({"type": "CreateThread", "thread_id": new_id(), "title": "late"}) == ["learner_erased"]
    assert {table: rows for table, rows in life.rows().items() if rows} == {}
    assert set(last_values(events, "learner-6").values()) == {None}


def test_switched_off_an_erasure_is_still_finished(
    house: House, resident: WorkerProcess, start_worker: StartWorker, tmp_path: Path
) -> None:
    """What was accepted and begun ends, without the signing key of exports; what is asked for then is refused."""
    resident.end()
    (tmp_path / "no-folder").touch()
    stuck = start_worker(_with(house, erasure_ledger=tmp_path / "no-folder"), program=(WORKER,)).until_ready()
    Life(house, "learner-9", "plover").live()
    request_id = house.request("DeleteLearnerData", "learner-9", reason="other")["request_id"]
    until(lambda: house.shown(request_id).get("state") == "waiting", 60, "an erasure that waits for its ledger")
    assert stuck.stop() == 0
    off = _with(house, privacy_enabled=False, signing_key_file=tmp_path / "none.pem")
    worker = start_worker(off, program=(WORKER,)).until_ready()
    assert house.until_final(request_id)["state"] == "completed"
    for asked in ("DeleteLearnerData", "ExportLearnerData"):
        assert house.request(asked, "learner-10", reason="other")["code"] == "disabled"
    assert worker.alive


def _with(house: House, **changes: Any) -> Settings:
    return house.settings.model_copy(update=changes)


DEATHS = [f"die-{when}-{step}" for step in STEPS for when in ("before", "after")]


def test_a_worker_killed_at_every_step_leaves_one_receipt(
    house: House, resident: WorkerProcess, start_worker: StartWorker, events: Reader, tmp_path: Path
) -> None:
    """`kill -9` before and after each step: the request ends once, counts are those of an undisturbed erasure."""
    resident.end()
    settings = house.settings.model_copy(update={"worker_id": "one"})  # its group need not wait for its end
    worker = start_worker(settings, program=(WORKER,)).until_ready()
    life = Life(house, "learner-4", "ember").live()
    for death in DEATHS:
        (tmp_path / death).touch()
    asked = house.request("DeleteLearnerData", "learner-4", reason="other", wait=False)
    ended = house.until_final(asked["request_id"], 720)
    assert worker.stop() == 0
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


def test_who_gets_a_partition_back_forgets_whom_it_knew(
    house: House, resident: WorkerProcess, start_worker: StartWorker
) -> None:
    """Its learners were erased while another owned their partitions: what it kept in mind of them counts no more.

    The last test here: its workers remember for a whole minute, so its erasures are still under way when it ends.
    """
    resident.end()
    first = start_worker(house.settings).until_ready()
    lives = [Life(house, _learner_on(partition), "returned").live() for partition in range(PARTITIONS)]
    second = start_worker(house.settings)
    until(lambda: second.ready()[1].get("partitions") == PARTITIONS // 2, 60, "a second owner")
    for life in lives:
        house.request("DeleteLearnerData", life.learner, reason="other", wait=False)
    until(lambda: not any(life.rows()["thread_owners"] for life in lives), 60, "the sweep of all of them")
    assert second.stop() == 0
    until(lambda: first.ready()[1].get("partitions") == PARTITIONS, 60, "the first owner's having all again")
    assert [life.send(life.make()) for life in lives] == [["learner_erased"]] * PARTITIONS


def _learner_on(partition: int) -> str:
    """A learner of that partition."""
    names = (f"returned-{number}" for number in count())
    return next(one for one in names if partition_of(learner_key("tenant-1", one).encode(), PARTITIONS) == partition)
