from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from resolver.core.lists.record import Record
from resolver.edge import builder
from resolver.edge.builder import Source, build, read

A, B = b"\x01a\x07example\0", b"\x01b\x07example\0"
HTML = "<!DOCTYPE html><title>Log in</title>"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    path = tmp_path / "ads.txt"
    path.write_text("a.example\n")
    return Source("ads", path)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return tmp_path / "state" / "lists"


def rules(source: Source, good: Path | None) -> list[bytes]:
    parsed, _ = read(source, good, keep=True)
    return [] if parsed is None else [rule.name for rule in parsed.rules]


@pytest.mark.parametrize("broken", [HTML, "", None])
def test_a_list_that_breaks_leaves_the_last_good_one_in_force_over_a_restart(
    source: Source, good: Path, broken: str | None
) -> None:
    assert read(source, good, keep=True)[1] is None
    source.path.unlink() if broken is None else source.path.write_text(broken)
    for _ in range(2):  # what is kept stays kept, whoever reads
        parsed, error = read(source, good, keep=True)
        assert parsed is not None
        assert [rule.name for rule in parsed.rules] == [A]
        assert str(source.path) in str(error)
    (loaded,) = build([source], good).lists
    assert (loaded.in_force, loaded.error) == (True, error)


def test_a_list_that_was_never_good_has_nothing_in_force(source: Source, good: Path) -> None:
    source.path.write_text(HTML)
    made = build([source], good)
    assert not made.lists[0].in_force
    assert made.lists[0].record == Record(title="ads")
    assert made.table.counts[0].names == 0


def test_a_good_list_replaces_the_last_good_copy(source: Source, good: Path) -> None:
    read(source, good, keep=True)
    source.path.write_text("b.example\n")
    assert rules(source, good) == [B]
    source.path.unlink()
    assert rules(source, good) == [B]


def test_a_copy_is_written_only_when_it_is_another(source: Source, good: Path) -> None:
    read(source, good, keep=True)
    before = (good / "ads.list").stat()
    read(source, good, keep=True)
    assert (good / "ads.list").stat() == before


def test_copies_are_for_the_owner_alone(source: Source, good: Path) -> None:
    read(source, good, keep=True)
    assert (good / "ads.list").stat().st_mode & 0o777 == 0o600
    assert good.stat().st_mode & 0o777 == 0o700


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_end_while_a_copy_is_written_leaves_the_old_one(
    source: Source, good: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    read(source, good, keep=True)
    source.path.write_text("b.example\n")

    def end(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(os, step, end)
        with pytest.raises(Killed):
            read(source, good, keep=True)
    source.path.unlink()
    assert rules(source, good) == [A]


def test_an_end_after_a_copy_was_written_leaves_the_new_one(
    source: Source, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(source, good, keep=True)
    source.path.write_text("b.example\n")
    replace = os.replace

    def replace_and_end(*names: Any) -> None:
        replace(*names)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace_and_end)
        with pytest.raises(Killed):
            read(source, good, keep=True)
    source.path.unlink()
    assert rules(source, good) == [B]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_does_not_stop_a_good_list_and_leaves_nothing_behind(
    source: Source, good: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    read(source, good, keep=True)
    source.path.write_text("b.example\n")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    parsed, error = read(source, good, keep=True)
    assert error is None
    assert parsed is not None
    assert [rule.name for rule in parsed.rules] == [B]
    assert os.listdir(good) == ["ads.list"]
    assert (good / "ads.list").read_text() == "a.example\n"


def test_a_state_folder_that_cannot_be_made_does_not_stop_a_good_list(source: Source) -> None:
    assert rules(source, source.path / "lists") == [A]


def test_a_list_beyond_the_largest_size_is_refused(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "MAX_BYTES", 1)
    assert read(source, None) == (None, f"{source.path}: larger than 0 MiB")


def test_what_is_wrong_with_one_list_does_not_touch_another(source: Source, tmp_path: Path) -> None:
    made = build([Source("none", tmp_path / "none"), source], None)
    assert [loaded.in_force for loaded in made.lists] == [False, True]
    assert made.lists[0].error == f"{tmp_path / 'none'}: No such file or directory"
    ((says,),) = [made.table.sets[made.table.find(A)]]
    assert says.list == 1


def test_a_pipe_or_a_device_in_place_of_a_list_is_refused_and_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        parsed, error = builder.read(Source("list", path), None)
        assert parsed is None
        assert error is not None
        assert str(path) in error


def test_copies_that_a_killed_server_left_unfinished_are_removed_and_the_good_ones_stay(
    source: Source, good: Path
) -> None:
    builder.sweep(good)  # nothing there yet
    read(source, good, keep=True)
    (good / ".new-abc").write_text("half a li")
    (good / ".new-folder").mkdir()
    builder.sweep(good)
    assert {path.name for path in good.iterdir()} == {"ads.list", ".new-folder"}
    assert rules(source, good) == [A]
