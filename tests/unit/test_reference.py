"""The reference of the documentation, and the ways through the site."""

import re
import tomllib
from pathlib import Path

import pytest

from chat.cli.group import MODULES
from chat.cli.reference import PAGES, written
from schemas import PUBLISHED
from streams.internal import INTERNAL
from tests.worker import ROOT

DOCS = ROOT / "docs"
NAVIGATION = (ROOT / "zensical.toml").read_text(encoding="utf-8")
WRITTEN = sorted(path for path in DOCS.rglob("*.md") if "node_modules" not in path.parts)
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)|!\[[^\]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    """`make docs` would change nothing."""
    assert (DOCS / "reference" / f"{name}.md").read_text(encoding="utf-8") == written(name)


def test_everything_has_its_place() -> None:
    """Every command, event and subcommand has a heading, and nothing of the service's own has."""
    headings = {name: re.findall(r"^## `?(?:chat )?([\w-]+)`?$", written(name), re.MULTILINE) for name in PAGES}
    assert set(headings["commands"]) == set(PUBLISHED.commands) - INTERNAL
    assert set(headings["events"]) == {*PUBLISHED.events, "CommandRejected"}
    assert headings["command-line"] == list(MODULES)


def test_every_page_can_be_found() -> None:
    """A page is in the navigation, or a page that is links to it: the site's builder judges what links lead to."""
    tomllib.loads(NAVIGATION)
    listed = {DOCS / path for path in re.findall(r'= "([\w/-]+\.md)"', NAVIGATION)}
    linked = {(path.parent / found).resolve() for path in WRITTEN for found in _links(path)}
    assert listed <= set(WRITTEN)
    assert {path for path in WRITTEN if path not in listed | linked} == set()


@pytest.mark.parametrize("path", [*WRITTEN, ROOT / "README.md"], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_leads_somewhere(path: Path) -> None:
    """To a file; the site's builder sees to headings."""
    assert [found for found in _links(path) if not (path.parent / found).exists()] == []


def test_no_link_leaves_the_site() -> None:
    """What is outside of docs/ is not on the site, where such a link would lead nowhere."""
    assert [(path.name, one) for path in WRITTEN for one in _links(path) if not _is_within(path.parent / one)] == []


def _is_within(place: Path) -> bool:
    return place.resolve().is_relative_to(DOCS)


def _links(path: Path) -> list[str]:
    found = (one or other for one, other in LINK.findall(path.read_text(encoding="utf-8")))
    return [one for one in found if "://" not in one]
