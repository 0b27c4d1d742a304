"""How a process of ours gives way to those that answer, where they share a core."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

NICE = 15
PATIENT_S = 1.0
"""How long a process may wait for a core in all, and no longer than it has had one."""


def give_way_wholly() -> None:
    """Run only where nobody else wants the core, and leave it at once to who does.

    Before Linux 6.6 `nice` is enough for that; since then who wakes waits for the slice of whoever runs,
    however nice, but not for that of an idle one. It cannot be taken back by who may not raise itself.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except (AttributeError, OSError):  # not Linux; forbidden by a filter of system calls
        give_way()


def give_way() -> None:
    """Run with less than others have, but with something, also where all cores are busy."""
    with suppress(OSError):  # forbidden: we do our work all the same
        os.nice(NICE)


def starves(pid: int) -> bool:
    """Say whether a process waits for a core more than it has one; False where the system does not say."""
    try:
        ran_ns, waited_ns, _ = map(int, Path(f"/proc/{pid}/schedstat").read_text().split())
    except (OSError, ValueError):
        return False
    return waited_ns > max(ran_ns, PATIENT_S * 1e9)
