"""Prints `.env.example` from the settings: `python -m chat.cli.env_example > .env.example`."""

import json
import sys
from enum import EnumMeta
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic.fields import FieldInfo

from chat.settings import Settings

HEADER = """\
# Every setting, each with its default. Copy to .env and take the mark away from the lines that you change.
# Environment variables win over .env. Made by: python -m chat.cli.env_example > .env.example
"""


class Variable(NamedTuple):
    """An environment variable, its default as one would write it, and what it is."""

    name: str
    default: str
    said: str


def variables() -> list[Variable]:
    """Every setting, in the order of `Settings`."""
    return [_variable(name, field) for name, field in Settings.model_fields.items()]


def env_example() -> str:
    """The file's text: one line a setting, with its default and what it is."""
    return HEADER + "\n" + "\n".join(f"#{name}={default}  # {said}" for name, default, said in variables()) + "\n"


def _variable(name: str, field: FieldInfo) -> Variable:
    said = "; ".join(part for part in (field.description, _choices(field.annotation)) if part)
    return Variable(name.upper(), _value(field.get_default(call_default_factory=True, validated_data={})), said)


def _choices(kind: Any) -> str:
    if isinstance(kind, EnumMeta):
        return "one of " + ", ".join(kind)
    return "one of " + ", ".join(get_args(kind)) if get_origin(kind) is Literal else ""


def _value(default: Any) -> str:
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, dict):
        return json.dumps(default)
    return ",".join(default) if isinstance(default, tuple) else str(default)


if __name__ == "__main__":
    sys.stdout.write(env_example())
