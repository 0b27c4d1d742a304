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

GATHER_S, SOON_S, MANY = 0.1, 0.02, 500
"""How often what was noted elsewhere is taken, and how soon again after so much; each thread has room for
some 4,000 queries. What comes faster than that gets lost, so that the journal never takes more than some part
of one core."""
ROUNDS = 20
"""How often it is taken before a question about the journal is answered, while there is something."""


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
        self._tended = False

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
        if limits is not None and not self._tended:
            self._tended = True
            self._spawn(self._tend())

    async def command(self, given: Mapping[str, object]) -> Mapping[str, object]:
        """Answer what `nxwhy journal` asks. Raises ControlError."""
        for _ in range(ROUNDS):
            if not self._journal.gather(time.time()):
                break
            await asyncio.sleep(0)  # what waits is answered in between
        return answer(self._journal, given, self._service.clients.policy.lists)

    async def _tend(self) -> None:
        """Take what was noted elsewhere, and forget what is too old, as long as there is a journal."""
        while self._journal.limits is not None:
            taken = self._journal.gather(time.time())
            await asyncio.sleep(GATHER_S if taken < MANY else SOON_S)
        self._tended = False
