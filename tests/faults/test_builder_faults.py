"""The builder as it really runs: killed before whatever it does, and on a disk that is full."""

from __future__ import annotations

import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resolver.core.names import from_text
from resolver.core.steps import NO_SET
from resolver.edge.builder import Order, open_built, sweep_state
from resolver.edge.children import PYTHON, python_path
from resolver.edge.intake import Source, history
from tests.twins import Twin, build_file, child

pytestmark = pytest.mark.usefixtures("on_both")

KILLER = """
import os, signal, sys

def look(event, args):
    global left
    if (event == "open" or event.startswith("os.")) and any([str(each).startswith(state) for each in args]):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(look)
"""
"""Kills its own process before so many calls of the system that name a path in the state folder."""
OLD, NEW = "old.example", "new.example"


def build_until(order: Order, state: Path, killed_at: int) -> int:
    """Build as the server does, in a process that is killed at some call; return what it ended with."""
    program = f"left, state = {killed_at}, {str(state)!r}\n{KILLER}\n{child()}"
    return subprocess.run(
        [*PYTHON, program],
        input=pickle.dumps((order, state)),
        env={**os.environ, "PYTHONPATH": python_path("")},
        check=False,
    ).returncode


def in_force(state: Path) -> list[str]:
    table = open_built(state).table
    return [name for name in (OLD, NEW) if table.find(from_text(name)) != NO_SET]


def test_a_builder_killed_before_whatever_it_does_to_its_folder_leaves_the_old_table_or_the_new_one(
    tmp_path: Path,
) -> None:
    path, state = tmp_path / "ads.txt", tmp_path / "state"
    order = Order((Source("ads", path),))
    text = "".join([f"n{number}.example\n" for number in range(300)])
    path.write_text(f"{OLD}\n{text}")
    build_file(order, state)
    path.write_text(f"{NEW}\n{text}")
    found: list[str] = []
    unfinished: list[Path] = []
    status = -signal.SIGKILL
    while status == -signal.SIGKILL:
        copy = tmp_path / str(len(found))
        shutil.copytree(state, copy)
        status = build_until(order, copy, len(found) + 1)
        found += in_force(copy)
        unfinished += [copy] * any(copy.rglob(".new-*"))
        build_file(order, copy)
        assert in_force(copy) == [NEW]
        kept = history(copy, "ads")
        assert all(kept.text(version.id) for version in kept.index().versions)
    assert status == 0
    assert found == [OLD] * found.count(OLD) + [NEW] * found.count(NEW)
    assert found.count(OLD) > 20
    assert found.count(NEW) > 1  # it was also killed behind the new table
    assert len(unfinished) > 3
    assert build_until(order, unfinished[0], 0) == 0  # which sweeps
    assert not list(unfinished[0].rglob(".new-*"))


KILLS = 100 if "NXWHY_EXAMPLES" in os.environ else 12
"""How often the builder is killed at some moment: in the suite, and by `make fuzz`."""


def build_for(order: Order, state: Path, longest_s: float | None) -> None:
    """Build as the server does, in a process that is killed after so many seconds, unless it is done."""
    argv, variables = [*PYTHON, child()], {**os.environ, "PYTHONPATH": python_path("")}
    with subprocess.Popen(argv, stdin=subprocess.PIPE, env=variables) as process:
        try:
            process.communicate(pickle.dumps((order, state)), timeout=longest_s)
        except subprocess.TimeoutExpired:
            process.kill()
    assert process.returncode in (0, -signal.SIGKILL)


@pytest.mark.fuzz
def test_a_builder_killed_at_any_moment_leaves_the_old_table_or_the_new_one_and_what_is_kept_whole(
    tmp_path: Path,
) -> None:
    path, state = tmp_path / "ads.txt", tmp_path / "state"
    order = Order((Source("ads", path),))
    text = "".join([f"n{number}.example\n" for number in range(20_000)])  # some work for every step
    path.write_text(f"{OLD}\n{text}")
    build_file(order, state)
    path.write_text(f"{NEW}\n{text}")
    copy = tmp_path / "copy"
    shutil.copytree(state, copy)
    began = time.monotonic()
    build_for(order, copy, None)
    undisturbed_s = time.monotonic() - began
    moments = random.Random(3)
    for _ in range(KILLS):
        shutil.rmtree(copy)
        shutil.copytree(state, copy)
        build_for(order, copy, moments.uniform(0, 2 * undisturbed_s))
        assert in_force(copy) in ([OLD], [NEW])
        kept = history(copy, "ads")
        assert all(kept.text(version.id) for version in kept.index().versions)
        assert kept.index().in_force() is not None
        sweep_state(copy)
        assert not list(copy.rglob(".new-*"))
        assert in_force(copy) in ([OLD], [NEW])


FULL = """
set -eu
mount -t tmpfs -o size=$1 none "$2"
cp -r "$3/." "$2"
shift 3
exec "$@"
"""
BUILD = """
import pathlib, sys
from resolver.core.errors import ListRefused
from resolver.core.guards import Bounds
from resolver.core.names import from_text
from resolver.config.model import Engine
from resolver.edge.builder import Order, build_file, open_built
from resolver.edge.intake import Source
from resolver.engines import make_steps
state = pathlib.Path(sys.argv[2])
try:
    source = Source("ads", pathlib.Path(sys.argv[1]), bounds=Bounds(None, None, None))
    build_file(Order((source,)), state, make_steps(Engine(sys.argv[3])))
except ListRefused as exc:
    print(exc)
print(open_built(state).table.find(from_text("a.example")))
"""


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0,
    reason="no mount namespace of our own is allowed here",
)
def test_a_disk_that_is_full_is_named_and_the_old_table_stays(on_both: Twin, tmp_path: Path) -> None:
    path, state, small = tmp_path / "ads.txt", tmp_path / "state", tmp_path / "small"
    path.write_text("a.example\n")
    build_file(Order((Source("ads", path),)), state)
    small.mkdir()
    path.write_text("".join([f"n{number}.example\n" for number in range(40_000)]))
    done = subprocess.run(
        [
            *("unshare", "-rm", "sh", "-c", FULL, "sh", "300k", str(small), str(state)),
            *(sys.executable, "-c", BUILD, str(path), str(small), on_both),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": python_path("")},
        check=False,
    )
    assert done.stdout.count("\n") == 2, done.stdout + done.stderr
    said, number = done.stdout.splitlines()
    assert said == "build: No space left on device"
    assert number == "1", done.stderr
