"""`chat api`: the API."""

import typer

from chat.cli.output import PLAIN
from chat.cli.start import start

app = typer.Typer(**PLAIN)


@app.command()
def api() -> None:
    """Run API_WORKERS API processes on API_HOST and API_PORT."""
    from api.processes import run  # noqa: PLC0415 - the web framework is for the API only, not for the list of subcommands

    raise typer.Exit(run(start()))
