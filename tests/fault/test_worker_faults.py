"""Workers that are killed, stopped, put to sleep and woken, under a running producer."""

import signal
import time
from collections.abc import Callable

from tests import erasure_worker
from tests.conftest import FIGURES, StartWorker
from tests.fault.pulse import Pulse
from tests.oracle.model import Model
from tests.oracle.run import OracleRun, Progress
from tests.oracle.state import Thread
from tests.wait import until
from tests.worker import REBALANCES, WorkerProcess

PROGRAM = (erasure_worker.PROGRAM,)
"""What an erasure has to wait for is shorter there."""

TAKEN_OVER_SECONDS = 15.0
"""From a worker's death until its partitions are at work elsewhere: six of them its group waits for it."""


def test_every_record_of_a_calm_run_has_its_outcome(oracle: OracleRun, start_worker: StartWorker) -> None:
    """Without any fault the contract is kept, and the run has records of every kind.

    Nothing is said twice, unless the machine stood still so long that the group gave the worker up.
    """
    worker = start_worker(oracle.settings, program=PROGRAM).until_ready()
    rebalances = worker.metric(REBALANCES)
    with oracle.stream(rate=400) as stream:
        for records in (500, 1000, 1500, 2000):
            stream.until(records)
            oracle.ask()
        oracle.await_requests()
        oracle.ask()
        stream.until(len(oracle.source.log) + 1000)
    oracle.settle()
    calm = worker.metric(REBALANCES) == rebalances
    expected = oracle.verify(once=calm, read_again=not calm)
    assert second_lives(oracle.model), "somebody was erased and enrolled, and has a thread again"
    assert {one.kind for one in expected} == {"applied", "refused", "dead_letter"}
    assert "learner_erased" in {one.code for one in expected}
    assert oracle.events.looked > 0
    assert len(oracle.commits.samples) > 1
    assert worker.stop() == 0


def test_a_killed_worker_loses_and_doubles_nothing(oracle: OracleRun, start_worker: StartWorker) -> None:
    """After `kill -9` in the middle of its work the next worker goes on where the log says."""
    worker = start_worker(oracle.settings, program=PROGRAM).until_ready()
    with oracle.stream(rate=600) as stream:
        stream.until(500)
        oracle.ask()
        stream.until(800)
        oracle.ask()
        at_kill = kill_ahead_of_its_commits(oracle, worker)
        assert at_kill.produced > at_kill.handled >= at_kill.applied > 0
        assert at_kill.committed < at_kill.applied
        start_worker(oracle.settings, program=PROGRAM)
        oracle.ask()
        stream.until(2500)
    oracle.settle()
    oracle.verify(read_again=True)
    assert oracle.progress().repeated > 0


def test_a_killed_workers_partitions_are_at_work_elsewhere(
    oracle: OracleRun, start_worker: StartWorker, record_property: Callable[[str, object], None]
) -> None:
    """With the one who is left, within seconds."""
    partitions = oracle.settings.topic_partitions
    workers = [start_worker(oracle.settings) for _ in range(2)]
    until(lambda: {partitions_of(one) for one in workers} == {partitions / 2}, 60, "each worker's share")
    with Pulse(oracle.settings) as pulse, oracle.stream(rate=200) as stream:
        stream.until(600)
        workers[0].kill()
        recovery = pulse.recovery(time.monotonic(), range(partitions))
        record_property(FIGURES, f"at work elsewhere after {recovery:.1f} s")
        assert recovery < TAKEN_OVER_SECONDS
        stream.until(len(oracle.source.log) + 200)
    oracle.settle()
    oracle.verify(read_again=True)


def test_a_stopped_worker_leaves_nothing_to_do_again(oracle: OracleRun, start_worker: StartWorker) -> None:
    """SIGTERM: what it holds is finished and committed, it leaves the group, and its successor repeats nothing, but for
    what a machine that is too busy did not finish in time.
    """
    worker = start_worker(oracle.settings).until_ready()
    with oracle.stream(rate=400) as stream:
        stream.until(800)
        assert worker.stop() == 0
        in_order = not worker.left_work()
        assert oracle.group.members() == 0 or not in_order
        stopped = oracle.progress()
        assert stopped.produced > stopped.applied > 0
        assert stopped.committed == stopped.applied or not in_order
        start_worker(oracle.settings)
        stream.until(1600)
    oracle.settle()
    oracle.verify(once=in_order)


def test_a_sleeping_worker_does_no_harm_when_it_wakes(oracle: OracleRun, start_worker: StartWorker) -> None:
    """Of three workers one sleeps until the group takes it for dead; it wakes, and another one joins and leaves."""
    workers = [start_worker(oracle.settings, program=PROGRAM) for _ in range(3)]
    until(lambda: sum(map(partitions_of, workers)) == oracle.settings.topic_partitions, what="every partition's owner")
    with oracle.stream(rate=300) as stream:
        stream.until(500)
        oracle.ask()
        sleeper = until(lambda: next(filter(partitions_of, workers), None), what="a worker with partitions")
        sleeper.signal(signal.SIGSTOP)
        until(lambda: oracle.group.members() == 2, 60, "the group's giving the sleeper up")
        oracle.ask()
        stream.until(len(oracle.source.log) + 600)
        sleeper.signal(signal.SIGCONT)
        until(lambda: oracle.group.members() == 3, 60, "the sleeper's coming back")
        oracle.ask()
        joining = start_worker(oracle.settings, program=PROGRAM)
        until(lambda: oracle.group.members() == 4, 60, "another worker's joining")
        stream.until(len(oracle.source.log) + 300)
        assert joining.stop() == 0
    oracle.settle()
    oracle.verify(overlapping=True, read_again=True)


def second_lives(model: Model) -> list[Thread]:
    """The threads of those who were erased and enrolled."""
    return [one for one in model.threads.values() if not one.erased and model.lives[one.learner].generation > 1]


def kill_ahead_of_its_commits(oracle: OracleRun, worker: WorkerProcess) -> Progress:
    """Kills a worker when it has applied more than it has committed, and not yet all that was produced."""

    def caught() -> Progress | None:
        worker.signal(signal.SIGSTOP)  # what it has come to is measured standing still
        now = oracle.progress()
        if now.produced > now.handled and 0 < now.applied > now.committed:
            return now
        worker.signal(signal.SIGCONT)
        return None

    progress: Progress = until(caught, what="a worker ahead of its commits")
    worker.kill()
    return progress


def partitions_of(worker: WorkerProcess) -> int:
    """How many partitions a worker says that it owns."""
    return int(worker.ready()[1].get("partitions", 0))
