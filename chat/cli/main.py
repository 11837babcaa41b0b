"""The program itself: its subcommands, and how an error becomes one line and an exit status.

Exit status: 0 only on success; an error's own `exit_code`; 64 for a command line that is wrong (sysexits.h's EX_USAGE:
2 means that an outcome did not come in time); 130 after Ctrl-C.
"""

import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import typer

from chat.cli.group import SubcommandGroup
from chat.cli.output import PLAIN, note
from chat.errors import ChatError

WRONG_USAGE = 2
EX_USAGE = 64
EX_SOFTWARE = 70

app = typer.Typer(name="chat", cls=SubcommandGroup, no_args_is_help=True, **PLAIN)


@app.callback()
def chat() -> None:
    """AIVO chat: messages through Kafka, kept in Cassandra, read over HTTP."""


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
        _fail(f"a fault of the program: {_where(error)}; LOG_LEVEL=DEBUG shows more", EX_SOFTWARE)
    sys.exit(0)


def _where(error: BaseException) -> str:
    """The kind of an error and the line that raised it; its text may hold what belongs into no log."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {frame.name}, {Path(frame.filename).name}:{frame.lineno}"


def _fail(complaint: str, status: int) -> NoReturn:
    note(f"error: {complaint}")
    sys.exit(status)


if __name__ == "__main__":
    run()
