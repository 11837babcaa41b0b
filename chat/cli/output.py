"""What subcommands print: text for people, JSON for programs, both on stdout."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

PLAIN: Mapping[str, Any] = {"rich_markup_mode": None, "add_completion": False, "pretty_exceptions_enable": False}
"""Of every Typer app: text without boxes or colours, and errors left to `chat.cli.main`."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
"""The option of every subcommand that prints data."""

AsJsonLines = Annotated[bool, typer.Option("--json", help="Accepted for symmetry: the output is JSON lines anyway.")]

DocumentFile = Annotated[
    Path | None, typer.Argument(metavar="FILE", dir_okay=False, help="Where to; without it, to stdout.")
]
"""The argument of every subcommand that prints a document."""


def write_document(text: str, file: Path | None) -> None:
    """Into the file, or without one to stdout. Raises OSError."""
    if file is None:
        line(text.rstrip("\n"))
    else:
        file.write_text(text, encoding="utf-8")


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
