"""Which of the sockets on one address the kernel gives a message to."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import sys

_SO_ATTACH_REUSEPORT_CBPF = 51
_STEP, _PROGRAM = struct.Struct("=HBBI"), struct.Struct("@HP")
"""`struct sock_filter` and `struct sock_fprog` of linux/filter.h."""
_LOAD, _MODULO, _IS, _RETURN, _RETURN_IT = 0x20, 0x94, 0x15, 0x06, 0x16
"""BPF_LD|BPF_W|BPF_ABS, BPF_ALU|BPF_MOD|BPF_K, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K, BPF_RET|BPF_A."""
MAX_CORES = 1024
"""So many may be told apart: a program has at most 4,096 steps (BPF_MAXINSNS)."""
_CORE = 0xFFFFF000 + 36
"""SKF_AD_OFF + SKF_AD_CPU: the number of the core on which the message is being received."""


def steer_by_core(sock: socket.socket, sockets: int) -> bool:
    """Let each of so many sockets, which share the address of this one, get the messages of its cores.

    The cores that we may use are dealt out to the sockets first, then all others. Without this the kernel
    goes by the client's address and port. Returns whether the system took it.
    """
    if sys.platform != "linux":
        return False
    steps = [(_LOAD, 0, 0, _CORE)]
    for number, core in enumerate(sorted(os.sched_getaffinity(0))[:MAX_CORES]):
        steps += [(_IS, 0, 1, core), (_RETURN, 0, 0, number % sockets)]
    steps += [(_MODULO, 0, 0, sockets), (_RETURN_IT, 0, 0, 0)]
    text = b"".join([_STEP.pack(*step) for step in steps])
    room = ctypes.create_string_buffer(text, len(text))
    program = _PROGRAM.pack(len(steps), ctypes.addressof(room))
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, program)
        return True
    return False
