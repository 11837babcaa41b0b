"""Builds everything a worker is made of."""

from dataclasses import dataclass

import schemas
from chat import topics
from chat.domain.verdict import Limits
from chat.settings import Settings
from chat.storage import migrate
from chat.storage.cassandra_store import CassandraStore
from chat.storage.idle_threads import IdleThreads
from chat.storage.learner_keys import LearnerKeys
from chat.storage.session import Connection
from chat.storage.token_keys import SharedKeyring
from chat.tokens import TokenVerifier
from streams.app import WorkerApp, make_app
from streams.apply import Judge
from streams.authorise import Gate
from streams.content import PlainContent, SealedContent
from streams.emit import Emitter
from streams.expire import Expiry
from streams.internal import SECRET, ServiceSeal
from streams.lane import CommandWay, Way
from streams.lanes import Lanes
from streams.lease import Lease
from streams.publish import Publisher
from streams.waiting import Waiting


@dataclass(frozen=True, slots=True)
class Servers:
    """A worker's way to Cassandra, what the topics are, and who judges tokens."""

    connection: Connection
    epoch: int
    partitions: int
    verifier: TokenVerifier


async def reach(settings: Settings, waiting: Waiting) -> Servers:
    """Connects and checks tables and topics, however long the servers are away.

    Raises `SchemaMismatch`, `TopicMismatch` or `TopicMadeAnew` where they are not what this program needs.
    """
    connection = await waiting.until_served(lambda: Connection.open(settings))
    await waiting.until_served(lambda: migrate.check(connection))
    known = await waiting.until_served(lambda: topics.check(settings, connection))
    commands = known[topics.Topic.COMMANDS]
    return Servers(connection, commands.epoch, commands.partitions, TokenVerifier(settings, SharedKeyring(connection)))


async def build(settings: Settings, servers: Servers, waiting: Waiting) -> WorkerApp:
    """A Faust app that is ready to start."""
    app = make_app(settings, waiting)
    way = await command_way(settings, servers, waiting, app)
    app.lanes = Lanes(way, app.fail)
    return app


async def command_way(settings: Settings, servers: Servers, waiting: Waiting, app: WorkerApp) -> Way:
    """How a chunk of commands goes."""
    keys = await waiting.until_served(lambda: LearnerKeys.open(servers.connection, settings, writes=True))
    rows = await waiting.until_served(lambda: CassandraStore.open(servers.connection, keys, settings.retention_seconds))
    secret = await waiting.until_served(lambda: migrate.service_secret(servers.connection, "command_digest"))
    limits = Limits(settings.max_messages_per_thread, settings.retention_seconds)
    judge = Judge(rows, waiting, limits, secret, servers.epoch)
    publisher = Publisher(lambda: app.producer, waiting)
    content = SealedContent(keys, waiting) if settings.event_content == "sealed" else PlainContent()
    emitter = Emitter(publisher, schemas.Format(settings.event_format), servers.partitions, content)
    gate = Gate(servers.verifier, servers.partitions, await service_seal(servers, waiting))
    return CommandWay(gate, judge, rows, emitter, waiting, Lease(app.heartbeat))


async def service_seal(servers: Servers, waiting: Waiting) -> ServiceSeal:
    """What the service's own records are sealed with."""
    return ServiceSeal(await waiting.until_served(lambda: migrate.service_secret(servers.connection, SECRET)))


async def expiry(settings: Settings, servers: Servers, app: WorkerApp) -> Expiry:
    """Who looks for threads that hold nothing any more."""
    idle = await app.waiting.until_served(lambda: IdleThreads.open(servers.connection))
    seal = await service_seal(servers, app.waiting)
    publisher = Publisher(lambda: app.producer, app.waiting)
    return Expiry(idle, publisher, app.waiting, seal, settings.retention_seconds, servers.partitions)
