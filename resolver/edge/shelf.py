"""What is in force of each list, and how it came about: for metrics, logs and readiness."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from resolver.edge.builder import Build, Loaded
from resolver.edge.fetching import Report
from resolver.observe.logs import fields
from resolver.observe.state import ListState

Totals = Mapping[tuple[str, str], int]
"""How often something came about, by list and group."""
NEVER = Report()

log = logging.getLogger("nxwhy")


class Shelf:
    """The lists of the last build, with the memory of earlier successes and failures."""

    def __init__(
        self,
        fetches: Mapping[str, Report] = MappingProxyType({}),
        next_fetch_s: Callable[[str], float | None] = lambda _: None,
    ) -> None:
        """`fetches` tells how the lists that are fetched fare, `next_fetch_s` when one is fetched next."""
        self._fetches, self._next_fetch_s = fetches, next_fetch_s
        self.build: Build | None = None
        self._failures: dict[str, int] = {}
        self._success_s: dict[str, float] = {}
        self._hits: dict[str, int] = {}
        self._shadow_hits: dict[str, int] = {}
        self._last_hit_s: dict[str, float] = {}

    def note(self, build: Build, good_s: Mapping[str, float] = MappingProxyType({})) -> None:
        """Take a build into account, and log what is wrong or new.

        `good_s` says when lists were last found good that were not just now, in Unix seconds.
        """
        before = {} if self.build is None else _standing(self.build)
        unkept = {loaded.name: loaded.unkept for loaded in self._loaded()}
        self.build, now = build, _standing(build)
        for loaded, count in zip(build.lists, build.table.counts, strict=True):
            if loaded.awaited and self._fetch(loaded.name).error is None:
                log.info(
                    "nothing of a list is there yet; it is being fetched", extra=fields(list=loaded.name)
                )
                continue
            if loaded.error is not None:
                self._failures[loaded.name] = self._failures.get(loaded.name, 0) + 1
                kept = "the last good copy stays in force" if loaded.in_force else "nothing of it is in force"
                log.error("list refused: %s; %s", loaded.error, kept, extra=fields(list=loaded.name))
                if loaded.name in good_s:
                    self._success_s.setdefault(loaded.name, good_s[loaded.name])
                continue
            self._success_s[loaded.name] = good_s.get(loaded.name, time.time())
            if loaded.unkept and unkept.get(loaded.name) != loaded.unkept:
                log.error("%s", not_kept(loaded.unkept), extra=fields(list=loaded.name))
            if loaded.hint and before.get(loaded.name) != now[loaded.name]:
                log.warning("how a list is read: %s", loaded.hint, extra=fields(list=loaded.name))
            if before.get(loaded.name) != now[loaded.name]:
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
                    last_success_s=self._last_success_s(loaded),
                    failed=loaded.error is not None or self._fetch(loaded.name).error is not None,
                    failures=self._all_failures(loaded.name),
                    lines=loaded.tally.lines,
                    duplicates=count.duplicates,
                    covered=count.covered,
                    ignored=loaded.tally.ignored,
                    last_hit_s=self._last_hit_s.get(loaded.name),
                    next_fetch_s=self._next_fetch_s(loaded.name),
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

    def note_hits(self, blocked: Totals, shadow: Totals, now_s: float) -> None:
        """Take into account how often each list blocked for a group, or would have in shadow, so far."""
        hits, shadow_hits = _by_list(blocked), _by_list(shadow)
        for before, after in ((self._hits, hits), (self._shadow_hits, shadow_hits)):
            for name, total in after.items():
                if total > before.get(name, 0):
                    self._last_hit_s[name] = now_s
        self._hits, self._shadow_hits = hits, shadow_hits

    def live(self, now_s: float) -> dict[str, dict[str, object]]:
        """Return what is known of each list besides what it holds; times are seconds ago, or ahead."""
        return {loaded.name: self._live(loaded, now_s) for loaded in self._loaded()}

    def _live(self, loaded: Loaded, now_s: float) -> dict[str, object]:
        name = loaded.name
        known: dict[str, object] = {
            "hits": self._hits.get(name, 0),
            "shadow_hits": self._shadow_hits.get(name, 0),
            "last_hit_s": _ago(self._last_hit_s.get(name), now_s),
            "age_s": _ago(self._last_success_s(loaded), now_s),
            "failures": self._all_failures(name),
        }
        if name in self._fetches:
            due = self._next_fetch_s(name)
            known["next_fetch_s"] = None if due is None else round(due - now_s)
            known["fetch_error"] = self._fetch(name).error
        return known

    def missing(self) -> list[str]:
        """Return the lists of which nothing is in force."""
        return [loaded.name for loaded in self._loaded() if not loaded.in_force]

    def summary(self) -> dict[str, object]:
        """Return what the command that reloads shows."""
        if self.build is None:
            return {}
        return {
            loaded.name: {
                "names": count.names,
                "bad_lines": loaded.tally.bad,
                "held": loaded.held or None,
                "error": loaded.error,
            }
            for loaded, count in zip(self.build.lists, self.build.table.counts, strict=True)
        }

    def _fetch(self, name: str) -> Report:
        return self._fetches.get(name, NEVER)

    def _all_failures(self, name: str) -> int:
        return self._failures.get(name, 0) + self._fetch(name).failures

    def _last_success_s(self, loaded: Loaded) -> float | None:
        """Return when a list was last found good; one that is fetched is no younger than its last fetch."""
        known, fetched = self._success_s.get(loaded.name), self._fetches.get(loaded.name)
        if known is None or fetched is None:
            return known
        return None if fetched.success_s is None else min(known, fetched.success_s)

    def _loaded(self) -> tuple[Loaded, ...]:
        return () if self.build is None else self.build.lists


def _standing(build: Build) -> dict[str, object]:
    """Return what of each list is in force: what was counted in it, and the version."""
    counted = zip(build.lists, build.table.counts, strict=True)
    return {loaded.name: (count, loaded.version) for loaded, count in counted}


def not_kept(reason: str) -> str:
    """Return what is said of a list whose version could not be written down."""
    return f"its version is not kept: {reason}"


def _by_list(totals: Totals) -> dict[str, int]:
    found: dict[str, int] = {}
    for (name, _), total in totals.items():
        found[name] = found.get(name, 0) + total
    return found


def _ago(time_s: float | None, now_s: float) -> float | None:
    return None if time_s is None else round(now_s - time_s, 1)
