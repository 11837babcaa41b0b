"""The program itself: its subcommands, and how an error becomes one line and an exit status.

Exit status: 0 only on success; an error's own `exit_code`; 64 for a command line that is wrong (sysexits.h's EX_USAGE:
2 means that an outcome did not come in time); 130 after Ctrl-C.
"""

import os
import sys
from typing import NoReturn

import typer

from chat.cli import migrate, processes, schemas, send, servers, tail, token, topics, up
from chat.cli.output import note
from chat.errors import ChatError

WRONG_USAGE = 2
EX_USAGE = 64
EX_SOFTWARE = 70

app = typer.Typer(
    name="chat",
    help="AIVO chat: messages through Kafka, kept in Cassandra, read over HTTP.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("up")(up.up)
app.command("servers")(servers.servers)
app.add_typer(topics.app, name="topics")
app.command("migrate")(migrate.migrate)
app.command("worker")(processes.worker)
app.command("api")(processes.api)
app.command("token")(token.token)
app.command("send")(send.send)
app.command("tail")(tail.tail)
app.add_typer(schemas.app, name="schemas")


def run() -> NoReturn:
    """The console script."""
    try:
        app(prog_name="chat")
    except ChatError as error:
        _fail(str(error), error.exit_code)
    except SystemExit as stop:
        sys.exit(EX_USAGE if stop.code == WRONG_USAGE else stop.code)
    except Exception as error:
        if os.environ.get("LOG_LEVEL") == "DEBUG":
            raise
        _fail(f"a fault of the program, {type(error).__name__}; LOG_LEVEL=DEBUG shows where", EX_SOFTWARE)
    sys.exit(0)


def _fail(complaint: str, status: int) -> NoReturn:
    note(f"error: {complaint}")
    sys.exit(status)


if __name__ == "__main__":
    run()
