"""Which of the sockets on one address the kernel gives a message to."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import sys

_SO_ATTACH_REUSEPORT_CBPF = 51
_STEP, _PROGRAM = struct.Struct("=HBBI"), struct.Struct("@HP")
"""`struct sock_filter` and `struct sock_fprog` of linux/filter.h."""
_LOAD, _MODULO, _RETURN = 0x20, 0x94, 0x16
"""BPF_LD|BPF_W|BPF_ABS, BPF_ALU|BPF_MOD|BPF_K, BPF_RET|BPF_A."""
_CORE = 0xFFFFF000 + 36
"""SKF_AD_OFF + SKF_AD_CPU: the number of the core on which the message is being received."""


def steer_by_core(sock: socket.socket, sockets: int) -> bool:
    """Let each of so many sockets, which share the address of this one, get the messages of its cores.

    Without this the kernel goes by the client's address and port. Returns whether the system took it.
    """
    if sys.platform != "linux":
        return False
    steps = [(_LOAD, 0, 0, _CORE), (_MODULO, 0, 0, sockets), (_RETURN, 0, 0, 0)]
    text = b"".join([_STEP.pack(*step) for step in steps])
    room = ctypes.create_string_buffer(text, len(text))
    program = _PROGRAM.pack(len(steps), ctypes.addressof(room))
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, program)
        return True
    return False
