"""Properties of the way of a command, over any log."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chat.domain.model import ThreadKey
from tests.records import Log, uid
from tests.way import World

SMALL = st.integers(1, 3)
COMMANDS = st.tuples(
    st.sampled_from(["CreateThread", "PostMessage"]),
    st.sampled_from(["tenant-1", "tenant-2"]),
    st.sampled_from(["learner-1", "learner-2"]),
    st.integers(1, 12),  # command
    SMALL,  # thread
    st.integers(1, 6),  # message
    st.sampled_from(["a", "b"]),  # body
)
LOGS = st.lists(COMMANDS, max_size=40)


def _log(commands: list[tuple[str, str, str, int, int, int, str]]) -> Log:
    log = Log()
    for record_type, tenant, learner, command, thread, message, body in commands:
        ids = {"command_id": uid(3, command), "thread_id": uid(1, thread)}
        posted = {"message_id": uid(2, message), "content": body}
        more = posted if record_type == "PostMessage" else {"title": body}
        log.send(record_type, tenant_id=tenant, learner_id=learner, **ids, **more)
    return log


def _state(world: World) -> list[dict[Any, Any]]:
    """A copy of every table."""
    names = ("messages", "commands", "threads", "seqs", "listed", "owners")
    return [dict(getattr(world.store, name)) for name in names]


def _ids(world: World) -> list[str]:
    return [one.fields["event_id"] for one in world.events()]


def _lengths(world: World, tenant: str) -> dict[ThreadKey, int]:
    return {key: one.value.last_seq for key, one in world.store.threads.items() if key.learner.tenant_id == tenant}


@settings(max_examples=150, deadline=None)
@given(LOGS, st.integers(1, 10), st.integers(1, 10))
def test_replay_is_live(commands: list[tuple[str, str, str, int, int, int, str]], size: int, again: int) -> None:
    """A log read again from its beginning leaves every row and write time as it was, and repeats events in order."""
    log = _log(commands)
    world = World()
    world.run(log.records, size)
    before, first = _state(world), _ids(world)
    applied = {partition: len(records) for partition, records in world.publisher.topics.items()}
    world.run(log.records, again)
    assert _state(world) == before
    for place, records in world.publisher.topics.items():
        keys = [(one.key, one.value) for one in records]
        if place[0] == "chat.events":
            assert keys[applied[place] :] == keys[: applied[place]]
    assert set(_ids(world)) == set(first)


@settings(max_examples=100, deadline=None)
@given(LOGS, st.integers(1, 10))
def test_commands_sent_twice_are_as_once(commands: list[tuple[str, str, str, int, int, int, str]], size: int) -> None:
    """Every applied command sent again is refused, changes no row and puts nothing on the events."""
    log = _log(commands)
    world = World()
    world.run(log.records, size)
    events, rows = _ids(world), _state(world)
    refused = {(one.fields["partition"], one.fields["offset"]) for one in world.refusals()}
    applied = [one for one in log.records if (one.partition, one.offset) not in refused]
    seen = len(log.records)
    for one in applied:
        log.append(one.value, one.key, one.partition, one.headers)
    world.run(log.records, size)
    assert _state(world) == rows
    assert set(_ids(world)) == set(events)
    later = {(one.partition, one.offset) for one in log.records[seen:]}
    codes = [one.fields["code"] for one in world.refusals() if (one.fields["partition"], one.fields["offset"]) in later]
    assert codes == ["duplicate"] * len(applied)


@settings(max_examples=100, deadline=None)
@given(LOGS)
def test_no_tenant_crosses(commands: list[tuple[str, str, str, int, int, int, str]]) -> None:
    """What a tenant has is what it would have without the other."""
    both = World()
    both.run(_log(commands).records)
    for tenant in ("tenant-1", "tenant-2"):
        alone = World()
        alone.run(
            [one for one in _log(commands).records if one.key is not None and one.key.startswith(tenant.encode())]
        )
        mine = {
            key.thread_id: one.value.last_seq for key, one in both.store.threads.items() if key.learner[0] == tenant
        }
        assert mine == {key.thread_id: one.value.last_seq for key, one in alone.store.threads.items()}


@settings(max_examples=100, deadline=None)
@given(LOGS, st.integers(1, 10))
def test_seq_has_no_gap(commands: list[tuple[str, str, str, int, int, int, str]], size: int) -> None:
    """Every thread's messages are numbered 1 to its last seq, each exactly once."""
    world = World()
    world.run(_log(commands).records, size)
    for key, written in world.store.threads.items():
        seqs = sorted(seq for thread, seq in world.store.messages if thread == key)
        assert seqs == list(range(1, written.value.last_seq + 1))
