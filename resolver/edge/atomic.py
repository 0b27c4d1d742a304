"""Files that are there whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

PREFIX = ".new-"
"""How the names of files begin that are not finished."""


@contextlib.contextmanager
def replacing(path: Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """Give a file to write, and put it in the place of `path` at the end. Raises OSError.

    Readable by its owner alone. Without `sync` a crash of the machine may leave a torn one: only for what has
    a checksum and can be made again.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=PREFIX, delete=False) as file:
        try:
            yield file  # type: ignore[misc]
            file.flush()
            if sync:
                os.fsync(file.fileno())
            os.replace(file.name, path)
        except OSError:
            os.unlink(file.name)
            raise
    if sync:
        _sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Remove what writers left behind that were killed. Only for a folder that nobody writes to now."""
    for left in folder.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            left.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a rename last over a crash of the machine."""
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(place)
    finally:
        os.close(place)
