from __future__ import annotations

import asyncio
import io
import os
import threading
from pathlib import Path

import pytest

from resolver.core.errors import ListRefused
from resolver.core.guards import Protected
from resolver.edge import builder, children, giving_way, lists
from resolver.edge.builder import Build, Order
from resolver.edge.files import open_regular
from resolver.edge.intake import Source
from resolver.edge.lists import Watch, build_apart, settled

NOTHING: frozenset[Path] = frozenset()


def replace(path: Path, text: str) -> None:
    """Put another file at a path, as editors do."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def tick(folder: Path) -> None:
    """Wait until the clock of the file system has gone on, which some kernels move every few milliseconds."""
    probe = folder / "probe"
    probe.touch()
    first = probe.stat().st_ctime_ns
    while probe.stat().st_ctime_ns == first:
        probe.touch()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "ads.txt"
    made.write_text("a.example\n")
    return made


@pytest.fixture
def watch(path: Path) -> Watch:
    made = Watch()
    assert made.look([path]) == NOTHING  # the first look is no change
    tick(path.parent)
    return made


def test_a_file_that_stays_has_not_changed(watch: Watch, path: Path) -> None:
    assert watch.look([path]) == NOTHING


def test_a_file_written_in_place_has_changed_once(watch: Watch, path: Path) -> None:
    path.write_text("b.example\n")
    assert watch.look([path]) == {path}
    assert watch.look([path]) == NOTHING


def test_a_file_renamed_over_has_changed(watch: Watch, path: Path) -> None:
    replace(path, "b.example\n")
    assert watch.look([path]) == {path}


def test_another_file_of_the_same_time_and_size_has_changed(watch: Watch, path: Path) -> None:
    before = path.stat()
    new = path.with_suffix(".new")
    new.write_text("b.example\n")
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.rename(path)
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (before.st_mtime_ns, before.st_size)
    assert watch.look([path]) == {path}


def test_a_file_written_in_place_whose_time_was_put_back_has_changed(watch: Watch, path: Path) -> None:
    before = path.stat()
    path.write_text("b.example\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert watch.look([path]) == {path}


def test_a_file_touched_or_replaced_by_the_same_has_not_changed(watch: Watch, path: Path) -> None:
    os.utime(path, (1, 1))
    assert watch.look([path]) == NOTHING
    replace(path, "a.example\n")
    assert watch.look([path]) == NOTHING


def test_a_link_swapped_two_levels_up_is_a_change(tmp_path: Path) -> None:
    for version, text in (("1", "a.example\n"), ("2", "b.example\n")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "ads.txt").write_text(text)
    (tmp_path / "..data").symlink_to("1")
    (tmp_path / "ads.txt").symlink_to("..data/ads.txt")  # as Kubernetes mounts a ConfigMap
    watch, path = Watch(), tmp_path / "ads.txt"
    watch.look([path])
    (tmp_path / "..data.new").symlink_to("2")
    (tmp_path / "..data.new").rename(tmp_path / "..data")
    assert watch.look([path]) == {path}
    assert watch.look([path]) == NOTHING


def test_a_file_that_vanishes_and_comes_back_changes_twice(watch: Watch, path: Path) -> None:
    path.unlink()
    assert watch.look([path]) == {path}
    assert watch.look([path]) == NOTHING
    path.write_text("a.example\n")
    assert watch.look([path]) == {path}


def test_a_file_that_appears_has_changed(tmp_path: Path) -> None:
    watch, path = Watch(), tmp_path / "later.txt"
    assert watch.look([path]) == NOTHING
    path.write_text("a.example\n")
    assert watch.look([path]) == {path}


def test_a_file_that_may_be_read_again_has_changed(
    watch: Watch, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path.chmod(0)
    with monkeypatch.context() as patch:
        patch.setattr(lists, "open_regular", refuse)  # root reads whatever the mode is
        assert watch.look([path]) == {path}
    tick(path.parent)
    path.chmod(0o644)
    assert watch.look([path]) == {path}


async def test_a_file_is_settled_once_it_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "SETTLE_S", 0.0)
    looks: list[int] = []
    signatures = lists._signatures

    def look(paths: list[Path]) -> object:
        if len(looks) < 3:
            replace(path, "x" * len(looks))
        looks.append(1)
        return signatures(paths)

    monkeypatch.setattr(lists, "_signatures", look)
    await settled([path])
    assert len(looks) == 4


async def test_a_file_that_never_stays_is_not_waited_for_without_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "SETTLE_S", 0.0)
    looks = iter(range(100))
    monkeypatch.setattr(lists, "_signatures", lambda _: [(next(looks),)])
    await settled([path])
    assert next(looks) == lists.SETTLE_LOOKS + 1


def test_an_edit_is_read_so_soon_that_a_build_has_most_of_a_second_left_of_three() -> None:
    assert lists.LOOK_S + 2 * lists.SETTLE_S < 2.25


# Compiling in a process of its own


def niceness(_: Build) -> list[str]:
    return [f"niceness {os.nice(0)} on {len(os.sched_getaffinity(0))}"]


@pytest.mark.parametrize("gives_way", [True, False])
async def test_a_build_gives_way_unless_nobody_is_served(path: Path, tmp_path: Path, gives_way: bool) -> None:
    expected = min(os.nice(0) + giving_way.NICE * gives_way, 19)
    order = Order((Source("ads", path),), complaints=niceness)
    cores = 1 if gives_way else len(os.sched_getaffinity(0))
    with pytest.raises(ListRefused, match=f"niceness {expected} on {cores}$"):
        await build_apart(order, tmp_path / "state", gives_way=gives_way)


async def test_a_build_gives_way_before_its_imports(path: Path, tmp_path: Path) -> None:
    program = (
        "import sys; sys.exit(str('resolver.edge.builder' in sys.modules) + str(__import__('os').nice(0)))"
    )
    with pytest.raises(ListRefused, match=f"False{min(os.nice(0) + giving_way.NICE, 19)}$"):
        await build_apart(Order((Source("ads", path),)), tmp_path, program)


def test_who_may_not_give_way_works_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "nice", forbidden)
    monkeypatch.setattr(os, "sched_setaffinity", forbidden)
    giving_way.give_way()
    giving_way.keep_to_one_core()


async def test_a_build_apart_is_that_of_this_process(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("0.0.0.0 b.example\nthis is bad\n")
    sources = (Source("ads", path), Source("other", other), Source("none", tmp_path / "none"))
    apart, here = await build_apart(Order(sources), tmp_path / "state"), builder.build(sources, None)
    assert apart.lists == here.lists
    made = [one.table.made._replace(longest_probe=0) for one in (apart, here)]  # each has its own secret
    assert made[0] == made[1]
    for name in (b"\x01a\x07example\0", b"\x01b\x07example\0", b"\x01c\x07example\0"):
        assert apart.table.find(name) == here.table.find(name)
    assert apart.table.find(b"\x01a\x07example\0") != apart.table.find(b"\x01c\x07example\0")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.kill(os.getpid(), 9)", "build: ended with status -9"),
        ("import sys; sys.exit('no memory')", "build: no memory"),
        ("pass", "/nowhere: [Errno 2] No such file or directory: '/nowhere/table'"),
        ("import time; time.sleep(60)", "build: took longer than 0 s"),
    ],
)
async def test_a_build_that_fails_refuses_the_lists_and_leaves_no_process(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    if "sleep" in code:
        monkeypatch.setattr(lists, "BUILD_S", 0.3)
    with pytest.raises(ListRefused) as caught:
        await build_apart(Order((Source("ads", path),)), Path("/nowhere"), code)
    assert str(caught.value) == said
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


async def test_what_speaks_against_a_build_is_said_as_the_child_said_it(path: Path, tmp_path: Path) -> None:
    protected = Protected("a.example", "`never_block`", always=True)
    await build_apart(Order((Source("ads", path),)), tmp_path / "state")
    with pytest.raises(ListRefused) as caught:
        await build_apart(Order((Source("ads", path),), (protected,)), tmp_path / "state")
    assert str(caught.value) == f"build: {path}:1: list ads blocks a.example (`never_block`)"


async def test_a_build_that_cannot_begin_refuses_the_lists(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "PYTHON", ("/nonexistent/python",))
    with pytest.raises(ListRefused, match="build: No such file or directory"):
        await build_apart(Order((Source("ads", path),)), Path("/nowhere"))


async def test_a_build_that_is_given_up_leaves_no_process(path: Path) -> None:
    order, program = Order((Source("ads", path),)), "import time; time.sleep(60)"
    task = asyncio.create_task(build_apart(order, Path("/nowhere"), program))
    await asyncio.sleep(0.2)  # long enough for the child to be there; shorter proves less, not otherwise
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_the_child_finds_what_the_parent_finds() -> None:
    assert children.python_path("") == str(children.PACKAGE_ROOT)
    assert children.python_path("/a:/b") == f"{children.PACKAGE_ROOT}:/a:/b"


async def test_a_file_that_is_replaced_is_let_go_by_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, closed_by = tmp_path / "table", []
    held.write_bytes(b"old")
    real = open_regular

    class Noting(io.BufferedReader):
        def close(self) -> None:
            if not self.closed:
                closed_by.append(threading.current_thread())
            super().close()

    monkeypatch.setattr(lists, "open_regular", lambda path: Noting(real(path).detach()))
    async with lists.kept_open(held):
        held.unlink()
        assert not closed_by
    while not closed_by:
        await asyncio.sleep(0)
    (thread,) = closed_by
    assert thread is not threading.main_thread()


async def test_a_file_that_is_not_there_need_not_be_kept_open(tmp_path: Path) -> None:
    async with lists.kept_open(tmp_path / "none"):
        pass
    assert not list(tmp_path.iterdir())
