"""How long a thread of ours keeps the core from another that is woken."""

from __future__ import annotations

import ctypes
import platform
import struct
import sys

TURN_NS, ANSWERING_NS = 200_000, 100_000
"""Turns in nanoseconds, of us and of threads that answer natively, which so get the core from us at once."""
_CALLS = {"x86_64": (314, 315), "aarch64": (274, 275), "riscv64": (274, 275)}
"""The numbers of sched_setattr(2) and sched_getattr(2), which the C library of Debian 12 lacks."""
_FORM = struct.Struct("=IIQiIQQQ")
"""size, policy, flags, nice, priority; runtime, deadline and period in nanoseconds."""
_SCHED_OTHER, _SCHED_BATCH = 0, 3


def take_turns(turn_ns: int) -> bool:
    """Take turns of so many nanoseconds from now on, in this thread and in whatever it starts.

    It gets as much of the core as before. But somebody who is woken gets the core after our turn, and not
    after the tick of the system, which may take 4 ms. Returns whether the system took it; before Linux 6.12
    it does, and nothing changes.
    """
    if not _known():
        return False
    put, get = _CALLS[platform.machine()]
    call = ctypes.CDLL(None).syscall
    room = ctypes.create_string_buffer(_FORM.size)
    if call(get, 0, room, _FORM.size, 0):
        return False
    size, policy, flags, nice, priority, _, deadline, period = _FORM.unpack(room.raw)
    if policy not in (_SCHED_OTHER, _SCHED_BATCH):  # somebody has chosen otherwise for us
        return False
    room.raw = _FORM.pack(size, policy, flags, nice, priority, turn_ns, deadline, period)
    return not call(put, 0, room, 0)


def _known() -> bool:
    """Say whether the numbers are those of our calls: elsewhere, and in 32 bits, they are those of others."""
    return sys.platform == "linux" and sys.maxsize > 2**32 and platform.machine() in _CALLS
