"""What is in force of each list, and how it came about: for metrics, logs and readiness."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

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
        self._hits: dict[str, int] = {}
        self._last_hit_s: dict[str, float] = {}

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

    def note_hits(self, totals: Mapping[tuple[str, str], int], now_s: float) -> None:
        """Take into account how often each list blocked for a group, so far."""
        hits: dict[str, int] = {}
        for (name, _), total in totals.items():
            hits[name] = hits.get(name, 0) + total
        for name, total in hits.items():
            if total > self._hits.get(name, 0):
                self._last_hit_s[name] = now_s
        self._hits = hits

    def live(self, now_s: float) -> dict[str, dict[str, object]]:
        """Return what is known of each list besides what it holds; times are seconds ago."""
        return {
            name: {
                "hits": self._hits.get(name, 0),
                "last_hit_s": _ago(self._last_hit_s.get(name), now_s),
                "age_s": _ago(self._success_s.get(name), now_s),
                "failures": self._failures.get(name, 0),
            }
            for name in self.names()
        }

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


def _ago(time_s: float | None, now_s: float) -> float | None:
    return None if time_s is None else round(now_s - time_s, 1)
