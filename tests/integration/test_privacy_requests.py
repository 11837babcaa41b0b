"""Privacy requests through Kafka, a worker, Cassandra, HTTP and the program: asked for, run, shown, over its deaths."""

from collections.abc import Iterator

import pytest

from chat.domain.events import event_id
from chat.ids import new_id
from chat.settings import Settings
from tests.api_process import api_processes
from tests.conftest import StartWorker
from tests.oracle.topics import EVENTS, Reader
from tests.privacy_house import House
from tests.privacy_worker import DEATHS, EFFECTS, PROGRAM, STEPS
from tests.records import PARTITIONS
from tests.wait import until
from tests.worker import WorkerProcess


@pytest.fixture(scope="module")
def house(fresh: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    settings = fresh.model_copy(update={"api_port": 0, "enable_rate_limiting": False})
    with api_processes(folder) as start:
        yield House(fresh, folder, start(settings).address())


@pytest.fixture(scope="module")
def resident(house: House, start_resident: StartWorker) -> WorkerProcess:
    """A worker that has jobs for exports and erasures."""
    return start_resident(house.settings, program=(PROGRAM,))


@pytest.fixture
def worker(resident: WorkerProcess) -> WorkerProcess:
    return (resident if resident.alive else resident.start()).until_ready()


@pytest.fixture
def events(house: House) -> Iterator[Reader]:
    reader = Reader(house.settings.kafka_bootstrap_servers[0], PARTITIONS, [EVENTS])
    yield reader
    reader.close()


def of_request(events: Reader, request_id: object) -> list[tuple[str, str]]:
    """Type and id of the events of a request so far, in their order."""
    said = [one for one in events.read_to(events.ends()) if (one.key or b"").endswith(f"/{request_id}".encode())]
    return [(one.record.type, one.record.fields["event_id"]) for one in said]


def test_an_export_is_asked_for_run_and_shown(house: House, worker: WorkerProcess, events: Reader) -> None:
    """The outcome is its event; it ends with a receipt, one final event, its audit, and the same by the program."""
    asked = house.ask("export", "learner-1", "--reason", "access")
    request_id, command_id = asked["request_id"], str(asked["command_id"])
    assert asked["outcome"] == "applied"
    shown = house.until_final(request_id)
    assert (shown["state"], shown["receipt"]) == ("completed", {"steps": len(STEPS)})
    types = ["CHAT_PRIVACY_EXPORT_REQUESTED", "CHAT_PRIVACY_EXPORT_COMPLETED"]
    ids = [event_id("tenant-1", "learner-1", command_id, one) for one in types]
    assert of_request(events, request_id) == list(zip(types, ids, strict=True))
    assert asked["event_id"] == ids[0]
    status = house.chat.run("privacy", "status", "--tenant", "tenant-1", "--learner", "learner-1", "--json")
    assert [(one["request_id"], one["state"]) for one in status.lines] == [(request_id, "completed")]
    one = house.chat.run("privacy", "status", "--tenant", "tenant-1", "--request", str(request_id))
    assert [line.split()[-2:] for line in one.out.splitlines()[1:]] == [
        ["access", "officer-1"],
        ["completed", "access"],
    ]
    assert house.chat.run("privacy", "status", "--tenant", "tenant-2", "--request", str(request_id)).status == 1
    until(lambda: house.unfinished() == 0, what="nothing unfinished")
    assert worker.metric("chat_privacy_requests_total") >= 3
    assert worker.metric("chat_privacy_oldest_unfinished_seconds") == 0


def test_the_same_again_is_a_duplicate_and_success(house: House, worker: WorkerProcess) -> None:
    """A used request_id under another command_id is invalid; an enrolment, which has no job here, is disabled."""
    request_id = new_id()
    assert house.ask("delete", "learner-2", "--request", request_id)["outcome"] == "applied"
    assert house.ask("delete", "learner-2", "--request", request_id)["code"] == "invalid"
    assert house.ask("enrol", "learner-2")["code"] == "disabled"
    audit = [line["action"] for line in house.until_final(request_id)["audit"]]  # type: ignore[attr-defined]
    assert (audit[0], set(audit)) == ("requested", {"requested", "refused", "completed"})
    assert worker.alive


def test_a_held_erasure_says_why(house: House, worker: WorkerProcess, events: Reader) -> None:
    """It ends `held` with its reason, in state, event and audit."""
    asked = house.ask("delete", "learner-3", "--reason", "retention")
    shown = house.until_final(asked["request_id"])
    assert (shown["state"], shown["reason_code"]) == ("held", "legal_hold")
    types = [kind for kind, _ in of_request(events, asked["request_id"])]
    assert types == ["CHAT_PRIVACY_DELETION_REQUESTED", "CHAT_PRIVACY_DELETION_FAILED"]
    assert worker.alive


def test_a_worker_killed_at_every_step_is_succeeded(
    house: House, resident: WorkerProcess, start_worker: StartWorker, events: Reader
) -> None:
    """`kill -9` before and after each step's effect: the request ends once, and no step is done for nothing."""
    resident.end()
    asked = house.ask("export", "learner-4", "--reason", "portability", wait=False)
    settings = house.settings.model_copy(update={"worker_id": "one"})  # its group need not wait for its end
    worker = start_worker(settings, program=(PROGRAM,))
    shown = house.until_final(asked["request_id"])
    assert {one.name for one in worker.log.parent.glob("died-*")} == {f"died-{one}" for one in DEATHS}
    assert (shown["state"], shown["receipt"]) == ("completed", {"steps": len(STEPS)})
    effects = [line.split()[1] for line in (worker.log.parent / EFFECTS).read_text().splitlines()]
    assert effects == [step for step in STEPS for _ in range(2)], "each step again after the death behind its effect"
    until(lambda: house.unfinished() == 0, what="nothing unfinished")
    types = [kind for kind, _ in dict.fromkeys(of_request(events, asked["request_id"]))]
    assert types == ["CHAT_PRIVACY_EXPORT_REQUESTED", "CHAT_PRIVACY_EXPORT_COMPLETED"]
    assert [line["action"] for line in shown["audit"]] == ["requested", "completed"]  # type: ignore[attr-defined]
    assert worker.alive
    assert worker.stop() == 0
