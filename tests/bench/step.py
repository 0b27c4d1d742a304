"""One thing that is measured."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from typing import NamedTuple


class Step(NamedTuple):
    """Something to measure: `each` is how many things one call does, `goal_us` its goal for each."""

    name: str
    call: Callable[[], object]
    calls: int = 20000
    each: int = 1
    goal_us: float | None = None


def measure(step: Step, repeats: int = 7) -> float:
    """Return microseconds for each."""
    calls = max(step.calls, 1)
    return min(timeit.repeat(step.call, number=calls, repeat=repeats)) / calls / step.each * 1e6
