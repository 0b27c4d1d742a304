"""Where an answer came from."""

from __future__ import annotations

from enum import StrEnum


class Source(StrEnum):
    """The origin of a reply, as metrics and logs name it."""

    CACHE = "cache"
    BLOCKED = "blocked"
    FORWARD = "forward"
    LOCAL = "local"
    STALE = "stale"
    ERROR = "error"
