"""The lists of a running server: what is in force, what is to be looked at, fetched, ordered and noted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

from resolver.config import Config
from resolver.core.errors import ChildError, ControlError, HistoryError, TableFault
from resolver.edge import audit, intake, orders
from resolver.edge.builder import TABLE, Build, Order, known_by, open_built
from resolver.edge.fetching import FOLDER, Fetcher, keep_fetching
from resolver.edge.lists import CHILD, Watch, build_apart, kept_open, settled
from resolver.edge.shelf import Shelf
from resolver.listing import lists_document
from resolver.parts import (
    failed_tests,
    fetch_jobs,
    list_sources,
    protected_names,
    record_defaults,
    waiting_tests,
)
from resolver.publishing import Publisher
from resolver.web import transparency
from resolver.web.transparency import NOTHING

log = logging.getLogger("nxwhy")


class Keeper:
    """Keeps the lists. `state` is the folder that the server started with; `program` compiles them."""

    def __init__(self, state: Path, program: str = CHILD) -> None:
        self._state, self._program = state, program
        self._watch = Watch()
        self._fetcher = Fetcher(state / FOLDER)
        self.shelf = Shelf(self._fetcher.reports, self._fetcher.next_s)
        self._publisher: Publisher | None = None
        self._last: Build | None = None
        self._last_s = 0.0

    def put_in_force(self, config: Config, build: Build) -> None:
        """Take note of what is in force from now on."""
        self.shelf.note(build, dict(self._good_s(build)))
        self._publisher = Publisher(config, build, self._state)
        self._last = None  # or its table would stay mapped

    def _good_s(self, build: Build) -> Iterator[tuple[str, float]]:
        """Yield when lists were last found good, in Unix seconds, that were not just now.

        Of one that was refused it is when the version came that is in force in its place.
        """
        for loaded in build.lists:
            if loaded.error is None and build is self._last:
                yield loaded.name, self._last_s
            elif loaded.error is not None and loaded.in_force:
                index = intake.history(self._state, loaded.name).index()
                yield from [(loaded.name, one.time_s) for one in index.versions if one.id == loaded.version]

    def last(self, config: Config) -> Build:
        """Return the table of the last run, if it is of the same lists. Raises TableFault."""
        found = open_built(self._state)
        if found.table.extra.get("sources") != known_by(list_sources(config)):
            raise TableFault("of other lists than the configuration has now")
        self._last, self._last_s = found, (self._state / TABLE).stat().st_mtime
        return found

    def standing(self) -> AbstractAsyncContextManager[None]:
        """Keep the file of the table that is in force open meanwhile (`kept_open`)."""
        return kept_open(self._state / TABLE)

    async def build(self, config: Config, *, gives_way: bool = True) -> Build:
        """Return the lists as they are now, compiled. Raises ListRefused; the table in force then stays."""
        sources = list_sources(config)
        await self.note_content([source.path for source in sources])
        order = Order(
            sources,
            protected_names(config),
            partial(failed_tests, config) if config.tests else None,
        )
        made = await build_apart(order, self._state, self._program, gives_way=gives_way)
        for waiting in await asyncio.to_thread(waiting_tests, config, made):
            log.warning("a test is tried again once its list is fetched: %s", waiting)
        return made

    async def note_changes(self, cause: str, before: Config, after: Config, build: Build) -> None:
        """Write down what changes in what is enforced; a full disk must not stop a good list."""
        entries: list[Mapping[str, object]] = list(audit.changes(self.shelf.build, build))
        if before.groups != after.groups:
            old, new = (one.model_dump(mode="json", include={"groups"}) for one in (before, after))
            entries.append({"before": old, "after": new})
        entries += _resettings(before, after)
        try:
            await asyncio.to_thread(audit.write, self._state, cause, entries, time.time())
        except OSError as exc:
            log.error("what changed could not be written down: %s", exc)

    async def changed(self, config: Config) -> frozenset[Path]:
        """Return the files that changed since the last look, once they stay as they are."""
        found = await asyncio.to_thread(self._watch.look, watched(config))
        if found:
            await settled(found)
            await self.note_content(found)
        else:
            self.shelf.looked()
        return found

    async def note_content(self, paths: list[Path] | frozenset[Path]) -> None:
        """Note what files hold before they are read: what changes later is then seen as changed."""
        await asyncio.to_thread(self._watch.look, paths)

    async def look(self, config: Config) -> None:
        """Look at all files for the first time, before they are read."""
        await self.note_content(list(watched(config)))

    async def fetch(self, config: Config) -> None:
        """Fetch what is due; the files are looked at like all others."""
        await keep_fetching(self._fetcher, fetch_jobs(config))

    async def fetch_now(self, name: str, config: Config) -> str:
        """Fetch one list now; return what came of it. Raises ControlError."""
        job = next((job for job in fetch_jobs(config) if job.name == name), None)
        if job is None:
            raise ControlError(f"{name!r} is no list with a `url`")
        try:
            return await self._fetcher.fetch(job)
        except ChildError as exc:
            raise ControlError(str(exc)) from exc

    async def order(self, given: Mapping[str, object], config: Config) -> str:
        """Note what the owner orders about the versions of a list. Raises ControlError."""
        order, name, version = (str(given.get(key, "")) for key in ("order", "list", "version"))
        if name not in config.lists:
            raise ControlError(f"{name!r} is no list")
        if order == "refresh":
            return await self.fetch_now(name, config)
        try:
            return await asyncio.to_thread(
                orders.carry_out, order, intake.history(self._state, name), version
            )
        except (HistoryError, OSError) as exc:
            raise ControlError(str(exc)) from exc

    def error_of(self, name: str) -> str | None:
        """Return what is wrong with a list now."""
        loaded = () if self.shelf.build is None else self.shelf.build.lists
        return next((one.error for one in loaded if one.name == name), None)

    def document(self, config: Config) -> list[dict[str, object]]:
        """Return what each list holds and how it fares, for programs."""
        if self.shelf.build is None:
            return []
        now = time.time()
        live = self.shelf.live(now)
        return lists_document(self.shelf.build, live, record_defaults(config))

    async def published(self) -> Mapping[str, bytes]:
        """Return both forms of the transparency document of what is in force, by the names of their files."""
        return transparency.files(NOTHING) if self._publisher is None else await self._publisher.files()


def _resettings(before: Config, after: Config) -> Iterator[Mapping[str, object]]:
    """Yield the lists that stay and are read or count in another way than before."""
    for name in sorted(before.lists.keys() & after.lists.keys()):
        old, new = (_manner(config, name) for config in (before, after))
        if old != new:
            yield {"list": name, "before": old, "after": new}


def _manner(config: Config, name: str) -> dict[str, object]:
    found = config.lists[name]
    return {
        "mode": found.mode.value,
        "kind": found.kind.value,
        "match": found.match.name.lower(),
        "format": found.format,
        "trusted": found.trusted,
    }


def watched(config: Config) -> tuple[Path, ...]:
    """Return the files that rule us."""
    source = (config.source,) if config.source else ()
    return *source, *[found.path for found in list_sources(config)]
