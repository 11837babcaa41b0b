"""The house rules that no linter knows."""

import ast
import re
import statistics
import subprocess
import tokenize
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("api", "chat", "schemas", "streams")
MOST_LINES = 400
LONGEST_FUNCTION = 40
MEDIAN_FUNCTION = 9

# Written so that no pattern matches itself.
ADDRESSES = re.compile(
    r"pypi[.]org|pythonhosted[.]org|maven[.]org|apache[.]org/maven|sonatype[.](?:com|org)|mvnrepository[.]com"
    r"|npmjs[.](?:com|org)|crates[.]io|proxy[.]golang[.]org|deb[.]debian[.]org|docker[.](?:io|com)/|gh[c]r[.]io"
    r"|quay[.]io|--(?:extra-)?[i]ndex-url|--[f]ind-links"
)
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|root|home)/\w")
NOQA = re.compile(r"#\s*noqa", re.IGNORECASE)
REASON = re.compile(r"#\s*noqa: [A-Z]+\d+(?:, ?[A-Z]+\d+)* - \S")


@cache
def files() -> tuple[Path, ...]:
    """Every file that is or would be committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return tuple(path for path in paths if path.is_file())


@cache
def python_files() -> tuple[Path, ...]:
    return tuple(path for path in files() if path.suffix == ".py")


def test_there_is_something_to_look_at() -> None:
    """The rules below look at the product's files."""
    tops = {path.relative_to(ROOT).parts[0] for path in python_files()}
    assert tops >= {*PRODUCT, "tests"}


def test_no_python_shadows_the_driver() -> None:
    """The folder `cassandra/` holds no Python, so `import cassandra` is the driver."""
    assert not list((ROOT / "cassandra").rglob("*.py"))


def test_files_are_short() -> None:
    """Every Python file has fewer than 400 lines."""
    assert not [_name(path) for path in python_files() if len(path.read_bytes().splitlines()) >= MOST_LINES]


def test_functions_are_short() -> None:
    """No function has more than 40 lines."""
    assert not [where for where, length in _functions(python_files()) if length > LONGEST_FUNCTION]


def test_the_median_function_is_short() -> None:
    """Half of the product's functions have at most 9 lines, docstring and decorators' target included."""
    product = [path for path in python_files() if path.relative_to(ROOT).parts[0] in PRODUCT]
    assert statistics.median(length for _, length in _functions(product)) <= MEDIAN_FUNCTION


@pytest.mark.parametrize("pattern", [ADDRESSES, MACHINE_PATHS], ids=["addresses", "paths"])
def test_no_address_and_no_machine_in_a_file(pattern: re.Pattern[str]) -> None:
    """Where packages come from is the installer's business, and no file knows on which machine it was written."""
    assert not [f"{where}: {line}" for where, line in _lines() if pattern.search(line)]


def test_no_second_lock_file() -> None:
    """Dependencies are locked by pip-tools alone."""
    assert not [_name(path) for path in files() if path.name in {"uv.lock", "poetry.lock", "Pipfile.lock"}]


def test_every_package_is_named() -> None:
    """`pyproject.toml` lists exactly the product's packages: a forgotten one would be missing once installed."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    there = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in python_files()
        if path.name == "__init__.py" and path.relative_to(ROOT).parts[0] not in {"tests", "bench", "fuzz"}
    }
    assert set(named) == there


def test_every_noqa_carries_a_reason() -> None:
    """A lint rule is ignored with its code and a reason, on the line itself or in a comment right above it."""
    assert not [where for path in python_files() for where in _without_reason(path)]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _functions(paths: tuple[Path, ...] | list[Path]) -> Iterator[tuple[str, int]]:
    for path in paths:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                yield f"{_name(path)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def _lines() -> Iterator[tuple[str, str]]:
    for path in files():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            yield f"{_name(path)}:{number}", line


def _without_reason(path: Path) -> Iterator[str]:
    with path.open("rb") as source:
        comments = [token for token in tokenize.tokenize(source.readline) if token.type == tokenize.COMMENT]
    alone = {token.start[0] for token in comments if token.line.lstrip().startswith("#")}
    for token in comments:
        line = token.start[0]
        if NOQA.match(token.string) and not REASON.match(token.string) and line - 1 not in alone:
            yield f"{_name(path)}:{line} {token.string}"
