"""Which verdict is whose."""

import pytest

import schemas
from chat.broker import Place
from chat.errors import BrokerUnavailable
from chat.sdk.ledger import Ledger, Pending
from chat.sdk.outcome import Heard, OutcomeKind, Position, Verdict, verdict
from tests.records import NOW, uid

IDENTITY = ("t", "l", "c")
PARTITION = Place("chat.commands", 3)


def at(offset: int) -> Position:
    return Position("chat.commands", 3, offset)


def applied(identity: tuple[str, str, str] = IDENTITY) -> Verdict:
    return Verdict(OutcomeKind.APPLIED, None, None, "event", None, identity)


def refused(offset: int, code: str = "duplicate") -> Verdict:
    return Verdict(OutcomeKind.REFUSED, code, "why", "event", at(offset), None)


def sent(ledger: Ledger) -> Pending:
    pending = Pending("c", IDENTITY, PARTITION)
    ledger.expect(pending)
    return pending


def test_an_event_ends_the_command_that_caused_it() -> None:
    """The event with the command's ids makes it applied, with the command's own position."""
    ledger = Ledger()
    pending = sent(ledger)
    ledger.place(pending, at(7))
    ledger.hear(applied(("t", "other", "c")))
    assert not pending.outcome.done()
    ledger.hear(applied())
    outcome = pending.outcome.result(0)
    assert (outcome.outcome, outcome.event_id, outcome.topic, outcome.partition, outcome.offset) == (
        "applied",
        "event",
        *at(7),
    )
    assert outcome.succeeded
    assert len(ledger) == 0


@pytest.mark.parametrize("said", [applied(), refused(7)])
def test_a_verdict_may_come_before_the_brokers_word(said: Verdict) -> None:
    """An outcome heard before the command's position is known is not lost."""
    ledger = Ledger()
    pending = sent(ledger)
    ledger.hear(said)
    assert not pending.outcome.done()
    ledger.place(pending, at(7))
    assert pending.outcome.result(0).outcome == said.outcome
    assert len(ledger) == 0


def test_a_refusal_ends_the_command_at_its_position_only() -> None:
    """A refusal elsewhere in the log is somebody else's."""
    ledger = Ledger()
    pending = sent(ledger)
    ledger.place(pending, at(7))
    ledger.hear(refused(6, "invalid"))
    assert not pending.outcome.done()
    ledger.hear(refused(7, "invalid"))
    outcome = pending.outcome.result(0)
    assert (outcome.code, outcome.detail, outcome.succeeded) == ("invalid", "why", False)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_same_command_twice_ends_twice(order: tuple[int, int]) -> None:
    """Of two equal commands the first is applied and the second a duplicate, whichever is heard first."""
    ledger = Ledger()
    first, second = sent(ledger), sent(ledger)
    ledger.place(first, at(1))
    ledger.place(second, at(2))
    said = (applied(), refused(2))
    for one in order:
        ledger.hear(said[one])
    assert first.outcome.result(0).outcome == "applied"
    assert second.outcome.result(0).code == "duplicate"
    assert second.outcome.result(0).succeeded


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_equal_commands_the_second_may_be_the_one_that_is_applied(order: tuple[int, int]) -> None:
    """As where the first came before its thread was made; Kafka took both at the same time."""
    ledger = Ledger()
    first, second = sent(ledger), sent(ledger)
    ledger.place(first, at(1), NOW)
    ledger.place(second, at(2), NOW)
    said = (refused(1, "thread_not_found"), applied()._replace(time=NOW))
    for one in order:
        ledger.hear(said[one])
    assert first.outcome.result(0).code == "thread_not_found"
    assert (second.outcome.result(0).outcome, second.outcome.result(0).offset) == ("applied", 2)
    assert len(ledger) == 0


@pytest.mark.parametrize("placed_first", [True, False])
def test_an_event_of_an_earlier_record_is_not_ones_own(placed_first: bool) -> None:  # noqa: FBT001 - pytest gives it
    """Somebody sent the same ids before, with another body: that one is applied, this one is refused."""
    ledger = Ledger()
    pending = sent(ledger)
    if placed_first:
        ledger.place(pending, at(9), NOW)
    ledger.hear(applied()._replace(time=NOW - 60_000))
    if not placed_first:
        ledger.place(pending, at(9), NOW)
    assert not pending.outcome.done()
    ledger.hear(refused(9, "invalid"))
    assert pending.outcome.result(0).code == "invalid"
    assert len(ledger) == 0


def test_a_verdict_from_before_a_command_was_sent_is_not_its_own() -> None:
    """What is heard while nothing is on its way is forgotten."""
    ledger = Ledger()
    ledger.hear(refused(7))
    pending = sent(ledger)
    ledger.place(pending, at(7))
    assert not pending.outcome.done()


def test_a_command_that_kafka_does_not_have_has_no_outcome() -> None:
    """A failed send fails both the position and the outcome."""
    ledger = Ledger()
    pending = sent(ledger)
    ledger.fail(pending, BrokerUnavailable("away"))
    for future in (pending.placed, pending.outcome):
        with pytest.raises(BrokerUnavailable):
            future.result(0)
    assert len(ledger) == 0


def test_giving_up_ends_all_that_kafka_has() -> None:
    """Where no outcome can be heard any more, nobody waits for one."""
    ledger = Ledger()
    pending = sent(ledger)
    ledger.place(pending, at(7))
    ledger.give_up(BrokerUnavailable("may not read"))
    with pytest.raises(BrokerUnavailable):
        pending.outcome.result(0)
    assert len(ledger) == 0


def test_an_event_is_read_in_both_formats() -> None:
    """Avro and JSON events say the same."""
    fields = {
        "event_id": uid(4, 1),
        "event_type": "CHAT_THREAD_CREATED",
        "tenant_id": "t",
        "learner_id": "l",
        "timestamp": NOW,
        "command_id": uid(3, 1),
        "data": {
            "thread_id": uid(1, 1),
            "title": "Hello",
            "metadata": "{}",
            "created_by": "u",
            "created_at": NOW,
            "updated_at": NOW,
        },
    }
    expected = Verdict(OutcomeKind.APPLIED, None, None, uid(4, 1), None, ("t", "l", uid(3, 1)))
    for form in schemas.Format:
        value = schemas.encode("CHAT_THREAD_CREATED", fields, form)
        assert verdict(Heard("chat.events", value, {})) == expected


def test_a_refusal_and_a_dead_letter_name_the_position() -> None:
    """Both say where the command lies, and why it ended so."""
    rejected = schemas.encode(
        "CommandRejected",
        {
            "command_id": uid(3, 1),
            "tenant_id": "t",
            "learner_id": "l",
            "code": "invalid",
            "detail": "why",
            "event_id": None,
            "topic": "chat.commands",
            "partition": 3,
            "offset": 7,
            "timestamp": NOW,
        },
    )
    assert verdict(Heard("chat.rejections", rejected, {})) == Verdict(
        OutcomeKind.REFUSED, "invalid", "why", None, at(7), None
    )
    headers = {
        "x-error-code": b"no_identity",
        "x-error-detail": b"why",
        "x-source-topic": b"chat.commands",
        "x-source-partition": b"3",
        "x-source-offset": b"7",
    }
    assert verdict(Heard("chat.dead-letter", b"\x00", headers)) == Verdict(
        OutcomeKind.DEAD_LETTER, "no_identity", "why", None, at(7), None
    )


@pytest.mark.parametrize(
    "heard",
    [
        Heard("chat.events", None, {}),
        Heard("chat.events", b"\xc3\x01nonsense", {}),
        Heard("chat.rejections", b"nonsense", {}),
        Heard("chat.dead-letter", b"", {}),
        Heard("chat.dead-letter", b"", {"x-source-topic": b"a", "x-source-partition": b"b", "x-source-offset": b"c"}),
    ],
)
def test_a_record_that_says_nothing_is_passed_over(heard: Heard) -> None:
    """Tombstones, newer records and strangers' records are nobody's outcome."""
    assert verdict(heard) is None


def test_of_others_verdicts_nothing_is_kept_for_long() -> None:
    """However long commands are on their way: those before the latest that Kafka took are nobody's."""
    ledger = Ledger()
    for number in range(50):
        pending, later = sent(ledger), sent(ledger)
        for offset in range(100):
            ledger.hear(refused(101 * number + offset))
            ledger.hear(Verdict(OutcomeKind.REFUSED, "x", None, None, Position("chat.commands", 4, offset), None))
        ledger.place(pending, at(101 * number + 100))
        ledger.hear(refused(101 * number + 100))
        assert pending.outcome.done()
        ledger.fail(later, BrokerUnavailable())
        assert sum(map(len, ledger._early.values())) <= 1


@pytest.mark.parametrize("headers", [{"x": None}, {"correlation-id": None, "x-source-timestamp": None}])
def test_a_header_without_a_value_says_nothing(headers: dict[str, bytes | None]) -> None:
    said = {"x-source-topic": b"chat.commands", "x-source-partition": b"3", "x-source-offset": b"7"}
    found = verdict(Heard("chat.dead-letter", b"", headers | said))
    assert found is not None
    assert found.position == at(7)
