"""Whom to ask next, over what, after how long."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core import wire as w
from resolver.core.edns import Edns
from resolver.core.replies import extended_error
from resolver.core.retries import (
    DEAD_AFTER,
    LONGEST_PROBE_S,
    NO_EDNS_S,
    RESENDS,
    SHORTEST_TIMEOUT_S,
    SILENT_S,
    Health,
    Next,
    Strategy,
    judge,
    plan,
    plans,
)
from resolver.core.wire import Answer


def health(*rtts: float, dead: bool = False) -> Health:
    made = Health()
    for rtt in rtts:
        made.answered(rtt)
    for number in range(DEAD_AFTER + 1 if dead else 0):
        made.missed(number * SILENT_S)
    return made


HEALTHS = st.lists(
    st.builds(
        lambda rtts, dead: health(*rtts, dead=dead), st.lists(st.floats(0.001, 3), max_size=3), st.booleans()
    ),
    min_size=1,
    max_size=5,
)


@given(HEALTHS, st.sampled_from(list(Strategy)), st.floats(0.1, 30), st.integers())
def test_a_plan_asks_every_server_at_most_once_and_two_resends_and_waits_within_bounds(
    healths: list[Health], strategy: Strategy, longest_s: float, seed: int
) -> None:
    made = plan(healths, strategy, longest_s, random.Random(seed))
    asked = Counter([attempt.server for attempt in made])
    living = {place for place, found in enumerate(healths) if found.up}
    assert set(asked) == living or (not living and set(asked) == set(range(len(healths))))
    assert all(times <= 1 + RESENDS for times in asked.values())
    assert all(0 < attempt.patience_s <= longest_s for attempt in made)


def test_the_fastest_is_asked_first_but_for_a_look_at_the_others_now_and_then() -> None:
    healths = [health(0.3), health(0.01), health(0.1)]
    rng = random.Random(1)
    first = Counter([plan(healths, Strategy.FASTEST, 2, rng)[0].server for _ in range(2000)])
    assert first[1] > 1800
    assert first[0] > 5
    assert first[2] > 5


def test_ordered_asks_in_order_and_random_in_any() -> None:
    healths = [health(0.3), health(0.01)]
    rng = random.Random(1)
    assert {plan(healths, Strategy.ORDERED, 2, rng)[0].server for _ in range(50)} == {0}
    assert {plan(healths, Strategy.RANDOM, 2, rng)[0].server for _ in range(50)} == {0, 1}


def test_another_server_is_tried_before_the_same_one_again() -> None:
    made = plan([health(), health()], Strategy.ORDERED, 2, random.Random(1))
    assert [attempt.server for attempt in made] == [0, 1] * 3


def test_patience_follows_the_measured_times() -> None:
    slow, fast = health(*[1.0] * 50), health(*[0.001] * 50)
    assert 0.9 < slow.patience_s(5) < 1.5
    assert fast.patience_s(5) == SHORTEST_TIMEOUT_S
    assert health().patience_s(0.1) == 0.1


def test_the_last_sending_waits_as_long_as_the_owner_allows() -> None:
    assert plan([health(0.001)], Strategy.FASTEST, 2.0, random.Random(1))[-1].patience_s == 2.0


def test_a_silent_server_is_probed_then_set_aside_and_an_answer_brings_it_back() -> None:
    found = Health()
    assert [found.missed(0.01 * number) for number in range(200)] == [False] * 200
    assert found.up
    assert found.down_until == 0.01 * (DEAD_AFTER - 1)  # a probe is due
    assert not found.missed(found.down_until + SILENT_S - 0.01)
    assert found.missed(3.0)
    assert found.down_until == 4.0
    assert not found.up
    waits = []
    for _ in range(8):
        found.probed_in_vain(0.0)
        waits.append(found.down_until)
    assert waits[0] == 2.0
    assert waits[-1] == LONGEST_PROBE_S
    found.answered(None)
    assert found.up
    assert not found.missed(0.0)


def reply(rcode: int = 0, *, truncated: bool = False, edns: bool = True, code: int | None = None) -> Answer:
    options = () if code is None else ((w.EDE, extended_error(code)[4:]),)
    found = Edns(1232, 0, False, 0, options) if edns else None
    return Answer(rcode, truncated, False, found, b"", (0, 0, 0), (), 0, None, ())


@pytest.mark.parametrize(
    ("answer", "over_tcp", "expected"),
    [
        (reply(), False, Next.TAKE),
        (reply(w.NXDOMAIN), True, Next.TAKE),
        (reply(w.YXDOMAIN), False, Next.TAKE),
        (reply(w.YXDOMAIN + 16), False, Next.ASK_ANOTHER),
        (reply(truncated=True), False, Next.ASK_BY_TCP),
        (reply(truncated=True), True, Next.ASK_ANOTHER),
        (reply(w.FORMERR, edns=False), False, Next.ASK_WITHOUT_EDNS),
        (reply(w.NOTIMP, edns=False), False, Next.ASK_WITHOUT_EDNS),
        (reply(w.BADVERS), False, Next.ASK_WITHOUT_EDNS),
        (reply(w.FORMERR), False, Next.ASK_ANOTHER),
        (reply(w.SERVFAIL), False, Next.ASK_ANOTHER),
        (reply(w.REFUSED), False, Next.ASK_ANOTHER),
        (reply(w.SERVFAIL, code=6), False, Next.GIVE_UP),
        (reply(w.SERVFAIL, code=22), False, Next.ASK_ANOTHER),
    ],
)
def test_an_answer_is_worth_what_it_says(answer: Answer, over_tcp: bool, expected: Next) -> None:
    assert judge(answer, over_tcp=over_tcp, with_edns=True) is expected


def test_edns_is_off_for_an_hour_after_two_refusals_with_no_answer_by_it_between() -> None:
    found = Health()
    found.disliked_edns(0.0)
    assert found.no_edns_until == 0.0
    found.knows_edns = True  # it answered with EDNS
    found.disliked_edns(0.0)
    assert found.no_edns_until == 0.0
    found.disliked_edns(10.0)
    assert found.no_edns_until == 10.0 + NO_EDNS_S


def test_without_edns_there_is_nothing_less_to_ask_with() -> None:
    assert judge(reply(w.FORMERR, edns=False), over_tcp=False, with_edns=False) is Next.ASK_ANOTHER


def test_a_failed_validation_is_not_asked_about_elsewhere_whatever_text_goes_with_it() -> None:
    for code in range(31):
        expected = Next.GIVE_UP if code in {1, 2, *range(5, 13), 25, 27} else Next.ASK_ANOTHER
        assert judge(reply(w.SERVFAIL, code=code), over_tcp=False, with_edns=True) is expected


@given(st.lists(st.floats(0.0005, 1.5), min_size=1, max_size=60), st.floats(0.05, 10))
def test_patience_is_never_below_what_was_measured_nor_above_the_longest(
    rtts: list[float], longest_s: float
) -> None:
    found = health(*rtts)
    assert found.srtt_s is not None
    assert min(rtts) * 0.999 <= found.srtt_s <= max(rtts) * 1.001
    patience_s = found.patience_s(longest_s)
    assert patience_s <= longest_s
    assert patience_s >= min(found.srtt_s, SHORTEST_TIMEOUT_S, longest_s)


def test_a_server_that_got_faster_becomes_the_first_to_be_asked() -> None:
    healths = [health(*[0.02] * 20), health(*[0.2] * 20)]
    calm = random.Random(3)

    def first() -> int:
        return Counter([plan(healths, Strategy.FASTEST, 2, calm)[0].server for _ in range(99)]).most_common()[
            0
        ][0]

    assert first() == 0
    for _ in range(40):
        healths[1].answered(0.001)
    assert first() == 1


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 3)), max_size=60))
def test_a_server_is_up_unless_all_was_in_vain_four_times_and_for_a_while_from_there_on(
    outcomes: list[tuple[bool, float]],
) -> None:
    found, silent, now = Health(), list[float](), 0.0
    for answered, later in outcomes:
        now += later
        if answered:
            found.answered(None)
            silent.clear()
        else:
            was_up = found.up
            silent.append(now)
            assert found.missed(now) is (was_up and not found.up)
        suspected = silent[DEAD_AFTER - 1 :]
        assert found.up is (not suspected or suspected[-1] - suspected[0] < SILENT_S)
        assert (found.down_until is None) is (not suspected)


@pytest.mark.parametrize("pause_s", [0.01, 0.4, 5.0])
def test_names_that_a_server_is_silent_for_never_set_it_aside_while_it_answers_probes(pause_s: float) -> None:
    found, now = Health(), 0.0
    for _ in range(1000):
        now += pause_s
        if found.down_until is not None and now - found.down_until >= 1.0:
            found.answered(None)  # to the probe
        found.missed(now)
        assert found.up


def test_a_server_that_is_set_aside_is_left_out_until_no_other_is_left() -> None:
    dead, living = health(0.001, dead=True), health(0.9)
    for strategy in Strategy:
        made = plan([dead, living], strategy, 2, random.Random(1))
        assert {attempt.server for attempt in made} == {1}
        assert [attempt.patience_s for attempt in plan([dead, dead], strategy, 2, random.Random(1))] == [2, 2]


@given(HEALTHS, st.floats(0.1, 30), st.integers())
def test_all_are_asked_side_by_side_each_at_most_once_and_two_resends(
    healths: list[Health], longest_s: float, seed: int
) -> None:
    rng = random.Random(seed)
    made = plans(healths, Strategy.PARALLEL, longest_s, rng)
    living = [place for place, found in enumerate(healths) if found.up] or list(range(len(healths)))
    assert [{attempt.server for attempt in one} for one in made] == [{place} for place in living]
    assert all(len(one) <= 1 + RESENDS for one in made)
    assert all(0 < attempt.patience_s <= longest_s for one in made for attempt in one)
    assert len(plans(healths, Strategy.FASTEST, longest_s, rng)) == 1


def test_each_round_waits_longer_than_the_one_before() -> None:
    waits = [attempt.patience_s for attempt in plan([health(0.1)], Strategy.ORDERED, 5, random.Random(1))]
    assert waits[0] < waits[1] < waits[2]
