"""The benchmarks run; what they measure is for people to read."""

from __future__ import annotations

import pytest

from tests.bench.__main__ import steps
from tests.bench.step import Step, measure


@pytest.mark.parametrize("step", list(steps(names_listed=100)), ids=lambda step: step.name)
def test_each_step_can_be_measured(step: Step) -> None:
    assert measure(step._replace(calls=1), repeats=1) > 0
