"""resolver/observe/counters.py."""

from __future__ import annotations

import gc
import weakref
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.lists.record import Record
from resolver.core.lists.rule import Effect
from resolver.core.policy import PASS, PolicyList, Shadow, Verdict
from resolver.core.source import Source
from resolver.observe.counters import DROP_REASONS, QUERY_BOUNDS, Channel, Counters, Durations
from tests.measured import A_IN, UDP4, blocking


def test_queries_count_by_channel_and_type() -> None:
    counters = Counters()
    for _ in range(3):
        counters.count(UDP4, A_IN, Source.CACHE, 0, None, 0.0)
    counters.count(Channel("tcp", 6), b"\0\x41\0\x01", Source.CACHE, 0, None, 0.0)
    assert set(counters.requests()) == {(UDP4, "A", 3), (("tcp", 6), "HTTPS", 1)}


@given(st.lists(st.tuples(st.binary(max_size=6), st.integers(0, 4095)), max_size=50))
def test_no_client_can_make_labels_grow_and_none_is_lost(asked: list[tuple[bytes, int]]) -> None:
    counters = Counters()
    before = [len(kinds) for kinds in counters._requests.values()]
    for kind, rcode in asked:
        counters.count(UDP4, kind, Source.FORWARD, rcode, None, 0.0)
    assert [len(kinds) for kinds in counters._requests.values()] == before
    assert sum(total for _, _, total in counters.requests()) == len(asked)
    assert sum(total for _, _, total in counters.responses()) == len(asked)
    assert counters.durations()[Source.FORWARD].counts[0] == len(asked)


@pytest.mark.parametrize(
    "kind", [b"", b"\0\x10\0\x03", b"\xff\x01\0\x01"], ids=["no question", "class CH", "private type"]
)
def test_what_is_rare_is_other(kind: bytes) -> None:
    counters = Counters()
    counters.count(UDP4, kind, Source.ERROR, 1, None, 0.0)
    assert list(counters.requests()) == [(UDP4, "other", 1)]


@pytest.mark.parametrize(
    ("rcode", "label"), [(0, "NOERROR"), (3, "NXDOMAIN"), (11, "DSOTYPENI"), (12, "other"), (16, "other")]
)
def test_response_codes_have_names(rcode: int, label: str) -> None:
    counters = Counters()
    counters.count(UDP4, A_IN, Source.STALE, rcode, None, 0.0)
    assert list(counters.responses()) == [(Source.STALE, label, 1)]


def test_blocked_totals_go_on_after_a_reload_and_hold_no_verdict() -> None:
    counters = Counters()
    old = Watched(blocking("ads", "lab"))
    gone = weakref.ref(old)
    counters.count(UDP4, A_IN, Source.BLOCKED, 3, old, 0.0)
    del old
    gc.collect()
    assert gone() is None
    counters.count(UDP4, A_IN, Source.BLOCKED, 3, blocking("ads", "lab"), 0.0)
    assert counters.blocked() == {("ads", "lab"): 2}


class Watched(Verdict):
    """A verdict that a weak reference can watch."""

    def __init__(self, of: Verdict) -> None:
        super().__init__(of.effect, of.list, of.group, of.answer)


def test_a_verdict_that_does_not_block_is_not_counted_as_blocked() -> None:
    counters = Counters()
    counters.count(UDP4, A_IN, Source.CACHE, 0, PASS, 0.0)
    assert counters.blocked() == {}


@pytest.mark.parametrize("reason", DROP_REASONS)
def test_drops_count_by_reason(reason: str) -> None:
    counters = Counters()
    counters.drop(reason)
    assert counters.drops() == dict.fromkeys(DROP_REASONS, 0) | {reason: 1}


def test_a_reason_outside_the_set_is_refused() -> None:
    with pytest.raises(KeyError, match="because"):
        Counters().drop("because")


@given(st.lists(st.floats(0, 100), max_size=30))
def test_a_duration_is_in_the_first_bucket_that_holds_it(seconds: list[float]) -> None:
    durations = Durations(QUERY_BOUNDS)
    for each in seconds:
        durations.add(each)
    edges = (-1.0, *QUERY_BOUNDS, float("inf"))
    expected = [sum(low < each <= high for each in seconds) for low, high in pairwise(edges)]
    assert durations.counts == expected
    assert durations.seconds == pytest.approx(sum(seconds))


def test_latency_buckets_double_from_a_quarter_millisecond_to_four_seconds() -> None:
    assert QUERY_BOUNDS[0] == 0.00025
    assert QUERY_BOUNDS[-1] == pytest.approx(4.096)
    assert all(after == 2 * before for before, after in pairwise(QUERY_BOUNDS))


def test_what_is_blocked_without_an_answer_counts_as_blocked_and_as_dropped() -> None:
    made = Counters()
    made.drop("blocked", blocking("ads"))
    made.drop("overload")
    assert made.blocked() == {("ads", "default"): 1}
    assert (made.drops()["blocked"], made.drops()["overload"]) == (1, 1)


@pytest.mark.parametrize(("effect", "expected"), [(Effect.BLOCK, {("trial", "lab"): 2}), (Effect.ALLOW, {})])
def test_only_what_a_list_in_shadow_would_have_blocked_is_counted(
    effect: Effect, expected: dict[tuple[str, str], int]
) -> None:
    made = Counters()
    verdict = PASS.shadowed(Shadow(PolicyList("trial", Record("Trial")), "lab", effect))
    for _ in range(2):
        made.count(UDP4, b"\0\1\0\1", Source.CACHE, 0, verdict, 0.0001)
    assert made.shadow_blocked() == expected
    assert made.blocked() == {}
