"""What is true of everything that was ever written here: an erasure's receipt may say no more than that."""

from chat.storage.session import Connection

SEALED, PLAIN = "sealed", "plain"

_READ = "SELECT value FROM service_facts WHERE name = 'content'"
_SOME_MESSAGE = "SELECT tenant_id FROM messages LIMIT 1"
_BEGIN = "INSERT INTO service_facts (name, value) VALUES ('content', %s) IF NOT EXISTS"
_NOW_PLAIN = "UPDATE service_facts SET value = 'plain' WHERE name = 'content' IF value != 'plain'"


async def note_content(connection: Connection, *, sealing: bool) -> None:
    """Before anything is written: whether it will be sealed. Plain content stays a fact for ever.

    Messages from before this was noted may be plain. Raises `StorageUnavailable`.
    """
    if not sealing:
        await connection.execute(_NOW_PLAIN)
    elif not await connection.execute(_READ):
        some = await connection.execute(_SOME_MESSAGE)
        await connection.execute(_BEGIN, (PLAIN if some else SEALED,))


async def always_sealed(connection: Connection) -> bool:
    """Whether no content was ever kept as it came. Raises `StorageUnavailable`."""
    rows = await connection.execute(_READ)
    return bool(rows) and rows[0].value == SEALED
