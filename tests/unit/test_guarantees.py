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


def test_every_named_test_is_there() -> None:
    """By file and function, and no promise stands without one."""
    assert [f"{file}::{name}" for file, name in sorted(NAMED) if name not in names_in(file)] == []
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line]
    heads = [line for line in rows if line.endswith("| test |")]
    assert [line for line in rows if line not in heads and "::test_" not in line] == []
    assert len(rows) > len(heads) > 2
