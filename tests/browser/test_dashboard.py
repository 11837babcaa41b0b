"""The Grafana dashboard, drawn by Grafana's own components in a real Chromium."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.dashboard_drawing import Series, bundle, charts, draw

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]  # npm fetches four hundred packages

FIRST, POINTS, STEP = 1_768_473_000, 60, 15

COLOURED = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const spread = at => Math.max(...data.subarray(at, at + 3)) - Math.min(...data.subarray(at, at + 3));
  return [...data.keys()].filter(at => at % 4 === 0 && data[at + 3] && spread(at) > 60).length;
}"""
"""How many of its pixels are neither grey nor transparent: axes and grid are grey, lines are not."""


def series(target: dict[str, Any]) -> Iterator[Series]:
    """Two series of a target, or one where its legend tells none from another."""
    labels = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
    for number in range(2 if labels else 1):
        values = [[FIRST + STEP * at, str(at % 7 + number)] for at in range(POINTS)]
        yield {"metric": {label: f"{label}-{number}" for label in labels}, "values": values}


def legends(panel: dict[str, Any]) -> Iterator[str]:
    """What the panel calls its series; a single value has no legend."""
    for target in panel["targets"] if panel["type"] == "timeseries" else ():
        for one in series(target):
            legend = target["legendFormat"]
            for label, value in one["metric"].items():
                legend = legend.replace("{{" + label + "}}", value)
            yield legend


def test_every_panel_draws_its_figures(page: Page, tmp_path: Path) -> None:
    """A coloured line in each, and the legend that its targets ask for."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    figures = {one["id"]: [[*series(target)] for target in one["targets"]] for one in charts()}
    draw(page, bundle(tmp_path), figures, FIRST, FIRST + STEP * POINTS)
    for panel in charts():
        shown = page.locator(f"[data-panel='{panel['id']}']")
        expect(shown).to_contain_text(panel["title"])
        assert shown.locator("canvas").evaluate(COLOURED) > POINTS, panel["title"]
        for legend in legends(panel):
            expect(shown).to_contain_text(legend)
    assert errors == []
