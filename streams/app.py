"""The Faust app: its settings, and the agent through which every chunk of both command topics goes."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import faust
from faust.serializers.schemas import Schema
from yarl import URL

from chat.errors import BrokerUnavailable
from chat.kafka import bootstrap_servers
from chat.settings import Settings
from chat.topic_specs import CAUSED_BYTES, Topic
from streams.credentials import credentials
from streams.lanes import Lanes
from streams.lease import SESSION_SECONDS
from streams.transport import ChunkTransport
from streams.waiting import Waiting

WEEKS = 28 * 86_400.0


class AsItIs(Schema):
    """Keys and values go to the agent untouched: decoding is the lane's work, where nothing gets lost."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ARG002 - Faust's signature
        return message.key

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ARG002 - as above
        return message.value


class WorkerApp(faust.App):
    """A Faust app that knows its lanes, and how to end when it cannot go on.

    `same_topics` raises `TopicMadeAnew` where a topic is not the one that was read before, or a `Transient`.

    What is `beside` the lanes is run from the moment when the app has started until it begins to leave.
    """

    lanes: Lanes
    waiting: Waiting
    same_topics: Callable[[], Awaitable[object]]
    beside: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fail(self, error: BaseException) -> None:
        """Ends the worker with `error`; the first one counts."""
        if not self.failed.done():
            self.failed.set_exception(error)

    def _crash(self, reason: BaseException) -> None:
        # Faust tells every service of a crash and goes on to stop them; we want the reason.
        self.fail(reason)
        super()._crash(reason)

    @property
    def joined(self) -> bool:
        """True while this worker is a member of its group and knows its partitions."""
        return self._consumer is not None and self.consumer_generation_id > 0 and not self.rebalancing

    @property
    def owned(self) -> list[int]:
        """The partitions of the command topic that this worker owns now."""
        owned = self.consumer.assignment() if self.joined else ()
        return sorted(tp.partition for tp in owned if tp.topic == Topic.COMMANDS)

    async def heartbeat(self) -> bool:
        """True where the group's coordinator takes this worker for a member."""
        return bool(await self.consumer.heartbeat())

    def broker_unavailable(self, error: Exception) -> BrokerUnavailable:
        """Kafka's error as ours."""
        return BrokerUnavailable(type(error).__name__)

    def _create_directories(self) -> None:
        """None: there are no tables, so nothing is kept on disk."""

    def _new_transport(self) -> ChunkTransport:
        return ChunkTransport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> ChunkTransport:
        return ChunkTransport(self.conf.broker_producer, self)


def make_app(settings: Settings, waiting: Waiting) -> WorkerApp:
    """The app with its agent; `lanes` must be set before it starts. Needs a running event loop."""
    app = WorkerApp(settings.consumer_group, loop=asyncio.get_running_loop(), **_options(settings))
    app.waiting = waiting
    topic = app.topic(str(Topic.COMMANDS), str(Topic.PRIVACY_COMMANDS), schema=AsItIs(), acks=True)

    @app.agent(topic, name="commands", concurrency=1)
    async def commands(stream: Any) -> None:
        async for event in stream.noack().events():
            if app.consumer.outstanding.holds(event.value):
                app.lanes.put(event.value, event.ack)

    return app


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "broker": [URL(f"kafka://{server}") for server in bootstrap_servers(settings)],
        "broker_credentials": credentials(settings),
        "broker_client_id": f"chat-worker-{settings.worker_id}" if settings.worker_id else "chat-worker",
        "consumer_group_instance_id": settings.worker_id or None,
        # No offset is ever guessed: see ChunkConsumer.perform_seek.
        "consumer_auto_offset_reset": "none",
        "broker_session_timeout": SESSION_SECONDS,
        "broker_heartbeat_interval": SESSION_SECONDS / 3,
        "broker_rebalance_timeout": 30.0,
        "broker_request_timeout": 40.0,
        # An idle worker would otherwise leave the group and never fetch again.
        "broker_max_poll_interval": WEEKS,
        "broker_max_poll_records": 2_000,
        "broker_commit_interval": 0.5,
        "producer_request_timeout": 30.0,
        "producer_max_batch_size": 262_144,
        "producer_max_request_size": CAUSED_BYTES,
        "stream_wait_empty": False,
        "stream_recovery_delay": 0.0,
        "table_standby_replicas": 0,
        "topic_disable_leader": True,
        "topic_allow_declare": False,
        "web_enabled": False,
        "web_in_thread": False,
        "logging_config": None,
        "loghandlers": [],
        "worker_redirect_stdouts": False,
    }
