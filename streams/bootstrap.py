"""Builds everything a worker is made of."""

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import schemas
from chat import topics, tracing
from chat.broker import broker
from chat.domain.moderation import Moderate, keep
from chat.domain.privacy_commands import PRIVACY_TYPES
from chat.domain.verdict import Limits
from chat.errors import KeyStoreReadOnly
from chat.group_offsets import committed
from chat.moderation.moderator import Moderator
from chat.moderation.rules import read_rules
from chat.privacy.bounds import bounds
from chat.privacy.job import Jobs, registry
from chat.privacy.ledger import LedgerFolder
from chat.privacy.receipt import SECRET as RECEIPT_SECRET
from chat.privacy.receipt import ReceiptKey
from chat.privacy.subject import SECRET, Subjects
from chat.schema_registry import SchemaRegistry, event_ids
from chat.settings import Environment, Settings
from chat.storage import migrate
from chat.storage.cassandra_erasure import CassandraLifeRows
from chat.storage.cassandra_privacy import CassandraRequests
from chat.storage.cassandra_store import CassandraStore
from chat.storage.command_keys import CommandKeys
from chat.storage.idle_threads import IdleThreads
from chat.storage.learner_keys import LearnerKeys
from chat.storage.letter_keys import LetterKeys
from chat.storage.lives import Lives
from chat.storage.moderation_versions import hold, require_none
from chat.storage.receipts import CassandraHolds, CassandraReceipts
from chat.storage.schema_ids import SchemaIdRows, SchemaIds, beginning
from chat.storage.sealing_end import sealing_keys
from chat.storage.sealing_keys import Purpose
from chat.storage.server_clock import ServerClock
from chat.storage.service_facts import always_sealed, note_content
from chat.storage.session import Connection
from chat.storage.token_keys import SharedKeyring
from chat.tokens import TokenVerifier
from streams.app import WorkerApp, make_app
from streams.apply import Judge
from streams.authorise import Gate
from streams.content import SealedContent
from streams.dead_letters import Letters, SealedLetters
from streams.emit import PLAIN, PLAIN_LETTERS, Emitter
from streams.erasure import Enrolment, Erasure, Fencing
from streams.event_log import EventLog
from streams.expire import Expiry
from streams.exports import bundles_end, export_job
from streams.fence import Fences
from streams.framing import Framing
from streams.heartbeat import Heartbeats
from streams.intake import Intake
from streams.internal import SECRET as SEAL_SECRET
from streams.internal import ServiceSeal
from streams.lane import CommandWay, WayOfTopic
from streams.lanes import Lanes
from streams.lease import Lease
from streams.opening import Opening
from streams.privacy_way import PrivacyWay
from streams.publish import Publisher
from streams.receipts import Receipts
from streams.runner import Runner
from streams.tracing import TracedWay
from streams.trim import Trim
from streams.waiting import Waiting
from streams.way import Way


@dataclass(frozen=True, slots=True)
class Servers:
    """A worker's way to Cassandra, what the topics are, who judges tokens, and how sealed and framed commands open.

    `schema_ids` are a schema registry's, by our records' names, where events go out in Confluent's framing.
    """

    connection: Connection
    epoch: int
    privacy_epoch: int
    partitions: int
    verifier: TokenVerifier
    opening: Opening
    schema_ids: Mapping[str, int] | None


async def reach(settings: Settings, waiting: Waiting) -> Servers:
    """Connects and checks tables and topics, however long the servers are away.

    Raises `SchemaMismatch`, `TopicMismatch`, `TopicMadeAnew` or `SchemaNotRegistered` where they are not what this
    program needs, and `BadSetting` where there was a schema registry and is none now.
    """
    connection = await waiting.until_served(lambda: Connection.open(settings))
    await waiting.until_served(lambda: migrate.check(connection))
    known = await waiting.until_served(lambda: topics.check(settings, connection))
    commands = known[topics.Topic.COMMANDS]
    privacy = known[topics.Topic.PRIVACY_COMMANDS]
    verifier = TokenVerifier(settings, SharedKeyring(connection))
    opening = await _opening(settings, connection, waiting)
    framed = settings.event_format == "confluent"
    schema_ids = await waiting.until_served(lambda: event_ids(settings)) if framed else None
    return Servers(connection, commands.epoch, privacy.epoch, commands.partitions, verifier, opening, schema_ids)


MakeJobs = Callable[[Settings, Servers, Waiting, Emitter], Awaitable[Jobs]]


async def privacy_jobs(settings: Settings, servers: Servers, waiting: Waiting, emitter: Emitter) -> Jobs:
    """The jobs of this service. A kind that has none is refused `disabled`: nothing is promised that is not done.

    With `PRIVACY_ENABLED=false` every kind is refused, see `_disabled`, and what was accepted before is still done: an
    erasure may not stay half. Exports alone wait, since nobody need have a signing key then.

    Raises `SigningKeyUnfit`.
    """
    erasures = await erasure_jobs(settings, servers, waiting, emitter)
    if not settings.privacy_enabled:
        return registry(*erasures)
    return registry(await waiting.until_served(lambda: export_job(settings, servers.connection)), *erasures)


async def erasure_jobs(
    settings: Settings, servers: Servers, waiting: Waiting, emitter: Emitter
) -> tuple[Erasure, Enrolment]:
    """What ends a learner's lives, and what begins them."""
    connection = servers.connection
    secret = await waiting.until_served(lambda: migrate.service_secret(connection, RECEIPT_SECRET))
    chain = await waiting.until_served(lambda: CassandraReceipts.open(connection))
    lives = await waiting.until_served(lambda: Lives.open(connection))
    fencing, sealed = Fencing(emitter, await service_seal(servers, waiting)), partial(always_sealed, connection)
    erasure = Erasure(
        lives=lives,
        rows=await waiting.until_served(lambda: CassandraLifeRows.open(connection)),
        holds=await waiting.until_served(lambda: CassandraHolds.open(connection)),
        said=EventLog(settings),
        fencing=fencing,
        receipts=Receipts(chain, ReceiptKey(secret), bounds(settings), sealed, _ledger(settings)),
        clock=ServerClock(connection),
        trim_behind=trim(settings, servers).behind,
        end_exports=await waiting.until_served(lambda: bundles_end(settings, connection)),
    )
    return erasure, Enrolment(lives, fencing)


async def build(
    settings: Settings, servers: Servers, waiting: Waiting, make_jobs: MakeJobs = privacy_jobs
) -> WorkerApp:
    """A Faust app that is ready to start."""
    app = make_app(settings, waiting)
    app.same_topics = partial(topics.check, settings, servers.connection)
    commands = await command_way(settings, servers, waiting, app)
    ways: dict[str, Way] = {
        topics.Topic.COMMANDS: commands,
        topics.Topic.PRIVACY_COMMANDS: await privacy_way(settings, servers, waiting, app, make_jobs),
    }
    if tracing.is_on():
        ways = {topic: TracedWay(way) for topic, way in ways.items()}
    app.lanes = Lanes(WayOfTopic(ways), app.fail, commands.rows.forget_lives)
    return app


async def command_way(settings: Settings, servers: Servers, waiting: Waiting, app: WorkerApp) -> CommandWay:
    """How a chunk of commands goes."""
    await waiting.until_served(lambda: note_content(servers.connection, sealing=settings.message_encryption))
    keys = await waiting.until_served(lambda: LearnerKeys.open(servers.connection, settings, writes=True))
    rows = await waiting.until_served(lambda: CassandraStore.open(servers.connection, keys, settings.retention_seconds))
    secret = await waiting.until_served(lambda: migrate.service_secret(servers.connection, "command_digest"))
    moderate = await waiting.until_served(lambda: moderation(settings, servers.connection))
    limits = Limits(settings.max_messages_per_thread, settings.retention_seconds, moderate)
    judge = Judge(rows, waiting, limits, secret, servers.epoch)
    content = SealedContent(keys, waiting) if settings.event_content == "sealed" else PLAIN
    emitter = replace(_emitter(settings, servers, waiting, app), content=content)
    gate = Gate(servers.verifier, servers.partitions, await service_seal(servers, waiting))
    fences = await command_fences(servers, waiting, rows)
    return CommandWay(gate, judge, rows, emitter, waiting, Lease(app.heartbeat), fences, servers.opening)


async def moderation(settings: Settings, connection: Connection) -> Moderate:
    """Who judges content. Raises `ModerationUnfit`, and `StorageUnavailable` while its versions cannot be had."""
    if not settings.content_moderation or settings.moderation_file is None:
        await require_none(connection)
        return keep
    versions = read_rules(settings.moderation_file).versions
    return Moderator(list(zip(await hold(connection, versions), versions, strict=True)))


async def command_fences(servers: Servers, waiting: Waiting, rows: CassandraStore) -> Fences:
    """How lives end and begin in the command log."""
    requests = await waiting.until_served(lambda: CassandraRequests.open(servers.connection))
    lives = await waiting.until_served(lambda: Lives.open(servers.connection))
    subjects = Subjects(await waiting.until_served(lambda: migrate.service_secret(servers.connection, SECRET)))
    return Fences(requests, lives, rows, subjects, waiting, servers.epoch)


async def service_seal(servers: Servers, waiting: Waiting) -> ServiceSeal:
    """What the service's own records are sealed with."""
    return ServiceSeal(await waiting.until_served(lambda: migrate.service_secret(servers.connection, SEAL_SECRET)))


def trim(settings: Settings, servers: Servers) -> Trim:
    """Who trims commands."""
    return Trim(
        kafka=broker(settings),
        committed=partial(committed, settings),
        after=1_000 * settings.command_trim_seconds,
        epoch=servers.epoch,
        same_topics=lambda: topics.check(settings, servers.connection),
    )


def heartbeats(settings: Settings, app: WorkerApp) -> Heartbeats:
    """Who closes segments."""
    return Heartbeats(settings, broker(settings), Publisher(lambda: app.producer, app.waiting))


async def expiry(settings: Settings, servers: Servers, app: WorkerApp) -> Expiry:
    """Who looks for threads that hold nothing any more."""
    idle = await app.waiting.until_served(lambda: IdleThreads.open(servers.connection))
    seal = await service_seal(servers, app.waiting)
    publisher = Publisher(lambda: app.producer, app.waiting)
    return Expiry(idle, publisher, app.waiting, seal, settings.retention_seconds, servers.partitions)


async def privacy_way(
    settings: Settings, servers: Servers, waiting: Waiting, app: WorkerApp, make_jobs: MakeJobs
) -> Way:
    """How a chunk of privacy commands goes; what they ask for is run beside the lanes."""
    requests = await waiting.until_served(lambda: CassandraRequests.open(servers.connection))
    digest_key = await waiting.until_served(lambda: migrate.service_secret(servers.connection, "command_digest"))
    subjects = Subjects(await waiting.until_served(lambda: migrate.service_secret(servers.connection, SECRET)))
    emitter = _emitter(settings, servers, waiting, app)
    jobs = await make_jobs(settings, servers, waiting, emitter)
    runner = Runner(requests, emitter, waiting, jobs, app.fail)
    app.beside = (runner.run,)
    seal = await service_seal(servers, waiting)
    gate = Gate(servers.verifier, servers.partitions, seal, _disabled(settings, jobs))
    lives = await waiting.until_served(lambda: Lives.open(servers.connection))
    intake = Intake(requests, lives.life_of, waiting, subjects, digest_key, servers.privacy_epoch)
    lease = Lease(app.heartbeat)
    return PrivacyWay(gate, intake, emitter, waiting, runner.wake, servers.opening, lease)


def _ledger(settings: Settings) -> LedgerFolder:
    return LedgerFolder(settings.erasure_ledger, made=settings.environment is not Environment.PRODUCTION)


def _disabled(settings: Settings, jobs: Jobs) -> frozenset[str]:
    """The types of command that are not done here."""
    return frozenset(
        name for name, kind in PRIVACY_TYPES.items() if not settings.privacy_enabled or kind.kind not in jobs
    )


def _emitter(settings: Settings, servers: Servers, waiting: Waiting, app: WorkerApp) -> Emitter:
    publisher = Publisher(lambda: app.producer, waiting)
    return Emitter(
        publisher,
        schemas.Format.JSON if settings.event_format == "json" else schemas.Format.AVRO,
        servers.partitions,
        letters=_letters(settings, servers, waiting),
        cloud_events=settings.cloud_events,
        schema_ids=servers.schema_ids,
    )


def _letters(settings: Settings, servers: Servers, waiting: Waiting) -> Letters:
    """How dead letters go out. Raises `KeyStoreReadOnly` where they are to be sealed and a day's key cannot be made."""
    if settings.dead_letter_content == "plain":
        return PLAIN_LETTERS
    if not settings.vault_addr and not os.access(settings.kek_folder, os.W_OK):
        raise KeyStoreReadOnly("DEAD_LETTER_CONTENT=sealed needs a KEK_FOLDER that can be written to, or VAULT_ADDR")
    return SealedLetters(LetterKeys(sealing_keys(servers.connection, settings, Purpose.LETTERS), settings), waiting)


async def _opening(settings: Settings, connection: Connection, waiting: Waiting) -> Opening:
    """How sealed and framed commands are opened, with one memory of keys and ids for all topics."""
    keys = CommandKeys(sealing_keys(connection, settings, Purpose.COMMANDS))
    return Opening(keys.find, waiting, await _framing(settings, connection, waiting))


async def _framing(settings: Settings, connection: Connection, waiting: Waiting) -> Framing | None:
    """How Confluent's framing is taken off. Raises `BadSetting` where it was once, and there is no registry now."""
    rows = SchemaIdRows(connection)
    if not settings.schema_registry_url:
        await waiting.until_served(rows.require_none)
        return None
    since = await waiting.until_served(lambda: beginning(rows))
    return Framing(SchemaIds(SchemaRegistry(settings), rows).find, waiting, since)
