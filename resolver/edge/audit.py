"""What changed in what is enforced, when and why: a file of JSON lines that only grows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from resolver.edge.builder import Build
from resolver.edge.files import append

FILE = "audit.jsonl"
"""Its name in the state folder."""


def changes(before: Build | None, after: Build) -> Iterator[dict[str, object]]:
    """Yield what became of each list whose enforced content, or whose reason to be held, is another."""
    old, new = _standing(before), _standing(after)
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield {"list": name, "before": old.get(name), "after": new.get(name)}


def write(state: Path, cause: str, entries: Iterable[Mapping[str, object]], now_s: float) -> None:
    """Append entries, each a line, in one write that is on disk when this returns. Raises OSError."""
    time = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="milliseconds")
    lines = [json.dumps({"time": time, "cause": cause, **entry}, ensure_ascii=False) for entry in entries]
    if not lines:
        return
    append(state / FILE, "".join([f"{line}\n" for line in lines]).encode(errors="replace"))


def _standing(build: Build | None) -> dict[str, dict[str, object]]:
    if build is None:
        return {}
    return {
        loaded.name: {"version": loaded.version, "names": count.names, "held": loaded.held or None}
        for loaded, count in zip(build.lists, build.table.counts, strict=True)
        if loaded.in_force
    }
