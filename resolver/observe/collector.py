"""Counters and state as Prometheus metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector as BaseCollector

from resolver.observe.counters import Counters, Durations
from resolver.observe.state import CacheState, ListState, State, UpstreamState

MADE_A_SECOND = 20
"""Most expositions made in a second; that is some 60 ms of it."""
OPENMETRICS = "application/openmetrics-text"

Samples = Iterable[tuple[tuple[str, ...], float]]
"""Label values and the value they belong to."""


class Collector(BaseCollector):
    """Yields every metric of ours; `state` is called once for each scrape."""

    def __init__(self, counters: Counters, state: Callable[[], State]) -> None:
        self._counters, self._state = counters, state

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        state = self._state()
        yield from _queries(self._counters)
        yield from _lists(state.lists)
        yield from _cache(state.cache)
        yield from _upstreams(state)
        yield from _process(state)


def make_registry(counters: Counters, state: Callable[[], State]) -> CollectorRegistry:
    """Return a registry of our metrics, and of those of the process and of Python."""
    registry = CollectorRegistry()
    registry.register(Collector(counters, state))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def exposition(registry: CollectorRegistry, accept: str = "") -> tuple[bytes, str]:
    """Return all metrics and their content type: OpenMetrics where `accept` asks for it, else text."""
    if OPENMETRICS in accept:
        body: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
        return body, f"{OPENMETRICS}; version=1.0.0; charset=utf-8"
    return generate_latest(registry), "text/plain; version=0.0.4; charset=utf-8"


class Expositions:
    """What scrapers get: made for each, but no more often than `MADE_A_SECOND`; the others get the last one.

    Each takes milliseconds of the event loop, on which answers wait.
    """

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry, self._clock = registry, clock
        self._second, self._made = 0, 0
        self._last: dict[bool, tuple[bytes, str]] = {}

    def __call__(self, accept: str = "") -> tuple[bytes, str]:
        """Return an exposition, of this second, and its content type."""
        second, form = int(self._clock()), OPENMETRICS in accept
        if second != self._second:
            self._second, self._made = second, 0
            self._last.clear()
        if self._made >= MADE_A_SECOND and form in self._last:
            return self._last[form]
        self._made += 1
        found = self._last[form] = exposition(self._registry, accept)
        return found


def _queries(counters: Counters) -> Iterator[Metric]:
    yield _counter(
        "nxwhy_dns_requests_total",
        "Queries that got a reply, by protocol, address family and type.",
        ("protocol", "family", "type"),
        [((on.protocol, str(on.family), kind), total) for on, kind, total in counters.requests()],
    )
    yield _counter(
        "nxwhy_dns_responses_total",
        "Replies, by response code and what answered.",
        ("rcode", "source"),
        [((rcode, source.value), total) for source, rcode, total in counters.responses()],
    )
    yield _histogram(
        "nxwhy_dns_request_duration_seconds",
        "Time from a query to its reply, by what answered.",
        ("source",),
        {(source.value,): durations for source, durations in counters.durations().items()},
    )
    yield _counter(
        "nxwhy_blocked_total",
        "Queries blocked, by the list that decided and the group that it counts for.",
        ("list", "group"),
        counters.blocked().items(),
    )
    yield _counter(
        "nxwhy_shadow_blocked_total",
        "Queries that a list in shadow would have blocked, by the list and the group that it counts for.",
        ("list", "group"),
        counters.shadow_blocked().items(),
    )
    yield _counter(
        "nxwhy_notice_requests_total",
        "HTTP requests to the notice page, by the list that blocks the name and the group that it counts "
        "for; both are empty for a name that is not blocked.",
        ("list", "group"),
        counters.visits().items(),
    )
    yield _counter(
        "nxwhy_dropped_total",
        "Messages that got no reply, by reason.",
        ("reason",),
        [((reason,), total) for reason, total in counters.drops().items()],
    )


def _lists(lists: tuple[ListState, ...]) -> Iterator[Metric]:
    label = ("list",)
    yield _gauge(
        "nxwhy_list_names",
        "Names in the copy of a list that is in force.",
        label,
        [((one.name,), one.names) for one in lists],
    )
    yield _gauge(
        "nxwhy_list_own_names",
        "Names that no other list has.",
        label,
        [((one.name,), one.own) for one in lists],
    )
    yield _gauge(
        "nxwhy_list_bad_lines",
        "Lines of a list that could not be read.",
        label,
        [((one.name,), one.bad) for one in lists],
    )
    yield _gauge(
        "nxwhy_list_lines",
        "Lines of a list, of every sort.",
        label,
        [((one.name,), one.lines) for one in lists],
    )
    yield _gauge(
        "nxwhy_list_duplicates",
        "Names that a list has once more.",
        label,
        [((one.name,), one.duplicates) for one in lists],
    )
    yield _gauge(
        "nxwhy_list_covered_names",
        "Names of a list that it covers by one above them.",
        label,
        [((one.name,), one.covered) for one in lists],
    )
    yield _gauge(
        "nxwhy_list_ignored_rules",
        "Rules of a list that are not taken, by kind.",
        ("list", "kind"),
        [((one.name, kind), total) for one in lists for kind, total in sorted(one.ignored.items())],
    )
    yield _gauge(
        "nxwhy_list_last_hit_timestamp_seconds",
        "When a list last blocked a query, or would have in shadow, in Unix time.",
        label,
        [((one.name,), one.last_hit_s) for one in lists if one.last_hit_s is not None],
    )
    yield _gauge(
        "nxwhy_list_next_fetch_timestamp_seconds",
        "When a list is fetched next, in Unix time.",
        label,
        [((one.name,), one.next_fetch_s) for one in lists if one.next_fetch_s is not None],
    )
    yield _gauge(
        "nxwhy_list_last_success_timestamp_seconds",
        "When a list was last found good, in Unix time.",
        label,
        [((one.name,), one.last_success_s) for one in lists if one.last_success_s is not None],
    )
    yield _gauge(
        "nxwhy_list_refresh_failed",
        "1 when the last refresh of a list failed and an older copy is in force, else 0.",
        label,
        [((one.name,), one.failed) for one in lists],
    )
    yield _counter(
        "nxwhy_list_refresh_failures_total",
        "Refreshes of a list that failed.",
        label,
        [((one.name,), one.failures) for one in lists],
    )


def _cache(cache: CacheState) -> Iterator[Metric]:
    yield GaugeMetricFamily("nxwhy_cache_entries", "Answers in the cache.", cache.entries)
    yield GaugeMetricFamily("nxwhy_cache_bytes", "Memory that the cache holds.", cache.bytes)
    yield GaugeMetricFamily("nxwhy_cache_limit_bytes", "Memory that the cache may hold.", cache.limit_bytes)
    yield CounterMetricFamily("nxwhy_cache_hits_total", "Lookups that the cache answered.", cache.hits)
    yield CounterMetricFamily("nxwhy_cache_misses_total", "Lookups that it did not.", cache.misses)
    yield CounterMetricFamily(
        "nxwhy_cache_evictions_total", "Answers removed to make room for others.", cache.evictions
    )


def _upstreams(state: State) -> Iterator[Metric]:
    labels, all_of_them = ("upstream", "server"), state.upstreams
    yield _counter(
        "nxwhy_upstream_requests_total",
        "Queries sent to an upstream server.",
        labels,
        [(_server(one), one.requests) for one in all_of_them],
    )
    yield _counter(
        "nxwhy_upstream_failures_total",
        "Queries that an upstream server did not answer usefully, by reason.",
        (*labels, "reason"),
        [
            ((*_server(one), reason), total)
            for one in all_of_them
            for reason, total in sorted(one.failures.items())
        ],
    )
    yield _histogram(
        "nxwhy_upstream_duration_seconds",
        "Time to an upstream server's answer.",
        labels,
        {_server(one): one.durations for one in all_of_them},
    )
    yield _gauge(
        "nxwhy_upstream_up",
        "1 when an upstream server counts as usable, else 0.",
        labels,
        [(_server(one), one.up) for one in all_of_them],
    )
    yield GaugeMetricFamily("nxwhy_upstream_inflight", "Questions that wait for an upstream.", state.inflight)


def _process(state: State) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "nxwhy_config_last_reload_successful",
        "1 when the configuration last read is in force, 0 when it had mistakes.",
        state.reload.successful,
    )
    yield GaugeMetricFamily(
        "nxwhy_config_last_reload_success_timestamp_seconds",
        "When the configuration in force was read, in Unix time.",
        state.reload.last_success_s,
    )
    yield GaugeMetricFamily(
        "nxwhy_policy_generation", "Number of the policy in force; grows with each.", state.generation
    )
    yield GaugeMetricFamily(
        "nxwhy_tcp_connections",
        "Open connections of clients, over TCP, TLS and HTTPS.",
        state.tcp_connections,
    )
    journal = state.journal
    yield GaugeMetricFamily(
        "nxwhy_journal_entries", "Queries in the journal; 0 while it is off.", journal.entries
    )
    yield CounterMetricFamily(
        "nxwhy_journal_dropped_total", "Queries that the journal lost for want of room.", journal.dropped
    )
    build = state.build
    yield InfoMetricFamily(
        "nxwhy_build",
        "What runs: version, Python and engine.",
        {"version": build.version, "python": build.python, "engine": build.engine},
    )


def _server(state: UpstreamState) -> tuple[str, str]:
    return state.upstream, state.server


def _counter(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, total in samples:
        family.add_metric(values, total)
    return family


def _gauge(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _histogram(
    name: str, text: str, labels: tuple[str, ...], samples: Mapping[tuple[str, ...], Durations]
) -> HistogramMetricFamily:
    """Return a histogram with buckets as Prometheus has them: each counts those below it too."""
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, durations in samples.items():
        below, buckets = 0, []
        for bound, count in zip((*map(str, durations.bounds), "+Inf"), durations.counts, strict=True):
            below += count
            buckets.append((bound, float(below)))
        family.add_metric(values, buckets, durations.seconds)
    return family
