"""What waits of one thread may be more than Cassandra takes at once."""

import json
from collections.abc import Iterator

from confluent_kafka import Producer

from chat.domain.partition import partition_of
from chat.domain.validate import MAX_CONTENT_BYTES, MAX_METADATA_BYTES
from chat.settings import Settings
from tests.conftest import StartWorker
from tests.oracle.topics import EVENTS, Reader
from tests.records import PARTITIONS, teacher, uid
from tests.wait import until

KEY = b"tenant-1/learner-1"
THREAD = {"tenant_id": "tenant-1", "learner_id": "learner-1", "thread_id": uid(1, 1)}
POSTS = 600
CONTENT = "x" * MAX_CONTENT_BYTES
METADATA = {"note": "x" * (MAX_METADATA_BYTES - len('{"note":""}'))}


def test_what_waits_of_one_thread_is_applied_in_order(fresh: Settings, start_worker: StartWorker) -> None:
    """Messages as large as they may be, 15 MB of them, all in the log before the worker comes."""
    _send(fresh, [_command("CreateThread", 0, title="t"), *_posts()])
    worker, reader = start_worker(fresh), Reader(fresh.kafka_bootstrap_servers[0], PARTITIONS)

    def all_said() -> bool:
        assert worker.alive, f"the worker ended with {worker.process.returncode}"
        reader.poll()
        return len(reader.read) > POSTS

    until(all_said, 120, "the last event")
    reader.close()
    assert {one.topic for one in reader.read} == {EVENTS}
    seqs = [one.record.fields["data"].get("seq") for one in reader.read]
    assert seqs == [None, *range(1, POSTS + 1)]


def _posts() -> Iterator[bytes]:
    for number in range(1, POSTS + 1):
        yield _command("PostMessage", number, message_id=uid(2, number), content=CONTENT, metadata=METADATA)


def _command(record_type: str, number: int, **fields: object) -> bytes:
    return json.dumps({"type": record_type, "command_id": uid(3, number), **THREAD, **fields}).encode()


def _send(settings: Settings, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers[0], "log_level": 0})
    headers = [("authorization", f"Bearer {teacher('tenant-1')}".encode())]
    for value in values:
        producer.produce("chat.commands", value, KEY, partition=partition_of(KEY, PARTITIONS), headers=headers)
        producer.poll(0)
    assert producer.flush(60) == 0
