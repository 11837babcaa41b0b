"""Exports through Kafka, a worker, Cassandra, HTTP and the program: what was said comes back, once, signed."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from chat.domain.model import FIRST_LIFE
from chat.errors import SigningKeyUnfit
from chat.ids import new_id
from chat.privacy.export.signing import SigningKey
from chat.privacy.export.store import bundle_id
from chat.sdk import Producer
from chat.settings import Environment, Settings
from chat.storage.cassandra_privacy import CassandraRequests
from chat.storage.lives import Lives
from chat.storage.migrate import migrate
from chat.storage.session import Connection
from tests import bundles
from tests.api_process import api_processes
from tests.chat_program import ChatProgram, Ended
from tests.conftest import StartWorker
from tests.export_worker import DEADLY, DEATHS, HOLD, PROGRAM, grave
from tests.oracle.topics import EVENTS, Reader
from tests.records import PARTITIONS, token
from tests.wait import until
from tests.worker import WorkerProcess, environment

TENANT = "tenant-1"
OFFICER = token(user="officer-1", role="compliance")
FINAL = {"completed", "failed", "held"}
WORDS = "The volcano of Ada's canary 7c1f"
SECONDS = 240
HOUR = 3_600
EXPIRED = 73 * HOUR


class House:
    """The service as a compliance officer sees it, with a folder of exports of its own."""

    def __init__(self, settings: Settings, folder: Path, address: str) -> None:
        self.settings = settings
        self.folder = folder
        self.address = address
        variables = environment(settings) | {"CHAT_TOKEN": OFFICER, "API_PORT": address.rpartition(":")[2]}
        self.chat = ChatProgram(folder, variables)

    def say(self, learner: str) -> str:
        """A thread with five messages, one of them edited and one deleted, and a mark; the thread's id."""
        ids = {"tenant_id": TENANT, "learner_id": learner, "thread_id": new_id()}
        messages = [new_id() for _ in range(5)]
        commands: list[dict[str, Any]] = [{"type": "CreateThread", "title": f"About {WORDS}"}]
        commands += [{"type": "PostMessage", "message_id": one, "content": f"{WORDS}, draft"} for one in messages]
        commands += [
            {"type": "EditMessage", "message_id": messages[1], "content": f"{WORDS}, edited"},
            {"type": "DeleteMessage", "message_id": messages[2]},
            {"type": "MarkRead", "seq": 4},
        ]
        with Producer(self.settings, token=token(), outcomes=True) as producer:
            sent = [producer.send({**ids, **one}) for one in commands]
            assert [one.outcome(SECONDS).outcome for one in sent] == ["applied"] * len(commands)
        return ids["thread_id"]

    def export(self, learner: str, *more: str) -> Ended:
        """Asks by the program."""
        return self.chat.run("privacy", "export", "--tenant", TENANT, "--learner", learner, *more)

    def ask(self, learner: str, request_id: str = "") -> str:
        """Asks and does not wait; the request's id."""
        ids = {"tenant_id": TENANT, "learner_id": learner, "request_id": request_id or new_id()}
        with Producer(self.settings, token=OFFICER, outcomes=False) as producer:
            producer.send({"type": "ExportLearnerData", "reason": "access", **ids}).position(SECONDS)
        return ids["request_id"]

    def get(self, path: str, bearer: str = OFFICER) -> httpx.Response:
        headers = {"authorization": f"Bearer {bearer}"}
        return httpx.get(f"{self.address}/api/v1/privacy/{path}", headers=headers, timeout=60)

    def shown(self, request_id: str) -> dict[str, Any]:
        answer = self.get(f"requests/{request_id}")
        return dict(answer.json()) if answer.status_code == 200 else {}

    def state(self, request_id: str) -> str:
        return str(self.shown(request_id).get("state"))

    def completed(self, request_id: str) -> dict[str, Any]:
        """The request, once it has ended well."""
        until(lambda: self.state(request_id) in FINAL, SECONDS, "the request's end")
        shown = self.shown(request_id)
        assert shown["state"] == "completed", shown
        return shown

    def verified(self, bundle: Path) -> dict[str, bytes]:
        """The files of a bundle that the officers' script finds good with the key that the service publishes."""
        keys = self.folder / "keys.json"
        keys.write_text(self.get("signing-keys").text)
        done = subprocess.run(
            [sys.executable, bundles.VERIFIER, bundle, keys], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return bundles.members(bundle.read_bytes())

    def downloaded(self, request_id: str) -> dict[str, bytes]:
        """The files of a bundle, fetched over HTTP and verified."""
        answer = self.get(f"exports/{request_id}")
        assert answer.status_code == 200, answer.text
        bundle = self.folder / f"{request_id}.zip"
        bundle.write_bytes(answer.content)
        return self.verified(bundle)

    def bundle(self, request_id: str) -> Path:
        """Where a bundle is kept."""
        return self.settings.export_folder / bundle_id(TENANT, request_id)


@pytest.fixture(scope="module")
def house(fresh: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    settings = fresh.model_copy(update={"export_folder": folder / "exports"})
    with api_processes(folder) as start:
        api = start(settings.model_copy(update={"api_port": 0, "enable_rate_limiting": False}))
        yield House(settings, folder, api.address())


@pytest.fixture(scope="module")
def resident(house: House, start_resident: StartWorker) -> WorkerProcess:
    """The worker of all tests, but for those that it is in the way of."""
    return start_resident(house.settings, program=(PROGRAM,))


@pytest.fixture
def worker(resident: WorkerProcess) -> WorkerProcess:
    return (resident if resident.alive else resident.start()).until_ready()


@pytest.fixture
def events(house: House) -> Iterator[Reader]:
    reader = Reader(house.settings.kafka_bootstrap_servers[0], PARTITIONS, [EVENTS])
    yield reader
    reader.close()


def test_what_was_said_comes_back(house: House, worker: WorkerProcess) -> None:
    """Posted, edited and deleted, by one line of the program; sealed where it is kept, and every fetching is noted."""
    thread_id = house.say("learner-1")
    target = house.folder / "bundle.zip"
    asked = house.export("learner-1", "--reason", "access", "--out", str(target), "--timeout", "120")
    assert asked.status == 0, asked.err
    outcome, ended = asked.lines
    assert (outcome["outcome"], ended["state"]) == ("applied", "completed")
    assert target.stat().st_mode & 0o777 == 0o600
    files = house.verified(target)
    (thread,) = bundles.lines(files, "threads")
    assert (thread["thread_id"], thread["title"]) == (thread_id, f"About {WORDS}")
    said = [one["content"] for one in bundles.lines(files, "messages")]
    assert said == [f"{WORDS}, {how}" if how else None for how in ("draft", "edited", None, "draft", "draft")]
    assert [one["seq"] for one in bundles.lines(files, "read_marks")] == [4]
    kept = [one for one in house.settings.export_folder.rglob("*") if one.is_file()]
    assert len(kept) > 6
    assert not [one for one in kept if b"canary" in one.read_bytes()]
    request_id = str(ended["request_id"])
    house.downloaded(request_id)
    audit = [(line["action"], line["actor"]) for line in house.shown(request_id)["audit"]]
    officer = "officer-1"
    assert audit == [("requested", officer), ("completed", None), ("downloaded", officer), ("downloaded", officer)]
    assert worker.alive


def test_who_may_not_gets_nothing(house: House, worker: WorkerProcess) -> None:
    """Refused without the permission; 403 and, for another tenant, 404; each try of a command is in the audit."""
    request_id = house.ask("learner-2")
    house.completed(request_id)
    other = token(user="officer-2", role="compliance", permissions=["privacy:delete"])
    refused = house.export("learner-2", "--wait", "--token", other)
    assert (refused.status, refused.lines[0]["code"]) == (1, "forbidden")
    audit = house.get("audit?learner_id=learner-2").json()["items"]
    assert ("refused", "officer-2", "forbidden") in [(one["action"], one["actor"], one["code"]) for one in audit]
    assert house.get(f"exports/{request_id}", other).status_code == 403
    foreign = house.get(f"exports/{request_id}", token("tenant-2", role="compliance"))
    nothing = house.get(f"exports/{new_id()}")
    assert (foreign.status_code, nothing.status_code) == (404, 404)
    assert foreign.json() == nothing.json()
    assert house.get(f"exports/{request_id}").status_code == 200
    assert worker.alive


def test_of_the_erased_nothing_is_given_out(house: House, worker: WorkerProcess) -> None:
    """From the key's destruction on, by an API process that gave it out before, though the bundle is still there."""
    request_id = house.ask("learner-12")
    house.completed(request_id)
    assert house.get(f"exports/{request_id}").status_code == 200
    asyncio.run(_end_life(house.settings, "learner-12"))
    assert house.get(f"exports/{request_id}").status_code == 404
    assert house.bundle(request_id).exists()
    assert worker.alive


async def _end_life(settings: Settings, learner: str) -> None:
    """As an erasure's second step does."""
    connection = await Connection.open(settings)
    try:
        subject = await (await CassandraRequests.open(connection)).subject(TENANT, learner)
        await (await Lives.open(connection)).end(subject, FIRST_LIFE.generation)
    finally:
        await connection.close()


def test_of_a_learner_one_goes_at_a_time(house: House, worker: WorkerProcess) -> None:
    """A second waits for its turn, while another learner's, of whom nothing is kept, ends with an empty bundle."""
    house.say("learner-3")
    first, second = new_id(), new_id()
    hold = worker.log.parent / HOLD
    hold.write_text(bundle_id(TENANT, first))
    house.ask("learner-3", first)
    until(lambda: house.state(first) == "running", SECONDS, "the first export being run")
    house.ask("learner-3", second)
    stranger = house.ask("nobody-yet")
    assert house.completed(stranger)["receipt"]["counts"].get("messages", 0) == 0
    assert (house.state(first), house.state(second)) == ("running", "requested")
    hold.unlink()
    ended = [house.completed(one)["updated_at"] for one in (first, second)]
    assert ended == sorted(ended)
    for one in (first, second):
        assert len(bundles.lines(house.downloaded(one), "messages")) == 5


def test_a_worker_killed_anywhere_leaves_one_end_and_one_good_bundle(
    house: House, worker: WorkerProcess, start_worker: StartWorker, events: Reader
) -> None:
    """`kill -9` before and after every put of the bundle, each once."""
    house.say("learner-4")
    assert worker.stop() == 0
    request_id = house.ask("learner-4")
    settings = house.settings.model_copy(update={"worker_id": "one"})  # its group need not wait for its end
    deadly = start_worker(settings, program=(PROGRAM, DEADLY))
    until(lambda: house.state(request_id) in FINAL, 2 * SECONDS, "the request's end")
    assert {one.name for one in deadly.log.parent.glob("died *")} == {grave(one) for one in DEATHS}
    house.completed(request_id)
    assert len(bundles.lines(house.downloaded(request_id), "messages")) == 5
    said = [one for one in events.read_to(events.ends()) if (one.key or b"").endswith(f"/{request_id}".encode())]
    ends = {one.record.fields["event_id"] for one in said if one.record.type == "CHAT_PRIVACY_EXPORT_COMPLETED"}
    assert len(ends) == 1
    assert {one.record.type for one in said} == {"CHAT_PRIVACY_EXPORT_REQUESTED", "CHAT_PRIVACY_EXPORT_COMPLETED"}
    assert [line["action"] for line in house.shown(request_id)["audit"]].count("completed") == 1
    assert deadly.stop() == 0


def test_a_rotation_of_keys_leaves_bundles_readable(house: House, worker: WorkerProcess) -> None:
    """The finished are fetched as before, though the key that wrapped theirs is destroyed; new ones are made."""
    house.say("learner-5")
    request_id = house.ask("learner-5")
    house.completed(request_id)
    before = house.downloaded(request_id)
    rotated = house.chat.run("privacy", "rotate", "--json")
    assert rotated.status == 0, rotated.err
    assert int(str(rotated.lines[0]["bundles"])) >= 1
    (destroyed,) = list(rotated.lines[0]["destroyed"])  # type: ignore[call-overload]
    assert not (house.settings.kek_folder / f"{destroyed}.key").exists()
    assert house.downloaded(request_id) == before
    later = house.ask("learner-5")
    house.completed(later)
    assert len(bundles.lines(house.downloaded(later), "messages")) == 5
    assert worker.alive


def test_a_store_that_says_no_is_waited_for(house: House, worker: WorkerProcess) -> None:
    """In state and audit; 503 over HTTP, not 404 or 500; it ends once somebody has mended it."""
    finished = house.ask("learner-6")
    house.completed(finished)
    exports = house.settings.export_folder
    aside = exports.with_name("aside")
    exports.rename(aside)
    exports.write_text("no folder")
    request_id = house.ask("learner-6")
    until(lambda: house.state(request_id) == "waiting", SECONDS, "the request's waiting")
    shown = house.shown(request_id)
    assert shown["reason_code"] == "exports_refused"
    assert [(one["action"], one["code"]) for one in shown["audit"]][1:] == [("waiting", "exports_refused")]
    answer = house.get(f"exports/{finished}")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    exports.unlink()
    aside.rename(exports)
    house.completed(request_id)
    assert house.get(f"exports/{finished}").status_code == 200
    assert worker.alive


def test_in_production_the_signing_key_must_be_there(house: House, tmp_path: Path) -> None:
    """Somebody has to keep it, or nobody can check what was signed; no other is made in its place."""
    file = tmp_path / "keys" / "signing.pem"
    changes = {"environment": Environment.PRODUCTION, "signing_key_file": file}
    production = house.settings.model_copy(update=changes)
    with pytest.raises(SigningKeyUnfit, match="SIGNING_KEY_FILE"):
        asyncio.run(migrate(production))
    assert not file.exists()
    SigningKey.make(file)
    asyncio.run(migrate(production))


def test_what_has_expired_is_deleted(house: House, worker: WorkerProcess, start_worker: StartWorker) -> None:
    """By the next worker that looks; what has not stays."""
    old, young = house.ask("learner-7"), house.ask("learner-8")
    for one in (old, young):
        house.completed(one)
    then = time.time() - EXPIRED
    for path in house.bundle(old).rglob("*"):
        os.utime(path, (then, then))
    next_worker = start_worker(house.settings, program=(PROGRAM,))
    until(lambda: not house.bundle(old).exists(), SECONDS, "the bundle's end")
    assert house.get(f"exports/{old}").status_code == 404
    assert len(house.downloaded(young)) > 3
    until(lambda: next_worker.metric("chat_export_bundles_expired_total") == 1, SECONDS, "the count")
    assert json.loads(house.get(f"requests/{old}").text)["state"] == "completed"
    assert worker.alive
