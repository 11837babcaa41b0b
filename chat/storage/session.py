"""One connection to Cassandra, and the small bridge from the driver's threads to asyncio."""

import asyncio
import functools
import socket
import time
from collections import deque, namedtuple
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, Self

from cassandra import (
    AuthenticationFailed,
    ConsistencyLevel,
    DriverException,
    OperationTimedOut,
    RequestValidationException,
    UnresolvableContactPoints,
)
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import (
    ConstantReconnectionPolicy,
    ConstantSpeculativeExecutionPolicy,
    DCAwareRoundRobinPolicy,
    TokenAwarePolicy,
)
from cassandra.protocol import ErrorMessage
from cassandra.protocol import RequestValidationException as ValidationMessage
from cassandra.query import BatchStatement, PreparedStatement, SimpleStatement
from opentelemetry.trace import SpanKind

from chat.errors import KeyspaceMissing, StorageRefused, StorageUnavailable
from chat.metrics import CASSANDRA_ERRORS, CASSANDRA_SECONDS
from chat.settings import Settings
from chat.storage.handshake import contact_points, require_handshake
from chat.storage.steady_time import steady
from chat.storage.wire import PackedProtocol
from chat.tls import tls_context
from chat.tracing import span

steady()

FAULTS = (DriverException, NoHostAvailable, OperationTimedOut, ErrorMessage, OSError)
"""What the driver raises when a server is away, slow or short of replicas."""

REFUSALS = (RequestValidationException, ValidationMessage, AuthenticationFailed)
"""Those of them that stay: the server understood and said no."""

REQUEST_TIMEOUT = 10.0
"""Seconds after which a request counts as unanswered; its effect is then unknown, and it is sent again."""

LOST_AFTER = REQUEST_TIMEOUT + 5
"""Seconds after which nothing is to be heard of a request any more, whatever became of it in the driver."""

ANOTHER_NODE_AFTER = 0.5
"""Seconds after which another node is asked as well, where that may be done: a node that fell silent costs so much a
step, and not a request's time-out."""

HEARTBEAT_SECONDS = 1
"""From one look at the connections to the next: on one that heard nothing meanwhile an answer is asked for."""

EXECUTOR_THREADS = 8
"""For what the driver does beside requests, and for asking another node: of its own two, each may be connecting to a
silent one.
"""

CONNECT_SECONDS = 5
"""For a new connection and what it asks first: nobody's request waits for it, where there is another node."""

SILENCE_SECONDS = 2
"""Without that answer a connection is given up, and what waited for it goes to another node."""


class _Inbox:
    """Hands what the driver's thread finishes to the event loop, a batch at a time: one wake-up for many answers."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._done: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._waking = False

    def put(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self._done.append((future, result, error))
        if not self._waking:
            self._waking = True
            self._wake()

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._waking = False
        while self._done:
            future, result, error = self._done.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


class Connection:
    """A session on the service's keyspace.

    Every method raises `StorageUnavailable` when Cassandra does not answer and `StorageRefused` when it says no.
    """

    def __init__(self, cluster: Cluster, session: Session, keyspace: str) -> None:
        self.cluster = cluster
        self.session = session
        self.keyspace = keyspace
        self._inboxes: dict[asyncio.AbstractEventLoop, _Inbox] = {}

    @classmethod
    async def open(cls, settings: Settings, *, keyspace: bool = True) -> Self:
        """Connects; with `keyspace=False` to no keyspace, for migrations that make it.

        Raises `KeyspaceMissing` where the keyspace is not there, and `BadSetting` where a TLS file cannot be used.
        """
        try:
            cluster = _cluster(settings)
        except UnresolvableContactPoints as error:
            raise StorageUnavailable("no address of CASSANDRA_CONTACT_POINTS is known to the name service") from error
        name = settings.cassandra_keyspace
        try:
            session = await asyncio.to_thread(cluster.connect, name if keyspace else None)
        except FAULTS as error:
            known = cluster.metadata.keyspaces
            await asyncio.to_thread(cluster.shutdown)
            if keyspace and known and name not in known:
                raise KeyspaceMissing(f"there is no keyspace {name}: run `chat migrate`") from error
            await asyncio.to_thread(require_handshake, settings)
            raise _connecting(error) from error
        session.client_protocol_handler = PackedProtocol
        return cls(cluster, session, name)

    async def close(self) -> None:
        """Closes every connection of this session."""
        await asyncio.to_thread(self.cluster.shutdown)

    async def prepare(self, cql: str) -> PreparedStatement:
        """Prepares a statement once for all nodes."""
        return await self._in_thread(self.session.prepare, cql)

    async def run(self, cql: str, *, timeout: float = 60.0) -> Any:
        """Runs one plain statement, such as DDL; blocks a thread, not the event loop."""
        return await self._in_thread(functools.partial(self.session.execute, timeout=timeout), cql)

    async def execute(self, statement: Any, values: Sequence[Any] | None = None) -> list[Any]:
        """The rows of the first page of one statement's answer."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Any]] = loop.create_future()
        inbox = self._inboxes.get(loop) or self._inboxes.setdefault(loop, _Inbox(loop))
        if isinstance(statement, str) and statement.startswith("SELECT "):
            statement = SimpleStatement(statement, is_idempotent=True)
        with asked(statement):
            response = self.session.execute_async(statement, values, timeout=REQUEST_TIMEOUT)
            response.add_callbacks(
                lambda rows: inbox.put(future, rows, None), lambda error: inbox.put(future, None, error)
            )
            async with asyncio.timeout(LOST_AFTER):
                rows = await future
            _part(response)
            return rows or []

    async def execute_paged(self, statement: Any, values: Sequence[Any]) -> list[Any]:
        """The rows of every page; blocks a thread, not the event loop."""
        with asked(statement):
            return await asyncio.to_thread(lambda: list(self.session.execute(statement, values)))

    async def pages(self, statement: Any, values: Sequence[Any]) -> AsyncIterator[list[Any]]:
        """The rows of an answer of any length, page by page; blocks a thread, not the event loop."""
        with asked(statement):
            answer = await asyncio.to_thread(self.session.execute, statement, values)
        yield answer.current_rows
        while answer.has_more_pages:
            with asked(statement):
                await asyncio.to_thread(answer.fetch_next_page)
            yield answer.current_rows

    async def execute_all(self, statements: Iterable[tuple[Any, Sequence[Any] | None]]) -> list[list[Any]]:
        """Several statements side by side; the first fault is raised when all have ended."""
        answers = await asyncio.gather(*(self.execute(*one) for one in statements), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in answers if not isinstance(answer, BaseException)]

    async def _in_thread(self, call: "_Call", cql: str) -> Any:
        with asked(cql):
            return await asyncio.to_thread(call, cql)


def _part(response: Any) -> None:
    """An answer and its timer hold each other, with a batch's bytes and the rows, until Python looks for cycles next,
    which it does seldom (`chat.garbage`): 30 to 120 MiB of a worker's were such ones.
    """
    if response._timer is not None:  # noqa: SLF001 - the driver has no other door
        response._timer.callback = _nothing  # noqa: SLF001 - as above


def _nothing() -> None:
    """What a timer does whose answer is there."""


class _Call(Protocol):
    def __call__(self, cql: str, /) -> Any: ...


def _cluster(settings: Settings) -> Cluster:
    policy = TokenAwarePolicy(DCAwareRoundRobinPolicy(settings.cassandra_local_dc))
    profile = ExecutionProfile(
        load_balancing_policy=policy,
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
        request_timeout=REQUEST_TIMEOUT,
        row_factory=_named_rows,
        speculative_execution_policy=ConstantSpeculativeExecutionPolicy(ANOTHER_NODE_AFTER, max_attempts=2),
    )
    return Cluster(
        contact_points=contact_points(settings),
        port=settings.cassandra_port,
        auth_provider=_auth(settings),
        ssl_context=tls_context(settings, "cassandra") if settings.cassandra_ssl else None,
        protocol_version=4,  # driver 3.30.1 corrupts its own stream on version 5
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],  # else a request behind another waits 40 ms for its ACK
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        reconnection_policy=ConstantReconnectionPolicy(delay=1.0, max_attempts=None),
        idle_heartbeat_interval=HEARTBEAT_SECONDS,
        idle_heartbeat_timeout=SILENCE_SECONDS,
        connect_timeout=CONNECT_SECONDS,
        executor_threads=EXECUTOR_THREADS,
        control_connection_timeout=CONNECT_SECONDS,
    )


@functools.lru_cache(maxsize=256)
def _row_type(names: tuple[str, ...]) -> Any:
    return namedtuple("Row", names, rename=True)  # noqa: PYI024 - its fields are known to the answer only


def _named_rows(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[Any]:
    """Rows as named tuples; the driver's own factory makes a new class for every answer, which costs more than it."""
    return list(map(_row_type(tuple(name.strip("[]") for name in names))._make, rows))


def _auth(settings: Settings) -> PlainTextAuthProvider | None:
    if not settings.cassandra_username:
        return None
    return PlainTextAuthProvider(settings.cassandra_username, settings.cassandra_password)


def _connecting(error: BaseException) -> StorageUnavailable | StorageRefused:
    by_host = getattr(error, "errors", None)  # of NoHostAvailable: a list where no host was tried
    causes = by_host.values() if isinstance(by_host, dict) else ()
    refusal = next((cause for cause in (error, *causes) if isinstance(cause, REFUSALS)), None)
    if refusal is not None:
        return StorageRefused(f"Cassandra refuses the connection: {_brief(refusal)}")
    return StorageUnavailable(f"no connection to Cassandra: {_brief(error)}")


@contextmanager
def asked(statement: Any) -> Iterator[None]:
    """A request to Cassandra, measured and traced by its kind. Raises the driver's faults as ours."""
    operation, started = _operation(statement), time.perf_counter()
    about = {"db.system.name": "cassandra", "db.operation.name": operation}
    try:
        with span(f"cassandra {operation}", about, kind=SpanKind.CLIENT):
            yield
    except FAULTS as error:
        CASSANDRA_ERRORS.labels(_brief(error)).inc()
        raise _typed(error) from error
    finally:
        CASSANDRA_SECONDS.labels(operation).observe(time.perf_counter() - started)


def _operation(statement: Any) -> str:
    """`batch`, or the first word of a statement: its text may hold more, such as a role's password."""
    if isinstance(statement, BatchStatement):
        return "batch"
    return str(getattr(statement, "query_string", statement)).split(None, 1)[0].lower()


def _typed(error: BaseException) -> StorageUnavailable | StorageRefused:
    if isinstance(error, REFUSALS):
        return StorageRefused(f"Cassandra refuses a statement: {_brief(error)}")
    return StorageUnavailable(f"Cassandra does not answer: {_brief(error)}")


def _brief(error: BaseException) -> str:
    """The kind of a driver's error: its text may hold values that belong into no log."""
    return type(error).__name__
