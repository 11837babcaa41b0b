"""docs/security.md says nothing that is not there: its tests exist, its figures hold, no lock is behind an advisory."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.worker import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
TESTS = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
ROW = re.compile(r"^\| ([STRIDE]) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
ADVISORIES = re.findall(r"^\| ([\w-]+) \| (CVE-\d+-\d+) \| ([\d.]+) \|$", PAGE, re.MULTILINE)
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-docs.lock", "requirements-audit.lock")


@pytest.mark.parametrize(("file", "name"), sorted(set(TESTS)))
def test_a_named_test_is_there(file: str, name: str) -> None:
    """A test that the threat model names is a test of that file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_threat_has_its_test() -> None:
    """Each row of each step ends with a test, and every letter of STRIDE is met."""
    rows = ROW.findall(PAGE)
    assert len(rows) > 50
    assert [threat for _, threat, _, test in rows if not re.fullmatch(r"`tests/\S+::test_\w+`", test)] == []
    assert {letter for letter, *_ in rows} == set("STRIDE")
    assert len(TESTS) == len(rows)


def test_every_step_has_all_six() -> None:
    """No step of the way is looked at for a few kinds of threat only; the build has those that it can have."""
    steps = re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]
    letters = {step.splitlines()[0]: {letter for letter, *_ in ROW.findall(step)} for step in steps}
    assert letters.pop("The process and its build") == set("TIE")
    assert [step for step, met in letters.items() if met != set("STRIDE")] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_by_its_hash(lock: str) -> None:
    """A lock names a version and at least one sha256 for every package."""
    packages = re.split(r"^(?=[a-z])", (ROOT / lock).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert packages
    assert [
        one for one in packages if not re.match(r"[\w.\[\], -]+==\S+ \\\n(\s+--hash=sha256:[0-9a-f]{64}( \\)?\n)+", one)
    ] == []


@pytest.mark.parametrize("server", ["kafka", "cassandra"])
def test_every_jar_is_pinned_by_its_hash(server: str) -> None:
    """A jar of the embedded servers is taken by its sha256."""
    found = tomllib.loads((ROOT / "chat" / "servers" / f"{server}.lock.toml").read_text(encoding="utf-8"))
    assert found["dependencies"]
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar["sha256"]) for jar in found["dependencies"])


@pytest.mark.parametrize(("package", "advisory", "fixed"), ADVISORIES)
def test_no_lock_is_behind_an_advisory(package: str, advisory: str, fixed: str) -> None:
    """A package with a known hole is pinned to a version that has it no more."""
    pinned = re.findall(rf"^{package}(?:\[\S+\])?==(\S+) ", _text(*LOCKS[:2]), re.MULTILINE | re.IGNORECASE)
    assert pinned, f"{package} of {advisory} is not among the dependencies any more"
    assert all(_version(one) >= _version(fixed) for one in pinned)


def _text(*names: str) -> str:
    return "".join(Path(ROOT / name).read_text(encoding="utf-8") for name in names)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
