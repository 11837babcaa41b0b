"""`chat privacy`: learners' data."""

import typer

from chat.cli.output import PLAIN
from chat.cli.privacy_requests import COMMANDS

app = typer.Typer(help="Export, erase and enrol a learner; see what came of it.", no_args_is_help=True, **PLAIN)

for command in COMMANDS:
    app.command()(command)
