"""`chat api`: one API process, any number of them."""

import typer

from chat.cli.output import PLAIN
from chat.cli.start import start

app = typer.Typer(**PLAIN)


@app.command()
def api() -> None:
    """Run one API process on API_HOST and API_PORT."""
    from api.serve import run  # noqa: PLC0415 - the web framework is for the API only, not for the list of subcommands

    raise typer.Exit(run(start()))
