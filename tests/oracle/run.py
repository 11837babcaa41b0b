"""One run under the oracle's eyes: a stream of records, looks while workers work, and the verdict at the end."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple, Self

from chat.settings import Settings
from tests.oracle import expiry, order, outcomes, served, stored
from tests.oracle.findings import Finding, OracleError
from tests.oracle.generator import Generator
from tests.oracle.model import Expected, Model
from tests.oracle.source import Source, Stream
from tests.oracle.tables import Tables, session_of
from tests.oracle.topics import EVENTS, Group, Reader
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
        self._reader = Reader(bootstrap, partitions)
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
        self.group.close()

    def stream(self, rate: int = 300) -> Stream:
        """Produces at a steady rate while its `with` block lasts."""
        return Stream(self.source, self.generator, rate)

    def handled(self) -> set[str]:
        """The numbers of the records of which something was said."""
        said = self._reader.read_to(self._reader.ends())
        return {one.header("correlation-id") for one in said if not one.is_tombstone}

    def progress(self) -> Progress:
        """How far the workers have come."""
        committed = self.group.committed()
        said = self._reader.read_to(self._reader.ends())
        places = {str(one.intent.number): one.place for one in self.source.log}
        events = [one.header("correlation-id") for one in said if one.topic == EVENTS and not one.is_tombstone]
        safe = [number for number in set(events) if places[number][1] < committed[places[number][0]]]
        return Progress(len(places), len(self.handled()), len(set(events)), len(safe), len(events) - len(set(events)))

    def settle(self, timeout: float = 90.0) -> None:
        """Returns when the group has committed all of the log; that it does not come so far is a finding."""
        ends = self.group.ends()
        try:
            until(lambda: self.group.committed() == ends, timeout)
        except AssertionError:
            behind = {at: end - self.group.committed()[at] for at, end in ends.items()}
            stuck = Finding("lost", f"after {timeout} s the group is behind by {behind}")
            raise OracleError([stuck, *self.findings()], self._again) from None

    def verify(self, *, overlapping: bool = False) -> list[Expected]:
        """What was expected, all of which has come true. Raises `OracleError`."""
        findings = self.findings(overlapping=overlapping)
        if findings:
            raise OracleError(findings, self._again)
        return self.expected

    def findings(self, *, overlapping: bool = False) -> list[Finding]:
        """Everything that is wrong now."""
        said = self._reader.read_to(self._reader.ends())
        dump = self.tables.dump()
        model = Model(stored.owners(dump["thread_owners"]), self.settings.max_messages_per_thread)
        self.expected = model.judge(self.source.log)
        found, aliens = outcomes.match(self.source.log, said)
        return [
            *self._log_is_known(),
            *aliens,
            *outcomes.check(self.expected, found),
            *order.check(model, self.expected, said, overlapping=overlapping),
            *outcomes.check_commits(self.commits.samples, self.expected, found),
            *stored.check(model, dump, self.settings.kek_folder),
            *self._expiry(model),
            *served.check(model, self.settings),
            *self.events.findings,
        ]

    def _expiry(self, model: Model) -> Iterator[Finding]:
        messages = self.tables.lives("messages", "metadata")
        commands = self.tables.lives("commands", "position")
        return expiry.check(model, messages, commands, self.settings.message_retention_days)

    def _log_is_known(self) -> Iterator[Finding]:
        """The oracle knows every record of the log, or its verdict is worth nothing."""
        known = {one.place for one in self.source.log}
        for partition, end in self.group.ends().items():
            strange = sum((partition, offset) not in known for offset in range(end))
            if strange:
                yield Finding("alien", f"{strange} records of chat.commands[{partition}] are not the generator's")
