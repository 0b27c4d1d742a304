"""How much work something is, in lines of Python: as many on a slow and busy machine as on any other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

SLACK = 200
"""Lines that do not count: what is done once, and what the interpreter does in between."""


def steps(work: Callable[[], object]) -> int:
    """Return how many lines of Python some work takes, those of comprehensions for each of their rounds.

    What C does within a line, a regular expression above all, is not seen: `make bench` has what that costs.
    """
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def grows_as_its_input(work: Callable[[int], object], small: int, large: int) -> None:
    """Fail where work on something large takes more steps, for its size, than on something small."""
    few, many = _both(work, small, large)
    most = 1.1 * few * large / small + SLACK
    assert many <= most, f"{few} steps for {small}, {many} for {large}: over {most:.0f}"


def does_not_grow(work: Callable[[int], object], small: int, large: int) -> None:
    """Fail where work on something large takes more steps than on something small."""
    few, many = _both(work, small, large)
    assert many <= few + SLACK, f"{few} steps for {small}, {many} for {large}"


def _both(work: Callable[[int], object], small: int, large: int) -> tuple[int, int]:
    work(small)  # what is imported or made once, at its first use
    return steps(lambda: work(small)), steps(lambda: work(large))
