"""Files that are read without being held up, and written so that a crash leaves no half of one."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from resolver.regular import open_regular

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["append", "open_regular", "replace", "replacing", "sweep", "sync_folder", "temporary"]

UNFINISHED = ".new-"
"""How the names of files begin that are to replace others."""
PIECE = 1 << 16
"""How many bytes are written at once: until the system has copied them, nobody else may have the core.

Where memory is scarce, Linux (as servers run it) copied 2 MiB for 5 ms without a pause.
"""


class _Pieces(io.FileIO):
    """A file that takes no more than a piece at a time; what is left its buffer offers again."""

    def write(self, data: Buffer) -> int:
        return super().write(memoryview(data)[:PIECE])


@contextmanager
def temporary(folder: Path, prefix: str, *, sync: bool = True) -> Iterator[io.BufferedRandom]:
    """Give a new file in a folder, which is made if need be; on disk at the end, gone after an error.

    Its path is its `name`; the caller moves it or removes it. Without `sync` it may be torn by a crash of the
    machine. Raises OSError.
    """
    _make(folder)
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=prefix)
    raw = _Pieces(descriptor, "r+b")
    raw.name = name
    with io.BufferedRandom(raw) as file:
        try:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise


@contextmanager
def replacing(path: Path, *, sync: bool = True) -> Iterator[io.BufferedRandom]:
    """Give a file to write, and put it in the place of `path` at the end; a crash leaves the old or the new.

    Without `sync` that holds for a crash of the program alone: for what has a checksum and can be made again.
    Raises OSError.
    """
    with temporary(path.parent, UNFINISHED, sync=sync) as file:
        yield file
    try:
        os.replace(file.name, path)
    except OSError:
        os.unlink(file.name)
        raise
    if sync:
        sync_folder(path.parent)


def replace(path: Path, data: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one. Raises OSError."""
    with replacing(path) as file:
        file.write(data)


def append(path: Path, lines: bytes) -> int:
    """Add lines to a file, ours alone, in one write that is on disk when this returns; return its size.

    A line that a crash tore stays alone on its line. Raises OSError.
    """
    number = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(number).st_size
        torn = size > 0 and os.pread(number, 1, size - 1) != b"\n"
        written = b"\n" * torn + lines
        if os.write(number, written) != len(written):
            raise OSError("the disk is full")
        os.fsync(number)
    finally:
        os.close(number)
    return size + len(written)


def sweep(folder: Path) -> None:
    """Remove what killed writers left in a folder. Only where nobody else writes now."""
    for left in folder.glob(f"{UNFINISHED}*"):
        with suppress(OSError):
            left.unlink()


def _make(folder: Path) -> None:
    """Make a folder and those above it that are missing, for its owner alone."""
    missing = [above for above in (folder, *folder.parents) if not above.exists()]
    for above in [*reversed(missing), folder]:
        above.mkdir(mode=0o700, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Put on disk which files a folder has. Raises OSError."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)
