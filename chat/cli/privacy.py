"""`chat privacy`: keys of learners."""

import asyncio

import typer

from chat.cli.output import PLAIN, AsJson, json_line, line
from chat.cli.start import start
from chat.settings import Settings
from chat.storage import migrate
from chat.storage.learner_keys import KeyTools
from chat.storage.rotation import Rotated, rotate
from chat.storage.session import Connection

app = typer.Typer(help="Keys of learners.", no_args_is_help=True, **PLAIN)


@app.callback()
def group() -> None:
    """A group of its own, so that its one command keeps its name."""


@app.command("rotate")
def rotate_keys(*, as_json: AsJson = False) -> None:
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


async def _rotate(settings: Settings) -> Rotated:
    connection = await Connection.open(settings)
    try:
        await migrate.check(connection)
        return await rotate(await KeyTools.open(connection, settings))
    finally:
        await connection.close()
