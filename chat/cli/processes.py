"""`chat worker` and `chat api`: one process each, any number of either."""

import typer

from chat.cli.start import start


def worker() -> None:
    """Run one worker: it applies commands and puts events on Kafka. Health and metrics are on METRICS_PORT.

    SIGTERM or Ctrl-C: it finishes what it holds, commits, leaves the group, and ends with status 0.
    """
    from streams.run import run  # noqa: PLC0415 - Faust is for the worker only

    raise typer.Exit(run(start()))


def api() -> None:
    """Run one API process on API_HOST and API_PORT."""
    from api.serve import run  # noqa: PLC0415 - the web framework is for the API only

    raise typer.Exit(run(start()))
