"""The values of a configuration as they were written, of which what is wrong can be left out.

So one look finds single values that are wrong and, in the rest, what does not fit together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Location = tuple[str | int, ...]
"""The way to a value: keys and places in lists, from the top."""


class Draft:
    """Values, less those left out. Places in lists close up; `as_written` opens the gaps again."""

    def __init__(self, written: dict[str, Any]) -> None:
        self._written = written
        self._left_out: set[Location] = set()
        self._touched: set[Location] = set()
        self._kept: dict[Location, list[int]] = {}
        self.values: Any = written

    def leave_out(self, locations: Iterable[Location]) -> None:
        """Leave out what stands at locations of `values`, or what something is missing in."""
        for location in [self.as_written(found) for found in locations]:
            known = location if self._has(location) else location[:-1]
            self._left_out.add(known)
            self._touched.update([known[:length] for length in range(len(known) + 1)])
        self.values = self._without(self._written, ())

    def as_written(self, location: Location) -> Location:
        """Return where something of `values` stands in what was written."""
        written: Location = ()
        for part in location:
            kept = self._kept.get(written)
            if kept is not None and isinstance(part, int) and part < len(kept):
                part = kept[part]  # noqa: PLW2901 - the same place, told otherwise
            written = (*written, part)
        return written

    def is_whole(self, location: Location) -> bool:
        """Say whether nothing was left out at, above or below a location as written."""
        above = [location[:length] for length in range(len(location))]
        return location not in self._touched and self._left_out.isdisjoint(above)

    def names(self, key: str) -> frozenset[str]:
        """Return the keys that were written below a key of the top."""
        found = self._written.get(key)
        return frozenset(found) if isinstance(found, dict) else frozenset()

    def _has(self, location: Location) -> bool:
        found: Any = self._written
        for part in location:
            try:
                found = found[part]
            except (KeyError, IndexError, TypeError):
                return False
        return True

    def _without(self, value: Any, location: Location) -> Any:
        if location not in self._touched:
            return value
        if isinstance(value, dict):
            return {
                key: self._without(found, (*location, key))
                for key, found in value.items()
                if (*location, key) not in self._left_out
            }
        if isinstance(value, list):
            kept = [place for place in range(len(value)) if (*location, place) not in self._left_out]
            self._kept[location] = kept
            return [self._without(value[place], (*location, place)) for place in kept]
        return value
