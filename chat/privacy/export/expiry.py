"""The end of bundles that nobody may fetch any more."""

import time

from chat.errors import BundleStoreUnavailable
from chat.privacy.export.store import BundleStore


async def delete_expired(store: BundleStore, ttl: float, now: float | None = None) -> int:
    """Deletes every bundle of which nothing was written for `ttl` seconds, finished or given up; how many it were.

    Raises what the store does. One that cannot be deleted keeps none of the others: its error comes behind them.
    """
    until = (time.time() if now is None else now) - ttl
    expired = [kept.bundle async for kept in store.bundles() if kept.touched_at <= until]
    failed = []
    for bundle in expired:
        try:
            await store.delete(bundle)
        except BundleStoreUnavailable as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return len(expired)
