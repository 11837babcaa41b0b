"""The oracle's model of lives that end and begin in the log: it must not believe whatever a worker says."""

import dataclasses
import time

from tests.oracle import good
from tests.oracle.hand import Hand
from tests.oracle.intents import Intent, Logged
from tests.oracle.lives import Fence
from tests.oracle.model import Model

Late = frozenset[tuple[int, int]]


class Log:
    """A thread with posts in one partition of the log."""

    def __init__(self) -> None:
        self._hand = Hand(1, 1, 1, time.time())
        self.records: list[Logged] = []
        self.fences: list[Fence] = []
        self.thread = self.put(good.create(self._hand))

    def put(self, intent: Intent) -> Intent:
        """Appends a record."""
        at = len(self.records) + len(self.fences)
        self.records.append(Logged(intent, 0, at, int(self._hand.now * 1000) + at))
        return intent

    def post(self) -> Intent:
        """Appends a post to the first thread."""
        return self.put(good.post(self._hand))

    def again(self, intent: Intent) -> None:
        """Appends a record's command as another one."""
        fields = {**intent.fields, "command_id": self._hand.uuid()}
        self.put(dataclasses.replace(intent, fields=fields))

    def fence(self, generation: int, *, ends: bool) -> None:
        """Appends a fence."""
        at = len(self.records) + len(self.fences)
        self.fences.append(Fence(0, at, self.thread.learner, "request", generation, ends))

    def codes(self, late: Late = frozenset()) -> list[str]:
        """What becomes of each record."""
        self.model = Model({}, 0, self.fences, late)
        return [one.code or one.kind for one in self.model.judge(self.records)]


def test_behind_the_fence_all_is_refused_and_nothing_is_left() -> None:
    """What a worker says before it makes no difference to that."""
    log = Log()
    log.post()
    log.fence(1, ends=True)
    log.post()
    assert log.codes() == ["applied", "applied", "learner_erased"]
    assert [thread.erased for thread in log.model.threads.values()] == [True]
    assert log.model.applied == {}
    assert log.model.ended == {(0, 0), (0, 1)}


def test_before_the_fence_a_worker_may_have_heard_and_must_then_stay_with_it() -> None:
    """From the first record that it refused on; with no fence behind it nothing may be refused."""
    log = Log()
    log.post()
    log.post()
    assert log.codes(frozenset({(0, 1)})) == ["applied"] * 3
    log.fence(1, ends=True)
    assert log.codes(frozenset({(0, 1)})) == ["applied", "learner_erased", "learner_erased"]
    assert log.codes(frozenset({(0, 2)})) == ["applied", "applied", "learner_erased"]


def test_a_new_life_knows_nothing_but_the_thread_ids() -> None:
    """A fence of another generation, or one that comes again, begins and ends nothing."""
    log = Log()
    log.fence(2, ends=False)
    log.fence(1, ends=True)
    log.fence(2, ends=False)
    log.fence(1, ends=True)
    log.fence(2, ends=False)
    log.post()
    log.again(log.thread)
    assert log.codes() == ["applied", "thread_not_found", "thread_exists"]
    assert log.model.lives[log.thread.learner].alive
