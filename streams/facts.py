"""What a chunk's commands must know before they are judged, asked for in as few queries as there are partitions."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence

from chat.domain.commands import Command, CreateThread, DeleteMessage, EditMessage, MarkRead, PostMessage
from chat.domain.model import LearnerId, Message, ThreadKey
from chat.domain.position import position
from chat.domain.verdict import Remembered, Repeated
from chat.storage.store import MANY_IDS, MarkKey, Store
from streams.memory import Memory
from streams.records import Admitted

CommandKey = tuple[LearnerId, str]


class Facts:
    """What was found for one chunk; judging adds what the chunk's own commands did."""

    def __init__(self) -> None:
        self.remembered: dict[CommandKey, Remembered] = {}
        self.seqs: defaultdict[ThreadKey, dict[str, int]] = defaultdict(dict)
        self.messages: dict[tuple[ThreadKey, str], Message] = {}
        self.marks: dict[MarkKey, int] = {}
        self.claims: dict[ThreadKey, bool] = {}

    def target(self, one: Admitted) -> Message | None:
        """The message that a command wants to change."""
        if not isinstance(one.command, EditMessage | DeleteMessage):
            return None
        return self.messages.get((one.thread, one.command.message_id))

    def recall(self, one: Admitted, repeated: Repeated) -> None:
        """Notes what a command did that was applied before: a crash may have kept it from the tables read here.

        It never takes back what came later, of which the first run may have left more than its command.
        """
        message, mark = repeated.message, repeated.mark
        if message is not None:
            place = one.thread, message.message_id
            found = self.messages.get(place)
            if found is not None and found.updated_at <= message.updated_at:
                self.messages[place] = message
        if mark is not None:
            mine = one.thread, one.caller.user_id
            self.marks[mine] = max(self.marks.get(mine, 0), mark)

    def learn(self, key: ThreadKey, message: Message) -> None:
        """Notes what a command of the chunk, or one shortly before it, made of a message."""
        self.seqs[key][message.message_id] = message.seq
        self.messages[key, message.message_id] = message


async def gather(store: Store, memory: Memory, admitted: Sequence[Admitted], epoch: int) -> Facts:
    """Loads learners and threads that are touched for the first time, and looks up ids that may be taken.

    `epoch` is that of the topic from which the commands come. Raises `StorageUnavailable`; may be called again.
    """
    living = await _live(store, admitted, epoch)
    await _load(store, memory, living)
    await _read_ids(store, memory, living)
    facts = Facts()
    await asyncio.gather(
        _find_commands(store, memory, living, epoch, facts),
        _find_messages(store, memory, living, facts),
        _find_marks(store, living, facts),
    )
    await _claim(store, memory, living, facts)
    return facts


async def _live(store: Store, admitted: Sequence[Admitted], epoch: int) -> list[Admitted]:
    """Gives each command its learner's latest life; those that it holds. Nothing else is asked of who was erased."""
    lives = await store.load_lives({one.learner for one in admitted})
    for one in admitted:
        life = lives[one.learner]
        if life != one.life:
            one.belongs_to(life)
    return [one for one in admitted if one.life.holds(position(epoch, one.record.offset))]


async def _load(store: Store, memory: Memory, admitted: Sequence[Admitted]) -> None:
    threads = {one.thread for one in admitted}
    learners = {key.learner for key in threads if key.learner not in memory}
    missing = {key for key in threads if not memory.knows(key)}
    if not missing:
        return
    ids, loaded = await asyncio.gather(store.load_commands(learners), store.load_threads(missing))
    for learner, taken in ids.items():
        memory.add_learner(learner, taken)
    for key, thread in loaded.items():
        memory.add_thread(key, thread)


async def _read_ids(store: Store, memory: Memory, admitted: Sequence[Admitted]) -> None:
    """Reads the ids of those learners and threads for which they were asked one by one too often."""
    learners = {one.thread.learner for one in admitted if memory[one.thread.learner].commands.worth_reading}
    threads = {one.thread for one in admitted if memory.thread(one.thread).messages.worth_reading}
    if not (learners or threads):
        return
    commands, messages = await asyncio.gather(store.load_commands(learners, MANY_IDS), store.load_messages(threads))
    for learner, taken in commands.items():
        memory[learner].commands.read(taken)
    for key, taken in messages.items():
        memory.thread(key).messages.read(taken)


async def _find_commands(store: Store, memory: Memory, admitted: Sequence[Admitted], epoch: int, facts: Facts) -> None:
    wanted: defaultdict[LearnerId, set[str]] = defaultdict(set)
    for one in admitted:
        learner, command_id = one.thread.learner, one.command.command_id
        if memory[learner].commands.may_hold(command_id) or _is_past(memory, one, epoch):
            wanted[learner].add(command_id)
    if wanted:
        facts.remembered.update(await store.find_commands(wanted))


def _is_past(memory: Memory, one: Admitted, epoch: int) -> bool:
    """Whether the thread has come so far already, so that this command may have been applied.

    The learner's ids do not tell: an owner that slept and does not know yet that it is none any more may have applied
    it after they were loaded and before the thread was.
    """
    thread = memory.thread(one.thread).thread
    return thread is not None and thread.position >= position(epoch, one.record.offset)


async def _find_messages(store: Store, memory: Memory, admitted: Sequence[Admitted], facts: Facts) -> None:
    wanted: defaultdict[ThreadKey, set[str]] = defaultdict(set)
    for one in admitted:
        held = memory.thread(one.thread).messages
        for message_id in _named(one.command):
            if (recent := memory.recent.find(one.thread, message_id)) is not None:
                facts.learn(one.thread, recent)
            elif held.may_hold(message_id):
                wanted[one.thread].add(message_id)
    if wanted:
        for (key, message_id), seq in (await store.find_messages(wanted)).items():
            facts.seqs[key][message_id] = seq
        await _read_targets(store, admitted, facts)


def _named(command: Command) -> Iterator[str]:
    """The message ids that a command names."""
    if isinstance(command, PostMessage | EditMessage | DeleteMessage):
        yield command.message_id
    if isinstance(command, PostMessage) and command.reply_to is not None:
        yield command.reply_to


async def _read_targets(store: Store, admitted: Sequence[Admitted], facts: Facts) -> None:
    """The messages that are to be changed, where the row at their seq is still theirs."""
    places = {
        (one.thread, seq): one.command.message_id
        for one in admitted
        if isinstance(one.command, EditMessage | DeleteMessage)
        and (one.thread, one.command.message_id) not in facts.messages
        and (seq := facts.seqs[one.thread].get(one.command.message_id))
    }
    for (key, seq), message in (await store.read_messages(places)).items() if places else ():
        if message.message_id == places[key, seq]:
            facts.messages[key, message.message_id] = message


async def _find_marks(store: Store, admitted: Sequence[Admitted], facts: Facts) -> None:
    wanted = {(one.thread, one.caller.user_id) for one in admitted if isinstance(one.command, MarkRead)}
    if wanted:
        facts.marks.update(await store.read_marks(wanted))


async def _claim(store: Store, memory: Memory, admitted: Sequence[Admitted], facts: Facts) -> None:
    """Claims beforehand, side by side, the thread ids whose `CreateThread` comes as far as the claim for certain."""
    seen: set[CommandKey] = set(facts.remembered)
    wanted: list[ThreadKey] = []
    for one in admitted:
        key, named = one.thread, (one.thread.learner, one.command.command_id)
        known = memory.thread(key).thread
        if isinstance(one.command, CreateThread) and named not in seen and known is None:
            wanted.append(key)
        seen.add(named)
    keys = list(dict.fromkeys(wanted))
    facts.claims.update(zip(keys, await asyncio.gather(*map(store.claim, keys)), strict=True))
