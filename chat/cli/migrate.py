"""`chat migrate`: the tables."""

import asyncio

import typer

from chat.cli.output import PLAIN, AsJson, json_line, line
from chat.cli.start import start
from chat.storage import migrate as storage

app = typer.Typer(**PLAIN)


@app.command()
def migrate(*, as_json: AsJson = False) -> None:
    """Make or check the keyspace and its tables. Safe to repeat and to run twice at once."""
    applied = asyncio.run(storage.migrate(start()))
    if as_json:
        json_line({"applied": applied})
        return
    for name in applied:
        line(f"applied {name}")
    if not applied:
        line("nothing to apply")
