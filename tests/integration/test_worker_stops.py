"""A log that is not the one that was read before stops the worker with a code; it never skips in silence."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from chat import topics
from chat.broker import broker
from chat.errors import LogTruncated, TopicMadeAnew, TopicMismatch
from chat.servers.embedded import Addresses
from chat.topic_specs import Topic, specs
from tests.clean_house import clean_house, delete_topics
from tests.conftest import StartWorker
from tests.oracle.run import OracleRun
from tests.oracle.source import TOPIC, Source
from tests.wait import until
from tests.worker import WorkerProcess


@pytest.fixture
def oracle(servers: Addresses, seed: int, request: pytest.FixtureRequest) -> Iterator[OracleRun]:
    """Watches a house in which 200 records have got their outcomes."""
    with OracleRun(clean_house(servers), seed, f".venv/bin/pytest '{request.node.nodeid}'") as run:
        run.source.send(run.generator.take(200))
        run.source.flush()
        yield run


def test_a_topic_made_anew_stops_a_worker_that_runs(oracle: OracleRun, start_worker: StartWorker) -> None:
    """It ends with an error before it takes anything of the new topic for what it has not read yet."""
    worker = start_worker(oracle.settings)
    oracle.settle()
    before = oracle.tables.dump()
    anew = _make_anew(oracle, 800)
    # For a moment there is no such topic, which is the one or the other.
    assert worker.exit_status() in (TopicMadeAnew.exit_code, TopicMismatch.exit_code)
    assert last_words(worker)["error"] in {"TopicMadeAnew", "TopicMismatch"}
    assert oracle.tables.dump() == before
    _take_as_it_is(oracle, start_worker, anew)


def test_a_topic_made_anew_stops_a_worker_that_starts(oracle: OracleRun, start_worker: StartWorker) -> None:
    """It happens while no worker runs; the next one ends at once, until an operator takes the log as it is now."""
    worker = start_worker(oracle.settings)
    oracle.settle()
    assert worker.stop() == 0
    before = oracle.tables.dump()
    anew = _make_anew(oracle, 100)
    late = start_worker(oracle.settings)
    assert late.exit_status() == TopicMadeAnew.exit_code
    assert TOPIC in last_words(late)["reason"]
    assert oracle.tables.dump() == before
    _take_as_it_is(oracle, start_worker, anew)


def test_a_log_that_starts_after_the_committed_offset_stops_the_worker(
    oracle: OracleRun, start_worker: StartWorker
) -> None:
    """Records that nobody read are gone: the worker ends with `LogTruncated` and commits nothing."""
    worker = start_worker(oracle.settings)
    oracle.settle()
    assert worker.stop() == 0
    committed, before = oracle.group.committed(), oracle.tables.dump()
    oracle.source.send(oracle.generator.take(200))
    oracle.source.flush()
    ends = oracle.group.ends()
    gone = [TopicPartition(TOPIC, at, end - 1) for at, end in ends.items() if end > committed[at] + 1]
    admin = AdminClient({"bootstrap.servers": oracle.settings.kafka_bootstrap_servers[0]})
    for deletion in admin.delete_records(gone).values():
        deletion.result()
    late = start_worker(oracle.settings)
    assert late.exit_status() == LogTruncated.exit_code
    assert TOPIC in last_words(late)["reason"]
    assert oracle.group.committed() == committed
    assert oracle.tables.dump() == before


def last_words(worker: WorkerProcess) -> dict[str, Any]:
    """The last line of its log, which says why it ended."""
    line: dict[str, Any] = json.loads(worker.tail(1))
    assert line["event"] == "worker_ended"
    return line


def _make_anew(oracle: OracleRun, records: int) -> list[str]:
    """Deletes the command topic and makes it anew; the numbers of the records that it holds then."""
    settings = oracle.settings
    delete_topics(settings, TOPIC)
    config = next(one.config for one in specs(settings) if one.topic is Topic.COMMANDS)
    broker(settings).create(TOPIC, settings.topic_partitions, 1, config)
    source = Source(settings.kafka_bootstrap_servers[0], settings.topic_partitions)
    intents = oracle.generator.take(records)
    source.send(intents)
    source.flush()
    return [str(one.number) for one in intents]


def _take_as_it_is(oracle: OracleRun, start_worker: StartWorker, anew: list[str]) -> None:
    """The operator opens a new epoch: then every record of the new topic gets its outcome."""
    asyncio.run(topics.apply(oracle.settings, new_epoch=[TOPIC]))
    start_worker(oracle.settings).until_ready()
    until(lambda: oracle.group.committed() == oracle.group.ends(), what="the new log's end")
    assert oracle.handled().issuperset(anew)
