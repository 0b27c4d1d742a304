"""The benchmarks run; what they measure is for people to read."""

from __future__ import annotations

import pytest

from tests.bench.__main__ import steps
from tests.bench.eviction import RULES, figures
from tests.bench.step import Step, measure


@pytest.mark.parametrize("step", list(steps(names_listed=100)), ids=lambda step: step.name)
def test_each_step_can_be_measured(step: Step) -> None:
    assert measure(step._replace(calls=1), repeats=1) > 0


def test_each_rule_of_eviction_can_be_measured() -> None:
    for figure in figures(names=400, queries=4000):
        assert len(figure.rates) == len(RULES)
        assert all(0 < rate < 1 for rate in figure.rates)
