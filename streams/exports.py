"""The worker's part in exports: their job, and the end of bundles that have expired."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from chat.domain.model import Learner, LearnerId, Life
from chat.domain.privacy import Kind
from chat.errors import Transient
from chat.metrics import EXPORTS_EXPIRED
from chat.privacy.export.build import BundleBuilder
from chat.privacy.export.expiry import delete_expired
from chat.privacy.export.job import ExportJob
from chat.privacy.export.signing import SigningKey
from chat.privacy.export.store import BundleStore, bundle_id
from chat.privacy.export.stores import store_of
from chat.settings import Settings
from chat.storage.bundle_wrap import bundle_wrap
from chat.storage.cassandra_privacy import CassandraRequests
from chat.storage.export_reads import ExportReader, ExportReads
from chat.storage.learner_keys import KeyTools, LearnerKeys
from chat.storage.privacy_store import ListedAt, RequestHistory
from chat.storage.session import Connection

INTERVAL = 900.0
"""Seconds between two looks at what has expired."""

PAGE = 100
"""Requests of a learner that are read together."""

HOUR_MS = 3_600_000
HOUR_SECONDS = 3_600.0

_log = structlog.get_logger()


async def export_job(settings: Settings, connection: Connection) -> ExportJob:
    """Raises `SigningKeyUnfit`, `KeyStoreUnfit`, `KeyStoreUnavailable` and `StorageUnavailable`."""
    signing_key = SigningKey.load(settings.signing_key_file)
    tools = await KeyTools.open(connection, settings)
    reader = await ExportReader.open(connection, LearnerKeys(tools, writes=False))
    ttl = settings.export_ttl_hours * HOUR_MS
    builder = BundleBuilder(store_of(settings), bundle_wrap(tools.keys, lambda: connection), signing_key, ttl=ttl)

    async def reads_of(_learner: LearnerId) -> ExportReads:
        return reader

    return ExportJob(builder, reads_of, _life_in(tools), withholds_others=settings.export_withholds_others)


async def bundles_end(settings: Settings, connection: Connection) -> Callable[[Learner], Awaitable[int]]:
    """What `end_bundles` makes of these settings. Raises `StorageUnavailable` and `BundleStoreRefused`."""
    return end_bundles(await CassandraRequests.open(connection), store_of(settings))


def end_bundles(requests: RequestHistory, store: BundleStore) -> Callable[[Learner], Awaitable[int]]:
    """What deletes every bundle of a learner, and tells how many were asked for.

    An export under way ends by itself: its job looks at the life.
    """

    async def end(learner: Learner) -> int:
        subject, ended, after = await requests.subject(*learner), 0, None
        while page := await requests.requests(learner.tenant_id, subject, PAGE, after):
            for request in (one for one in page if one.kind is Kind.EXPORT):
                await store.delete(bundle_id(*request.key))
                ended += 1
            after = ListedAt(page[-1].requested_at, page[-1].key.request_id)
        return ended

    return end


def _life_in(tools: KeyTools) -> Callable[[Learner], Awaitable[Life]]:
    """Asks the table itself, however often: an erasure counts from then on."""

    async def life_of(learner: Learner) -> Life:
        return await tools.lives.life_of(tools.subjects.of(learner))

    return life_of


async def delete_expired_bundles(settings: Settings) -> None:
    """Does so on and on, in every worker: two that delete the same do no harm. A store that is away is asked later."""
    store = store_of(settings)
    while True:
        await look_once(store, settings.export_ttl_hours * HOUR_SECONDS)
        await asyncio.sleep(INTERVAL)


async def look_once(store: BundleStore, ttl: float) -> None:
    """One look, of bundles of which nothing was put for `ttl` seconds."""
    try:
        EXPORTS_EXPIRED.inc(await delete_expired(store, ttl))
    except Transient as error:
        _log.warning("expired_exports_wait", reason=str(error))
