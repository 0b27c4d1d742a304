"""What nobody caught, in the log: at most a line a second, however often somebody can make it happen."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from resolver.observe.logs import fields

log = logging.getLogger("nxwhy")

EVERY_S = 1.0
"""How long nothing is logged after a line."""


class FaultLog:
    """The exception handler of an event loop. Counts what it does not log, and says so in the next line."""

    def __init__(self) -> None:
        self.unlogged = 0
        self._quiet_until = 0.0

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log what asyncio says of an exception, with its traceback, or count it."""
        now = loop.time()
        if now < self._quiet_until:
            self.unlogged += 1
            return
        self._quiet_until = now + EVERY_S
        said, unlogged, self.unlogged = context.get("message", "unhandled exception"), self.unlogged, 0
        log.error("%s", said, exc_info=context.get("exception"), extra=fields(unlogged=unlogged))
