"""What subcommands print: text for people, JSON for programs, both on stdout."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import typer

PLAIN: Mapping[str, Any] = {"rich_markup_mode": None, "add_completion": False, "pretty_exceptions_enable": False}
"""Of every Typer app: text without boxes or colours, and errors left to `chat.cli.main`."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
"""The option of every subcommand that prints data."""

AsJsonLines = Annotated[bool, typer.Option("--json", help="Accepted for symmetry: the output is JSON lines anyway.")]


def line(text: str) -> None:
    """One line, written at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def json_line(data: Mapping[str, Any] | list[Any]) -> None:
    """One line of JSON, written at once."""
    line(orjson.dumps(data).decode())


def note(text: str) -> None:
    """A remark for the person in front of it, on stderr."""
    sys.stderr.write(f"chat: {text}\n")
    sys.stderr.flush()
