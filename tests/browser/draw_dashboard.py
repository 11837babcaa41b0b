"""Draws the dashboard with the figures of a Prometheus: python -m tests.browser.draw_dashboard --help."""

import argparse
import json
import math
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

from tests.browser.chromium import chromium
from tests.browser.dashboard_drawing import Figures, Series, bundle, charts, draw

POINTS = 300
RATE_INTERVAL = "1m"
"""Grafana's is four scrapes; of Prometheus' own 15 seconds that is this."""


def figures_of(prometheus: str, first: float, last: float) -> Figures:
    """What it answers to every query of the dashboard. Raises `SystemExit` where it has nothing for one."""
    found = {}
    for panel in charts():
        queries = [target["expr"].replace("$__rate_interval", RATE_INTERVAL) for target in panel["targets"]]
        found[panel["id"]] = [_range(prometheus, query, first, last) for query in queries]
        for query, series in zip(queries, found[panel["id"]], strict=True):
            if not series:
                raise SystemExit(f"{panel['title']}: there is nothing for {query}")
    return found


def _range(prometheus: str, query: str, first: float, last: float) -> list[Series]:
    step = math.ceil((last - first) / POINTS)
    asked = urllib.parse.urlencode({"query": query, "start": first, "end": last, "step": step})
    with urllib.request.urlopen(f"{prometheus}/api/v1/query_range?{asked}", timeout=30) as answer:  # noqa: S310 - chosen by who calls
        series: list[Series] = json.load(answer)["data"]["result"]
    return series


def main() -> None:
    """Writes a picture of a whole page, in PNG."""
    arguments = argparse.ArgumentParser(description="Draws deploy/grafana/dashboard.json with figures of a Prometheus.")
    arguments.add_argument("prometheus", help="its address, as http://127.0.0.1:9090")
    arguments.add_argument("picture", type=Path, help="the PNG file to write")
    arguments.add_argument("--minutes", type=float, default=15.0, help="how much of the past is shown (15)")
    arguments.add_argument("--until", type=float, default=time.time(), help="the end of it, seconds since 1970 (now)")
    given = arguments.parse_args()
    first = given.until - 60 * given.minutes
    figures = figures_of(given.prometheus, first, given.until)
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder)) as browser:
        page = browser.new_page(viewport={"width": 1592, "height": 900}, locale="en-GB")
        draw(page, bundle(Path(folder)), figures, first, given.until)
        page.screenshot(path=given.picture, full_page=True)


if __name__ == "__main__":
    main()
