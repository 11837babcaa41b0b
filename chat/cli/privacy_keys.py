"""`chat privacy rotate`: the key-encryption keys."""

import asyncio

from chat.cli.output import AsJson, json_line, line
from chat.cli.start import start
from chat.settings import Settings
from chat.storage import migrate, rotation
from chat.storage.learner_keys import KeyTools
from chat.storage.session import Connection


def rotate(*, as_json: AsJson = False) -> None:
    """End the epoch of key-encryption keys: make a new key, wrap every learner's key anew, destroy the old one.

    The service may go on meanwhile. Broken off at any point, run it again. Afterwards a backup of the tables from
    before opens nothing; copies of the old key file that lie elsewhere must be destroyed by hand.
    """
    rotated = asyncio.run(_rotate(start()))
    if as_json:
        json_line(rotated._asdict())
        return
    line(f"epoch {rotated.epoch}: {rotated.rewrapped} keys wrapped anew")
    for epoch in rotated.destroyed:
        line(f"destroyed {epoch}")


async def _rotate(settings: Settings) -> rotation.Rotated:
    connection = await Connection.open(settings)
    try:
        await migrate.check(connection)
        return await rotation.rotate(await KeyTools.open(connection, settings))
    finally:
        await connection.close()
