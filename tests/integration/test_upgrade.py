"""Two versions side by side: this program beside the tables and the records of the next one.

What the version before this one wrote, and its worker beside ours, is `tests/fault/test_previous_version.py`.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from chat.domain.partition import learner_key, partition_of
from chat.errors import RecordOfNewerProgram, SchemaMismatch
from chat.ids import new_id
from chat.servers.embedded import Addresses
from chat.settings import Settings
from chat.storage.migrate import migrate, service_secret
from chat.storage.session import Connection
from streams.internal import SECRET, ServiceSeal
from tests import erasure_worker
from tests.api_process import ApiProcess, api_processes
from tests.clean_house import clean_house, drop_keyspace
from tests.conftest import StartWorker
from tests.oracle.run import OracleRun
from tests.oracle.source import TOPIC
from tests.tomorrow import NAME, TODAY, migrations_of_tomorrow
from tests.wait import until
from tests.worker import WorkerProcess

PROGRAM = (erasure_worker.PROGRAM,)


@pytest.fixture
def house(servers: Addresses) -> Iterator[Settings]:
    """Settings of a house whose tables a test may change."""
    settings = clean_house(servers, max_messages_per_thread=30)
    yield settings
    drop_keyspace(settings)


@pytest.fixture
def oracle(house: Settings, seed: int, request: pytest.FixtureRequest) -> Iterator[OracleRun]:
    with OracleRun(house, seed, f".venv/bin/pytest '{request.node.nodeid}'") as run:
        yield run


@pytest.fixture
def api(house: Settings, tmp_path: Path) -> Iterator[ApiProcess]:
    settings = house.model_copy(update={"api_port": 0, "enable_rate_limiting": False})
    with api_processes(tmp_path) as start:
        yield start(settings)


def test_tables_change_under_a_service_at_work(
    oracle: OracleRun, api: ApiProcess, start_worker: StartWorker, tmp_path: Path
) -> None:
    """A later version's migration runs while commands come; this version's workers go on, leave, and join again."""
    first = start_worker(oracle.settings, program=PROGRAM).until_ready()
    api.address()
    with oracle.stream(rate=200) as stream:
        stream.until(300)
        oracle.ask()
        tomorrow = migrations_of_tomorrow(tmp_path, oldest=TODAY)
        assert asyncio.run(migrate(oracle.settings, tomorrow)) == [NAME]
        before = len(oracle.source.log)
        stream.until(before + 150)
        second = start_worker(oracle.settings, program=PROGRAM).until_ready()
        assert first.stop() == 0
        stream.until(before + 450)
    oracle.settle()
    oracle.verify()
    assert api.child.poll() is None
    assert second.stop() == 0


def test_who_is_too_old_for_the_tables_ends(
    oracle: OracleRun, api: ApiProcess, start_worker: StartWorker, tmp_path: Path
) -> None:
    """Worker and API end by themselves, with what they held done; whoever comes afterwards does not start."""
    worker = start_worker(oracle.settings, program=PROGRAM).until_ready()
    api.address()
    with oracle.stream(rate=200) as stream:
        stream.until(300)
        asyncio.run(migrate(oracle.settings, migrations_of_tomorrow(tmp_path, oldest=TODAY + 1)))
        assert ended(worker) == (SchemaMismatch.exit_code, "SchemaMismatch")
    assert api.ended() == SchemaMismatch.exit_code
    done = oracle.progress()
    assert done.produced > done.applied == done.committed > 0
    assert ended(start_worker(oracle.settings, program=PROGRAM)) == (SchemaMismatch.exit_code, "SchemaMismatch")
    assert oracle.progress() == done


def test_a_record_of_a_newer_version_waits_for_who_knows_it(oracle: OracleRun, start_worker: StartWorker) -> None:
    """The worker ends before it, with all that stood before it done; no worker of this version passes it."""
    worker = start_worker(oracle.settings, program=PROGRAM).until_ready()
    oracle.source.send(oracle.generator.take(100))
    oracle.source.flush()
    oracle.settle()
    before = oracle.group.committed()
    partition, offset = asyncio.run(say_as_tomorrow(oracle.settings))
    reason = f"{TOPIC}[{partition}] has at {offset} a record"
    ends_before(worker, reason)
    ends_before(start_worker(oracle.settings, program=PROGRAM), reason)
    assert oracle.group.committed() == before == oracle.group.ends() | {partition: offset}
    assert oracle.handled() == {str(one.intent.number) for one in oracle.source.log}


def ends_before(worker: WorkerProcess, reason: str) -> None:
    assert ended(worker) == (RecordOfNewerProgram.exit_code, "RecordOfNewerProgram")
    assert reason in worker.said("worker_ended")[0]["reason"]


def ended(worker: WorkerProcess) -> tuple[int, str]:
    """Its exit status, and the error that its last line names."""
    return worker.exit_status(), worker.said("worker_ended")[-1]["error"]


async def say_as_tomorrow(settings: Settings) -> tuple[int, int]:
    """A sealed record of a type that this version does not know; its place in the command log."""
    connection = await Connection.open(settings)
    seal = ServiceSeal(await service_secret(connection, SECRET))
    await connection.close()
    key = learner_key("tenant-1", "learner-1").encode()
    ids = {"command_id": new_id(), "tenant_id": "tenant-1", "learner_id": "learner-1"}
    value = json.dumps({"type": "MoveLearner", **ids}).encode()
    placed: list[int] = []
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers[0], "log_level": 0})
    partition = partition_of(key, settings.topic_partitions)
    producer.produce(
        TOPIC,
        value,
        key,
        partition,
        headers=[seal.header(value)],
        on_delivery=lambda _error, sent: placed.append(sent.offset()),
    )
    producer.flush(10)
    return partition, until(lambda: placed, what="the record's place")[0]
