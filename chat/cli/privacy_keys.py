"""`chat privacy rotate`: the key-encryption keys."""

import asyncio

from chat.cli.output import AsJson, json_line, line
from chat.cli.start import start
from chat.privacy.export.bundle_key import renew_all
from chat.privacy.export.stores import store_of
from chat.settings import Settings
from chat.storage import migrate, rotation
from chat.storage.bundle_wrap import bundle_wrap
from chat.storage.learner_keys import KeyTools
from chat.storage.session import Connection


def rotate(*, as_json: AsJson = False) -> None:
    """End the epoch of key-encryption keys: make a new key, wrap every learner's key anew, destroy the old one.

    The service may go on meanwhile. EXPORT_FOLDER must be that of the workers: bundles that are not found there can be
    fetched no more. Broken off at any point, run it again. Afterwards a backup of the tables from
    before opens nothing; copies of the old key file that lie elsewhere must be destroyed by hand.
    """
    rotated = asyncio.run(_rotate(start()))
    if as_json:
        json_line(rotated._asdict())
        return
    line(f"epoch {rotated.epoch}: {rotated.rewrapped} keys wrapped anew, {rotated.bundles} of export bundles")
    for epoch in rotated.destroyed:
        line(f"destroyed {epoch}")


async def _rotate(settings: Settings) -> rotation.Rotated:
    connection = await Connection.open(settings)
    try:
        await migrate.check(connection)
        tools = await KeyTools.open(connection, settings)
        store, wrap = store_of(settings), bundle_wrap(tools.keys, lambda: connection)
        return await rotation.rotate(tools, lambda: renew_all(store, wrap))
    finally:
        await connection.close()
