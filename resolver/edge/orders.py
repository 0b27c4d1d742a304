"""What an owner may order about the versions of a list."""

from __future__ import annotations

from dataclasses import replace

from resolver.core.errors import HistoryError
from resolver.edge.history import History, Index, accept, roll_back


def carry_out(order: str, kept: History, version: str = "") -> str:
    """Note an order and return what comes of it, for people. Raises HistoryError, OSError."""
    index = kept.index()
    if order in ("rollback", "pin") and index.current is None:
        raise HistoryError("this list has no version yet")
    done, said = _ordered(order, index, version)
    kept.save(done)
    return said


def _ordered(order: str, index: Index, version: str) -> tuple[Index, str]:
    match order:
        case "rollback":
            done = roll_back(index, version)
            return done, f"version {done.current} is in force until its source has a new one"
        case "pin":
            return replace(index, pinned=True), f"version {index.current} stays in force until `unpin`"
        case "unpin":
            stays = ", but stays rolled back until that has a new version" if index.is_rolled_back else ""
            return replace(index, pinned=False), f"the list follows its source again{stays}"
        case "accept":
            done = accept(index)
            return done, f"version {done.accepted} is taken"
    raise HistoryError(f"{order!r} is no order")
