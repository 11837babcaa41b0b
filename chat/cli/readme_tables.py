"""Writes tables from the code, between their marks: `python -m chat.cli.readme_tables README.md docs/monitoring.md`."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from api.problem_codes import ProblemCode
from chat.cli.env_example import variables
from chat.domain.authorise import COMMAND_PERMISSION, ROLE_PERMISSIONS
from chat.domain.principal import Permission, Role
from chat.domain.verdicts import Code
from chat.metrics import described
from streams.internal import INTERNAL

_MARKED = re.compile(r"(<!-- table: (\w+), by `make docs` -->\n).*?(<!-- end -->)", re.DOTALL)


def with_tables(text: str) -> str:
    """`text` with every table as the code has it now. Raises `KeyError` for a mark that names no table."""
    return _MARKED.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


def settings() -> str:
    """Every environment variable."""
    rows = ((f"`{name}`", f"`{default}`" if default else "", said) for name, default, said in variables())
    return _table(("variable", "default", "what it is"), rows)


def permissions() -> str:
    """Every permission, the roles that have it, and the commands that need it."""
    return _table(("permission", *_ROLES, "lets one", "commands"), map(_permission, Permission))


def refusals() -> str:
    """Every code of a refusal, in the order of the checks."""
    return _table(("code", "why"), ((f"`{code}`", code.meaning) for code in Code))


def problems() -> str:
    """Every code of the API's problems."""
    return _table(("status", "code", "why"), ((str(code.status), f"`{code}`", code.meaning) for code in ProblemCode))


def metrics() -> str:
    """Every metric."""
    rows = (
        (f"`{one.name}`", one.kind, " ".join(f"`{label}`" for label in one.labels), one.processes, one.sentence)
        for one in described()
    )
    return _table(("metric", "type", "labels", "process", "what it says"), rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "settings": settings,
    "permissions": permissions,
    "refusals": refusals,
    "problems": problems,
    "metrics": metrics,
}
"""By the name in a table's mark."""

_ROLES = tuple(role for role in Role if ROLE_PERMISSIONS[role])


def _permission(permission: Permission) -> Iterable[str]:
    held = ("yes" if permission in ROLE_PERMISSIONS[role] else "" for role in _ROLES)
    open_to_clients = {name: needed for name, needed in COMMAND_PERMISSION.items() if name not in INTERNAL}
    commands = (f"`{command}`" for command, needed in open_to_clients.items() if needed is permission)
    return f"`{permission}`", *held, permission.meaning, " ".join(commands)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    first, *rest = map(_row, [head, *rows])
    return first + "|---" * (first.count(" | ") + 1) + "|\n" + "".join(rest)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    for file in map(Path, sys.argv[1:]):
        file.write_text(with_tables(file.read_text(encoding="utf-8")), encoding="utf-8")
