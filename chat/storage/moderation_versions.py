"""Which rules of moderation were used, and since when: one partition, changed by lightweight transactions only."""

from collections.abc import Sequence

from chat.errors import ModerationUnfit
from chat.moderation.rules import Version
from chat.storage.server_clock import server_time
from chat.storage.session import Connection

_NAME = "content"
_HOLD = "INSERT INTO moderation_versions (name, version, digest, since) VALUES (%s, %s, %s, %s) IF NOT EXISTS"
_READ = "SELECT version FROM moderation_versions WHERE name = %s"


async def hold(connection: Connection, versions: Sequence[Version]) -> list[int]:
    """Since when each version counts, in milliseconds: its own time, or when the first worker saw it if that was later.

    Raises `ModerationUnfit` where a version was changed or taken out, and `StorageUnavailable`.
    """
    known = {one.name for one in versions}
    missing = [row.version for row in await connection.execute(_READ, (_NAME,)) if row.version not in known]
    if missing:
        raise ModerationUnfit(f"MODERATION_FILE: lacks the version {missing[0]}, by which content was judged before")
    since = [await _hold_one(connection, one) for one in versions]
    if since != sorted(since):
        raise ModerationUnfit("MODERATION_FILE: a version stands above one that has counted for longer")
    return since


async def require_none(connection: Connection) -> None:
    """Raises `ModerationUnfit` where content was judged by rules once: read again, it is to be judged by them again."""
    for row in await connection.execute(_READ, (_NAME,)):
        raise ModerationUnfit(
            f"CONTENT_MODERATION: must stay true, for content was judged by the version {row.version}; "
            f"a version without words and hook keeps everything from its time on"
        )


async def _hold_one(connection: Connection, version: Version) -> int:
    digest = version.digest()
    since = max(await server_time(connection), int(version.begins.timestamp() * 1000))
    row = (await connection.execute(_HOLD, (_NAME, version.name, digest, since)))[0]
    if row.applied:
        return since
    if bytes(row.digest) != digest:
        raise ModerationUnfit(f"MODERATION_FILE: the version {version.name} was changed after it was used: add another")
    return int(row.since)
