"""The answer cache in C under many threads, and under the sanitizers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.native.caching import SOURCES
from tests.native.compiled import compile_c

ROUNDS = os.environ.get("NXWHY_NATIVE_ROUNDS", "30000")
"""What each thread does; `make native-sanitize` wants more."""
ADDRESSES = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


@pytest.mark.parametrize(
    ("using", "flags"),
    [("cc", ("-O2",)), ("clang", ("-O1", "-g", "-fsanitize=thread")), ("clang", ("-O1", "-g", *ADDRESSES))],
    ids=["plain", "thread", "address"],
)
def test_threads_that_ask_put_flush_walk_and_resize_see_whole_answers(
    tmp_path: Path, using: str, flags: tuple[str, ...]
) -> None:
    program = compile_c(
        tmp_path / "threads", [Path(__file__).with_name("cache_threads.c"), *SOURCES], *flags, using=using
    )
    ran = subprocess.run([program, ROUNDS], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert not ran.stdout.startswith("0 answered")


@pytest.mark.parametrize("batched", ["0", "1"])
def test_what_an_answer_costs_can_be_measured(tmp_path: Path, batched: str) -> None:
    source = Path(__file__).with_name("cache_speed.c")
    program = compile_c(tmp_path / "speed", [source, *SOURCES], "-O2", "-lm")
    told = subprocess.check_output([program, "16", "2", "1000", "3200", batched], text=True)
    assert told.count("ns an answer") == 2
