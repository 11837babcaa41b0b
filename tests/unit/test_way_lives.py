"""Commands of learners who were erased, and of those who came back."""

from collections.abc import Collection

import pytest

from chat.domain.model import FIRST_LIFE, Learner, Life, ThreadKey
from chat.domain.position import position
from chat.storage.memory import MemoryStore
from chat.storage.store import FEW_IDS, LoadedThread
from tests.records import Log, token, uid
from tests.way import World

LEARNER = Learner("tenant-1", "learner-1")
ERASED = Life(1, alive=False)


class StrictStore(MemoryStore):
    """Bears no question about the threads of somebody who was erased."""

    async def load_threads(self, keys: Collection[ThreadKey], ids: int = FEW_IDS) -> dict[ThreadKey, LoadedThread]:
        assert all(self.lives.get(key.learner.learner, FIRST_LIFE).is_of(key.learner) for key in keys)
        return await super().load_threads(keys, ids)


def conversation(log: Log, number: int = 1, **fields: object) -> None:
    """A thread and a message."""
    thread = uid(1, number)
    log.send("CreateThread", command_id=uid(3, number), thread_id=thread, title="t", **fields)  # type: ignore[arg-type]
    ids = {"command_id": uid(3, 100 + number), "message_id": uid(2, number), "thread_id": thread}
    log.send("PostMessage", **ids, content=f"m{number}", **fields)  # type: ignore[arg-type]


def at(log: Log, number: int) -> int:
    """The position of the learner's record of that number: 1, 2, 3 …"""
    mine = [one for one in log.records if one.key == b"tenant-1/learner-1"]
    return position(1, mine[number - 1].offset)


@pytest.mark.parametrize("size", [1, 250])
def test_an_erased_learner_is_refused(size: int) -> None:
    """Every command that might have been applied, and the others of the chunk go their way."""
    log = Log()
    conversation(log)
    conversation(log, 2, learner_id="learner-2")
    world = World(store=StrictStore())
    world.store.lives[LEARNER] = ERASED
    world.run(log.records, size)
    assert world.codes() == ["learner_erased"] * 2
    assert {one.fields["learner_id"] for one in world.events()} == {"learner-2"}
    assert {key.learner.learner_id for key in world.store.threads} == {"learner-2"}
    assert all(key != ("tenant-1", uid(1, 1)) for key in world.store.owners)


def test_erased_comes_after_invalid_and_before_duplicate() -> None:
    """The codes' order: what cannot be read is invalid first, and no event id is told of the erased."""
    log = Log()
    conversation(log)
    world = World()
    world.run(log.records)
    world.store.lives[LEARNER] = ERASED
    log.send("CreateThread", command_id=uid(3, 9), thread_id=uid(1, 9), title="")
    again = log.records[0]
    log.append(again.value, again.key, again.partition, again.headers)
    world.run(log.records[-2:])
    assert sorted(world.codes()) == ["invalid", "learner_erased"]
    assert [one.fields["event_id"] for one in world.refusals()] == [None, None]


def test_who_may_not_send_is_not_told_who_was_erased() -> None:
    """A token without the permission is forbidden, as for anybody."""
    log = Log()
    log.send("CreateThread", bearer=token(role="learner"), command_id=uid(3, 1), thread_id=uid(1, 1), title="t")
    world = World()
    world.store.lives[LEARNER] = ERASED
    world.run(log.records)
    assert world.codes() == ["forbidden"]


@pytest.mark.parametrize("size", [1, 3, 250])
def test_a_life_begins_behind_its_enrolment(size: int) -> None:
    """Commands at or before it stay refused, later ones are of the new generation, whatever the chunks."""
    log = Log()
    conversation(log, 1)
    conversation(log, 2)
    world = World(store=StrictStore())
    world.store.lives[LEARNER] = Life(2, alive=True, since=at(log, 2))
    world.run(log.records, size)
    assert world.codes() == ["learner_erased"] * 2
    assert {key.learner.generation for key in world.store.threads} == {2}
    assert {key.thread_id for key in world.store.threads} == {uid(1, 2)}
    assert [message.value.content for message in world.store.messages.values()] == ["m2"]


def test_a_new_life_knows_nothing_of_the_old() -> None:
    """Command ids and threads of the old one are unknown in it; only thread ids stay taken."""
    log = Log()
    conversation(log, 1)
    world = World()
    world.run(log.records)
    world.store.lives[LEARNER] = Life(2, alive=True, since=at(log, 2))
    log.send("CreateThread", command_id=uid(3, 1), thread_id=uid(1, 5), title="t")
    log.send("PostMessage", command_id=uid(3, 7), thread_id=uid(1, 1), message_id=uid(2, 9), content="x")
    log.send("CreateThread", command_id=uid(3, 8), thread_id=uid(1, 1), title="t")
    world.run(log.records[2:])
    assert world.codes() == ["thread_not_found", "thread_exists"]
    assert world.events()[-1].fields["data"]["thread_id"] == uid(1, 5)


def test_reading_the_log_again_brings_nothing_back() -> None:
    """From its beginning, after the erasure: no event, no row."""
    log = Log()
    conversation(log, 1)
    world = World()
    world.run(log.records)
    events, rows = len(world.events()), dict(world.store.messages)
    world.store.lives[LEARNER] = ERASED
    world.run(log.records)
    assert len(world.events()) == events
    assert world.store.messages == rows
    assert world.codes() == ["learner_erased"] * 2
