"""Files that are read without being held up, and written so that a crash leaves no half of one."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; a pipe or a device would hold us up for ever. Raises OSError."""
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(number).st_mode):  # looked at first: fdopen of a folder would leave it open
        os.close(number)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(number, "rb")


@contextmanager
def temporary(folder: Path, prefix: str) -> Iterator[IO[bytes]]:
    """Give a new file in a folder, which is made if need be; on disk at the end, gone after an error.

    Its path is its `name`; the caller moves it or removes it. Raises OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=prefix, delete=False) as file:
        try:
            yield file.file
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            with suppress(OSError):
                os.unlink(file.name)
            raise


def replace(path: Path, data: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one. Raises OSError."""
    with temporary(path.parent, ".new-") as file:
        file.write(data)
    try:
        os.replace(file.name, path)
    except OSError:
        os.unlink(file.name)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put on disk which files a folder has. Raises OSError."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)
