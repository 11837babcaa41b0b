"""The Grafana dashboard as a page that a browser shows: Grafana's components, bundled, and figures beside them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.browser.chromium import HERE, run
from tests.worker import ROOT

ADDRESS = "http://dashboard.test/"
"""Of no server: what the page asks for is answered from its folder."""

DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text(encoding="utf-8"))
PAGE = """<!doctype html>
<meta charset="utf-8"><title>AIVO chat</title><link rel="stylesheet" href="page.css">
<style>* { box-sizing: border-box } body { margin: 0; background: #f4f5f5; font-family: Inter, sans-serif }</style>
<div id="dashboard"></div><script src="drawing.js"></script><script src="page.js"></script>
"""

Series = dict[str, Any]
Figures = dict[int, list[list[Series]]]
"""By a panel's id, for each of its targets: what Prometheus answers for a range, `metric` and `values` a series."""


def charts() -> Iterator[dict[str, Any]]:
    """The panels that show figures."""
    return (one for one in DASHBOARD["panels"] if one["type"] != "row")


def bundle(folder: Path) -> Path:
    """Where the page's script and Grafana's icons are, made in a folder; its packages are pinned by hash."""
    work = shutil.copytree(HERE / "dashboard", folder / "dashboard", ignore=shutil.ignore_patterns("node_modules"))
    run(work, "npm", "ci", "--no-audit", "--no-fund")
    built = folder / "page"
    shutil.copytree(work / "node_modules/@grafana/ui/dist/public", built / "public")
    flags = ("--bundle", "--jsx=automatic", "--define:process.env.NODE_ENV='production'", "--define:global=window")
    run(work, "node_modules/.bin/esbuild", "page.jsx", f"--outfile={built / 'page.js'}", "--format=iife", *flags)
    (built / "index.html").write_text(PAGE, encoding="utf-8")
    return built


def draw(page: Page, built: Path, figures: Figures, first: float, last: float) -> None:
    """Shows the figures of a time, which is given in seconds since 1970."""
    drawing = json.dumps({"dashboard": DASHBOARD, "figures": figures, "from": first, "to": last})
    (built / "drawing.js").write_text(f"window.DRAWING = {drawing}", encoding="utf-8")
    page.route(f"{ADDRESS}**", lambda route: _answer(route, built))
    page.goto(f"{ADDRESS}index.html")
    expect(page.locator("[data-panel]")).to_have_count(len(DASHBOARD["panels"]))
    expect(page.locator("[data-panel] canvas")).to_have_count(sum(1 for _ in charts()))


def _answer(route: Route, built: Path) -> None:
    route.fulfill(path=built / route.request.url.removeprefix(ADDRESS))
