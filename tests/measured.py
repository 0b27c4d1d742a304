"""A resolver's numbers with something in every metric."""

from __future__ import annotations

from resolver.core.lists.record import Record
from resolver.core.lists.rule import Effect
from resolver.core.policy import PASS, PolicyList, Shadow, Verdict
from resolver.core.reasons import make_reason
from resolver.core.replies import AnswerMode, Blocked
from resolver.core.source import Source
from resolver.observe.counters import UPSTREAM_BOUNDS, Channel, Counters, Durations
from resolver.observe.state import (
    BuildInfo,
    CacheState,
    JournalState,
    ListState,
    ReloadState,
    State,
    UpstreamState,
)

UDP4 = Channel("udp", 4)
A_IN = b"\0\x01\0\x01"


def blocking(name: str, group: str = "default") -> Verdict:
    """Return a verdict that blocks because of the list `name`."""
    record = Record(title=name)
    return Verdict(
        Effect.BLOCK, PolicyList(name, record), group, Blocked(AnswerMode.NXDOMAIN, make_reason(record), 30)
    )


def durations(*seconds: float) -> Durations:
    """Return what an upstream server took."""
    took = Durations(UPSTREAM_BOUNDS)
    for each in seconds:
        took.add(each)
    return took


def counters() -> Counters:
    """Return counters with every family counted in."""
    made = Counters()
    made.count(UDP4, A_IN, Source.CACHE, 0, None, 0.0001)
    made.count(Channel("tcp", 6), b"\0\x1c\0\x01", Source.FORWARD, 2, None, 0.02)
    made.count(UDP4, A_IN, Source.BLOCKED, 3, blocking("ads"), 0.0001)
    shadow = Shadow(PolicyList("trial", Record("trial")), "default", Effect.BLOCK)
    made.count(UDP4, A_IN, Source.CACHE, 0, PASS.shadowed(shadow), 0.0001)
    for verdict in (blocking("ads"), blocking("ads"), PASS):
        made.visit(verdict)
    made.drop("rate")
    return made


def state() -> State:
    """Return a state with every field filled."""
    return State(
        build=BuildInfo("0.1.0", "3.11.7", "python"),
        reload=ReloadState(successful=True, last_success_s=1_700_000_000.0),
        cache=CacheState(entries=10, bytes=2048, limit_bytes=67_108_864, hits=7, misses=3, evictions=1),
        lists=(
            ListState(
                "ads",
                names=100,
                own=80,
                bad=1,
                last_success_s=1.7e9,
                failed=False,
                failures=0,
                lines=130,
                duplicates=4,
                covered=7,
                ignored={"cosmetic": 3},
                last_hit_s=1.8e9,
                next_fetch_s=1.9e9,
            ),
            ListState("fresh", names=0, own=0, bad=0, last_success_s=None, failed=True, failures=2),
        ),
        upstreams=(
            UpstreamState(
                "default", "tls://192.0.2.53:853", 5, {"timeout": 1}, up=True, durations=durations(0.003, 0.3)
            ),
            UpstreamState("default", "192.0.2.54:53", 2, {}, up=False, durations=durations(9.0)),
        ),
        generation=4,
        inflight=2,
        tcp_connections=1,
        journal=JournalState(entries=17, dropped=5),
    )
