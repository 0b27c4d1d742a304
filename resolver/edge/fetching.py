"""Fetching the lists that have a URL, each when it is due, in a process of its own.

What was fetched is a file in the state folder; whoever watches the lists sees it change like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from resolver.core.errors import ChildError, FetchError, StateError
from resolver.core.refresh import NO_VALIDATORS, FetchState, next_fetch
from resolver.edge.children import run_child
from resolver.edge.fetch_request import TOTAL_S, FetchRequest
from resolver.edge.fetched import FetchStore
from resolver.edge.server import ServerSpec
from resolver.observe.logs import fields

log = logging.getLogger("nxwhy")

FOLDER = "fetched"
"""Name of the folder in the state folder."""
LOOK_S = 5.0
"""How often we look what is due."""
MAIN = "from resolver.edge.fetching import main; main()"


@dataclass(frozen=True, slots=True)
class Job:
    """A list to fetch: its name, what to fetch, how often in seconds, and whom to ask for addresses."""

    name: str
    request: FetchRequest
    refresh_s: float
    servers: tuple[ServerSpec, ...]

    @property
    def content(self) -> Path:
        """Return where the content lies once it is fetched."""
        return content_path(self.request.folder, self.name)


class Report(NamedTuple):
    """How the fetches of a list fare: the last good one, in Unix seconds or None; how many came to nothing
    since the start; and why the last one did, None if it did not.
    """

    success_s: float | None = None
    failures: int = 0
    error: str | None = None


def content_path(folder: Path, name: str) -> Path:
    """Return where the fetched content of a list lies."""
    return folder / f"{name}.list"


class Fetcher:
    """Knows when each list is due. `reports` has how each fares, by its name."""

    def __init__(self, folder: Path) -> None:
        self._store = FetchStore(folder)
        self._due: dict[str, tuple[str, float]] = {}
        self.reports: dict[str, Report] = {}
        self._rng = random.SystemRandom()

    def due(self, jobs: Sequence[Job], now: float) -> list[Job]:
        """Return the jobs that are due at a Unix time."""
        self._due = {job.name: self._when(job, now) for job in jobs}
        for name in self.reports.keys() - self._due.keys():
            del self.reports[name]
        return [job for job in jobs if self._due[job.name][1] <= now]

    def next_s(self, name: str) -> float | None:
        """Return when a list is fetched next, in Unix seconds."""
        found = self._due.get(name)
        return None if found is None else found[1]

    def state(self, job: Job) -> FetchState:
        """Return what is known of a list's fetches."""
        return self._store.load(job.name, job.request.origin)

    async def fetch(self, job: Job) -> str:
        """Fetch one list, log what came of it and return it. Raises ChildError."""
        error = None
        try:
            said = await run_child(MAIN, pickle.dumps(job), TOTAL_S + 10.0)
        except ChildError as exc:
            error = str(exc)
            log.error("list not fetched: %s", exc, extra=fields(list=job.name))
            raise
        finally:
            await asyncio.to_thread(self._note, job, error)
        log.info("list fetched", extra=fields(list=job.name, url=job.request.url, outcome=said))
        return said

    def _note(self, job: Job, error: str | None) -> None:
        """Note how a list that was just tried fares, and when it is due again."""
        now = time.time()
        state = self.state(job)
        if state.last_attempt_s is None:  # not even that could be written down
            state = state.failed(now)
        before = self.reports.get(job.name, Report())
        self.reports[job.name] = Report(state.last_success_s, before.failures + (error is not None), error)
        self._due[job.name] = job.request.origin, next_fetch(state, job.refresh_s, now, self._rng)

    def _when(self, job: Job, now: float) -> tuple[str, float]:
        known = self._due.get(job.name)
        if known is not None and known[0] == job.request.origin:
            return known
        state = self.state(job)
        self.reports[job.name] = Report(state.last_success_s)
        due = next_fetch(state, job.refresh_s, now, self._rng) if job.content.exists() else now
        return job.request.origin, due


def carry_out(job: Job) -> str:
    """Fetch one list and put its content in place; return what came of it. Raises FetchError."""
    from resolver.edge.fetch import Fetched, clear_leftovers, fetch  # noqa: PLC0415 - not for the server
    from resolver.edge.resolve import resolve  # noqa: PLC0415

    store = FetchStore(job.request.folder)
    state = store.load(job.name, job.request.origin)
    held = state.validators if job.content.exists() else NO_VALIDATORS
    try:
        clear_leftovers(job.request.folder)
        try:
            got = fetch(replace(job.request, validators=held), lambda host: resolve(host, job.servers))
        except FetchError:
            store.save(job.name, state.failed(time.time()))
            raise
        if isinstance(got, Fetched):
            os.replace(got.path, job.content)
            store.save(job.name, state.fetched(time.time(), got.validators, got.sha256))
            return f"{got.size} bytes"
        store.save(job.name, state.unchanged(time.time(), got.validators))
        return "unchanged"
    except (StateError, OSError) as exc:
        raise FetchError(job.request.url, str(exc)) from exc


def main() -> None:
    """Serve one job to the parent process: a pickle on standard input, what came of it on standard output."""
    job = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent, over a pipe
    try:
        sys.stdout.write(carry_out(job))
    except FetchError as exc:
        sys.exit(str(exc))


async def keep_fetching(fetcher: Fetcher, jobs: Sequence[Job]) -> None:
    """Fetch all that is due, one after the other."""
    for job in await asyncio.to_thread(fetcher.due, jobs, time.time()):
        with contextlib.suppress(ChildError):  # it is in the log
            await fetcher.fetch(job)
