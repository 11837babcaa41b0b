"""Messages that were written a moment ago."""

import pytest

from chat.domain.model import LearnerId, Message, ThreadKey
from chat.storage.store import Ids
from streams import recent as recent_module
from streams.memory import Memory
from streams.recent import MESSAGE_BYTES, Recent
from tests.records import NOW, Log, uid
from tests.wait import until_async
from tests.way import NarrowStore, World

LONG = 100 * 366 * 86_400
ONE = MESSAGE_BYTES + 100
ROOM = 100 * ONE


def _key(number: int) -> ThreadKey:
    return ThreadKey(LearnerId("tenant-1", f"learner-{number}", 1), uid(1, number))


def _message(number: int, content: str = "x") -> Message:
    return Message(uid(2, number), uid(1, 1), number, "user-1", content, "text", None, "{}", NOW, NOW)


def _noted(*numbers: int, room: int = ROOM, retention: int = LONG) -> Recent:
    recent = Recent(room)
    for number in numbers:
        recent.note(_key(number), _message(number), retention)
    return recent


async def test_the_last_state_is_found_in_its_own_thread() -> None:
    """What was written last, and nothing under another thread's or learner's key."""
    recent = _noted(1)
    recent.note(_key(1), _message(1, "edited"), LONG)
    found = recent.find(_key(1), uid(2, 1))
    assert found is not None
    assert found.content == "edited"
    assert recent.find(_key(2), uid(2, 1)) is None


async def test_the_oldest_leave_first() -> None:
    """However many are written, and however long, the room is what it is."""
    recent = _noted(*range(1, 8), room=3 * ONE)
    assert [number for number in range(1, 8) if recent.find(_key(number), uid(2, number))] == [5, 6, 7]
    recent.note(_key(8), _message(8, "x" * 16_384), LONG)
    assert len(recent) == 0


async def test_words_with_an_emoji_take_four_bytes_a_character() -> None:
    """Of two messages as long as each other only the plain one has room."""
    for content, held in (("x" * 1_001, 1), ("🙂" + "x" * 1_000, 0)):
        recent = Recent(3 * ONE)
        recent.note(_key(1), _message(1, content), LONG)
        assert len(recent) == held


async def test_a_life_that_is_over_is_let_go() -> None:
    """Nothing of it is held, and all of the others'."""
    recent = _noted(1, 2)
    recent.forget(_key(1).learner)
    assert (len(recent), recent.find(_key(1), uid(2, 1))) == (1, None)


async def test_a_lane_that_forgets_a_life_forgets_its_words() -> None:
    """They go with all else that is known of it; not with what leaves for want of room."""
    memory = Memory(share=1, recent=ROOM)
    for number in (1, 2):
        memory.recent.note(_key(number), _message(number), LONG)
        memory.add_learner(_key(number).learner, Ids(frozenset(), complete=True))
    memory.settle([_key(1), _key(2)])
    assert len(memory.recent) == 2
    memory.forget(_key(1).learner)
    assert memory.recent.find(_key(1), uid(2, 1)) is None
    assert memory.recent.find(_key(2), uid(2, 2)) is not None


async def test_what_may_expire_soon_is_read() -> None:
    """Whether it is still there is not for this process's clock to say."""
    assert len(_noted(1, retention=3_600)) == 0


async def test_words_go_also_where_nothing_comes_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not found after their time, and not in memory either."""
    monkeypatch.setattr(recent_module, "KEPT_SECONDS", 0.01)
    recent = _noted(1, 2, 3)
    await until_async(lambda: recent.find(_key(3), uid(2, 3)) is None)
    await until_async(lambda: len(recent) == 0)
    assert all(recent.find(_key(number), uid(2, number)) is None for number in (1, 2, 3))


def test_who_changes_a_message_at_once_asks_nothing_of_the_store() -> None:
    """Edited, answered and deleted in later trips of the same owner; its row is as if it had been read."""
    log, store = Log(), NarrowStore(64)
    log.send("CreateThread", command_id=uid(3, 1), thread_id=uid(1, 1), title="t")
    one = {"thread_id": uid(1, 1), "message_id": uid(2, 1)}
    log.send("PostMessage", command_id=uid(3, 2), **one, content="a")
    log.send("EditMessage", command_id=uid(3, 3), **one, content="b")
    answer = {"thread_id": uid(1, 1), "message_id": uid(2, 2), "reply_to": uid(2, 1)}
    log.send("PostMessage", command_id=uid(3, 4), **answer, content="c")
    log.send("DeleteMessage", command_id=uid(3, 5), **one)
    world = World(store=store, retention=LONG)
    world.run(log.records, 1)
    assert store.asked == []
    assert world.codes() == []
    contents = [one.value.content for one in store.messages.values()]
    assert contents == [None, "c"]
