"""The whole service is backed up while no worker runs, its servers are lost, and the runbook brings it back."""

import shutil
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from chat.cli.http import get
from chat.errors import TopicMadeAnew, TopicMismatch
from chat.servers.embedded import EmbeddedServers
from chat.topic_specs import Topic
from tests.backup import Backup
from tests.conftest import StartWorker
from tests.erasure_worker import PROGRAM as WORKER
from tests.estate import Estate, erase, estate
from tests.integration.test_erasure import ADMIN, Life
from tests.oracle.topics import EVENTS, Group, Reader
from tests.records import PARTITIONS
from tests.wait import until
from tests.worker import WorkerProcess

CANARY, SPARROW = "canary7f3a unmistakable", "sparrow51bd unmistakable"
GONE = {"receipts": 1, "lives": 1, "purged": 1}
NEW_EPOCHS = [part for topic in Topic for part in ("--new-epoch", topic)]


@pytest.fixture
def here(own_servers: EmbeddedServers, jmx: int, tmp_path: Path) -> Iterator[Estate]:
    with estate(own_servers, jmx, tmp_path) as made:
        yield made


@pytest.mark.soak
def test_cassandra_is_lost(here: Estate, start_worker: StartWorker, tmp_path: Path) -> None:
    """All that was acknowledged is back from the log, each message with its own `seq`; the erased stays erased."""
    worker = start_worker(here.settings, program=(WORKER,)).until_ready()
    erased, other = Life(here.house, "wren", CANARY).live(), Life(here.house, "robin", SPARROW).live()
    assert worker.stop() == 0
    backup = Backup(here, tmp_path / "backup").take()
    worker.start().until_ready()
    assert other.send(other.post(), other.post()) == ["applied"] * 2
    later = Life(here.house, "finch", SPARROW).live()
    erase(here, "wren")
    shown = history(other), history(later)
    stop(here, worker)
    lose_cassandra(here)
    backup.restore()
    assert all(erased.rows().values())
    assert replay_ledger(here) == GONE
    assert not any(erased.rows().values())
    assert here.house.chat.run("offsets", "restore", backup.offsets).status == 0
    start(here, start_worker)
    assert (history(other), history(later)) == shown
    assert other.send(other.post()) == later.send(later.post()) == ["applied"]
    assert erased.shown() == (404, 404)
    assert erased.send(erased.post(), erased.make()) == ["learner_erased"] * 2
    assert numbered_twice(here) == {}


@pytest.mark.soak
def test_cassandra_and_kafka_are_lost(here: Estate, start_worker: StartWorker, tmp_path: Path) -> None:
    """All is as at the backup, and goes on from there; no offset of the lost log counts in the new one."""
    worker = start_worker(here.settings, program=(WORKER,)).until_ready()
    erased, other = Life(here.house, "wren", CANARY).live(), Life(here.house, "robin", SPARROW).live()
    known = other.post()
    assert other.send(known) == ["applied"]
    assert worker.stop() == 0
    backup, shown = Backup(here, tmp_path / "backup").take(), history(other)
    worker.start().until_ready()
    assert other.send(other.post()) == ["applied"]
    erase(here, "wren")
    stop(here, worker)
    lose_cassandra(here)
    lose_kafka(here)
    backup.restore()
    assert replay_ledger(here) == GONE
    assert here.house.chat.run("topics", "apply").status == TopicMismatch.exit_code
    assert here.house.chat.run("topics", "apply", *NEW_EPOCHS).status == 0
    assert here.house.chat.run("offsets", "restore", backup.offsets).status == TopicMadeAnew.exit_code
    start(here, start_worker)
    assert history(other) == shown
    assert other.send(other.post()) == ["applied"]
    assert [one["seq"] for one in history(other)[1]["items"]] == [4, 3, 2, 1]
    assert other.send(known) == ["message_exists"]
    assert erased.shown() == (404, 404)
    assert erased.send(erased.post(), erased.make()) == ["learner_erased"] * 2


def stop(here: Estate, worker: WorkerProcess) -> None:
    """Everything that asks the servers."""
    assert worker.stop() == 0
    here.api.child.terminate()
    assert here.api.ended() == 0


def start(here: Estate, start_worker: StartWorker) -> None:
    """A worker, which has read the log to its end when this returns, and an API."""
    start_worker(here.settings, program=(WORKER,)).until_ready()
    here.serve()
    until(lambda: get(here.house.address, "/health/ready", ADMIN)[0] == HTTPStatus.OK, 60, "the API's way to Cassandra")
    group = group_of(here)
    until(lambda: group.committed() == group.ends(), 60, "the end of the log")
    group.close()


def group_of(here: Estate) -> Group:
    return Group(here.settings.kafka_bootstrap_servers[0], here.settings.consumer_group, PARTITIONS)


def lose_cassandra(here: Estate) -> None:
    """Its disk; an empty one takes its place."""
    (node,) = here.servers.cassandra
    node.kill()
    shutil.rmtree(here.node)
    node.start()


def lose_kafka(here: Estate) -> None:
    """Its disk; an empty one takes its place."""
    assert here.servers.kafka is not None
    here.servers.kafka.kill()
    shutil.rmtree(here.logs)
    here.servers.kafka.start()


def replay_ledger(here: Estate) -> dict[str, object]:
    """What the receipts ended again."""
    ended = here.house.chat.run("privacy", "replay-ledger", "--json")
    assert ended.status == 0, ended.err
    return ended.lines[0]


def history(life: Life) -> tuple[Any, Any]:
    """A life's thread and its messages, as the API shows them."""
    path = f"/api/v1/threads/{life.thread}"
    (one, thread), (other, messages) = (get(life.house.address, where, ADMIN) for where in (path, f"{path}/messages"))
    assert (one, other) == (200, 200)
    return thread, messages


def numbered_twice(here: Estate) -> dict[tuple[str, int], set[str]]:
    """Places of threads that events gave to more than one message, over all that was ever said."""
    reader = Reader(here.settings.kafka_bootstrap_servers[0], PARTITIONS, [EVENTS])
    said = [one.record.fields["data"] for one in reader.read_to(reader.ends()) if one.value]
    reader.close()
    taken: dict[tuple[str, int], set[str]] = {}
    for data in said:
        if {"seq", "message_id"} <= data.keys():
            taken.setdefault((data["thread_id"], data["seq"]), set()).add(data["message_id"])
    assert Counter(map(len, taken.values()))[1] > 5
    return {place: messages for place, messages in taken.items() if len(messages) > 1}
