"""`chat worker`: one worker, any number of them."""

import typer

from chat.cli.output import PLAIN
from chat.cli.start import start

app = typer.Typer(**PLAIN)


@app.command()
def worker() -> None:
    """Run one worker: it applies commands and puts events on Kafka. Health and metrics are on METRICS_PORT.

    SIGTERM or Ctrl-C: it finishes what it holds, commits, leaves the group, and ends with status 0.
    """
    from streams.run import run  # noqa: PLC0415 - Faust is for the worker only, not for the list of subcommands

    raise typer.Exit(run(start()))
