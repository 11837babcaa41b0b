"""30 % of the commands are bad: a third out of the caller's scope, a third to no thread, a third sent before."""

from collections.abc import Iterator

from bench.workload import Intent, Workload, post
from chat.ids import new_id

DUPLICATE, OUT_OF_SCOPE, NO_THREAD = range(3)
"""The first three of ten: the numbers count them, `Workload.refusals`."""


def refused(workload: Workload, commands: int, play: int) -> Iterator[Intent]:
    """A duplicate is of the thread's last good command, or in the first round of threads a stranger's."""
    good: dict[str, Intent] = {}
    for turn in range(commands):
        at = workload.place(turn, play)
        kind, one = turn % 10, post(at)
        before = good.get(at.thread_id)
        if kind == DUPLICATE and before is not None:
            yield before
        elif kind in {DUPLICATE, OUT_OF_SCOPE}:
            yield one._replace(caller=one.caller._replace(learner_id="somebody-else"))
        elif kind == NO_THREAD:
            yield one._replace(fields=one.fields | {"thread_id": new_id()})
        else:
            good[at.thread_id] = one
            yield one


REFUSED = Workload("refused", 5, threads=201, commands=refused, bad=3)
