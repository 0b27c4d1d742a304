"""Where an answer came from."""

from __future__ import annotations

from enum import StrEnum


class Source(StrEnum):
    """Who made an answer; a metric's label, so the set is fixed."""

    CACHE = "cache"
    BLOCKED = "blocked"
    FORWARD = "forward"
    LOCAL = "local"
    STALE = "stale"
    ERROR = "error"
