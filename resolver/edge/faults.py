"""What nobody caught, in the log: at most a line a second, however often somebody can make it happen."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from resolver.observe.logs import fields

log = logging.getLogger("nxwhy")

EVERY_S = 1.0
"""How long nothing is logged after a line."""


class Sparing:
    """Lets a line a second into the log, and counts the others."""

    def __init__(self) -> None:
        self.unlogged = 0
        self._quiet_until = 0.0

    def take(self, now: float) -> int | None:
        """Return how many were left out since the last; None where this one is too. `now` is in seconds."""
        if now < self._quiet_until:
            self.unlogged += 1
            return None
        self._quiet_until = now + EVERY_S
        unlogged, self.unlogged = self.unlogged, 0
        return unlogged


class FaultLog(Sparing):
    """The exception handler of an event loop. Counts what it does not log, and says so in the next line."""

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log what asyncio says of an exception, with its traceback, or count it."""
        unlogged = self.take(loop.time())
        if unlogged is not None:
            said, broken = context.get("message", "unhandled exception"), context.get("exception")
            log.error("%s", said, exc_info=broken, extra=fields(unlogged=unlogged))
