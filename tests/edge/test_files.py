"""Files of ours: whole, on disk and private, or not there at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from resolver.edge import files

if TYPE_CHECKING:
    from typing_extensions import Buffer


def test_a_temporary_file_stays_after_the_end_with_what_was_written(tmp_path: Path) -> None:
    with files.temporary(tmp_path / "a" / "b", ".new-") as file:
        file.write(b"content")
    path = Path(file.name)
    assert path.read_bytes() == b"content"
    assert (path.parent, path.name[:5]) == (tmp_path / "a" / "b", ".new-")


def test_what_is_large_is_written_whole_and_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = list[int]()

    class Noting(files._Pieces):
        def write(self, data: Buffer) -> int:
            written.append(super().write(data))
            return written[-1]

    monkeypatch.setattr(files, "_Pieces", Noting)
    content = os.urandom(5 * files.PIECE + 17)
    files.replace(tmp_path / "large", content)
    assert (tmp_path / "large").read_bytes() == content
    assert max(written) == files.PIECE


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_a_temporary_file_is_gone_after_an_error(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), files.temporary(tmp_path, ".new-"):
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_on_disk_before_it_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, steps = tmp_path / "list", list[str]()
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def noted(*args: object, name: str = name, real: Callable[..., object] = real) -> object:
            steps.append(name)
            return real(*args)

        monkeypatch.setattr(os, name, noted)
    files.replace(path, b"one")
    files.replace(path, b"two")
    assert path.read_bytes() == b"two"
    assert steps == ["fsync", "replace", "fsync"] * 2
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["pipe", "folder", "missing"])
def test_only_regular_files_are_opened(tmp_path: Path, kind: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match=r"not a regular file|No such file"):
        files.open_regular(tmp_path / kind)
    assert os.listdir("/proc/self/fd") == before
