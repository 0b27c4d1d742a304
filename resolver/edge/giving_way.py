"""How a process of ours gives way to those that answer, where they share a core."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from resolver.edge.turns import take_turns

NICE, TURN_NS = 15, 4_000_000


def give_way() -> None:
    """Run with less than others have, but with something, also where all cores are busy.

    Turns are long, so that nobody who is woken waits for the end of ours: who takes shorter ones goes first,
    as everybody does who did not choose. Not with SCHED_IDLE: where other groups of processes want the cores
    too, clients then waited several times as long, and a build took four times as long.
    """
    with suppress(OSError):  # forbidden, as by a filter of system calls: we do our work all the same
        os.nice(NICE)
    take_turns(TURN_NS)


def keep_to_one_core() -> None:
    """Run on one core alone, the one that the system has just found for us.

    A build has two threads, and on both cores of a small machine nobody else would find one free.
    """
    with suppress(OSError, AttributeError):  # which Linux alone has
        os.sched_setaffinity(0, {_core()})


def _core() -> int:
    """Return the number of the core that we run on (proc_pid_stat(5), field 39)."""
    return int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[36])
