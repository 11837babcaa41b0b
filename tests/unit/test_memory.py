"""What the owner of a partition holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.domain.model import Details, LearnerId, Status, Thread, ThreadKey
from chat.storage.store import Ids, LoadedThread
from streams import memory as memory_module
from streams.memory import WORTH_READING, KnownIds, Memory
from tests.records import uid


def _learner(number: int) -> LearnerId:
    return LearnerId("tenant-1", f"learner-{number}", 1)


def _ids(count: int, *, complete: bool = True) -> Ids:
    return Ids(frozenset(uid(3, number) for number in range(count)), complete)


def test_an_id_that_is_not_held_is_new_only_where_all_are_known() -> None:
    """Complete ids prove that another is new; incomplete ones prove nothing."""
    assert not KnownIds(_ids(3)).may_hold(uid(3, 9))
    assert KnownIds(_ids(3)).may_hold(uid(3, 2))
    assert KnownIds(_ids(3, complete=False)).may_hold(uid(3, 9))


def test_an_added_id_is_held() -> None:
    """What a chunk wrote is no longer new."""
    ids = KnownIds(_ids(0))
    ids.add(uid(3, 1))
    assert ids.may_hold(uid(3, 1))


def test_ids_that_were_asked_for_often_are_worth_reading_once() -> None:
    """Where few were read of many, the rest is worth reading after some questions, and never again after that."""
    ids = KnownIds(_ids(3, complete=False))
    assert [ids.may_hold(uid(3, 9)) and ids.worth_reading for _ in range(WORTH_READING)][-2:] == [False, True]
    ids.read(_ids(5, complete=False))
    assert all(ids.may_hold(uid(3, 9)) and not ids.worth_reading for _ in range(2 * WORTH_READING))
    ids.read(_ids(5))
    assert not ids.may_hold(uid(3, 9))


def test_too_many_ids_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that grows without end takes a bounded memory; its ids are asked for from then on."""
    monkeypatch.setattr(memory_module, "MOST_IDS", 10)
    ids = KnownIds(_ids(0))
    for number in range(11):
        assert not ids.may_hold(uid(3, number))
        ids.add(uid(3, number))
    assert ids.may_hold(uid(3, 99))
    assert ids.weight() == 0
    assert not ids.worth_reading


@given(st.lists(st.integers(0, 50)), st.sets(st.integers(0, 50)))
def test_known_ids_hold_what_a_set_would(added: list[int], read: set[int]) -> None:
    """Read or added, once or twice, in any order: every id that is taken is held, and no other."""
    ids = KnownIds(Ids(frozenset(uid(3, number) for number in read), complete=True))
    for number in added:
        ids.add(uid(3, number))
    assert {number for number in range(51) if ids.may_hold(uid(3, number))} == {*added, *read}


def _touch(memory: Memory, number: int, ids: int = 100) -> ThreadKey:
    key = ThreadKey(_learner(number), uid(1, number))
    if key.learner not in memory:
        memory.add_learner(key.learner, _ids(ids))
        memory.add_thread(key, LoadedThread(None, _ids(ids)))
    memory.settle({key})
    return key


def test_the_least_recently_used_learner_leaves_first() -> None:
    """Beyond the bound the learner that was touched longest ago is forgotten, never the one just touched."""
    memory = Memory(share=6_000)
    for number in (1, 2, 1, 3):
        _touch(memory, number, ids=20)
    assert [_learner(number) in memory for number in (1, 2, 3)] == [True, False, True]


def test_ids_leave_before_the_states_of_those_who_write_in_turn() -> None:
    """Many ids are let go, and asked for from then on, where their learner would be gone each time that it comes."""
    memory = Memory(share=60_000)
    keys = [_touch(memory, number, ids=1_000) for number in (1, 2, 3, 4, 5, 6)]
    assert all(memory.knows(key) for key in keys)
    assert [memory.thread(key).messages.may_hold(uid(3, 9_999)) for key in keys] == [True] * 2 + [False] * 4
    assert [memory[key.learner].commands.may_hold(uid(3, 9_999)) for key in keys] == [True] * 2 + [False] * 4


def test_who_has_no_ids_left_leaves() -> None:
    """The bound holds, whoever comes; the last ones are there with all that they have."""
    memory = Memory(share=30_000)
    for number in range(100):
        _touch(memory, number, ids=1_000)
    there = [number for number in range(100) if _learner(number) in memory]
    assert there == list(range(there[0], 100))
    assert len(there) < 30_000 / 1_900
    assert not memory[_learner(99)].commands.may_hold(uid(3, 9_999))


def test_what_was_forgotten_weighs_nothing() -> None:
    """However often learners come and go, the bound is that of what is there."""
    memory = Memory(share=8_500)
    for number in range(100):
        memory.forget(_touch(memory, number).learner)
    for number in (1, 2):
        _touch(memory, number)
    assert [_learner(number) in memory for number in (1, 2)] == [True, True]


@pytest.mark.parametrize("words", ["x" * 8_192, "🙂" + "x" * 2_048], ids=["long", "with-an-emoji"])
def test_words_weigh_too(words: str) -> None:
    """A thread with long metadata takes the room of many; one emoji makes them four times as heavy."""
    memory, key = Memory(share=10_000), ThreadKey(_learner(1), uid(1, 1))
    details = Details("t", words, "teacher-1", 1, 1)
    long = Thread(key.thread_id, details, Status.LIVE, 0, 1, 1, 1, 1, 1)
    memory.add_learner(key.learner, _ids(0))
    memory.add_thread(key, LoadedThread(long, _ids(0)))
    memory.settle({key})
    assert not memory.knows(key)


def test_that_a_thread_is_not_there_is_known_too() -> None:
    """A thread that was looked for and not found need not be looked for again."""
    memory, key = Memory(), ThreadKey(_learner(1), uid(1, 1))
    assert not memory.knows(key)
    memory.add_learner(key.learner, _ids(0))
    memory.add_thread(key, LoadedThread(None, _ids(0)))
    assert memory.knows(key)
