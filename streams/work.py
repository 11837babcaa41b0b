"""What a chunk leads to, gathered while it is judged."""

from collections import Counter
from dataclasses import dataclass, field

from chat.domain.commands import DeleteThread, ExpireThread, PostMessage
from chat.domain.events import Event
from chat.domain.model import Status, Thread, ThreadKey
from chat.domain.verdict import Applied, Repeated
from chat.domain.verdicts import Code, Refused
from chat.storage.writes import CommandWrite, MarkWrite, MessageWrite, ThreadWrite
from streams.records import Admitted, DeadLetter, Deletion, Identity, Record, Refusal


@dataclass(slots=True)
class Work:
    """Every list is in the log's order. `posts` are new messages, `changes` others' new states; `deletions` are
    threads whose messages and marks are to be removed, `late` those of the events that are said again of a thread
    that was deleted since; `duplicates` are the refusals that point to an event, which must
    be there first; `applied` and `settled` count by type of command what took effect, now or in an earlier run, and
    that of which nothing is left to say.
    """

    posts: list[MessageWrite] = field(default_factory=list)
    changes: list[MessageWrite] = field(default_factory=list)
    commands: list[CommandWrite] = field(default_factory=list)
    marks: list[MarkWrite] = field(default_factory=list)
    threads: dict[ThreadKey, ThreadWrite] = field(default_factory=dict)
    repeated: dict[ThreadKey, ThreadWrite] = field(default_factory=dict)
    deletions: list[Deletion] = field(default_factory=list)
    events: list[tuple[Record, Event]] = field(default_factory=list)
    late: list[tuple[Record, Event]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    duplicates: list[Refusal] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    applied: Counter[str] = field(default_factory=Counter)
    settled: Counter[str] = field(default_factory=Counter)

    def refuse(self, one: Admitted, refused: Refused) -> None:
        """Notes a refusal."""
        command = one.command
        identity = Identity(command.command_id, command.tenant_id, command.learner_id)
        self.turn_away(Refusal(one.record, type(command).__name__, identity, refused, one.caller.user_id))

    def turn_away(self, refusal: Refusal) -> None:
        """Notes a refusal among those that it is said with."""
        refusals = self.duplicates if refusal.refused.code is Code.DUPLICATE else self.refusals
        refusals.append(refusal)

    def repeat(self, one: Admitted, repeated: Repeated) -> None:
        """Notes an event to emit again, and what comes after the commit point, which the first run may have missed."""
        key = one.thread
        self.repeated[key] = ThreadWrite(key, repeated.thread, [], details=True)
        if repeated.message is not None:
            self.changes.append(MessageWrite(key, repeated.message, repeated.write_time))
        if repeated.mark is not None:
            self.marks.append(MarkWrite(key, one.caller.user_id, repeated.mark, repeated.write_time))
        self._note_event(one, repeated.event)
        if repeated.thread.status is Status.DELETED:
            self._repeat_of_deleted(one, repeated)

    def _repeat_of_deleted(self, one: Admitted, repeated: Repeated) -> None:
        """The rows go with the record that deleted them: those before it may have something to say yet."""
        if isinstance(one.command, DeleteThread | ExpireThread):
            self._note_deletion(one, repeated.thread)
        else:
            self.late.append((one.record, repeated.event))

    def apply(self, one: Admitted, applied: Applied) -> None:
        """Notes everything that an applied command writes."""
        key, after = one.thread, applied.thread
        command_id, time = one.command.command_id, one.record.timestamp
        self.commands.append(CommandWrite(key.learner, command_id, applied.remembered, after.write_time, time))
        if applied.mark is not None:
            self.marks.append(MarkWrite(key, one.caller.user_id, applied.mark, after.write_time))
        self._note_thread(one, key, applied)
        if after.status is Status.DELETED:
            self._note_deletion(one, after)
        self._note_event(one, applied.event)

    def _note_event(self, one: Admitted, event: Event) -> None:
        self.events.append((one.record, event))
        self.applied[type(one.command).__name__] += 1

    def _note_thread(self, one: Admitted, key: ThreadKey, applied: Applied) -> None:
        before = self.threads.get(key)
        new = before.messages if before else []
        if applied.message is not None:
            write = MessageWrite(key, applied.message, applied.thread.write_time)
            if isinstance(one.command, PostMessage):
                self.posts.append(write)
                new.append(write)
            else:
                self.changes.append(write)
        # A repeated thread's list row may lack its details too, whatever is applied to it further on.
        details = key in self.repeated or (before is not None and before.details)
        details = details or applied.thread.details_time == applied.thread.write_time
        self.threads[key] = ThreadWrite(key, applied.thread, new, details)

    def _note_deletion(self, one: Admitted, thread: Thread) -> None:
        self.deletions.append(Deletion(one.thread, thread, one.record.timestamp, one.record.partition))
