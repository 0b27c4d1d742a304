"""What is remembered of fetches across restarts: one small JSON file a list."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from resolver.core.errors import StateError
from resolver.core.refresh import FetchState, Validators, usable_validator
from resolver.edge import files

MAX_BYTES = 65536
"""Largest file read; ours have some hundred bytes."""


class FetchStore:
    """The states of lists in a folder. What is missing or damaged is as if it had never been fetched."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, name: str, origin: str) -> FetchState:
        """Return the state of a list; a new one where the kept one is of another origin."""
        try:
            with files.open_regular(self._path(name)) as file:
                data = file.read(MAX_BYTES + 1)
            state = _state(json.loads(data)) if len(data) <= MAX_BYTES else None
        except (OSError, ValueError, OverflowError, RecursionError):
            state = None
        return state if state is not None and state.origin == origin else FetchState(origin)

    def save(self, name: str, state: FetchState) -> None:
        """Keep the state of a list. Raises StateError."""
        path = self._path(name)
        try:
            files.replace(path, json.dumps(asdict(state), indent=1).encode() + b"\n")
        except OSError as exc:
            raise StateError(f"{path}: {exc.strerror or exc}") from exc

    def forget(self, name: str) -> None:
        """Remove the state of a list, if there is one. Raises StateError."""
        path = self._path(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            raise StateError(f"{path}: {exc.strerror or exc}") from exc

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _state(kept: Any) -> FetchState:
    """Return what a file says. Raises ValueError."""
    match kept:
        case {
            "origin": str(origin),
            "validators": {"etag": etag, "last_modified": last_modified},
            "sha256": str() | None as sha256,
            "last_success_s": last_success_s,
            "last_attempt_s": last_attempt_s,
            "failures": int(failures),
        } if failures >= 0 and not isinstance(failures, bool):
            return FetchState(
                origin=origin,
                validators=Validators(_validator(etag), _validator(last_modified)),
                sha256=sha256,
                last_success_s=_time(last_success_s),
                last_attempt_s=_time(last_attempt_s),
                failures=failures,
            )
    raise ValueError("not the state of a list")


def _validator(kept: object) -> str | None:
    return usable_validator(kept) if isinstance(kept, str) else None


def _time(kept: object) -> float | None:
    if kept is None:
        return None
    if isinstance(kept, bool) or not isinstance(kept, int | float) or not math.isfinite(kept) or kept < 0:
        raise ValueError("not a time")
    return float(kept)
