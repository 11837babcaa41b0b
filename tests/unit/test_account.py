"""What a trip leaves in the metrics and the log."""

from types import SimpleNamespace
from typing import Any

from faust.types import TP
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from chat import metrics
from chat.domain.verdicts import Code, Refused
from streams.account import account
from streams.acknowledge import Outstanding
from streams.chunk import Chunk
from streams.records import DeadLetter, Identity, Refusal
from streams.work import Work
from tests.records import NOW, Log, uid
from tests.way import World

OUTCOMES = "chat_outcomes_total"


def sample(name: str, **labels: str) -> float:
    """A metric's value now."""
    registry: CollectorRegistry = metrics.WORKER
    return registry.get_sample_value(name, labels) or 0.0


def refusal(identity: Identity, code: Code = Code.INVALID) -> Refusal:
    record = SimpleNamespace(topic="chat.commands", partition=1, offset=7, timestamp=NOW)
    return Refusal(record, "PostMessage", identity, Refused(code, "the record is invalid"), "user-1")


def told(work: Work) -> list[Any]:
    """The lines that a trip leaves."""
    with capture_logs() as lines:
        account([SimpleNamespace()], work)
    return [line for line in lines if line["event"] != "trip"]


def test_every_record_is_counted_by_its_type_and_end() -> None:
    """A thread, a post, the same post again, a bad one and an unreadable one."""
    kinds = [
        ("CreateThread", "applied", ""),
        ("PostMessage", "applied", ""),
        ("PostMessage", "refused", "duplicate"),
        ("PostMessage", "refused", "thread_not_found"),
        ("", "dead_letter", "undecodable"),
    ]
    before = [sample(OUTCOMES, type=a, outcome=b, code=c) for a, b, c in kinds]
    log = Log()
    log.send("CreateThread", thread_id=uid(1, 1), command_id=uid(3, 1), title="Fractions")
    post = {"command_id": uid(3, 2), "message_id": uid(2, 1), "content": "hello"}
    log.send("PostMessage", thread_id=uid(1, 1), **post)
    log.send("PostMessage", thread_id=uid(1, 1), **post)
    log.send("PostMessage", thread_id=uid(1, 9), **{**post, "command_id": uid(3, 3)})
    log.append(b"\x00", None, 0)
    World().run(log.records)
    after = [sample(OUTCOMES, type=a, outcome=b, code=c) for a, b, c in kinds]
    assert [new - old for new, old in zip(after, before, strict=True)] == [1] * 5


def test_a_refusal_has_a_line_with_its_place() -> None:
    """Who, what, where, why and how long it took."""
    (line,) = told(Work(refusals=[refusal(Identity(uid(3, 1), "tenant-1", "learner-1"))]))
    assert line.pop("duration_ms") > 0
    assert line == {
        "event": "command_refused",
        "log_level": "info",
        "type": "PostMessage",
        "code": "invalid",
        "command_id": uid(3, 1),
        "tenant_id": "tenant-1",
        "user_id": "user-1",
        "topic": "chat.commands",
        "partition": 1,
        "offset": 7,
    }


def test_what_is_no_id_is_not_in_the_log() -> None:
    """A command may call itself by a child's words."""
    (line,) = told(Work(refusals=[refusal(Identity("my secret", "my other secret", "and one more"))]))
    assert "secret" not in repr(line)
    assert (line["command_id"], line["tenant_id"]) == (None, None)


def test_a_duplicate_is_told_at_debug_and_a_dead_letter_as_a_warning() -> None:
    """A retry is no news; a record that nobody can read is."""
    one = refusal(Identity(uid(3, 1), "tenant-1", "learner-1"), Code.DUPLICATE)
    letter = DeadLetter(one.record, "undecodable", "no Avro and no JSON")
    lines = told(Work(duplicates=[one], dead_letters=[letter]))
    assert [(line["event"], line["log_level"], line["code"]) for line in lines] == [
        ("command_refused", "debug", "duplicate"),
        ("dead_letter", "warning", "undecodable"),
    ]
    assert "detail" not in lines[1]


def test_a_partition_has_come_as_far_as_its_first_unfinished_record() -> None:
    """What lag is counted from: not where reading has come to."""
    outstanding, chunks = Outstanding(), [Chunk(TP("chat.commands", 0), _records(first, 5), 0) for first in (10, 15)]
    assert outstanding.first(chunks[0].tp) is None
    for chunk in chunks:
        outstanding.begin(chunk)
    outstanding.finish(chunks[1])
    assert outstanding.first(chunks[0].tp) == 10
    outstanding.finish(chunks[0])
    assert outstanding.first(chunks[0].tp) is None


def _records(first: int, count: int) -> list[Any]:
    return [SimpleNamespace(offset=first + number, timestamp=NOW) for number in range(count)]
