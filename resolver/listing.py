"""What each list holds and how it fares, for people and for programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from resolver.config import Config
from resolver.core.errors import TableFault
from resolver.core.lists.record import NO_DEFAULTS, Defaults
from resolver.core.reasons import document, make_reason
from resolver.edge.builder import Build, build, open_built
from resolver.edge.history import History
from resolver.edge.shelf import not_kept
from resolver.engines import make_steps
from resolver.parts import list_sources

_COUNTS = {
    "NAMES": "names",
    "OWN": "own_names",
    "TWICE": "duplicates",
    "COVERED": "covered",
    "BAD": "bad_lines",
    "LINES": "lines",
    "HITS": "hits",
    "SHADOW": "shadow_hits",
}
"""The columns of numbers, and where they stand in the document."""
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def lists_document(
    built: Build, live: Mapping[str, Mapping[str, object]], defaults: Defaults = NO_DEFAULTS
) -> list[dict[str, Any]]:
    """Return what each list holds, for programs; `live` is what a running server knows besides, by list.

    `defaults` are for records that leave something out; texts are in their language.
    """
    return [
        {
            "list": loaded.name,
            "names": count.names,
            "own_names": count.own,
            "duplicates": count.duplicates,
            "covered": count.covered,
            "lines": loaded.tally.lines,
            "formats": dict(loaded.tally.formats),
            "ignored": dict(loaded.tally.ignored),
            "converted": loaded.tally.converted,
            "bad_lines": loaded.tally.bad,
            "mistakes": list(loaded.mistakes),
            "error": loaded.error,
            "in_force": loaded.in_force,
            "version": loaded.version or None,
            "held": loaded.held or None,
            "hint": loaded.hint or None,
            "unkept": loaded.unkept or None,
            **live.get(loaded.name, {}),
            "record": document(make_reason(defaults.complete(loaded.record), (defaults.language,))),
        }
        for loaded, count in zip(built.lists, built.table.counts, strict=True)
    ]


def at_hand(config: Config, told: Callable[[str], object]) -> Build:
    """Return the table of the last run, or the lists compiled now where it is not of these; writes nothing.

    `told` hears what is done next.
    """
    try:
        found = open_built(config.state)
        if [loaded.name for loaded in found.lists] == list(config.lists):
            return found
    except TableFault:
        pass
    return build(list_sources(config), config.state, told, make_steps(config.engine))


def lists_text(lists: Sequence[Mapping[str, Any]]) -> str:
    """Return what each list holds, as a table for people; below it what needs a look."""
    rows = [("LIST", *_COUNTS, "LAST", "AGE", "FORMAT", "TITLE")]
    for one in lists:
        counts = [f"{one[key]:,}" if key in one else "-" for key in _COUNTS.values()]
        ages = [_age(one.get(key)) for key in ("last_hit_s", "age_s")]
        formats = ", ".join(sorted(one["formats"], key=lambda name: -one["formats"][name])) or "-"
        rows.append((one["list"], *counts, *ages, formats, one["record"]["title"]))
    return "\n".join([*_columns(rows, range(1, 3 + len(_COUNTS))), *_notes(lists)])


def history_text(kept: History) -> str:
    """Return the versions of a list, the newest first."""
    index = kept.index()
    rows = [("VERSION", "SINCE", "RULES", "BYTES", "CAUSE", "")]
    for version in reversed(index.versions):
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(version.time_s))
        marks = ["in force"] * (version.id == index.current) + ["pinned"] * (
            index.pinned and version.id == index.current
        )
        marks += ["rolled back"] * (version.id == index.rejected)
        rows.append(
            (version.id, when, f"{version.rules:,}", f"{version.bytes:,}", version.cause, ", ".join(marks))
        )
    return "\n".join(_columns(rows, (2, 3)))


def _notes(lists: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for one in lists:
        held = one["held"] and f"{one['held']}: its source does not count now"
        unfetched = one.get("fetch_error") and f"not fetched: {one['fetch_error']}"
        unkept = one["unkept"] and not_kept(one["unkept"])
        said = [one["error"], unfetched, unkept, *one["mistakes"], one["hint"], held]
        said += [f"ignored: {count:,} {kind}" for kind, count in sorted(one["ignored"].items())]
        said += [f"converted: {one['converted']:,} with letters beyond ASCII"] * bool(one["converted"])
        if one.get("next_fetch_s") is not None:
            said.append(f"fetched again in {_age(max(one['next_fetch_s'], 1))}")
        yield from [f"{one['list']}: {text}" for text in said if text]


def _columns(rows: Sequence[Sequence[str]], right: Iterable[int]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [
                cell.rjust(width) if place in right else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
        ).rstrip()
        for row in rows
    ]


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= size), ("s", 1))
    return f"{seconds / size:.0f}{unit}"
