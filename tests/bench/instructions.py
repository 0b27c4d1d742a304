"""`make bench-instructions`: instructions in user space that a known query takes, with one and two threads.

Counted by callgrind (valgrind --tool=callgrind) over the threads of resolver/native/thread.h alone, not
Python: the difference between a long run and a short one, divided by the queries that it has more. They come
a few at a time on each of some sockets, which the kernel spreads over the threads.
"""

from __future__ import annotations

import argparse
import platform
import re
import socket
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.messages import opt, query
from tests.native.compiled import NATIVE, compile_c
from tests.programs import need

SOCKETS, AT_A_TIME = 8, 16
"""On how many sockets is asked, and how many queries at a time on each."""
ROUNDS = (50, 150)
"""Of the two runs."""
GOAL = 1.10
"""The most that two threads may take of what one takes."""
PLAIN = sorted(path for path in NATIVE.glob("*.c") if not path.name.startswith("module"))
WIRES = {
    "blocked": query("policy.example"),
    "cached": query("cached.example"),
    "blocked, with a cookie": query("policy.example", opt=opt(options=b"\0\x0a\0\x08abcdefgh")),
}


def compiled(folder: Path) -> Path:
    """Return the program that answers."""
    source = Path(__file__).with_suffix(".c")
    beside = Path(__file__).parents[1] / "native"
    return compile_c(folder / "instructions", [source, *PLAIN], "-O2", "-g", f"-I{beside}", "-lm", "-pthread")


def counted(program: Path, threads: int, wire: bytes, rounds: int) -> int:
    """Return how many instructions a run takes in which each socket asks so many rounds."""
    tool = [need("valgrind"), "--tool=callgrind", "--callgrind-out-file=/dev/null", "--fair-sched=yes"]
    running = subprocess.Popen(
        [*tool, program, str(threads)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    port = int(running.stdout.readline())
    ask(port, wire, rounds)
    _, said = running.communicate("", timeout=60)
    return int(re.findall(r"Collected : (\d+)", said)[0])


def ask(port: int, wire: bytes, rounds: int) -> None:
    """Ask on all sockets and wait for all answers, so many times."""
    with ExitStack() as held:
        socks = [held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(SOCKETS)]
        for sock in socks:
            sock.settimeout(30)
            sock.connect(("127.0.0.1", port))
        for _ in range(rounds):
            for sock in socks:
                for _ in range(AT_A_TIME):
                    sock.send(wire)
            for sock in socks:
                for _ in range(AT_A_TIME):
                    assert sock.recv(4096)[2] & 0x80


def instructions_a_query(program: Path, threads: int, wire: bytes) -> float:
    """Return what one more query takes."""
    short, long = [counted(program, threads, wire, rounds) for rounds in ROUNDS]
    return (long - short) / ((ROUNDS[1] - ROUNDS[0]) * SOCKETS * AT_A_TIME)


def main() -> None:
    """Print a line for each kind of name."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(f"{platform.machine()}; instructions a query, {AT_A_TIME} at a time on each of {SOCKETS} sockets")
    with tempfile.TemporaryDirectory() as folder:
        program = compiled(Path(folder))
        for kind, wire in WIRES.items():
            one, two = [instructions_a_query(program, threads, wire) for threads in (1, 2)]
            missed = "" if two <= one * GOAL else "  missed"
            print(f"{kind:<24} one thread {one:7.0f}   two {two:7.0f}   {two / one:6.3f}{missed}", flush=True)


if __name__ == "__main__":
    main()
