"""`chat privacy command-key`: the public key to which producers may seal commands."""

import asyncio
from typing import Annotated

import typer

from chat.cli.output import AsJsonLines, json_line, note
from chat.cli.start import start
from chat.errors import KeyStoreUnfit
from chat.settings import Settings
from chat.storage import migrate
from chat.storage.command_keys import public_key, renew
from chat.storage.sealing_end import destroy_over, sealing_keys
from chat.storage.sealing_keys import KeptKeys, Purpose, load
from chat.storage.session import Connection


def command_key(
    *,
    renewed: Annotated[bool, typer.Option("--renew", help="Make a new key first; the old one opens on.")] = False,
    _as_json: AsJsonLines = False,
) -> None:
    """Print the public key to which producers may seal commands, as a JWK Set.

    With --renew a new key takes its place. What comes into the log within a day is opened with the old one as well. It
    is destroyed when no record that it opens can be left: by the workers, or by this program with --renew.
    """
    keys = asyncio.run(_keys(start(), renewed=renewed))
    if keys.current is None:
        raise KeyStoreUnfit("no command key was ever made here: run `chat migrate`")
    json_line({"keys": [public_key(keys.current).jwk]})


async def _keys(settings: Settings, *, renewed: bool) -> KeptKeys:
    connection = await Connection.open(settings)
    try:
        await migrate.check(connection)
        if not renewed:
            return await load(connection, Purpose.COMMANDS)
        keys = await renew(sealing_keys(connection, settings, Purpose.COMMANDS))
        for name in await destroy_over(connection, settings):
            note(f"destroyed {name}")
        return keys
    finally:
        await connection.close()
