"""What is in force of each list, and how it came about: for metrics, logs and readiness."""

from __future__ import annotations

import logging
import time

from resolver.edge.builder import Build, Loaded
from resolver.observe.logs import fields
from resolver.observe.state import ListState

log = logging.getLogger("nxwhy")


class Shelf:
    """The lists of the last build, with the memory of earlier successes and failures."""

    def __init__(self) -> None:
        self.build: Build | None = None
        self._failures: dict[str, int] = {}
        self._success_s: dict[str, float] = {}

    def note(self, build: Build) -> None:
        """Take a finished build into account, and log what is wrong or new."""
        before = {} if self.build is None else dict(zip(self.names(), self.build.table.counts, strict=True))
        self.build = build
        for loaded, count in zip(build.lists, build.table.counts, strict=True):
            if loaded.error is not None:
                self._failures[loaded.name] = self._failures.get(loaded.name, 0) + 1
                kept = "the last good copy stays in force" if loaded.in_force else "nothing of it is in force"
                log.error("list refused: %s; %s", loaded.error, kept, extra=fields(list=loaded.name))
                continue
            self._success_s[loaded.name] = time.time()
            if before.get(loaded.name) != count:
                log.info(
                    "list in force",
                    extra=fields(list=loaded.name, names=count.names, own=count.own, bad=loaded.tally.bad),
                )
            for mistake in loaded.mistakes[:3]:
                log.warning("bad line: %s", mistake, extra=fields(list=loaded.name))

    def names(self) -> list[str]:
        """Return the names of the lists, in the order of the table."""
        return [loaded.name for loaded in self._loaded()]

    def states(self) -> tuple[ListState, ...]:
        """Return what metrics say of the lists."""
        if self.build is None:
            return ()
        return tuple(
            [
                ListState(
                    name=loaded.name,
                    names=count.names,
                    own=count.own,
                    bad=loaded.tally.bad,
                    last_success_s=self._success_s.get(loaded.name),
                    failed=loaded.error is not None,
                    failures=self._failures.get(loaded.name, 0),
                )
                for loaded, count in zip(self.build.lists, self.build.table.counts, strict=True)
            ]
        )

    def looked(self) -> None:
        """Note that the files were looked at and are as they were read."""
        now = time.time()
        for loaded in self._loaded():
            if loaded.error is None:
                self._success_s[loaded.name] = now

    def missing(self) -> list[str]:
        """Return the lists of which nothing is in force."""
        return [loaded.name for loaded in self._loaded() if not loaded.in_force]

    def summary(self) -> dict[str, object]:
        """Return what the command that reloads shows."""
        if self.build is None:
            return {}
        return {
            loaded.name: {"names": count.names, "bad_lines": loaded.tally.bad, "error": loaded.error}
            for loaded, count in zip(self.build.lists, self.build.table.counts, strict=True)
        }

    def _loaded(self) -> tuple[Loaded, ...]:
        return () if self.build is None else self.build.lists
