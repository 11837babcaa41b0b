"""Whether what is stored is kept as long as it must be, and no longer."""

import time
from collections.abc import Iterator, Sequence

from tests.oracle.findings import Finding
from tests.oracle.model import Model
from tests.oracle.tables import Row

REMEMBERED_SECONDS = 30 * 86_400
FOR_EVER = frozenset({"CreateThread", "PostMessage"})
TOLERANCE = 30.0
"""Seconds between a worker's asking the time and Cassandra's taking the row, where that was away."""


def check(model: Model, messages: Sequence[Row], commands: Sequence[Row], retention_days: int) -> Iterator[Finding]:
    """`messages` and `commands` are rows with their `ttl`, read just now; what they should be is compared elsewhere."""
    now = time.time()
    created = {
        (key[0], key[1], one.data["seq"]): one.data["created_at"] / 1000
        for key, thread in model.threads.items()
        for one in thread.kept
    }
    for row in messages:
        at = created.get((row["tenant_id"], str(row["thread_id"]), row["seq"]))
        if at is not None and _differs(row["ttl"], at + retention_days * 86_400 - now):
            yield Finding("expiry", f"message {row['seq']} of {row['thread_id']} expires in {row['ttl']} s")
    for row in commands:
        applied = model.applied.get((row["tenant_id"], row["learner_id"], str(row["command_id"])))
        if applied is None:
            continue
        forever = applied.logged.intent.type in FOR_EVER
        wanted = None if forever else applied.logged.timestamp / 1000 + REMEMBERED_SECONDS - now
        if _differs(row["ttl"], wanted):
            yield Finding("expiry", f"{applied.logged.intent.type} is forgotten in {row['ttl']} s")


def _differs(ttl: int | None, wanted: float | None) -> bool:
    if ttl is None or wanted is None:
        return ttl != wanted
    return abs(ttl - wanted) > TOLERANCE
