"""How long our threads keep a core."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from resolver.edge import giving_way
from resolver.edge.turns import ANSWERING_NS, TURN_NS, take_turns
from tests.servers import ROOT
from tests.test_app import serving
from tests.twins import needs_native

GET = {"x86_64": 315, "aarch64": 275, "riscv64": 275}
"""The numbers of sched_getattr(2), which the C library lacks."""
RELEASE = re.match(r"(\d+)\.(\d+)", platform.release())
SINCE_6_12 = RELEASE is not None and (int(RELEASE[1]), int(RELEASE[2])) >= (6, 12)
PROGRAM = """
import os, subprocess, sys
from resolver.edge import giving_way
from resolver.edge.turns import TURN_NS, take_turns
from tests.edge.test_turns import turn_ns
if len(sys.argv) == 1:
    os.nice(3)
    assert take_turns(TURN_NS)
    assert os.nice(0) == 3, os.nice(0)
    os.nice(5)
    subprocess.run([sys.executable, "-c", os.environ["PROGRAM"], "child"], check=True)
print(turn_ns(0))
giving_way.give_way()
print(turn_ns(0))
"""

pytestmark = pytest.mark.skipif(
    platform.machine() not in GET, reason="the number of the system call is not known here"
)


def turn_ns(task: int) -> int:
    """Return how long the turns of a thread are, in nanoseconds; 0 where the system decides."""
    room = ctypes.create_string_buffer(48)
    assert ctypes.CDLL(None).syscall(GET[platform.machine()], task, room, 48, 0) == 0
    return int(struct.unpack("IIQiIQQQ", room)[5])


def test_turns_are_those_of_the_processes_that_are_started_too_until_these_give_way() -> None:
    environment = {"PROGRAM": PROGRAM, "PYTHONPATH": str(ROOT)}
    said = subprocess.check_output([sys.executable, "-c", PROGRAM], env=environment, text=True)
    assert said.split() == [str(turn * SINCE_6_12) for turn in (TURN_NS, giving_way.TURN_NS)] * 2


@needs_native
async def test_threads_that_answer_natively_take_shorter_turns_than_all_others(tmp_path: Path) -> None:
    file = tmp_path / "nxwhy.yaml"
    file.write_text(
        'listen: {dns: ["127.0.0.1:0"], admin: off}\nupstreams: {default: {servers: [192.0.2.53]}}\n'
        "lists: {}\nstate: state\nengine: native\n"
    )
    async with serving(file):
        tasks = {int(task.name): (task / "comm").read_text() for task in Path("/proc/self/task").iterdir()}
        answering = {turn_ns(task) for task, name in tasks.items() if name == "answers\n"}
        own = turn_ns(os.getpid())
    assert answering == {ANSWERING_NS * SINCE_6_12}
    assert own == TURN_NS * SINCE_6_12


@pytest.mark.parametrize(
    ("where", "told"), [("sys.platform", "freebsd14"), ("sys.maxsize", 2**31 - 1), ("platform.machine", str)]
)
def test_no_call_is_made_by_a_number_where_the_number_may_be_that_of_another(
    monkeypatch: pytest.MonkeyPatch, where: str, told: object
) -> None:
    monkeypatch.setattr(f"resolver.edge.turns.{where}", told)
    monkeypatch.setattr("resolver.edge.turns.ctypes", None)
    assert not take_turns(TURN_NS)
