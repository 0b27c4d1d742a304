"""The measure of work by which hostile input is judged."""

from __future__ import annotations

import sys

import pytest

from tests.steps import does_not_grow, grows_as_its_input, steps


def each(size: int) -> None:
    for _ in range(size):
        pass


def test_steps_are_lines_of_python_and_rounds_of_comprehensions() -> None:
    assert steps(lambda: None) == 1
    few, many = steps(lambda: each(100)), steps(lambda: each(200))
    assert many - few in (100, 200)  # a round is one line or two, by what the compiler makes of it
    assert steps(lambda: [one for one in range(1000)]) >= 1000  # noqa: C416


def test_who_else_traces_is_not_forgotten() -> None:
    before = sys.gettrace()
    with pytest.raises(ZeroDivisionError):
        steps(lambda: 1 / 0)
    assert sys.gettrace() is before


def test_work_for_each_pair_is_more_than_the_size_has_it() -> None:
    grows_as_its_input(each, 250, 1000)
    with pytest.raises(AssertionError, match="steps for 250"):
        grows_as_its_input(lambda size: each(size * size // 100), 250, 1000)


def test_work_that_grows_is_seen_where_it_should_not() -> None:
    does_not_grow(lambda _: each(1000), 250, 1000)
    with pytest.raises(AssertionError, match="steps for 250"):
        does_not_grow(each, 250, 1000)
