"""A bound on the time of the processor that a piece of work may take."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def within(cpu_s: float, otherwise: Exception) -> Iterator[None]:
    """Raise `otherwise` in the block once this process has computed for so many seconds within it.

    Time that other processes take does not count. For the main thread, and for work that holds no locks: the
    end may come between any two steps of Python.
    """

    def end(number: int, frame: FrameType | None) -> None:
        raise otherwise

    before = signal.signal(signal.SIGVTALRM, end)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, cpu_s)
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
