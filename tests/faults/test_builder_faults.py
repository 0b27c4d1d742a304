"""The builder as it really runs: killed at any moment, and on a disk that is full."""

from __future__ import annotations

import os
import pickle
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resolver.core.names import from_text
from resolver.core.steps import NO_SET
from resolver.edge.builder import Order, build_file, open_built
from resolver.edge.children import PYTHON, python_path
from resolver.edge.intake import Source, history
from resolver.edge.lists import CHILD

KILLS = 100
pytestmark = pytest.mark.timeout(180)


def begin(order: Order, state: Path) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(
        [*PYTHON, CHILD],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": python_path("")},
    )
    assert child.stdin is not None
    child.stdin.write(pickle.dumps((order, state)))
    child.stdin.close()
    return child


def finish(child: subprocess.Popen[bytes]) -> int:
    assert child.stderr is not None
    child.stderr.close()
    return child.wait()


def in_force(state: Path, names: list[str]) -> list[str]:
    table = open_built(state).table
    return [name for name in names if table.find(from_text(name)) != NO_SET]


def test_a_builder_killed_at_any_moment_leaves_the_old_table_or_the_new_one(tmp_path: Path) -> None:
    path, state = tmp_path / "ads.txt", tmp_path / "state"
    order = Order((Source("ads", path),))
    known = [f"first.v{number}.example" for number in range(KILLS + 1)]
    text = "".join([f"n{number}.example\n" for number in range(3000)])

    def write(number: int) -> None:
        path.write_text(f"{known[number]}\n{text}")

    write(0)
    begun = time.monotonic()
    assert finish(begin(order, state)) == 0
    took_s = time.monotonic() - begun
    rng, was, replaced = random.Random(9), known[0], 0
    for number in range(1, KILLS + 1):
        write(number)
        child = begin(order, state)
        try:
            child.wait(took_s * rng.uniform(0.3, 1.1))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        finish(child)
        (now,) = in_force(state, known)
        assert now in (was, known[number])
        replaced += now != was
        was = now
    assert 0 < replaced < KILLS  # it was killed before the end, and after it
    build_file(order, state)
    assert in_force(state, known) == [known[KILLS]]
    assert finish(begin(order, state)) == 0  # which sweeps
    assert not list(state.rglob(".new-*"))
    kept = history(state, "ads")
    assert all(kept.text(version.id) for version in kept.index().versions)


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
from resolver.edge.builder import Order, build_file, open_built
from resolver.edge.intake import Source
state = pathlib.Path(sys.argv[2])
try:
    source = Source("ads", pathlib.Path(sys.argv[1]), bounds=Bounds(None, None, None))
    build_file(Order((source,)), state)
except ListRefused as exc:
    print(exc)
print(open_built(state).table.find(from_text("a.example")))
"""


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0,
    reason="no mount namespace of our own is allowed here",
)
def test_a_disk_that_is_full_is_named_and_the_old_table_stays(tmp_path: Path) -> None:
    path, state, small = tmp_path / "ads.txt", tmp_path / "state", tmp_path / "small"
    path.write_text("a.example\n")
    build_file(Order((Source("ads", path),)), state)
    small.mkdir()
    path.write_text("".join([f"n{number}.example\n" for number in range(40_000)]))
    done = subprocess.run(
        [
            *("unshare", "-rm", "sh", "-c", FULL, "sh", "300k", str(small), str(state)),
            *(sys.executable, "-c", BUILD, str(path), str(small)),
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
