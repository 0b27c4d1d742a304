"""How deploy/ watches the server: alerts, dashboard, and the names of metrics there and in the documents.

Not tested, for want of a Grafana: that it draws the dashboard.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from resolver.observe.collector import Collector, exposition, make_registry
from tests import measured
from tests.deployed import DEPLOY, ROOT, load, run

OPERATIONS = (ROOT / "docs/operations.md").read_text()
DASHBOARD = json.loads((DEPLOY / "grafana/dashboard.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]


def test_promtool_takes_the_rules_and_the_configuration() -> None:
    run("promtool", "check", "rules", "--lint-fatal", "prometheus/rules.yml")
    run("promtool", "check", "config", "--lint-fatal", "prometheus/prometheus.yml")


def test_the_rules_fire_when_they_should() -> None:
    assert "SUCCESS" in run("promtool", "test", "rules", "prometheus/rules_test.yml")


def alerts() -> list[dict[str, Any]]:
    return [rule for group in load("prometheus/rules.yml")["groups"] for rule in group["rules"]]


def test_every_alert_says_what_it_means_and_is_tested_and_documented() -> None:
    tested = {
        case["alertname"]
        for test in load("prometheus/rules_test.yml")["tests"]
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }
    documented = re.findall(r"^\| `(Nxwhy\w+)` \| (\w+) \|", OPERATIONS, re.MULTILINE)
    assert {alert["alert"] for alert in alerts()} == tested
    assert documented == [(alert["alert"], alert["labels"]["severity"]) for alert in alerts()]
    assert all({"summary", "description"} == set(alert["annotations"]) for alert in alerts())


# Names of metrics, in the dashboard, the alerts and the documents


def exposed() -> set[str]:
    """Return the names of all samples of a resolver that has been at work."""
    text = exposition(make_registry(measured.counters(), measured.state))[0].decode()
    return {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}


def metric_names(expr: str) -> set[str]:
    """Return what an expression names outside of label matchers, grouping and functions."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(?:by|without|on|ignoring)\s*\([^)]*\)", "", expr)
    return set(re.findall(r"\b[a-z_][a-z_:0-9]*_[a-z_0-9]+\b(?!\s*\()|\bup\b", bare))


def expressions() -> Iterator[str]:
    for panel in PANELS:
        for target in panel["targets"]:
            yield target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield re.sub(r"label_values\((.*),.*\)", r"\1", variable["query"]["query"])
    for alert in alerts():
        yield alert["expr"]


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ("sum by (a_b) (rate(x_total{c_d=~'e_f'}[5m])) / on (g_h) (y_bytes)", {"x_total", "y_bytes"}),
        ("histogram_quantile(0.9, sum by(le)(z_bucket)) or up == 0", {"z_bucket", "up"}),
    ],
)
def test_metric_names_are_found_in_expressions(expr: str, names: set[str]) -> None:
    assert metric_names(expr) == names


@pytest.mark.parametrize("expr", sorted(set(expressions())))
def test_every_expression_asks_for_metrics_that_exist(expr: str) -> None:
    names = metric_names(expr)
    assert names
    assert names <= exposed() | {"up"}  # Prometheus itself makes `up`


def test_promql_takes_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    exprs = [
        target["expr"].replace("$__rate_interval", "5m") for panel in PANELS for target in panel["targets"]
    ]
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(exprs)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(exprs)} rules found" in run("promtool", "check", "rules", "rules.yml", cwd=tmp_path)


def test_the_dashboard_shows_every_metric_of_ours() -> None:
    shown = {name for panel in PANELS for target in panel["targets"] for name in metric_names(target["expr"])}
    ours = {name for name in exposed() if name.startswith("nxwhy_")}
    left_out = {name for name in ours if not name.endswith(("_sum", "_count"))} - shown
    assert left_out == set()


def metric_rows() -> list[str]:
    """Return the table of metrics as the documents have it."""
    registry = CollectorRegistry()
    registry.register(Collector(measured.counters(), measured.state))
    rows = []
    for family in registry.collect():
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        kind = "gauge" if family.type == "info" else family.type
        labels = dict.fromkeys(name for sample in family.samples for name in sample.labels if name != "le")
        names = ", ".join(f"`{name}`" for name in labels)
        rows.append(f"| `{family.name}{suffix}` | {kind} | {names} | {family.documentation} |")
    return rows


def test_the_documented_metrics_are_those_exposed() -> None:
    table = re.search(r"^\| metric \| type .*\n\|[-|]+\n((?:\|.*\n)+)", OPERATIONS, re.MULTILINE)
    assert table is not None
    assert table[1].splitlines() == metric_rows()


# Grafana


def test_the_dashboard_can_be_provisioned() -> None:
    assert DASHBOARD["schemaVersion"] >= 39
    assert DASHBOARD["id"] is None
    assert DASHBOARD["uid"] == "nxwhy"
    assert "__inputs" not in DASHBOARD


def test_panels_have_ids_of_their_own_and_known_kinds() -> None:
    ids = [panel["id"] for panel in PANELS]
    assert len(set(ids)) == len(ids)
    assert {panel["type"] for panel in PANELS} == {"timeseries", "stat", "table"}
    assert all(panel["title"] and panel["description"] for panel in PANELS)


def test_every_data_source_is_the_variable() -> None:
    first = DASHBOARD["templating"]["list"][0]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    found = list(values_of("datasource", DASHBOARD))
    assert len(found) > len(PANELS)
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in found)


def values_of(key: str, tree: Any) -> Iterator[Any]:
    """Yield what stands under a key anywhere in a tree."""
    if isinstance(tree, dict):
        if key in tree:
            yield tree[key]
        for value in tree.values():
            yield from values_of(key, value)
    elif isinstance(tree, list):
        for value in tree:
            yield from values_of(key, value)


def test_rates_go_by_the_interval_of_the_dashboard() -> None:
    ranges = [
        found for expr in values_of("expr", DASHBOARD) for found in re.findall(r"\brate\(.*?\[(.*?)\]", expr)
    ]
    assert len(ranges) > 10
    assert set(ranges) == {"$__rate_interval"}


def test_panels_do_not_overlap_and_fit_the_grid() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        at = panel["gridPos"]
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert at["x"] + at["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
