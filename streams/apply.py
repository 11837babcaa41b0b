"""Admitted commands → what a chunk writes and says, judged one after the other in the log's order."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from chat.domain.apply import Applied, At, Given, Limits, Repeated, Verdict, apply
from chat.domain.commands import Command, CreateThread, body
from chat.domain.events import Event
from chat.domain.model import ThreadKey
from chat.domain.position import position
from chat.domain.verdicts import Refused
from chat.storage.store import CommandWrite, MessageWrite, Store, ThreadWrite
from streams.facts import Facts, gather, learner_of, thread_of
from streams.memory import Memory, ThreadMemory
from streams.records import Admitted, DeadLetter, Identity, Record, Refusal
from streams.waiting import Waiting


@dataclass(slots=True)
class Work:
    """What a chunk leads to; every list is in the log's order."""

    messages: list[MessageWrite] = field(default_factory=list)
    commands: list[CommandWrite] = field(default_factory=list)
    threads: dict[ThreadKey, ThreadWrite] = field(default_factory=dict)
    repeated: dict[ThreadKey, ThreadWrite] = field(default_factory=dict)
    events: list[tuple[Record, Event]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)

    def refuse(self, one: Admitted, refused: Refused) -> None:
        """Notes a refusal."""
        command = one.command
        identity = Identity(command.command_id, command.tenant_id, command.learner_id)
        self.refusals.append(Refusal(one.record, identity, refused))

    def repeat(self, one: Admitted, repeated: Repeated) -> None:
        """Notes an event to emit again, and that the thread's list row may never have been written."""
        key = thread_of(one.command)
        self.repeated[key] = ThreadWrite(key, repeated.thread, [], details=True)
        self.events.append((one.record, repeated.event))

    def apply(self, one: Admitted, applied: Applied) -> None:
        """Notes everything that an applied command writes."""
        key, after = thread_of(one.command), applied.thread
        self.commands.append(CommandWrite(key.learner, one.command.command_id, applied.remembered, after.write_time))
        self._thread(key, applied)
        self.events.append((one.record, applied.event))

    def _thread(self, key: ThreadKey, applied: Applied) -> None:
        before = self.threads.get(key)
        messages = before.messages if before else []
        if applied.message is not None:
            messages.append(MessageWrite(key, applied.message, applied.thread.write_time))
            self.messages.append(messages[-1])
        # A repeated thread's list row may lack its details too, whatever is applied to it further on.
        details = applied.message is None or key in self.repeated or (before is not None and before.details)
        self.threads[key] = ThreadWrite(key, applied.thread, messages, details)


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges the chunks of one topic in one epoch. `digest_key` is 32 secret bytes."""

    store: Store
    waiting: Waiting
    limits: Limits
    digest_key: bytes
    epoch: int

    async def judge(self, memory: Memory, admitted: Sequence[Admitted], work: Work) -> None:
        """Adds the verdicts to `work` and their effects to `memory`."""
        facts = await self.waiting.until_served(lambda: gather(self.store, memory, admitted, self.epoch))
        for one in admitted:
            await self._ensure_claim(one, memory, facts)
            self._note(one, self._verdict(one, memory, facts), memory, facts, work)
        memory.settle({learner_of(one.command) for one in admitted})

    async def _ensure_claim(self, one: Admitted, memory: Memory, facts: Facts) -> None:
        """Claims a thread id whose `CreateThread` could not be foreseen to come so far: rare, so one by one."""
        if not isinstance(one.command, CreateThread):
            return
        key = thread_of(one.command)
        earlier = facts.remembered.get((key.learner, one.command.command_id))
        seen_before = earlier is not None and earlier.position < self._position(one)
        if key not in facts.claims and not seen_before and _held(memory, key).thread is None:
            facts.claims[key] = await self.waiting.until_served(lambda: self.store.claim(key))

    def _position(self, one: Admitted) -> int:
        return position(self.epoch, one.record.offset)

    def _verdict(self, one: Admitted, memory: Memory, facts: Facts) -> Verdict:
        command, key = one.command, thread_of(one.command)
        given = Given(
            _held(memory, key).thread,
            facts.remembered.get((key.learner, command.command_id)),
            self._digest(command),
            facts.seqs[key],
            thread_id_taken=not facts.claims.get(key, True),
        )
        at = At(self._position(one), one.record.timestamp, one.caller.user_id)
        return apply(command, given, at, self.limits)

    def _note(self, one: Admitted, verdict: Verdict, memory: Memory, facts: Facts, work: Work) -> None:
        if isinstance(verdict, Refused):
            work.refuse(one, verdict)
        elif isinstance(verdict, Repeated):
            work.repeat(one, verdict)
            memory[learner_of(one.command)].commands.add(one.command.command_id)
        else:
            work.apply(one, verdict)
            _learn(one.command, verdict, memory, facts)

    def _digest(self, command: Command) -> bytes:
        """A keyed hash of all that a producer said, so that nobody reads a body out of what is remembered."""
        return hashlib.blake2b(repr(body(command)).encode(), key=self.digest_key, digest_size=16).digest()


def _held(memory: Memory, key: ThreadKey) -> ThreadMemory:
    return memory[key.learner].threads[key.thread_id]


def _learn(command: Command, applied: Applied, memory: Memory, facts: Facts) -> None:
    key = thread_of(command)
    held = _held(memory, key)
    held.thread = applied.thread
    facts.remembered[key.learner, command.command_id] = applied.remembered
    memory[key.learner].commands.add(command.command_id)
    if applied.message is not None:
        held.messages.add(applied.message.message_id)
        facts.seqs[key][applied.message.message_id] = applied.message.seq
