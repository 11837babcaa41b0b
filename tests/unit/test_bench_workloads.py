"""What the benchmark sends is judged by the service's own rules: a run that measures refusals would measure nothing."""

from collections import Counter
from collections.abc import Iterator

import pytest

import schemas
from bench.plain import Change, Reader
from bench.workload import Intent, Place, Workload
from bench.workloads import MIXED, PAGES, REFUSED, WORKLOADS
from bench.workloads.balanced import BALANCED
from chat.domain.partition import learner_key, partition_of
from tests.records import PARTITIONS, Log, Sent, settings_for_tests, token
from tests.way import World

COMMANDS = 600


def _append(log: Log, one: Intent) -> Sent:
    tenant_id, user_id, role, learner_id = one.caller
    key = learner_key(one.fields["tenant_id"], one.fields["learner_id"]).encode()
    bearer = b"Bearer " + token(tenant_id, user_id, role, learners=[learner_id]).encode()
    value = schemas.encode(one.type, one.fields)
    return log.append(value, key, partition_of(key, PARTITIONS), (("authorization", bearer),))


def _played(workload: Workload) -> tuple[World, list[Sent], int]:
    """A world in which a workload was played, the records that it sent, and how many threads were made before."""
    log, threads = Log(), [workload.place(turn) for turn in range(min(COMMANDS, workload.width))]
    for at in threads:
        _append(log, Intent.of("CreateThread", at, role="teacher", title="t", metadata="{}"))
    sent = [_append(log, one) for one in workload.commands(workload, COMMANDS, 0)]
    world = World(messages_per_thread=0)
    world.run(log.records)
    return world, sent, len(threads)


@pytest.mark.parametrize("workload", [*WORKLOADS, PAGES, BALANCED], ids=lambda one: one.name)
def test_a_workload_is_refused_exactly_where_it_is_meant_to_be(workload: Workload) -> None:
    """The numbers of events and refusals for which a run waits are those that the service makes."""
    world, _, threads = _played(workload)
    assert len(world.refusals()) == workload.refusals(COMMANDS)
    assert len(world.events()) == threads + COMMANDS - workload.refusals(COMMANDS)


def test_what_is_refused_is_of_three_kinds() -> None:
    """Out of scope, without a thread, and sent before."""
    world, _, _ = _played(REFUSED)
    assert set(world.codes()) == {"out_of_scope", "thread_not_found", "duplicate"}


def test_the_mixture_is_the_one_it_is_called() -> None:
    """80 % posts, 10 % edits, 5 % deletes, 5 % new threads, within what dice do."""
    counts = Counter(one.type for one in MIXED.commands(MIXED, 20_000, 0))
    shares = {name: count / 20_000 for name, count in counts.items()}
    wanted = {"PostMessage": 0.80, "EditMessage": 0.10, "DeleteMessage": 0.05, "CreateThread": 0.05}
    assert shares == pytest.approx(wanted, abs=0.01)


def test_the_yardsticks_come_to_the_same_messages_as_the_service() -> None:
    """They check nothing, but what they write is what the service writes: every field, in the same order."""
    world, sent, _ = _played(MIXED)
    theirs = {change.message.message_id: change.message for change in _read(sent) if change.message is not None}
    ours = {one.value.message_id: one.value for one in world.store.messages.values()}
    assert theirs == ours
    assert any(one.deleted_at for one in ours.values())


def _read(sent: list[Sent]) -> Iterator[Change]:
    reader = Reader(settings_for_tests())
    for one in sent:
        yield reader.read(one.value or b"", dict(one.headers), one.offset, one.timestamp)


def test_each_play_of_one_thread_takes_another() -> None:
    """A thread that is long already would be another measurement."""
    workload = next(one for one in WORKLOADS if one.used)
    first, second = ({_place(one) for one in workload.commands(workload, 5, play)} for play in (1, 2))
    assert len(first) == len(second) == 1
    assert first != second
    assert first | second <= set(workload.places())


def _place(one: Intent) -> Place:
    return Place(*(one.fields[name] for name in Place._fields))
