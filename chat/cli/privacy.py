"""`chat privacy`: learners' data."""

import typer

from chat.cli.output import PLAIN
from chat.cli.privacy_command_key import command_key
from chat.cli.privacy_hold import hold
from chat.cli.privacy_keys import rotate
from chat.cli.privacy_ledger import receipts, replay_ledger
from chat.cli.privacy_requests import COMMANDS
from chat.cli.privacy_verify import verify

app = typer.Typer(
    help="Export, erase, enrol, hold a learner; what came of it, what is left; keys.",
    no_args_is_help=True,
    **PLAIN,
)

for command in (*COMMANDS, command_key, hold, rotate, verify, receipts, replay_ledger):
    app.command()(command)
