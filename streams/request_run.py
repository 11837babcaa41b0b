"""One leased request: its job's remaining steps, then its end.

A worker may die, or sleep and wake, between any two lines of this. What is done is saved before the next is begun, and
every save is conditional on the lease. The end is saved, then noted and announced, and only then is the request taken
off the unfinished: so it may be said twice, with one event id, but never not.
"""

import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import structlog

from chat.domain.events import privacy_event
from chat.domain.privacy import Request, State
from chat.domain.privacy_commands import EnrolLearner
from chat.domain.verdicts import Code, Refused
from chat.errors import JobFailed, LeaseLost, Transient
from chat.metrics import PRIVACY_REQUESTS
from chat.privacy.job import Job
from chat.storage.privacy_store import Entry, RequestStore
from chat.topic_specs import Topic
from streams.emit import Emitter
from streams.records import Identity, Refusal
from streams.waiting import Waiting, server_of
from streams.work import Work

FAULT = "internal"
"""Why a request waits whose job has a fault of ours: it is tried again, since no fault of ours is its end."""

_log = structlog.get_logger()


class CommandPlace(NamedTuple):
    """What of a request's command is still known when it ends."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    headers: list[tuple[str, bytes]]


@dataclass(slots=True)
class RequestRun:
    """A request that `holder` has leased. Every method raises `LeaseLost` once somebody else has it."""

    requests: RequestStore
    emitter: Emitter
    waiting: Waiting
    job: Job
    holder: str
    request: Request

    _waited: tuple[State, str] = field(init=False)

    def __post_init__(self) -> None:
        self._waited = self.request.state, self.request.reason_code

    async def go(self) -> None:
        """Returns when the request has ended or has to wait."""
        if not self.request.is_final:
            await self._run()
        if self.request.is_final:
            await self._end()

    async def _run(self) -> None:
        await self._save(state=State.RUNNING, reason_code=self.request.reason)
        try:
            for step in self._left():
                await self._do(step)
        except LeaseLost:
            raise
        except Transient as error:
            await self._wait(server_of(error))
        except JobFailed as error:
            await self._save(state=State.HELD if error.held else State.FAILED, reason_code=error.code)
        except Exception:  # noqa: BLE001 - whatever it is, it is no end: it is said, and tried again
            _log.exception("privacy_job_fault", **self._names(), after_step=self.request.step)
            await self._wait(FAULT)

    def _left(self) -> list[str]:
        steps = list(self.job.steps)
        return steps[steps.index(self.request.step) + 1 :] if self.request.step else steps

    async def _do(self, step: str) -> None:
        started = time.perf_counter()
        notes = await self.job.do(self.request, step, self._save_notes)
        self._say("privacy_step", step=step, duration_ms=round((time.perf_counter() - started) * 1000))
        if step == self.job.steps[-1]:
            await self._save(step=step, state=State.COMPLETED, receipt=notes, notes="")
        else:
            await self._save(step=step, notes=notes)

    async def _save_notes(self, notes: str) -> None:
        await self._save(notes=notes)

    async def _wait(self, reason: str) -> None:
        """The lease stays: when it has run out, the request is tried again, by whoever finds it.

        It is noted once for a reason, not at every try.
        """
        _log.warning("privacy_request_waits", **self._names(), reason=reason)
        await self._save(state=State.WAITING, reason_code=reason)
        if self._waited != (State.WAITING, reason):
            await self.waiting.until_served(lambda: self.requests.note(_entry(self.request)))

    async def _save(self, **changes: Any) -> None:
        after = self.request.moved(time.time_ns() // 1_000_000, **changes)
        if not await self.waiting.until_served(lambda: self.requests.save(after, self.holder)):
            raise LeaseLost("another worker runs this request now")
        if after.state is not self.request.state:
            PRIVACY_REQUESTS.labels(after.kind, after.state).inc()
            self._say("privacy_request_moved", state=after.state.value, reason=after.reason_code)
        self.request = after

    def _say(self, event: str, **values: Any) -> None:
        _log.info(event, **self._names(), **values)

    def _names(self) -> dict[str, str]:
        tenant_id, request_id = self.request.key
        return {"kind": self.request.kind.value, "tenant_id": tenant_id, "request_id": request_id}

    async def _end(self) -> None:
        request = self.request
        if request.learner_id:  # else all of it was said before
            await self.waiting.until_served(lambda: self.requests.note(_entry(request)))
            await self.emitter.say(_said(request))
        await self.waiting.until_served(lambda: self.requests.close(request))


def _entry(request: Request) -> Entry:
    tenant_id, request_id = request.key
    return Entry(
        kind=request.kind,
        subject=request.subject,
        at=request.updated_at,
        request_id=request_id,
        actor="",
        action=request.state.value,
        code=request.reason_code,
        cause=f"{tenant_id}/{request_id}",
    )


def _said(request: Request) -> Work:
    """The event of a request's end; an enrolment that cannot be done has none, so its command is refused."""
    place = CommandPlace(
        Topic.PRIVACY_COMMANDS, request.partition, request.offset, request.requested_at, list(request.headers)
    )
    event = privacy_event(request)
    if event is not None:
        return Work(events=[(place, event)])
    identity = Identity(request.command_id, request.key.tenant_id, request.learner_id)
    refused = Refused(Code.INVALID, f"the enrolment cannot be done: {request.reason_code}")
    return Work(refusals=[Refusal(place, EnrolLearner.__name__, identity, refused)])
