"""Pages of one long thread against their depth, and of a learner's list against the threads on it."""

import json
from collections.abc import Iterator, Sequence

from bench.growth.curve import Budget, Point
from bench.http_client import Answer, ask, request
from bench.load import Burst, bearer
from bench.measure import MeasurementError, Seen, seen
from bench.readers import SERVICE_API
from bench.stage import Stage
from bench.workload import Caller, Place, Workload
from bench.workloads.pages import PAGE

BURST = 20_000
ASKED = 200
"""Pages asked for at each point, one after the other."""

DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
DEEP = Workload("deep", 15, threads=1)
DEPTH = "seq in a thread"
LISTED = "threads of a learner"


def depth(on: Stage, budget: Budget, messages: int) -> Iterator[Point]:
    """Pages from end to end of a thread, of as many messages as there is time for. Raises `MeasurementError`."""
    on.furnish(DEEP)
    done = 0
    while done < messages and budget.left > 0:
        some = min(BURST, messages - done)
        on.send(Burst(DEEP, some, play=done))
        done += some
    path = f"/api/v1/threads/{DEEP.place(0).thread_id}/messages?limit={PAGE}"
    with SERVICE_API.running(on.settings, on.logs):
        _asked(on, DEEP.place(0), f"{path}&before_seq={done + 1}")  # the first ones are slower
        for share in DEPTHS:
            before = max(PAGE, round(done * share)) + 1
            yield from _points(DEPTH, before - 1, _asked(on, DEEP.place(0), f"{path}&before_seq={before}"))


def listing(on: Stage, budget: Budget, sizes: Sequence[int]) -> Iterator[Point]:
    """The first page of the threads of learners who have more and more of them. Raises `MeasurementError`."""
    for number, size in enumerate(budget.sizes(LISTED, sizes)):
        one = Workload(f"listing {size}", 40 + number, threads=size, each=size)
        on.furnish(one)
        at = one.place(0)
        with SERVICE_API.running(on.settings, on.logs):
            path = f"/api/v1/threads?limit={PAGE}&learner_id={at.learner_id}"
            _asked(on, at, path)
            yield from _points(LISTED, size, _asked(on, at, path))


def _points(over: str, x: int, found: Seen) -> Iterator[Point]:
    yield Point(over, "page, p50 in ms", x, found.p50)
    yield Point(over, "page, p99 in ms", x, found.p99)


def _asked(on: Stage, at: Place, path: str) -> Seen:
    learner = Caller(at.tenant_id, f"learner-of-{at.learner_id}", "learner", at.learner_id)
    answers = ask(on.settings.api_port, [request("GET", path, bearer(on.settings, learner), 0)] * ASKED, 1)
    if not all(map(_whole, answers)):
        raise MeasurementError(f"no whole page of {path}: {answers[0]}")
    return seen([(one.sent, one.arrived) for one in answers])


def _whole(answer: Answer) -> bool:
    return len(json.loads(answer.body).get("items", ())) == PAGE
