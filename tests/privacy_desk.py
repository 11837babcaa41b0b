"""The way of a privacy command and its runner over memory, jobs that note what they do, and workers that die."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import schemas
from chat.domain.model import FIRST_LIFE, Learner, Life
from chat.domain.privacy import Kind, Request, RequestKey
from chat.privacy.job import Job, Save, registry
from chat.storage.memory_privacy import MemoryRequests
from streams.authorise import Gate
from streams.emit import Emitter
from streams.intake import Intake, LifeOf
from streams.lease import Lease
from streams.memory import Memory
from streams.opening import Opening
from streams.privacy_way import PrivacyWay
from streams.runner import Runner
from streams.waiting import Waiting
from tests.records import PARTITIONS, SEAL, SUBJECTS, Log, Sent, token, uid, verifier
from tests.wait import until_async
from tests.way import MemoryPublisher, no_command_keys

TOPIC = "chat.privacy.commands"
OFFICER = token(user="officer-1", role="compliance")
STEPS = ("gather", "pack", "sign", "store")
LEASE_SECONDS = 15


def request_key(number: int, tenant: str = "tenant-1") -> RequestKey:
    """The name of a request."""
    return RequestKey(tenant, uid(4, number))


class PrivacyLog(Log):
    """Privacy commands as Kafka would hand them over."""

    def __init__(self) -> None:
        super().__init__(TOPIC)

    def ask(self, record_type: str, number: int = 1, bearer: str = OFFICER, **fields: object) -> Sent:
        """Appends the command of a number; its ids follow from that."""
        values = {"command_id": uid(3, number), "request_id": uid(4, number), **fields}
        if record_type != "EnrolLearner":
            values.setdefault("reason", "other")
        return self.send(record_type, bearer, **values)


@dataclass
class NotingJob:
    """Notes each step that it does, with the notes that it found; `hooks` are called before a step's effect."""

    kind: Kind = Kind.EXPORT
    steps: Sequence[str] = STEPS
    done: list[tuple[str, str, str]] = field(default_factory=list)
    hooks: Mapping[str, Callable[[Request, Save], object]] = field(default_factory=dict)

    async def do(self, request: Request, step: str, save: Save) -> str:
        hook = self.hooks.get(step)
        if hook is not None:
            result = hook(request, save)
            if asyncio.iscoroutine(result):
                await result
        self.done.append((request.key.request_id, step, request.notes))
        return f"{request.notes}{step};"

    def steps_of(self, number: int) -> list[str]:
        """The steps that were done of a request, in order."""
        return [step for request_id, step, _ in self.done if request_id == uid(4, number)]


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Killed(BaseException):
    """Stands for the end of a worker between two steps of its program."""


@dataclass
class Calls:
    """Counts calls; the call numbered `at` is the last: its effect is there or not."""

    at: int | None = None
    before: bool = False
    names: list[str] = field(default_factory=list)

    def enter(self, name: str) -> None:
        """A call begins."""
        self._refuse_the_dead()
        self.names.append(name)
        if self.before and len(self.names) == self.at:
            raise Killed

    def leave(self) -> None:
        """A call ends."""
        if len(self.names) == self.at:
            raise Killed

    def _refuse_the_dead(self) -> None:
        if self.at is not None and len(self.names) >= self.at:
            raise Killed


class Mortal:
    """A part of a worker, which dies at one of its calls."""

    def __init__(self, inner: object, calls: Calls) -> None:
        self._inner = inner
        self._calls = calls

    def __getattr__(self, name: str) -> object:
        return partial(self._call, name)

    async def _call(self, name: str, *arguments: object) -> object:
        if name == "unfinished":  # a look changes nothing, and goes on beside what it has begun
            return await getattr(self._inner, name)(*arguments)
        self._calls.enter(name)
        result = await getattr(self._inner, name)(*arguments)
        self._calls.leave()
        return result


@dataclass(frozen=True)
class MortalJob:
    """A job in a worker that dies at one of its calls."""

    inner: Job
    calls: Calls

    @property
    def kind(self) -> Kind:
        return self.inner.kind

    @property
    def steps(self) -> Sequence[str]:
        return self.inner.steps

    async def do(self, request: Request, step: str, save: Save) -> str:
        return str(await Mortal(self.inner, self.calls)._call("do", request, step, save))


async def is_member() -> bool:
    """Of a worker that was never away."""
    return True


@dataclass
class Desk:
    """One service's requests: what is kept and published outlives its workers. `life_of` may tell lives."""

    jobs: Sequence[Job] = ()
    clock: Clock = field(default_factory=Clock)
    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)
    lives: dict[Learner, Life] = field(default_factory=dict)
    life_of: LifeOf | None = None
    disabled: frozenset[str] = frozenset()
    failures: list[BaseException] = field(default_factory=list)
    lease: Callable[[], Lease] = lambda: Lease(is_member)
    kept: MemoryRequests = field(init=False)

    def __post_init__(self) -> None:
        self.kept = MemoryRequests(SUBJECTS, self.clock)

    async def take(self, records: Sequence[Sent], calls: Calls | None = None) -> None:
        """Takes the records as a fresh owner would, each partition's together; it dies where `calls` end."""
        way = self._way(calls or Calls())
        for partition in range(PARTITIONS):
            mine = [one for one in records if one.partition == partition]
            if mine:
                await way.go(Memory(), mine)

    async def run(self, done: Callable[[], object] | None = None) -> None:
        """Runs a worker's runner until `done`, by default until nothing is unfinished."""
        running = asyncio.create_task(self.runner(Calls()).run())
        try:
            await until_async(done or (lambda: not self.kept.open), 30, "the end of all requests")
        finally:
            running.cancel()
            await asyncio.wait({running})

    async def look_once(self, calls: Calls) -> None:
        """Runs a worker's runner for one look and what it begins then; it dies where `calls` end."""
        runner = self.runner(calls)
        with suppress(Killed):
            await runner._look()
        await asyncio.gather(*runner._running.values(), return_exceptions=True)

    def runner(self, calls: Calls) -> Runner:
        """A worker's runner."""
        jobs = registry(*(MortalJob(one, calls) for one in self.jobs))
        fail = self.failures.append
        return Runner(Mortal(self.kept, calls), self._emitter(calls), Waiting(), jobs, fail, LEASE_SECONDS)  # type: ignore[arg-type]

    def request(self, number: int = 1) -> Request:
        """A request as it is kept."""
        return self.kept.kept[request_key(number)]

    def events(self) -> list[schemas.Record]:
        return self.publisher.decoded("chat.events")

    def event_types(self) -> list[str]:
        return [one.type for one in self.events()]

    def refusals(self) -> list[tuple[str, str | None]]:
        """Codes and event ids."""
        found = self.publisher.decoded("chat.rejections")
        return [(one.fields["code"], one.fields["event_id"]) for one in found]

    def audit(self) -> list[tuple[str, str, str]]:
        """Action, code and actor of every line, oldest first."""
        lines = sorted(self.kept.entries.values(), key=lambda one: one.at)
        return [(one.action, one.code, one.actor) for one in lines]

    def _way(self, calls: Calls) -> PrivacyWay:
        waiting = Waiting()
        intake = Intake(Mortal(self.kept, calls), self.life_of or self._life_of, waiting, SUBJECTS, b"k" * 32, epoch=1)  # type: ignore[arg-type]
        gate = Gate(verifier(), PARTITIONS, SEAL, self.disabled)
        opening = Opening(no_command_keys, waiting)
        return PrivacyWay(gate, intake, self._emitter(calls), waiting, lambda: None, opening, self.lease())

    def _emitter(self, calls: Calls) -> Emitter:
        return Emitter(Mortal(self.publisher, calls), schemas.Format.AVRO, PARTITIONS)  # type: ignore[arg-type]

    async def _life_of(self, subject: bytes) -> Life:
        return {SUBJECTS.of(learner): life for learner, life in self.lives.items()}.get(subject, FIRST_LIFE)
