"""docs/guarantees.md names tests that are there."""

import ast
import re

from tests.worker import ROOT

PAGE = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([a-z0-9_]+/test_\w+\.py)::(\w+)`", PAGE))


def names_in(file: str) -> set[str]:
    """The names of a file's tests."""
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}


def promises() -> list[str]:
    """The rows of the tables that have a column for tests."""
    tables = re.findall(r"^\|.*\| test \|\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [row for table in tables for row in table.splitlines()]


def test_every_named_test_is_there() -> None:
    """By file and function, and no promise stands without one."""
    assert [f"{file}::{name}" for file, name in sorted(NAMED) if name not in names_in(file)] == []
    assert len(promises()) > 15
    assert [row for row in promises() if "::test_" not in row] == []
