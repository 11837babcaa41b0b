"""The way of a command, from records to outcomes, without a server."""

import pytest

from chat.domain.events import event_id
from streams.memory import WORTH_READING
from tests.records import PARTITIONS, Log, token, uid
from tests.way import NarrowStore, World

THREAD = uid(1, 1)


def _thread(log: Log, number: int = 1, **fields: object) -> None:
    values = {"command_id": uid(3, 1000 + number), "thread_id": uid(1, number), "title": "Fractions"}
    log.send("CreateThread", **{**values, **fields})  # type: ignore[arg-type]


def _post(log: Log, number: int, **fields: object) -> None:
    values = {"command_id": uid(3, number), "thread_id": THREAD, "message_id": uid(2, number), "content": f"m{number}"}
    log.send("PostMessage", **{**values, **fields})  # type: ignore[arg-type]


def _run(log: Log, **options: object) -> World:
    world = World(**options)  # type: ignore[arg-type]
    world.run(log.records)
    return world


def test_messages_get_their_seq_in_the_order_of_the_log() -> None:
    """A thread's messages are numbered 1, 2, 3 and each has its event."""
    log = Log()
    _thread(log)
    for number in (1, 2, 3):
        _post(log, number)
    world = _run(log)
    data = [one.fields["data"] for one in world.events() if one.type == "CHAT_MESSAGE_CREATED"]
    assert [(one["content"], one["seq"]) for one in data] == [("m1", 1), ("m2", 2), ("m3", 3)]
    assert {message.value.seq for message in world.store.messages.values()} == {1, 2, 3}
    assert world.refusals() == []


def test_the_events_key_and_id_are_the_contracts() -> None:
    """An event's key names tenant, learner, thread and message, and its id follows from the command."""
    log = Log()
    _thread(log)
    _post(log, 1)
    world = _run(log)
    keys = [one.key for one in world.publisher.records("chat.events")]
    base = f"tenant-1/learner-1/{THREAD}"
    assert keys == [base.encode(), f"{base}/{uid(2, 1)}".encode()]
    expected = event_id("tenant-1", "learner-1", uid(3, 1), "CHAT_MESSAGE_CREATED")
    assert world.events()[1].fields["event_id"] == expected


def test_a_command_sent_again_is_a_duplicate_with_the_first_event() -> None:
    """The same command at a new offset changes nothing and is refused with the first outcome's event id."""
    log = Log()
    for _ in range(2):
        _thread(log)
        _post(log, 1)
    world = _run(log)
    assert len(world.events()) == 2
    assert world.codes() == ["duplicate", "duplicate"]
    assert [one.fields["event_id"] for one in world.refusals()] == [one.fields["event_id"] for one in world.events()]


@pytest.mark.parametrize("size", [1, 2, 250])
def test_ids_that_are_taken_are_refused(size: int) -> None:
    """A used command_id with another body, a used message_id and a used thread_id each have their own code."""
    log = Log()
    _thread(log)
    _post(log, 1)
    _post(log, 1, content="another body")
    _post(log, 2, message_id=uid(2, 1))
    _thread(log, command_id=uid(3, 77))
    world = World()
    world.run(log.records, chunk_size=size)
    assert world.codes() == ["invalid", "message_exists", "thread_exists"]


def test_a_thread_id_is_one_in_its_tenant() -> None:
    """Another learner of the tenant cannot take a thread id, another tenant can."""
    log = Log()
    _thread(log)
    _thread(log, learner_id="learner-2", command_id=uid(3, 50))
    _thread(log, tenant_id="tenant-2")
    world = _run(log)
    assert len(world.events()) == 2
    assert len(world.codes()) == 1
    assert world.codes() == ["thread_exists"]


def test_a_command_id_is_one_in_its_learner_whatever_the_thread() -> None:
    """The same command_id for another thread of the learner is another body."""
    log = Log()
    _thread(log, 1)
    _thread(log, 2)
    _post(log, 1)
    _post(log, 1, thread_id=uid(1, 2))
    assert _run(log).codes() == ["invalid"]


def test_a_thread_id_is_claimed_only_by_a_command_that_comes_so_far() -> None:
    """A CreateThread that is refused for its command_id leaves its thread_id to others."""
    log = Log()
    _thread(log, 1)
    _post(log, 1)
    _thread(log, 2, command_id=uid(3, 1))
    _thread(log, 3)
    world = _run(log)
    assert world.codes() == ["invalid"]
    assert set(world.store.owners) == {("tenant-1", uid(1, 1)), ("tenant-1", uid(1, 3))}


def test_a_refused_command_is_judged_anew() -> None:
    """A post before its thread is refused, and applied when it is sent again after it."""
    log = Log()
    _post(log, 1)
    _thread(log)
    _post(log, 1)
    world = _run(log)
    assert world.codes() == ["thread_not_found"]
    assert [one.type for one in world.events()] == ["CHAT_THREAD_CREATED", "CHAT_MESSAGE_CREATED"]


def test_a_refused_create_may_share_its_chunk_with_the_one_that_counts() -> None:
    """A command_id whose first use in the chunk was refused still makes its thread."""
    log = Log()
    _post(log, 9, command_id=uid(3, 5))
    _thread(log, command_id=uid(3, 5))
    world = _run(log)
    assert world.codes() == ["thread_not_found"]
    assert [one.type for one in world.events()] == ["CHAT_THREAD_CREATED"]


def test_a_full_thread_takes_no_more() -> None:
    """With a limit of two messages the third is thread_full."""
    log = Log()
    _thread(log)
    for number in (1, 2, 3):
        _post(log, number)
    assert _run(log, messages_per_thread=2).codes() == ["thread_full"]


def test_a_reply_needs_its_message() -> None:
    """reply_to must be a message of the same thread that came before."""
    log = Log()
    _thread(log, 1)
    _thread(log, 2)
    _post(log, 1)
    _post(log, 2, reply_to=uid(2, 1))
    _post(log, 3, reply_to=uid(2, 99))
    _post(log, 4, thread_id=uid(1, 2), reply_to=uid(2, 1))
    assert _run(log).codes() == ["message_not_found", "message_not_found"]


def _bad_records(log: Log) -> dict[str, str]:
    """One record for each of the gate's codes; code by offset is their order."""
    good = {"command_id": uid(3, 1), "thread_id": THREAD, "title": "t"}
    log.send("CreateThread", bearer="not a token", **good)
    log.send("CreateThread", bearer=token(now=1_000_000, ttl=60), **good)
    log.send("CreateThread", bearer=token("tenant-2"), **good)
    home = log.send("CreateThread", **good)
    log.records.pop()
    log.append(home.value, b"tenant-1/other", home.partition, home.headers)
    log.send("CreateThread", bearer=token(learners=["learner-9"]), **good)
    log.send("CreateThread", bearer=token(role="learner"), **good)
    log.send("CreateThread", **{**good, "title": ""})
    return {}


def test_each_check_of_the_gate_has_its_code_in_order() -> None:
    """Token, tenant, key, scope, permission and limits are checked in the contract's order."""
    log = Log()
    _bad_records(log)
    assert _run(log).codes() == [
        "unauthenticated",
        "token_expired",
        "wrong_tenant",
        "key_mismatch",
        "out_of_scope",
        "forbidden",
        "invalid",
    ]


def test_the_wrong_partition_is_a_key_mismatch() -> None:
    """A record on another partition than its learner's is refused, and the refusal is on the learner's partition."""
    log = Log()
    home = log.send("CreateThread", command_id=uid(3, 1), thread_id=THREAD, title="t")
    log.records.pop()
    away = (home.partition + 1) % PARTITIONS
    log.append(home.value, home.key, away, home.headers)
    world = _run(log)
    assert world.codes() == ["key_mismatch"]
    assert ("chat.rejections", home.partition) in world.publisher.topics


def test_what_cannot_be_read_is_a_dead_letter_and_the_next_record_is_applied() -> None:
    """Random bytes go to the dead letters with their source, without their token; the lane goes on."""
    log = Log()
    junk = log.append(b"\x00junk", b"tenant-1/learner-1", 0, (("authorization", b"Bearer x"), ("h", b"v")))
    log.append(None, None, 0)
    _thread(log)
    world = _run(log)
    letters = world.publisher.records("chat.dead-letter")
    headers = dict(letters[0].headers)
    assert (letters[0].key, letters[0].value) == (junk.key, junk.value)
    assert headers["x-error-code"] == b"undecodable"
    assert headers["x-source-offset"] == b"0"
    assert headers["h"] == b"v"
    assert "authorization" not in headers
    assert len(letters) == 2
    assert len(world.events()) == 1


def test_a_refusal_never_repeats_input() -> None:
    """The detail of a refused command holds nothing that its sender wrote."""
    log = Log()
    log.send("CreateThread", command_id="SECRET-WORD", thread_id=THREAD, title="SECRET-WORD")
    log.send("CreateThread", command_id=uid(3, 2), thread_id="SECRET-WORD", title="x")
    details = [one.fields["detail"] for one in _run(log).refusals()]
    assert len(details) == 2
    assert not any("SECRET-WORD" in detail for detail in details)


def test_a_long_thread_costs_its_first_touch_no_more_than_a_short_one() -> None:
    """A new owner reads few ids, asks for each command's until that is worth reading all of them, and then no more."""
    log, store = Log(), NarrowStore(64)
    log.send("CreateThread", command_id=uid(3, 0), thread_id=uid(1, 1), title="t")
    for number in range(1, 200):
        ids = {"command_id": uid(3, number), "message_id": uid(2, number), "thread_id": uid(1, 1)}
        log.send("PostMessage", **ids, content="m")
    world = World(store=store)
    world.run(log.records[:150])
    assert store.asked == []
    world.run(log.records[150:], 1)
    assert store.asked == [uid(kind, number) for number in range(150, 150 + WORTH_READING) for kind in (3, 2)]
    assert [one.fields["data"]["seq"] for one in world.events()[1:]] == list(range(1, 200))
