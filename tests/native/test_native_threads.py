"""The threads that answer, alone in C and under the sanitizers; threads.c and events.c say what happens."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.native.compiled import NATIVE, compile_c

ROUNDS = os.environ.get("NXWHY_NATIVE_THREAD_ROUNDS", "300")
"""What each of four clients asks, sixteen queries each; `make native-sanitize` wants more."""
ADDRESSES = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
PLAIN = sorted(path for path in NATIVE.glob("*.c") if not path.name.startswith("module"))


BUILDS = pytest.mark.parametrize(
    ("using", "flags"),
    [("cc", ("-O2",)), ("clang", ("-O1", "-g", "-fsanitize=thread")), ("clang", ("-O1", "-g", *ADDRESSES))],
    ids=["plain", "thread", "address"],
)


@BUILDS
def test_what_one_thread_notes_comes_out_in_another_as_it_was_or_is_counted(
    tmp_path: Path, using: str, flags: tuple[str, ...]
) -> None:
    source = Path(__file__).with_name("events.c")
    program = compile_c(tmp_path / "events", [source, NATIVE / "events.c"], *flags, using=using)
    ran = subprocess.run([program, str(1000 * int(ROUNDS))], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("mode", [(), ("asked",)], ids=["known", "asked"])
@BUILDS
def test_threads_answer_rightly_while_policies_caches_and_sockets_come_and_go(
    tmp_path: Path, using: str, flags: tuple[str, ...], mode: tuple[str, ...]
) -> None:
    sources = [Path(__file__).with_name(name) for name in ("threads.c", "asking.c")]
    program = compile_c(tmp_path / "threads", [*sources, *PLAIN], *flags, "-lm", using=using)
    ran = subprocess.run([program, ROUNDS, *mode], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
