"""Commands as HTTP requests, for a contender that takes them so: each is answered when its event is on Kafka."""

import zlib
from http import HTTPStatus

import orjson

from bench.contender import Door
from bench.http_client import Request, ask, request, serves
from bench.load import Burst, bearer
from bench.measure import MeasurementError
from bench.workload import Intent
from chat.settings import Settings

AT_ONCE = 32
"""Requests side by side, of different threads."""

_PATHS = {
    "CreateThread": ("POST", "/api/v1/threads"),
    "PostMessage": ("POST", "/api/v1/messages"),
    "EditMessage": ("PUT", "/api/v1/messages"),
    "DeleteMessage": ("DELETE", "/api/v1/messages"),
}


def send(settings: Settings, burst: Burst) -> None:
    """Sends a burst; returns when all is answered. Raises `MeasurementError` where other commands were refused."""
    requests = [_request(settings, one) for one in burst.intents()]
    answers = ask(settings.api_port, requests, AT_ONCE, burst.rate)
    refused = [one for one in answers if one.status >= HTTPStatus.BAD_REQUEST]
    if len(refused) != burst.refusals:
        first = refused[0] if refused else ""
        raise MeasurementError(f"{len(refused)} commands were refused, {burst.refusals} should have been: {first}")


def _request(settings: Settings, one: Intent) -> Request:
    """A thread's in order, as a topic has them too."""
    method, path = _PATHS[one.type]
    lane = zlib.crc32(one.fields["thread_id"].encode())
    return request(method, path, bearer(settings, one.caller), lane, orjson.dumps(one.fields))


HTTP = Door(serves, send, answers=True)
