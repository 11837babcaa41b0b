"""Pages over HTTP, from whoever serves them on `API_PORT`."""

import json

from bench.http_client import ask, request
from bench.load import bearer
from bench.measure import MeasurementError, Seen, seen
from bench.reader import AT_ONCE
from bench.workload import Caller, Place
from bench.workloads.pages import PAGE
from chat.settings import Settings


def read(settings: Settings, places: list[Place]) -> Seen:
    """Asks as each thread's learner. Raises `MeasurementError` where an answer is no whole page."""
    requests = [
        request("GET", f"/api/v1/threads/{one.thread_id}/messages?limit={PAGE}", bearer(settings, _learner(one)), turn)
        for turn, one in enumerate(places)
    ]
    answers = ask(settings.api_port, requests, AT_ONCE)
    for one in answers:
        if one.status != 200:
            raise MeasurementError(f"a page was answered with {one.status}: {one.body!r}")
    if (shown := len(json.loads(answers[-1].body)["items"])) != PAGE:
        raise MeasurementError(f"a page holds {shown} messages")
    return seen([(one.sent, one.arrived) for one in answers])


def _learner(one: Place) -> Caller:
    return Caller(one.tenant_id, f"learner-of-{one.learner_id}", "learner", one.learner_id)
