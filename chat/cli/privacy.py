"""`chat privacy`: learners' data."""

import typer

from chat.cli.output import PLAIN
from chat.cli.privacy_hold import hold
from chat.cli.privacy_keys import rotate
from chat.cli.privacy_requests import COMMANDS

app = typer.Typer(
    help="Export, erase, enrol or hold a learner; what came of it; rotate keys.", no_args_is_help=True, **PLAIN
)

for command in (*COMMANDS, hold, rotate):
    app.command()(command)
