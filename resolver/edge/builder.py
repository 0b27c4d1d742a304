"""Reading list files and compiling them, here or in a process of its own.

A list that cannot be read, or must not be taken, is replaced by its last good copy; that is kept in the
state folder, so that it outlives a restart too.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import pickle
import stat
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from resolver.core.errors import ListRefused
from resolver.core.lists.parsed import ParsedList, Tally
from resolver.core.lists.reader import parse_list
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Scope
from resolver.core.table import Table
from resolver.core.table import build as compile_table

MAX_BYTES = 256 << 20
"""Largest list file read."""
UNFINISHED = ".new-"
"""How the name of a copy begins that is being written."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a list comes from and how it is to be read."""

    name: str
    path: Path
    format: str = "auto"
    match: Scope = Scope.EXACT
    allow: bool = False
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of one list. With `error` set, its last good copy is in force, if there is one."""

    name: str
    record: Record
    tally: Tally
    mistakes: tuple[str, ...]
    error: str | None
    in_force: bool


@dataclass(frozen=True, slots=True)
class Build:
    """A table, and what became of each list, in the order of the table's numbers."""

    table: Table
    lists: tuple[Loaded, ...]


Read = tuple[ParsedList | None, str | None]
"""The rules of a list, or None, and what is wrong with it, or None."""


def read(source: Source, good: Path | None, *, keep: bool = False) -> Read:
    """Return the rules of a list, or of its last good copy, and what is wrong with it now.

    `good` is the folder of the last good copies; None: there is none. `keep` makes this one the last good.
    """
    kept = None if good is None else good / f"{source.name}.list"
    try:
        data = _read_file(source.path)
        parsed = _parse(source, data)
    except ListRefused as exc:
        return _last_good(source, kept), str(exc)
    if kept is not None and keep:
        with contextlib.suppress(OSError):  # a full disk must not stop a good list
            _keep(kept, data)
    return parsed, None


def build(sources: Sequence[Source], good: Path | None) -> Build:
    """Read and compile all lists, and keep copies of the good ones."""
    return compile_lists(sources, {source.name: read(source, good, keep=True) for source in sources})


def compile_lists(sources: Sequence[Source], found: Mapping[str, Read]) -> Build:
    """Compile lists that were read, in the order of the sources."""
    rules = [parsed.rules if parsed else () for parsed, _ in found.values()]
    loaded = tuple([_describe(source, *found[source.name]) for source in sources])
    return Build(compile_table(rules), loaded)


def _describe(source: Source, parsed: ParsedList | None, error: str | None) -> Loaded:
    own = parsed.record if parsed else None
    return Loaded(
        name=source.name,
        record=source.record or own or Record(title=source.name),
        tally=parsed.tally if parsed else Tally(),
        mistakes=tuple([str(mistake) for mistake in parsed.mistakes]) if parsed else (),
        error=error,
        in_force=parsed is not None,
    )


def _parse(source: Source, data: bytes) -> ParsedList:
    return parse_list(data, str(source.path), format=source.format, match=source.match, allow=source.allow)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; a pipe or a device would hold us up for ever. Raises OSError."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a regular file")
    return file


def _read_file(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ListRefused(str(path), exc.strerror or str(exc)) from exc
    if len(data) > MAX_BYTES:
        raise ListRefused(str(path), f"larger than {MAX_BYTES >> 20} MiB")
    return data


def _last_good(source: Source, kept: Path | None) -> ParsedList | None:
    if kept is None:
        return None
    try:
        return _parse(source, _read_file(kept))
    except ListRefused:
        return None


def _keep(path: Path, data: bytes) -> None:
    """Write a copy so that a crash leaves the old one or the new one."""
    if path.exists() and path.read_bytes() == data:
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=UNFINISHED, delete=False) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except OSError:
            os.unlink(file.name)
            raise


def sweep(good: Path) -> None:
    """Remove the copies that a server did not finish writing. Only for who alone writes to the folder."""
    for path in good.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(OSError):
            path.unlink()


def main() -> None:
    """Serve one build to the parent process: sources on standard input, the build on standard output."""
    gc.disable()  # millions of values that stay, and none of them in a cycle
    sources, good = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent, over a pipe
    pickle.dump(build(sources, good), sys.stdout.buffer, protocol=pickle.HIGHEST_PROTOCOL)
