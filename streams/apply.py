"""Admitted commands → verdicts, judged one after the other in the log's order."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from chat.domain.apply import apply
from chat.domain.commands import Command, CreateThread, body
from chat.domain.position import position
from chat.domain.principal import Permission
from chat.domain.verdict import Applied, At, Given, Limits, Repeated, Verdict
from chat.domain.verdicts import Refused
from chat.storage.store import Store
from streams.facts import Facts, gather
from streams.memory import Memory
from streams.records import Admitted
from streams.waiting import Waiting
from streams.work import Work


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
            if one.life.holds(self._position(one)):
                await self._ensure_claim(one, memory, facts)
            self._note(one, self._verdict(one, memory, facts), memory, facts, work)
        memory.settle(one.thread for one in admitted)

    async def _ensure_claim(self, one: Admitted, memory: Memory, facts: Facts) -> None:
        """Claims a thread id whose `CreateThread` could not be foreseen to come so far: rare, so one by one."""
        if not isinstance(one.command, CreateThread):
            return
        key = one.thread
        earlier = facts.remembered.get((key.learner, one.command.command_id))
        seen_before = earlier is not None and earlier.position < self._position(one)
        if key not in facts.claims and not seen_before and memory.thread(key).thread is None:
            facts.claims[key] = await self.waiting.until_served(lambda: self.store.claim(key))

    def _position(self, one: Admitted) -> int:
        return position(self.epoch, one.record.offset)

    def _verdict(self, one: Admitted, memory: Memory, facts: Facts) -> Verdict:
        command, key = one.command, one.thread
        given = Given(
            memory.thread(key).thread if memory.knows(key) else None,
            facts.remembered.get((key.learner, command.command_id)),
            self._digest(command),
            facts.seqs[key],
            not facts.claims.get(key, True),
            facts.target(one),
            facts.marks.get((key, one.caller.user_id)),
            one.life,
        )
        moderates = Permission.MESSAGES_MODERATE in one.caller.permissions
        at = At(self._position(one), one.record.timestamp, one.caller.user_id, moderates)
        return apply(command, given, at, self.limits)

    def _note(self, one: Admitted, verdict: Verdict, memory: Memory, facts: Facts, work: Work) -> None:
        if isinstance(verdict, Refused):
            work.refuse(one, verdict)
        elif isinstance(verdict, Repeated):
            work.repeat(one, verdict)
            memory[one.thread.learner].commands.add(one.command.command_id)
            facts.recall(one, verdict)
        elif isinstance(verdict, Applied):
            work.apply(one, verdict)
            self._learn(one, verdict, memory, facts)
        else:
            work.settled[type(one.command).__name__] += 1

    def _digest(self, command: Command) -> bytes:
        """A keyed hash of all that a producer said, so that nobody reads a body out of what is remembered."""
        return hashlib.blake2b(repr(body(command)).encode(), key=self.digest_key, digest_size=16).digest()

    def _learn(self, one: Admitted, applied: Applied, memory: Memory, facts: Facts) -> None:
        key, command = one.thread, one.command
        held = memory.thread(key)
        held.thread = applied.thread
        memory[key.learner].commands.add(command.command_id)
        facts.remembered[key.learner, command.command_id] = applied.remembered
        if applied.mark is not None:
            facts.marks[key, one.caller.user_id] = applied.mark
        if applied.message is not None:
            held.messages.add(applied.message.message_id)
            memory.recent.note(key, applied.message, self.limits.retention(key.learner.tenant_id))
            facts.learn(key, applied.message)
