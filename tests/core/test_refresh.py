"""When lists are fetched: intervals, back-off, jitter, and clocks that jump."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.refresh import MAX_VALIDATOR, FetchState, Validators, next_fetch, usable_validator

DAY = 86400.0
NEW = FetchState("https://lists.example/")
VALIDATORS = Validators('"one"', "Mon, 23 Nov 2026 12:00:00 GMT")
RNG = random.Random(1)


def after_failures(count: int) -> FetchState:
    state = NEW
    for _ in range(count):
        state = state.failed(1000.0)
    return state


def test_a_list_that_was_never_fetched_is_due_at_once() -> None:
    assert next_fetch(NEW, DAY, 1000.0, RNG) == 1000.0


@given(st.floats(60, 7 * DAY), st.randoms(use_true_random=False))
def test_after_a_success_the_wait_is_the_interval_give_or_take_a_tenth(
    refresh_s: float, rng: random.Random
) -> None:
    for state in (NEW.fetched(1000.0, VALIDATORS, "ab"), after_failures(3).unchanged(1000.0, VALIDATORS)):
        due = next_fetch(state, refresh_s, 1000.0, rng)
        assert 0.9 * refresh_s - 1e-6 <= due - 1000.0 <= 1.1 * refresh_s + 1e-6


def test_not_all_who_fetch_a_list_come_at_once() -> None:
    state = NEW.fetched(0.0, VALIDATORS, "ab")
    due = [next_fetch(state, DAY, 0.0, RNG) for _ in range(200)]
    assert max(due) - min(due) > 0.15 * DAY
    due = [next_fetch(after_failures(1), DAY, 1000.0, RNG) for _ in range(200)]
    assert max(due) - min(due) > 9


@pytest.mark.parametrize(
    ("failures", "wait_s"), [(1, 60), (2, 120), (3, 240), (7, 3840), (10, 30720), (12, DAY), (5000, DAY)]
)
def test_after_failures_the_wait_doubles_up_to_the_interval(failures: int, wait_s: float) -> None:
    due = next_fetch(after_failures(failures), DAY, 1000.0, RNG) - 1000.0
    assert 0.9 * wait_s <= due <= 1.1 * wait_s


def test_an_interval_shorter_than_the_first_wait_is_the_wait() -> None:
    assert next_fetch(after_failures(4), 10.0, 1000.0, RNG) <= 1011.0


def test_what_was_due_while_we_were_off_is_due_now() -> None:
    assert next_fetch(NEW.fetched(1000.0, VALIDATORS, "ab"), 3600.0, 900000.0, RNG) == 900000.0


@given(st.floats(0, 1e10), st.floats(0, 1e10), st.integers(0, 100), st.floats(1, 7 * DAY))
def test_however_the_clock_jumps_the_wait_is_bounded(
    then: float, now: float, failures: int, refresh_s: float
) -> None:
    state = FetchState("file:///list.txt", last_attempt_s=then, failures=failures)
    assert now <= next_fetch(state, refresh_s, now, RNG) <= now + 1.1 * refresh_s + 1e-3


def test_states_follow_each_other() -> None:
    state = NEW.fetched(10.0, VALIDATORS, "ab")
    assert state == FetchState(NEW.origin, VALIDATORS, "ab", 10.0, 10.0, 0)
    failed = state.failed(20.0).failed(30.0)
    assert failed == FetchState(NEW.origin, VALIDATORS, "ab", 10.0, 30.0, 2)
    assert failed.unchanged(40.0, Validators('"two"')) == FetchState(
        NEW.origin, Validators('"two"'), "ab", 40.0, 40.0, 0
    )


@pytest.mark.parametrize("text", ["", "a\r\nb", "\x7f", "é", "a" * (MAX_VALIDATOR + 1), None])
def test_what_could_not_be_sent_back_is_no_validator(text: str | None) -> None:
    assert usable_validator(text) is None


@pytest.mark.parametrize("text", ['W/"a b"', "Mon, 23 Nov 2026 12:00:00 GMT", "a" * MAX_VALIDATOR])
def test_what_can_be_sent_back_is_kept_as_it_is(text: str) -> None:
    assert usable_validator(text) == text
