"""Watching the files that rule us, and compiling lists in a process of their own."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from hashlib import blake2b, file_digest
from pathlib import Path

from resolver.core.errors import ChildError, ListRefused, TableFault
from resolver.edge.builder import BUILD, Build, Order, open_built
from resolver.edge.children import run_child
from resolver.edge.files import open_regular

LOOK_S = 2.0
"""How often the files are looked at."""
SETTLE_S, SETTLE_LOOKS = 0.1, 10
"""A file that was changed is read once it has stayed the same for so long, or after so many looks."""
BUILD_S = 300.0
"""Longest build."""

CHILD = "from resolver.edge.builder import main; main()"
"""The program that compiles, all in Python."""
_GIVE_WAY = "from resolver.edge import giving_way as way; way.give_way(); way.keep_to_one_core(); "
"""How it begins where queries are answered meanwhile: before its imports, which take their time."""

_Seen = tuple[int, ...] | None


class Watch:
    """Says which files have other content than before. Looks by polling, since that survives what events
    do not: files replaced by rename, symbolic links swapped above them, mounts of a single file, NFS.
    """

    def __init__(self) -> None:
        self._seen: dict[Path, _Seen] = {}
        self._content: dict[Path, bytes] = {}

    def look(self, paths: Iterable[Path]) -> frozenset[Path]:
        """Return the files that changed since the last look. May take its time: not for the event loop."""
        return frozenset([path for path in paths if self._has_changed(path)])

    def _has_changed(self, path: Path) -> bool:
        seen = _signature(path)
        if path in self._seen and self._seen[path] == seen:
            return False
        self._seen[path] = seen
        content = _digest(path)
        if self._content.get(path) == content:
            return False
        known = path in self._content
        self._content[path] = content
        return known


async def settled(paths: Iterable[Path]) -> None:
    """Wait until files that were changed stay the same, so that a half-written one is not read."""
    paths = tuple(paths)
    before = await asyncio.to_thread(_signatures, paths)
    for _ in range(SETTLE_LOOKS):
        await asyncio.sleep(SETTLE_S)
        now = await asyncio.to_thread(_signatures, paths)
        if now == before:
            return
        before = now


@asynccontextmanager
async def kept_open(path: Path) -> AsyncIterator[None]:
    """Keep a file open that is there, and may be replaced meanwhile; a thread closes it.

    Whoever lets go of a replaced file last waits until the system has freed all of it: for the table of a
    million names that takes 7 ms, and it would be the event loop, which unmaps the table.
    """
    try:
        file = open_regular(path)
    except OSError:
        yield
        return
    try:
        yield
    finally:
        # not awaited: a task that is cancelled meanwhile would take what has not begun with it
        asyncio.get_running_loop().run_in_executor(None, file.close)


async def build_apart(order: Order, state: Path, program: str = CHILD, *, gives_way: bool = True) -> Build:
    """Compile lists in a process of its own, so that no query waits for it; return the new table.

    It gives way to the server, unless nobody is served yet. Raises ListRefused; the old table then stays what
    it was.
    """
    try:
        await run_child(_GIVE_WAY * gives_way + program, pickle.dumps((order, state)), BUILD_S)
    except ChildError as exc:
        raise ListRefused(BUILD, str(exc).removeprefix(f"{BUILD}: ")) from exc
    try:
        return await asyncio.to_thread(open_built, state)
    except TableFault as exc:
        raise ListRefused(str(state), str(exc)) from exc


def _signatures(paths: Iterable[Path]) -> list[_Seen]:
    return [_signature(path) for path in paths]


def _signature(path: Path) -> _Seen:
    try:
        found = path.stat()
    except OSError:
        return None
    # The last changes when permissions do, and when a tool puts the old time of a file back.
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev, found.st_ctime_ns


def _digest(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file_digest(file, partial(blake2b, digest_size=16)).digest()
    except OSError as exc:
        return f"unreadable: {exc.errno}".encode()
