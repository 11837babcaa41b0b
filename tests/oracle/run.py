"""One run under the oracle's eyes: a stream of records, looks while workers work, and the verdict at the end."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import NamedTuple, Self

from chat.settings import Settings
from tests.oracle import asked, expiry, order, outcomes, served, stored
from tests.oracle.findings import Finding, OracleError
from tests.oracle.generator import Generator
from tests.oracle.intents import Intent
from tests.oracle.lives import Fence, fences_of
from tests.oracle.model import Expected, Model
from tests.oracle.source import TOPIC, Source, Stream
from tests.oracle.tables import Tables, session_of
from tests.oracle.topics import EVENTS, Group, Reader, Said
from tests.oracle.watch import CommitWatch, EventWatch
from tests.wait import until


class Progress(NamedTuple):
    """Records in the log, those with an outcome, those applied, and of these those below the committed offset.

    `repeated` counts the events that were there before.
    """

    produced: int
    handled: int
    applied: int
    committed: int
    repeated: int


class OracleRun:
    """Knows all that was produced in `settings`' topics, which were empty before, and judges what became of it.

    `again` is the command that runs the same seed again.
    """

    def __init__(self, settings: Settings, seed: int, again: str) -> None:
        self.settings = settings
        self.seed = seed
        self._again = f"ORACLE_SEED={seed} {again}"
        bootstrap, partitions = settings.kafka_bootstrap_servers[0], settings.topic_partitions
        self.generator = Generator(seed)
        self.source = Source(bootstrap, partitions)
        self.group = Group(bootstrap, settings.consumer_group, partitions)
        self._asking = Source(bootstrap, partitions, asked.TOPIC)
        self.asked: list[Intent] = []
        self.expected: list[Expected] = []
        self.model = Model({}, 0)
        self._reader = Reader(bootstrap, partitions)
        self._log_reader = Reader(bootstrap, partitions, [TOPIC])
        self._stack = ExitStack()
        self._session = self._stack.enter_context(session_of(settings))
        self.tables = Tables(self._session)
        commits = CommitWatch(Group(bootstrap, settings.consumer_group, partitions), Reader(bootstrap, partitions))
        self.commits = commits
        self.events = EventWatch(Reader(bootstrap, partitions, [EVENTS]), self._session)

    def __enter__(self) -> Self:
        self._stack.enter_context(self.commits)
        self._stack.enter_context(self.events)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._reader.close()
        self._log_reader.close()
        self.group.close()

    def stream(self, rate: int = 300) -> Stream:
        """Produces at a steady rate while its `with` block lasts."""
        return Stream(self.source, self.generator, rate)

    def ask(self) -> None:
        """Puts a few privacy requests among the commands, and asks to enrol whoever was to be erased before."""
        intents = self.generator.ask()
        self.asked += intents
        self._asking.send(intents)
        self._asking.flush()

    def handled(self) -> set[str]:
        """The numbers of the records of which something was said."""
        said = self._reader.read_to(self._reader.ends())
        asked = {str(one.number) for one in self.asked}
        return {one.header("correlation-id") for one in said if not one.is_tombstone} - asked

    def progress(self) -> Progress:
        """How far the workers have come."""
        committed = self.group.committed()
        said = self._reader.read_to(self._reader.ends())
        places = {str(one.intent.number): one.place for one in self.source.log}
        numbers = [one.header("correlation-id") for one in said if one.topic == EVENTS and not one.is_tombstone]
        events = [number for number in numbers if number in places]
        safe = [number for number in set(events) if places[number][1] < committed[places[number][0]]]
        return Progress(len(places), len(self.handled()), len(set(events)), len(safe), len(events) - len(set(events)))

    def settle(self, timeout: float = 180.0) -> None:
        """Returns when all that was asked has ended, and the group has committed all of the log; that it does not come
        so far is a finding.
        """
        self.await_requests(timeout)
        ends = self.group.ends()
        try:
            until(lambda: self.group.committed() == ends, timeout)
        except AssertionError:
            behind = {at: end - self.group.committed()[at] for at, end in ends.items()}
            stuck = Finding("lost", f"after {timeout} s the group is behind by {behind}")
            raise OracleError([stuck, *self.findings()], self._again) from None

    def await_requests(self, timeout: float = 180.0) -> None:
        """Returns when all that was asked of privacy has ended."""
        if self.asked:
            until(self._all_ended, timeout, "the end of the privacy requests")

    def _all_ended(self) -> bool:
        said = self._reader.read_to(self._reader.ends())
        return len(asked.said_of(self.asked, said)) == len(self.asked) and not self.tables.rows("privacy_open")

    def verify(self, *, overlapping: bool = False, read_again: bool = False, once: bool = False) -> list[Expected]:
        """What was expected, all of which has come true. Raises `OracleError`."""
        findings = self.findings(overlapping=overlapping, read_again=read_again, once=once)
        if findings:
            raise OracleError(findings, self._again)
        return self.expected

    def findings(self, *, overlapping: bool = False, read_again: bool = False, once: bool = False) -> list[Finding]:
        """Everything that is wrong now. `overlapping` owners were there and one may have slept, records may have been
        `read_again` by a successor, or each had its outcome said `once`.
        """
        said = self._reader.read_to(self._reader.ends())
        dump = self.tables.dump()
        fences, strange = self._fences()
        numbers = {str(one.number) for one in self.asked}
        found, aliens = outcomes.match(
            self.source.log, [one for one in said if one.header("correlation-id") not in numbers]
        )
        if read_again:
            found = outcomes.late_ones_last(found)
        owners = stored.owners(dump["thread_owners"]) | created_by(said)
        late = {place for place, first in found.items() if outcomes.is_late(first[0])}
        self.model = model = Model(owners, self.settings.max_messages_per_thread, fences, late)
        self.expected = model.judge(self.source.log)
        ended = asked.said_of(self.asked, said)
        touched = {one.learner for one in fences}
        return [
            *strange,
            *aliens,
            *outcomes.check(self.expected, found, model.ended if read_again else ()),
            *(outcomes.check_once(found) if once else ()),
            *asked.check(self.asked, ended, fences, dump, read_again=read_again),
            *asked.check_bundles(self.asked, ended, model, fences, self.settings.export_folder),
            *order.check(model, self.expected, said, overlapping=overlapping),
            *outcomes.check_commits(self.commits.samples, self.expected, found),
            *stored.check(model, dump, self.settings.kek_folder),
            *self._expiry(model),
            *served.check(model, self.settings),
            *(one for learner, one in self.events.findings if learner not in touched),
            *self._blind(),
        ]

    def _blind(self) -> Iterator[Finding]:
        applied = any(one.kind == "applied" for one in self.expected)
        if applied and not self.events.looked:
            yield Finding("blind", "no event was looked at as it came")
        if applied and not any(any(one.committed.values()) for one in self.commits.samples):
            yield Finding("blind", "no committed offset was seen")

    def _expiry(self, model: Model) -> Iterator[Finding]:
        messages = self.tables.lives("messages", "metadata")
        commands = self.tables.lives("commands", "position")
        return expiry.check(model, messages, commands, self.settings.message_retention_days)

    def _fences(self) -> tuple[list[Fence], list[Finding]]:
        """The oracle knows every record of the log but the fences, or its verdict is worth nothing."""
        kinds = {one.fields["request_id"]: one.type for one in self.asked}
        records = self._log_reader.read_to(self._log_reader.ends())
        return fences_of(records, {one.place for one in self.source.log}, kinds)


def created_by(said: Iterable[Said]) -> dict[tuple[str, str], str]:
    """Whose each thread was made, by its event: of the erased no table tells."""
    events = (
        one.record.fields for one in said if one.topic == EVENTS and (one.key or b"").count(b"/") == 2 and one.value
    )
    return {
        (one["tenant_id"], one["data"]["thread_id"]): one["learner_id"]
        for one in events
        if one["event_type"] == "CHAT_THREAD_CREATED"
    }
