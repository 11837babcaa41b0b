"""The tables of the README and the documentation."""

import re

import pytest

from chat.cli.readme_tables import TABLES, with_tables
from chat.domain.authorise import ROLE_PERMISSIONS
from chat.domain.principal import Permission, Role
from chat.domain.verdicts import Code
from chat.settings import Settings
from tests.worker import ROOT

FILES = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/monitoring.md")]


def rows(table: str) -> list[list[str]]:
    """The cells of a table, without its head."""
    return [re.split(r" \| ", line[2:-2]) for line in TABLES[table]().splitlines()[2:]]


def test_the_tables_say_what_the_code_does() -> None:
    """`make docs` would change nothing, and every table is there once."""
    assert list(map(with_tables, FILES)) == FILES
    assert sorted(re.findall(r"<!-- table: (\w+),", "".join(FILES))) == sorted(TABLES)


def test_a_table_that_is_out_of_date_is_made_anew() -> None:
    """Whatever stands between the marks, and nothing around them."""
    text = "before\n<!-- table: refusals, by `make docs` -->\nold\n<!-- end -->\nafter\n"
    made = with_tables(text)
    assert "old" not in made
    assert made.startswith("before\n<!-- table: refusals, by `make docs` -->\n| code | why |\n|---|---|\n| `unauth")
    assert made.endswith(" |\n<!-- end -->\nafter\n")


def test_a_mark_that_names_no_table_is_an_error() -> None:
    """It would stay empty for ever."""
    with pytest.raises(KeyError, match="colours"):
        with_tables("<!-- table: colours, by `make docs` -->\n<!-- end -->")


def test_every_row_has_all_cells() -> None:
    """And every setting, code and permission its row, with words."""
    assert [row[0] for row in rows("settings")] == [f"`{name.upper()}`" for name in Settings.model_fields]
    assert [row[0] for row in rows("refusals")] == [f"`{code}`" for code in Code]
    assert [row[0] for row in rows("permissions")] == [f"`{one}`" for one in Permission]
    for table, width in {"settings": 3, "refusals": 2, "permissions": 8, "problems": 3, "metrics": 5}.items():
        assert {len(row) for row in rows(table)} == {width}
    assert all(row[-1].strip() for table in ("settings", "refusals", "problems", "metrics") for row in rows(table))


def test_a_role_has_what_the_table_says() -> None:
    """Cell by cell, from the text back to the code."""
    roles = [Role.LEARNER, Role.GUARDIAN, Role.TEACHER, Role.ADMIN, Role.COMPLIANCE]
    for name, *cells in rows("permissions"):
        held = {role for role, cell in zip(roles, cells, strict=False) if cell.strip() == "yes"}
        assert held == {role for role in roles if Permission(name.strip("`")) in ROLE_PERMISSIONS[role]}
