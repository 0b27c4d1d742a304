"""How long our threads keep a core."""

from __future__ import annotations

import platform
import re
import subprocess
import sys

import pytest

GET = {"x86_64": 315, "aarch64": 275, "riscv64": 275}
"""The numbers of sched_getattr(2), which the C library lacks."""
PROGRAM = """
import ctypes, os, struct, subprocess, sys
def turn_ns():
    room = ctypes.create_string_buffer(48)
    assert ctypes.CDLL(None).syscall(int(sys.argv[1]), 0, room, 48, 0) == 0
    return struct.unpack("IIQiIQQQ", room)[5]
if len(sys.argv) == 2:
    from resolver.edge.turns import shorten_turns
    os.nice(3)
    assert shorten_turns()
    assert os.nice(0) == 3, os.nice(0)
    os.nice(5)
    subprocess.run([sys.executable, "-c", os.environ["PROGRAM"], sys.argv[1], "child"], check=True)
print(turn_ns())
"""


@pytest.mark.skipif(platform.machine() not in GET, reason="the number of the system call is not known here")
def test_short_turns_are_those_of_the_processes_that_are_started_too_and_leave_niceness_alone() -> None:
    argv = [sys.executable, "-c", PROGRAM, str(GET[platform.machine()])]
    said = subprocess.check_output(argv, env={"PROGRAM": PROGRAM}, text=True)
    release = re.match(r"(\d+)\.(\d+)", platform.release())
    assert release is not None
    since_6_12 = (int(release[1]), int(release[2])) >= (6, 12)
    assert said.split() == ["200000" if since_6_12 else "0"] * 2
