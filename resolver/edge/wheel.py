"""One timer for all that waits: thousands of deadlines, one call of the event loop every few milliseconds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic  # the clock of asyncio's loop

TICK_S = 0.02
"""How exact a deadline is, in seconds."""


class Wheel:
    """Deadlines in buckets of a tick. Nothing is ever taken out: who is done ignores the call."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._buckets: dict[int, list[tuple[Callable[[int], None], int]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._reached = 0

    def after(self, seconds: float, call: Callable[[int], None], mark: int) -> None:
        """Call `call(mark)` after so many seconds, a tick late at most."""
        now = monotonic()
        slot = int((now + seconds) / TICK_S) + 1
        bucket = self._buckets.get(slot)
        if bucket is None:
            self._buckets[slot] = [(call, mark)]
        else:
            bucket.append((call, mark))
        if self._timer is None:
            self._reached = int(now / TICK_S)
            self._timer = self._loop.call_at((self._reached + 1) * TICK_S, self._turn)

    def stop(self) -> None:
        """Forget all deadlines."""
        self._buckets.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _turn(self) -> None:
        upto = int(monotonic() / TICK_S)
        due: deque[tuple[Callable[[int], None], int]] = deque()
        for slot in range(self._reached + 1, upto + 1):
            due.extend(self._buckets.pop(slot, ()))
        self._reached = upto
        self._timer = self._loop.call_at((upto + 1) * TICK_S, self._turn) if self._buckets else None
        for call, mark in due:
            try:
                call(mark)
            except Exception as exc:  # the deadlines after it still hold, or questions would wait for ever
                self._loop.call_exception_handler({"message": "a deadline failed", "exception": exc})
