"""`chat offsets`: where the workers' group stands, saved with a backup and brought back with it."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from chat import offset_file
from chat.cli.output import PLAIN, AsJson, json_line, line
from chat.cli.start import start
from chat.offset_file import SavedTopic

app = typer.Typer(help="Where the workers stand in the command topics.", no_args_is_help=True, **PLAIN)

File = Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False)]


@app.command("save")
def save(file: File, *, as_json: AsJson = False) -> None:
    """Write down where the workers stand. To be done before each snapshot of the tables; until that is whole, no worker
    may run.
    """
    _print(asyncio.run(offset_file.save(start(), file)), as_json=as_json)


@app.command("restore")
def restore(file: File, *, as_json: AsJson = False) -> None:
    """Let workers begin again where they stood. To be done when the snapshot is back, before one starts.

    Changes nothing where the log no longer holds all from there on, is older, or is another one.
    """
    _print(asyncio.run(offset_file.restore(start(), file)), as_json=as_json)


def _print(saved: dict[str, SavedTopic], *, as_json: bool) -> None:
    if as_json:
        json_line({name: one.offsets for name, one in saved.items()})
    else:
        for name, one in saved.items():
            line(f"{name}: {' '.join(map(str, one.offsets))}")
