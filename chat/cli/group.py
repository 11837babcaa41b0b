"""The subcommands by name, each in a module of its own that is imported when it is asked for: `chat token` needs no
driver, and a worker no web framework.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

MODULES: Mapping[str, str] = {
    name: f"chat.cli.{name.replace('-', '_')}"
    for name in (
        "up",
        "servers",
        "topics",
        "acls",
        "migrate",
        "offsets",
        "worker",
        "api",
        "token",
        "send",
        "tail",
        "dead-letter",
        "schemas",
        "openapi",
        "asyncapi",
        "privacy",
    )
}
"""Every module has its command, or group of commands, in `app`."""


class SubcommandGroup(TyperGroup):
    """Knows its commands by name before it knows them."""

    def list_commands(self, _ctx: Any) -> list[str]:
        """In the order of the help."""
        return list(MODULES)

    def get_command(self, _ctx: Any, name: str) -> Any:
        """The command of that name, or None."""
        if name not in MODULES:
            return None
        command = typer.main.get_command(import_module(MODULES[name]).app)
        command.name = name
        return command
