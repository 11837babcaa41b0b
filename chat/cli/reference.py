"""Writes the reference of the documentation site from the code: `python -m chat.cli.reference docs/reference`."""

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import typer
from typer.cli import get_docs_for_click

from chat.asyncapi import COMMANDS
from chat.asyncapi_messages import json_form, key_of
from chat.cli.main import app
from chat.cli.readme_tables import TABLES
from chat.domain.authorise import COMMAND_PERMISSION
from chat.sdk.record import PRIVACY
from chat.topic_specs import Topic
from schemas import PUBLISHED, Version
from schemas.errors import UNREADABLE
from schemas.json_schema import JsonSchema

MADE = "<!-- Written by `make docs` from the code. -->\n"


class Page(NamedTuple):
    """A page's title, a sentence about it, and how its body is made."""

    title: str
    about: str
    body: Callable[[], str]


def commands() -> str:
    """Every command that a client may send, with its fields."""
    return "\n".join(map(_command, COMMANDS))


def events() -> str:
    """Every event, and what refusals say."""
    return "\n".join(map(_event, [*PUBLISHED.events.values(), PUBLISHED.newest["CommandRejected"]]))


def dead_letters() -> str:
    """Every code of a dead letter."""
    return _table(("code", "why"), ((f"`{code}`", why) for code, why in UNREADABLE.items()))


def command_line() -> str:
    """Every subcommand of the program, as its own `--help` says."""
    program = typer.main.get_command(app)
    text = get_docs_for_click(obj=program, ctx=typer.Context(program), name="chat")
    return (
        "\n".join(line.rstrip() for line in text.splitlines()).replace("\n# `chat`\n", "\n").removeprefix("# `chat`\n")
    )


PAGES: Mapping[str, Page] = {
    "commands": Page("Commands", "What clients send, in the form of JSON; Avro has the same names.", commands),
    "events": Page("Events", "What the service says, in the form of JSON; Avro has the same names.", events),
    "settings": Page("Settings", "Environment variables, the same for every process.", TABLES["settings"]),
    "permissions": Page("Permissions", "What a token lets one do.", TABLES["permissions"]),
    "refusals": Page("Refusals", "Why a command is refused: the first check that fails.", TABLES["refusals"]),
    "dead-letters": Page("Dead letters", "Why a record could not be read: the header `x-error-code`.", dead_letters),
    "problems": Page("Problems", "What the HTTP API answers where it cannot give what was asked.", TABLES["problems"]),
    "command-line": Page("Command line", "The program `chat`.", command_line),
}
"""By the name of its file."""


def written(name: str) -> str:
    """A page's text."""
    page = PAGES[name]
    return f"{MADE}\n# {page.title}\n\n{page.about}\n\n{page.body().strip()}\n"


def _command(name: str) -> str:
    version = PUBLISHED.newest[name]
    topic = Topic.PRIVACY_COMMANDS if name in PRIVACY else Topic.COMMANDS
    facts = f"On `{topic}`, with the key `{key_of(name)}`. Needs `{COMMAND_PERMISSION[name]}`."
    return f"{_head(version)}{facts}\n\n{_fields(json_form(version))}"


def _event(version: Version) -> str:
    topic = Topic.EVENTS if version.is_event else Topic.REJECTIONS
    schema = json_form(version)
    told = schema["properties"].get("data", schema)
    where = "`data` has:" if version.is_event else "It has:"
    return f"{_head(version)}On `{topic}`, with the key `{key_of(version.name)}`. {where}\n\n{_fields(told)}"


def _head(version: Version) -> str:
    return f"## {version.name}\n\n{version.schema['doc']}\n\n"


def _fields(schema: JsonSchema) -> str:
    required = set(schema["required"])
    return _table(
        ("field", "type", "default", "what it is"),
        (
            (f"`{name}`", _type(one), "" if name in required else f"`{_default(one)}`", one.get("description", ""))
            for name, one in schema["properties"].items()
        ),
    )


def _type(one: JsonSchema) -> str:
    if "const" in one:
        return f'`"{one["const"]}"`'
    if "enum" in one:
        return " ".join(f"`{word}`" for word in one["enum"])
    kind = " or ".join([one["type"]] if isinstance(one["type"], str) else one["type"])
    return "time" if one.get("format") == "date-time" else kind


def _default(one: JsonSchema) -> Any:
    return "null" if one["default"] is None else one["default"]


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for page_name in PAGES:
        (folder / f"{page_name}.md").write_text(written(page_name), encoding="utf-8")
