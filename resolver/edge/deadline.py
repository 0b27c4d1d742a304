"""A time until which something must be done."""

from __future__ import annotations

from time import monotonic


class Deadline:
    """So many seconds from now, for all that is done within."""

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = monotonic() + seconds

    def left(self, most: float | None = None) -> float:
        """Return the seconds that are left, `most` at most and never 0. Raises TimeoutError."""
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError(f"took longer than {self.seconds:g} s")
        return left if most is None else min(left, most)
