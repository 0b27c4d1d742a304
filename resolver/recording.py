"""The journal of the running server: switched on and off, tended, and asked."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping

from resolver.config import Config
from resolver.edge.service import Service
from resolver.journaling import answer, said_of
from resolver.observe.journal import Elsewhere, Journal
from resolver.observe.state import JournalState
from resolver.parts import journal_limits

log = logging.getLogger("nxwhy")

GATHER_S = 0.1
"""How often what was noted elsewhere is taken; there is room for some 4,000 queries of each thread."""


class Recorder:
    """Keeps the journal of one service. `spawn` runs work until the server ends."""

    def __init__(
        self,
        service: Service,
        elsewhere: Elsewhere | None,
        spawn: Callable[[Coroutine[object, object, None]], None],
    ) -> None:
        self._service, self._spawn = service, spawn
        self._journal = Journal(elsewhere)

    @property
    def said(self) -> str:
        """What is kept, in words."""
        return said_of(self._journal.limits)

    @property
    def state(self) -> JournalState:
        """What a scrape wants to know."""
        journal = self._journal
        return JournalState(len(journal), journal.dropped)

    def put_in_force(self, config: Config) -> None:
        """Keep so much of queries from now on as the owner wants; a change is said in the log."""
        before, limits = self._journal.limits, journal_limits(config)
        self._journal.configure(limits)
        self._service.journal = None if limits is None else self._journal
        if limits != before:
            log.info("the journal of queries is %s", self.said)
        if limits is not None and before is None:
            self._spawn(self._tend())

    async def command(self, given: Mapping[str, object]) -> Mapping[str, object]:
        """Answer what `nxwhy journal` asks. Raises ControlError."""
        return answer(self._journal, given, self._service.clients.policy.lists, time.time())

    async def _tend(self) -> None:
        """Take what was noted elsewhere, and forget what is too old, as long as there is a journal."""
        while self._journal.limits is not None:
            self._journal.gather(time.time())
            await asyncio.sleep(GATHER_S)
