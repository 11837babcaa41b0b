"""What a trip leaves in the metrics and the log: how each of its records ended. Never a word of what they said."""

import time
from collections.abc import Sequence
from typing import Any

import structlog

from chat.domain.identifiers import is_name, is_uuid
from chat.domain.verdicts import Code
from chat.metrics import COMMAND_SECONDS, OUTCOMES, TRIP_RECORDS
from streams.records import DeadLetter, Record, Refusal
from streams.tracing import note_outcomes
from streams.work import Work

_log = structlog.get_logger()


def account(records: Sequence[Record], work: Work) -> None:
    """Says how a trip's records ended; all of it is durable by now.

    What was applied has no line of its own: that is the hot path, and its event says it all.
    """
    now = time.time()
    _count(records, work, now)
    note_outcomes(work)
    for refusal in (*work.refusals, *work.duplicates):
        _log_refusal(refusal, now)
    for letter in work.dead_letters:
        _log_dead_letter(letter, now)
    _log.debug("trip", records=len(records), applied=work.applied.total())


def _count(records: Sequence[Record], work: Work, now: float) -> None:
    TRIP_RECORDS.observe(len(records))
    for record, _ in work.events:
        COMMAND_SECONDS.observe(max(0.0, now - record.timestamp / 1000))
    for outcome, by_type in (("applied", work.applied), ("settled", work.settled)):
        for command, times in by_type.items():
            OUTCOMES.labels(command, outcome, "").inc(times)
    for refusal in (*work.refusals, *work.duplicates):
        OUTCOMES.labels(refusal.type, "refused", refusal.refused.code.value).inc()
    for letter in work.dead_letters:
        OUTCOMES.labels("", "dead_letter", letter.code).inc()


def _log_refusal(refusal: Refusal, now: float) -> None:
    code, identity = refusal.refused.code, refusal.identity
    # Clients count a duplicate as success, and a retry may bring thousands.
    say = _log.debug if code is Code.DUPLICATE else _log.info
    say(
        "command_refused",
        type=refusal.type,
        code=code.value,
        # What a refused command says of itself may be anything, a child's words too.
        command_id=identity.command_id if is_uuid(identity.command_id) else None,
        tenant_id=identity.tenant_id if is_name(identity.tenant_id) else None,
        user_id=refusal.actor or None,
        **_place(refusal.record, now),
    )


def _log_dead_letter(letter: DeadLetter, now: float) -> None:
    _log.warning("dead_letter", code=letter.code, **_place(letter.record, now))


def _place(record: Record, now: float) -> dict[str, Any]:
    """Where a record stands in its log, and how long it took from the broker to its outcome."""
    milliseconds = round(now * 1000) - record.timestamp
    return {
        "topic": str(record.topic),
        "partition": record.partition,
        "offset": record.offset,
        "duration_ms": milliseconds,
    }
