"""docs/guarantees.md names tests that are there, and says which of them only `make soak` runs."""

import ast
import re

from tests.worker import ROOT

PAGE = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"(⏳ )?`([a-z0-9_]+/test_\w+\.py)::(\w+)`", PAGE))


def soaks_in(file: str) -> dict[str, bool]:
    """The names of a file's tests, and whether `make soak` alone runs all of it."""
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    tests = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    marks = [
        one.value for one in tree.body if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "pytestmark"
    ]
    return {one.name: any(map(is_soak, [*marks, *one.decorator_list])) for one in tests}


def is_soak(mark: ast.expr) -> bool:
    """Of a mark or a list of marks; those of single parameters are not meant."""
    return ast.unparse(mark) == "pytest.mark.soak" or (isinstance(mark, ast.List) and any(map(is_soak, mark.elts)))


def promises() -> list[str]:
    """The rows of the tables that have a column for tests."""
    tables = re.findall(r"^\|.*\| test \|\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [row for table in tables for row in table.splitlines()]


def test_every_named_test_is_there() -> None:
    """By file and function, and no promise stands without one."""
    wrong = [f"{soak}{file}::{name}" for soak, file, name in sorted(NAMED) if soaks_in(file).get(name) != bool(soak)]
    assert wrong == []
    assert len(promises()) > 15
    assert [row for row in promises() if "::test_" not in row] == []
