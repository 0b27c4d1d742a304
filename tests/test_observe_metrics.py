"""resolver/observe/collector.py."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from resolver.core.source import Source
from resolver.observe.collector import MADE_A_SECOND, Expositions, exposition, make_registry
from resolver.observe.counters import Counters
from resolver.observe.state import State
from tests import measured
from tests.programs import need

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3"


def scrape(counters: Counters | None = None, accept: str = "") -> str:
    registry = make_registry(counters or measured.counters(), measured.state)
    return exposition(registry, accept)[0].decode()


def samples(text: str, name: str) -> list[Sample]:
    families = text_string_to_metric_families(text)
    return [sample for family in families for sample in family.samples if sample.name == name]


def value(text: str, name: str, **labels: str) -> float:
    (found,) = [sample.value for sample in samples(text, name) if sample.labels == labels]
    return found


def test_promtool_finds_nothing_to_complain_about() -> None:
    checked = subprocess.run(
        [need("promtool"), "check", "metrics"], input=scrape(), capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("nxwhy_dns_requests_total", {"protocol": "tcp", "family": "6", "type": "AAAA"}, 1),
        ("nxwhy_dns_requests_total", {"protocol": "udp", "family": "4", "type": "A"}, 3),
        ("nxwhy_dns_responses_total", {"rcode": "SERVFAIL", "source": "forward"}, 1),
        ("nxwhy_blocked_total", {"list": "ads", "group": "default"}, 1),
        ("nxwhy_shadow_blocked_total", {"list": "trial", "group": "default"}, 1),
        ("nxwhy_notice_requests_total", {"list": "ads", "group": "default"}, 2),
        ("nxwhy_notice_requests_total", {"list": "", "group": ""}, 1),
        ("nxwhy_dropped_total", {"reason": "rate"}, 1),
        ("nxwhy_dropped_total", {"reason": "overload"}, 0),
        ("nxwhy_list_names", {"list": "ads"}, 100),
        ("nxwhy_list_own_names", {"list": "ads"}, 80),
        ("nxwhy_list_bad_lines", {"list": "ads"}, 1),
        ("nxwhy_list_lines", {"list": "ads"}, 130),
        ("nxwhy_list_duplicates", {"list": "ads"}, 4),
        ("nxwhy_list_covered_names", {"list": "ads"}, 7),
        ("nxwhy_list_ignored_rules", {"list": "ads", "kind": "cosmetic"}, 3),
        ("nxwhy_list_last_hit_timestamp_seconds", {"list": "ads"}, 1.8e9),
        ("nxwhy_list_next_fetch_timestamp_seconds", {"list": "ads"}, 1.9e9),
        ("nxwhy_list_last_success_timestamp_seconds", {"list": "ads"}, 1.7e9),
        ("nxwhy_list_refresh_failed", {"list": "fresh"}, 1),
        ("nxwhy_list_refresh_failures_total", {"list": "fresh"}, 2),
        ("nxwhy_cache_entries", {}, 10),
        ("nxwhy_cache_bytes", {}, 2048),
        ("nxwhy_cache_limit_bytes", {}, 67_108_864),
        ("nxwhy_cache_hits_total", {}, 7),
        ("nxwhy_cache_misses_total", {}, 3),
        ("nxwhy_cache_evictions_total", {}, 1),
        ("nxwhy_upstream_requests_total", {"upstream": "default", "server": "192.0.2.54:53"}, 2),
        (
            "nxwhy_upstream_failures_total",
            {"upstream": "default", "server": "tls://192.0.2.53:853", "reason": "timeout"},
            1,
        ),
        ("nxwhy_upstream_up", {"upstream": "default", "server": "192.0.2.54:53"}, 0),
        ("nxwhy_upstream_inflight", {}, 2),
        ("nxwhy_config_last_reload_successful", {}, 1),
        ("nxwhy_config_last_reload_success_timestamp_seconds", {}, 1.7e9),
        ("nxwhy_policy_generation", {}, 4),
        ("nxwhy_tcp_connections", {}, 1),
        ("nxwhy_journal_entries", {}, 17),
        ("nxwhy_journal_dropped_total", {}, 5),
        ("nxwhy_build_info", {"version": "0.1.0", "python": "3.11.7", "engine": "python"}, 1),
    ],
)
def test_a_scrape_says(name: str, labels: dict[str, str], expected: float) -> None:
    assert value(scrape(), name, **labels) == expected


def test_buckets_of_a_histogram_count_those_below_them_too() -> None:
    text, server = scrape(), {"upstream": "default", "server": "tls://192.0.2.53:853"}
    name = "nxwhy_upstream_duration_seconds"
    by_bound = {
        sample.labels["le"]: sample.value
        for sample in samples(text, f"{name}_bucket")
        if sample.labels["server"] == server["server"]
    }
    assert (by_bound["0.002"], by_bound["0.005"], by_bound["0.2"], by_bound["0.5"]) == (0, 1, 1, 2)
    assert by_bound["+Inf"] == value(text, f"{name}_count", **server) == 2
    assert value(text, f"{name}_sum", **server) == pytest.approx(0.303)


def test_every_source_has_a_latency_from_the_start() -> None:
    found = samples(scrape(Counters()), "nxwhy_dns_request_duration_seconds_count")
    assert {sample.labels["source"]: sample.value for sample in found} == {
        source.value: 0 for source in Source
    }


def test_a_list_that_was_never_good_has_no_time_of_success() -> None:
    found = samples(scrape(), "nxwhy_list_last_success_timestamp_seconds")
    assert [sample.labels["list"] for sample in found] == ["ads"]


def test_the_metrics_of_the_process_are_there() -> None:
    text = scrape()
    assert value(text, "process_start_time_seconds") > 0
    assert value(text, "process_resident_memory_bytes") > 0
    assert samples(text, "python_gc_collections_total")


def test_state_is_asked_for_once_a_scrape_and_not_before() -> None:
    asked: list[State] = []

    def state() -> State:
        asked.append(measured.state())
        return asked[-1]

    registry = make_registry(Counters(), state)
    assert asked == []
    exposition(registry)
    assert len(asked) == 1


def test_scrapers_who_ask_too_often_get_the_last_exposition_of_the_second() -> None:
    made, now = 0, 7.0

    def state() -> State:
        nonlocal made
        made += 1
        return measured.state()

    scrape = Expositions(make_registry(Counters(), state), lambda: now)
    for _ in range(3 * MADE_A_SECOND):
        body, kind = scrape()
        assert body.startswith(b"# HELP")
        assert kind.startswith("text/plain")
    assert made == MADE_A_SECOND
    for _ in range(2):
        assert scrape("application/openmetrics-text")[1].startswith("application/openmetrics-text")
    assert made == MADE_A_SECOND + 1
    now = 8.0
    scrape()
    assert made == MADE_A_SECOND + 2


def test_openmetrics_and_text_say_the_same() -> None:
    def ours(families: Iterable[Metric]) -> set[tuple[str, tuple[tuple[str, str], ...], float]]:
        return {
            (sample.name, tuple(sorted(sample.labels.items())), sample.value)
            for family in families
            for sample in family.samples
            if sample.name.startswith("nxwhy_")
        }

    parse: Callable[[str], Iterable[Metric]] = openmetrics.text_string_to_metric_families
    text = ours(text_string_to_metric_families(scrape()))
    assert text == ours(parse(scrape(accept=OPENMETRICS)))
    assert len(text) > 100


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;version=x.y", "application/openmetrics-text; version=1.0.0"),
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0"),
    ],
)
def test_the_content_type_is_that_of_the_form(accept: str, content_type: str) -> None:
    body, found = exposition(make_registry(measured.counters(), measured.state), accept)
    assert found.startswith(content_type)
    assert body.endswith(b"# EOF\n") is content_type.startswith("application/openmetrics")
