"""Privacy requests among the commands: what is asked for, and whether each came to the one end that it may come to."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from chat.privacy.export.store import bundle_id
from chat.privacy.receipt import ReceiptKey, verify_chain
from tests.oracle.findings import Finding
from tests.oracle.hand import Hand
from tests.oracle.intents import Intent
from tests.oracle.lives import Fence
from tests.oracle.model import Model
from tests.oracle.tables import Row
from tests.oracle.topics import EVENTS, REJECTIONS, Said

TOPIC = "chat.privacy.commands"
BEGUN = {
    "ExportLearnerData": "CHAT_PRIVACY_EXPORT_REQUESTED",
    "DeleteLearnerData": "CHAT_PRIVACY_DELETION_REQUESTED",
}
ENDS = {
    "ExportLearnerData": {"CHAT_PRIVACY_EXPORT_COMPLETED", "CHAT_PRIVACY_EXPORT_FAILED"},
    "DeleteLearnerData": {"CHAT_PRIVACY_DELETION_COMPLETED", "CHAT_PRIVACY_DELETION_FAILED"},
    "EnrolLearner": {"CHAT_PRIVACY_LEARNER_ENROLLED"},
}
MAY_REFUSE = {"ExportLearnerData": "learner_erased", "DeleteLearnerData": "learner_erased", "EnrolLearner": "invalid"}


class Ended(NamedTuple):
    """What was said of a request: types of its events, and codes of its refusals."""

    events: set[str]
    codes: set[str]


def ask(hand: Hand, record_type: str, learner: tuple[str, str]) -> Intent:
    """One request, now and then of somebody who may not."""
    fields = hand.identity(learner) | {"request_id": hand.uuid()}
    if record_type != "EnrolLearner":
        fields["reason"] = "other"
    allowed = hand.random.random() < 0.85
    claims = hand.claims(fields, *(["compliance"] if allowed else ["admin", "teacher"]))
    return hand.command(record_type, fields, claims | {"learner_scope": ["*"]})


def round_of(hand: Hand, erased: tuple[str, str], other: tuple[str, str]) -> list[Intent]:
    """An erasure with what races it, and an export of somebody else."""
    kinds = ["ExportLearnerData", "DeleteLearnerData", "DeleteLearnerData", "EnrolLearner"]
    hand.random.shuffle(kinds)
    return [*(ask(hand, one, erased) for one in kinds), ask(hand, "ExportLearnerData", other)]


def said_of(asked: Iterable[Intent], said: Iterable[Said]) -> dict[str, Ended]:
    """By request."""
    by_number = {str(one.number): one.fields["request_id"] for one in asked}
    found: defaultdict[str, Ended] = defaultdict(lambda: Ended(set(), set()))
    for one in said:
        request_id = by_number.get(one.header("correlation-id"), "")
        if request_id and one.topic == EVENTS:
            found[request_id].events.add(one.record.type)
        elif request_id and one.topic == REJECTIONS:
            found[request_id].codes.add(one.record.fields["code"])
    return found


def check(
    asked: Sequence[Intent],
    ended: Mapping[str, Ended],
    fences: Sequence[Fence],
    dump: Mapping[str, Sequence[Row]],
    *,
    read_again: bool,
) -> Iterator[Finding]:
    """Each request has one end, in events, table and log; each erasure that was completed has its receipt.

    `read_again`: workers died, so what was refused for its learner's life may have been read and judged once more.
    """
    states = {str(row["request_id"]): row["state"] for row in dump["privacy_requests"]}
    fenced = {one.request_id for one in fences}
    erased = {one.learner for one in fences if one.ends}
    for intent in asked:
        request_id = intent.fields["request_id"]
        told, state = ended.get(request_id, Ended(set(), set())), states.get(request_id, "")
        if read_again and state and state != "failed":
            told = Ended(told.events, told.codes - {MAY_REFUSE[intent.type]})
        problem = _problem(intent, told, state)
        if not problem and _needs_erasure(intent, told, state) and intent.learner not in erased:
            problem = f"came to {told}, and nobody erased the learner"
        if not problem and (request_id in fenced) != _moves_lives(intent, state):
            problem = "has a fence and did nothing, or the other way round"
        if problem:
            yield Finding("request", f"{intent.type} {request_id}: {problem}")
    if dump["privacy_open"]:
        yield Finding("request", f"{len(dump['privacy_open'])} are still unfinished")
    yield from _receipts(dump, {one for one in fenced if states.get(one) == "completed"}, asked)


def _problem(intent: Intent, ended: Ended, state: str) -> str:
    """What is wrong with one, or nothing."""
    claims = intent.claims or {}
    if claims["role"] != "compliance":
        return "" if ended == Ended(set(), {"forbidden"}) and not state else f"is not forbidden but {ended} {state}"
    if not state or (intent.type == "EnrolLearner" and state == "failed"):
        wanted = Ended(set(), {MAY_REFUSE[intent.type]})
        return "" if ended == wanted else f"is not refused but {ended} {state}"
    begun = {BEGUN[intent.type]} if intent.type in BEGUN else set()
    if ended.codes or len(ended.events - begun) != 1 or not ended.events <= begun | ENDS[intent.type]:
        return f"has not one end but {ended} {state}"
    good = next(iter(ended.events - begun)).endswith(("COMPLETED", "ENROLLED"))
    return "" if state == ("completed" if good else "failed") else f"is {state}, and said is {ended}"


def _needs_erasure(intent: Intent, told: Ended, state: str) -> bool:
    """Whether a request can end so only where the learner's life did."""
    return "learner_erased" in told.codes or (intent.type != "EnrolLearner" and state == "failed")


def _moves_lives(intent: Intent, state: str) -> bool:
    return intent.type != "ExportLearnerData" and state == "completed"


def _receipts(dump: Mapping[str, Sequence[Row]], moved: set[str], asked: Sequence[Intent]) -> Iterator[Finding]:
    """A chain for each tenant, with one receipt for each erasure and no other."""
    erasures = {one.fields["request_id"] for one in asked if one.type == "DeleteLearnerData"} & moved
    chains: defaultdict[str, list[Row]] = defaultdict(list)
    for row in dump["receipts"]:
        chains[row["tenant_id"]].append(row)
    secret = next(row["secret"] for row in dump["service_secrets"] if row["name"] == "receipts")
    for rows in chains.values():
        documents = [row["document"] for row in sorted(rows, key=lambda row: row["number"])]
        verify_chain(documents, ReceiptKey(secret).jwk)
    listed = sorted(str(row["request_id"]) for rows in chains.values() for row in rows)
    if listed != sorted(erasures):
        yield Finding("request", f"{len(listed)} receipts of {len(erasures)} erasures")


def check_bundles(
    asked: Sequence[Intent], ended: Mapping[str, Ended], model: Model, fences: Sequence[Fence], folder: Path
) -> Iterator[Finding]:
    """Of whoever is erased no bundle is left; of whoever never was each is there."""
    touched = {one.learner for one in fences}
    for intent in (one for one in asked if one.type == "ExportLearnerData"):
        request_id = intent.fields["request_id"]
        there = (folder / bundle_id(intent.fields["tenant_id"], request_id)).exists()
        done = "CHAT_PRIVACY_EXPORT_COMPLETED" in ended.get(request_id, Ended(set(), set())).events
        if intent.learner not in touched and there != done:
            yield Finding("request", f"export {request_id}: its bundle is {'there' if there else 'missing'}")
        if there and not model.lives[intent.learner].alive:
            yield Finding("request", f"export {request_id}: its bundle outlives its learner")
