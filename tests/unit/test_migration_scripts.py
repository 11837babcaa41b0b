"""Migrations as files: their statements, names, numbers and checksums."""

import re
from pathlib import Path

import pytest

from chat.errors import SchemaMismatch
from chat.storage.cql_script import statements
from chat.storage.migrate import FOLDER, migrations


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("", []),
        (" ; ;\n", []),
        ("A; B;", ["A", "B"]),
        ("A -- no; end\n;", ["A"]),
        ("A // no; end\n;", ["A"]),
        ("A /* no; end\n at all */ B;", ["A   B"]),
        ("A ';--' B;", ["A ';--' B"]),
        ("A 'it''s; one' B;", ["A 'it''s; one' B"]),
        ('A ";""/*" B;', ['A ";""/*" B']),
        ("A $$ it's; one $$ B;", ["A $$ it's; one $$ B"]),
        ("-- only a comment", []),
        ("A - B / C;", ["A - B / C"]),
    ],
)
def test_a_script_is_cut_where_statements_end(script: str, found: list[str]) -> None:
    """A semicolon ends a statement everywhere but in comments, strings and quoted names."""
    assert [" ".join(re.split(r"\n", one)) for one in statements(script)] == found


@pytest.mark.parametrize("script", ["A", "A; B", "A 'b;", 'A "b;', "A /* b;", "A $$ b;"])
def test_a_script_without_its_end_is_refused(script: str) -> None:
    """A string, comment or last statement that never ends is an error, not half a statement."""
    with pytest.raises(ValueError, match=r"never closed|no semicolon"):
        list(statements(script))


def test_our_own_migrations_can_run_twice() -> None:
    """Every statement of ours may run again after a migration was broken off."""
    ours = [statement for one in migrations(FOLDER) for statement in one.statements]
    assert ours
    assert [one for one in ours if not re.search(r"IF (NOT )?EXISTS", one)] == []


@pytest.mark.parametrize(
    "names",
    [
        ("0002_b.cql",),
        ("0001_a.cql", "0003_c.cql"),
        ("0001_a.cql", "0001_b.cql"),
        ("1_a.cql",),
        ("0001_A.cql",),
        (),
    ],
)
def test_names_and_numbers_must_be_in_order(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Files that are not 0001_a, 0002_b and so on are refused."""
    for name in names:
        (tmp_path / name).write_text("A;")
    with pytest.raises(SchemaMismatch):
        migrations(tmp_path)


def test_a_checksum_is_of_the_files_bytes(tmp_path: Path) -> None:
    """Any change of a file, even in a comment, is another checksum."""
    file = tmp_path / "0001_a.cql"
    file.write_text("A;")
    before = migrations(tmp_path)[0].checksum
    file.write_text("A; -- b")
    assert migrations(tmp_path)[0].checksum != before


def test_a_script_that_never_ends_is_named(tmp_path: Path) -> None:
    """A broken file is refused by its name."""
    (tmp_path / "0001_a.cql").write_text("A")
    with pytest.raises(SchemaMismatch, match=r"0001_a\.cql"):
        migrations(tmp_path)
