"""Alerts, dashboard, runbook and documentation name what is there, and all of it."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry

from chat import metrics
from chat.metrics import described
from tests.worker import ROOT

RULES = yaml.safe_load((ROOT / "deploy/prometheus/rules.yaml").read_text(encoding="utf-8"))
RULE_TESTS = yaml.safe_load((ROOT / "deploy/prometheus/rules.test.yaml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text(encoding="utf-8"))
RUNBOOK = ROOT / "docs/runbooks/alerts.md"
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
NAMES = {one.name for one in described()}
PARTS = {
    f"{one.name}{part}" for one in described() if one.kind == "histogram" for part in ("_bucket", "_count", "_sum")
}
PROMETHEUS_OWN = {"up"}


def panels() -> list[dict[str, Any]]:
    return [one for one in DASHBOARD["panels"] if one["type"] != "row"]


def queries() -> Iterator[str]:
    """Every query of the dashboard, with an interval in the place of Grafana's."""
    for panel in panels():
        yield from (target["expr"].replace("$__rate_interval", "5m") for target in panel["targets"])


def series_of(query: str) -> set[str]:
    """The series that a query selects, as Prometheus' own grammar has them. Raises `ValueError`."""
    return set(_selected(promql_parser.parse(query)))


def _selected(node: Any) -> Iterator[str]:
    if isinstance(node, promql_parser.VectorSelector):
        yield str(node.name)
    for name in ("lhs", "rhs", "expr", "vs", "vector_selector"):
        if (child := getattr(node, name, None)) is not None:
            yield from _selected(child)
    for child in getattr(node, "args", None) or ():
        yield from _selected(child)


@pytest.mark.parametrize("query", [*(rule["expr"] for rule in ALERTS), *queries()])
def test_a_query_is_right_and_asks_for_what_is_there(query: str) -> None:
    """It parses, and every series is one of the list: a histogram's by its parts, all else by its name."""
    plain = {one.name for one in described() if one.kind != "histogram"}
    assert series_of(query)
    assert series_of(query) <= plain | PARTS | PROMETHEUS_OWN


def test_a_wrong_query_is_found() -> None:
    """The two checks above can fail."""
    with pytest.raises(ValueError, match="parenthesis"):
        series_of("sum by (le (rate(x[5m]))")
    assert series_of("sum(rate(chat_gone_total[5m])) / max(up)") == {"chat_gone_total", "up"}


def test_every_alert_says_what_to_do() -> None:
    """Each has its own section of the runbook, a severity and a summary; the runbook has no other sections."""
    sections = re.findall(r"^## (\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert sections == [rule["alert"] for rule in ALERTS]
    for rule in ALERTS:
        file, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert (ROOT / file, anchor) == (RUNBOOK, rule["alert"].lower())
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"]


def test_the_runbook_points_to_what_is_there() -> None:
    """Its links to sections and files, and the metrics and servers that it names."""
    text = RUNBOOK.read_text(encoding="utf-8")
    sections = {one.lower() for one in re.findall(r"^## (\w+)$", text, re.MULTILINE)}
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert {one.removeprefix("#") for one in links if one.startswith("#")} <= sections
    assert all((RUNBOOK.parent / one).exists() for one in links if not one.startswith("#"))
    assert set(re.findall(r"`(chat_\w+)`", text)) <= NAMES


def test_the_alerts_tests_know_the_alerts() -> None:
    """`promtool test rules` (make rules) passes over a name that is wrong."""
    tested = {one["alertname"] for case in RULE_TESTS["tests"] for one in case["alert_rule_test"]}
    assert tested <= {rule["alert"] for rule in ALERTS}
    assert len(tested) > len(ALERTS) / 2


def test_the_dashboard_shows_every_metric() -> None:
    """None of the list is left out."""
    shown = {re.sub(r"_(bucket|count|sum)$", "", one) for query in queries() for one in series_of(query)}
    assert shown == NAMES


def test_the_dashboard_is_laid_out() -> None:
    """Each panel has an id, a title, a place of its own within the 24 columns, and the chosen source."""
    every = DASHBOARD["panels"]
    assert len({one["id"] for one in every}) == len(every)
    for one in every:
        place = one["gridPos"]
        assert one["title"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
    assert not [(a["title"], b["title"]) for a, b in combinations(every, 2) if _overlap(a["gridPos"], b["gridPos"])]
    sources = {target["datasource"]["uid"] for one in panels() for target in [one, *one["targets"]]}
    assert sources == {"${" + DASHBOARD["templating"]["list"][0]["name"] + "}"}


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    apart = (
        one["x"] + one["w"] <= other["x"]
        or other["x"] + other["w"] <= one["x"]
        or one["y"] + one["h"] <= other["y"]
        or other["y"] + other["h"] <= one["y"]
    )
    return not apart


def test_names_follow_prometheus_rules() -> None:
    """One prefix; a counter ends in `_total`, a time in seconds; nothing else does; each has a sentence."""
    for one in described():
        assert re.fullmatch(r"chat(_[a-z]+)+", one.name)
        assert one.name.endswith("_total") == (one.kind == "counter")
        assert not re.search(r"_(ms|milliseconds|minutes|count|sum|bucket)$", one.name)
        assert one.sentence.endswith(".")


def test_a_metric_is_in_the_list_once_and_on_its_side() -> None:
    """What a worker alone can tell an API process does not show, and the other way round."""
    names = [one.name for one in described()]
    assert len(set(names)) == len(names)
    worker, api = _families(metrics.WORKER), _families(metrics.API)
    assert worker.isdisjoint(api)
    assert {one.name.removesuffix("_total") for one in described() if one.processes == "worker"} == worker
    assert {one.name.removesuffix("_total") for one in described() if one.processes == "api"} == api


def _families(registry: CollectorRegistry) -> set[str]:
    return {family.name for family in registry.collect()}
