"""What the owner of a partition holds."""

from chat.domain.model import LearnerId, ThreadKey
from chat.storage.store import Ids, LoadedThread
from streams.memory import KnownIds, Memory
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


def test_the_least_recently_used_learner_leaves_first() -> None:
    """Beyond the bound the learner that was touched longest ago is forgotten, never the one just touched."""
    memory = Memory(share=250)
    for number in (1, 2):
        memory.add_learner(_learner(number), _ids(100))
        memory.settle({_learner(number)})
    memory.settle({_learner(1)})
    memory.add_learner(_learner(3), _ids(100))
    memory.settle({_learner(3)})
    assert [_learner(number) in memory for number in (1, 2, 3)] == [True, False, True]


def test_a_learner_too_large_for_the_bound_stays_while_it_is_the_only_one() -> None:
    """One learner with more ids than the bound is still served from memory."""
    memory = Memory(share=10)
    memory.add_learner(_learner(1), _ids(100))
    memory.settle({_learner(1)})
    assert _learner(1) in memory


def test_that_a_thread_is_not_there_is_known_too() -> None:
    """A thread that was looked for and not found need not be looked for again."""
    memory, key = Memory(), ThreadKey(_learner(1), uid(1, 1))
    assert not memory.knows(key)
    memory.add_learner(key.learner, _ids(0))
    memory.add_thread(key, LoadedThread(None, _ids(0)))
    assert memory.knows(key)
