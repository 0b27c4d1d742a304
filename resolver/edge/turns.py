"""How long a thread of ours keeps the core from another that is woken."""

from __future__ import annotations

import ctypes
import os
import platform
import struct

TURN_NS = 200_000
"""In nanoseconds; whoever answers natively has half of it (native/turns.h), and so gets the core at once."""
_CALLS = {"x86_64": (314, 315), "aarch64": (274, 275), "riscv64": (274, 275)}
"""The numbers of sched_setattr(2) and sched_getattr(2), which the C library of Debian 12 lacks."""
_FORM = struct.Struct("=IIQiIQQQ")
"""size, policy, flags, nice, priority; runtime, deadline and period in nanoseconds."""
_POLICIES = (os.SCHED_OTHER, os.SCHED_BATCH)


def shorten_turns() -> bool:
    """Take short turns from now on: this thread, and whatever threads and processes it starts.

    It gets as much of the core as before. But somebody who is woken gets the core after our turn, and not
    after the tick of the system, which may take 4 ms. Returns whether the system took it; before Linux 6.12
    it does, and nothing changes.
    """
    if platform.machine() not in _CALLS:
        return False
    put, get = _CALLS[platform.machine()]
    call = ctypes.CDLL(None).syscall
    room = ctypes.create_string_buffer(_FORM.size)
    if call(get, 0, room, _FORM.size, 0):
        return False
    size, policy, flags, nice, priority, _, deadline, period = _FORM.unpack(room.raw)
    if policy not in _POLICIES:  # somebody has chosen otherwise for us
        return False
    room.raw = _FORM.pack(size, policy, flags, nice, priority, TURN_NS, deadline, period)
    return not call(put, 0, room, 0)
