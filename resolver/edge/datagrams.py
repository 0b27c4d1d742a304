"""UDP messages, received and sent many at a time: recvmmsg(2) and sendmmsg(2), called through libc.

One system call for some sixty messages costs a third of one for each. The buffers are the process' own and
shared by all sockets: what comes in is copied out before anything else happens.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Literal, Protocol

BATCH = 64
"""Most messages received before other sockets get their turn, and most that one system call sends."""
LARGEST = 4096
"""Largest message read, in bytes; what is longer is cut, and so unreadable."""

_PEER, _CONTROL = 28, 64
"""Room for an address (sockaddr_in6) and for the control messages of one message."""
PEER_SIZES = {socket.AF_INET: 16, socket.AF_INET6: _PEER}
"""Bytes of an address as the system has it (sockaddr_in, sockaddr_in6)."""


class _Piece(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Header(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_size", ctypes.c_uint32),
        ("pieces", ctypes.c_void_p),
        ("piece_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_size", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    _fields_ = (("header", _Header), ("received", ctypes.c_uint32))


_libc = ctypes.CDLL(None, use_errno=True)
_recvmmsg, _sendmmsg = _libc.recvmmsg, _libc.sendmmsg
_recvmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
_sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)


class _Slots:
    """Headers of BATCH messages, with room for an address and for control messages each."""

    def __init__(self) -> None:
        self.peers: Any = (ctypes.c_char * (BATCH * _PEER))()  # a slice of which is bytes
        self.controls: Any = (ctypes.c_char * (BATCH * _CONTROL))()
        self.pieces = (_Piece * BATCH)()
        self.messages = (_Message * BATCH)()
        self.at = ctypes.addressof(self.messages)
        for number, header in enumerate(self.headers):
            header.name = ctypes.addressof(self.peers) + number * _PEER
            header.pieces = ctypes.addressof(self.pieces) + number * ctypes.sizeof(_Piece)
            header.piece_count = 1

    @property
    def headers(self) -> Iterator[_Header]:
        """The header of each message."""
        return (message.header for message in self.messages)

    def fields(self, name: str, code: Literal["I", "L"]) -> memoryview:
        """Return one field of all headers, an unsigned int or long."""
        every = memoryview(self.messages).cast("B").cast(code)
        size = every.itemsize
        field: Any = getattr(_Message, name, None) or getattr(_Header, name)  # of which a message begins
        found: memoryview = every[field.offset // size :: ctypes.sizeof(_Message) // size]
        return found


class Inbox:
    """Receives messages. Each method takes what is there, up to BATCH, and raises OSError."""

    def __init__(self) -> None:
        self._data: Any = (ctypes.c_char * (BATCH * LARGEST))()
        self._slots = slots = _Slots()
        for number, piece in enumerate(slots.pieces):
            piece.base, piece.size = ctypes.addressof(self._data) + number * LARGEST, LARGEST
        for number, header in enumerate(slots.headers):
            header.name_size, header.control_size = _PEER, _CONTROL
            header.control = ctypes.addressof(slots.controls) + number * _CONTROL
        self._messages = memoryview(slots.messages).cast("B")
        self._fresh = bytes(self._messages)
        self._control_sizes = slots.fields("control_size", "L")
        self._sizes = slots.fields("received", "I")

    def receive(self, descriptor: int) -> list[bytes]:
        """Return messages."""
        self._messages[:] = self._fresh  # the system writes into it
        count = _recvmmsg(descriptor, self._slots.at, BATCH, socket.MSG_DONTWAIT, None)
        if count < 0:
            raise _error()
        data = self._data
        return [data[at : at + size] for at, size in zip(_STARTS, self._sizes[:count].tolist(), strict=False)]

    def peers(self, count: int, size: int) -> list[bytes]:
        """Return where the messages of the last call came from: addresses of `size` bytes."""
        peers = self._slots.peers
        return [peers[at : at + size] for at in range(0, count * _PEER, _PEER)]

    def controls(self, count: int) -> list[bytes]:
        """Return the control messages that came with the messages of the last call."""
        controls, starts = self._slots.controls, range(0, count * _CONTROL, _CONTROL)
        sizes = self._control_sizes[:count].tolist()
        return [controls[at : at + size] for at, size in zip(starts, sizes, strict=True)]


_STARTS = range(0, BATCH * LARGEST, LARGEST)


class Outbox:
    """Sends messages. Addresses and control messages have one size in each call, if there are any."""

    def __init__(self) -> None:
        self._slots = slots = _Slots()
        words = memoryview(slots.pieces).cast("B").cast("L")
        self._bases, self._sizes = words[0::2], words[1::2]
        self._peers = memoryview(slots.peers).cast("B")
        self._controls = memoryview(slots.controls).cast("B")
        self._peer_at, self._peer_sizes = slots.fields("name", "L"), slots.fields("name_size", "I")
        self._control_at = slots.fields("control", "L")
        self._control_sizes = slots.fields("control_size", "L")

    def send(
        self, descriptor: int, wires: Sequence[bytes], peers: Sequence[bytes], controls: Sequence[bytes]
    ) -> int:
        """Send 1 to BATCH messages; return how many were sent. Raises OSError if not even the first was."""
        count = len(wires)
        together = b"".join(wires)  # has to live until they are sent
        base = ctypes.cast(ctypes.c_char_p(together), ctypes.c_void_p).value or 0
        sizes = array("L", map(len, wires))
        self._bases[:count] = array("L", accumulate(sizes[:-1], initial=base))
        self._sizes[:count] = sizes
        _place(peers, self._peers, self._peer_at, self._peer_sizes, count, "I")
        _place(controls, self._controls, self._control_at, self._control_sizes, count, "L")
        sent = int(_sendmmsg(descriptor, self._slots.at, count, socket.MSG_DONTWAIT))
        if sent < 0:
            raise _error()
        return sent


def _place(
    given: Sequence[bytes], room: memoryview, at: memoryview, sizes: memoryview, count: int, code: str
) -> None:
    """Put things of one size where the headers of `count` messages point to."""
    size = len(given[0]) if given else 0
    if size:
        together = b"".join(given)
        room[: len(together)] = together
        base = ctypes.addressof(ctypes.c_char.from_buffer(room))
        at[:count] = array("L", range(base, base + count * size, size))
    sizes[:count] = array(code, [size]) * count


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))


INBOX, OUTBOX = Inbox(), Outbox()


class Owner(Protocol):
    """Whose port it is."""

    def refused(self, waiting: Sequence[Any]) -> None:
        """Learn of an ICMP error that messages before those that still wait brought."""

    def unsent(self, to: Sequence[Any]) -> None:
        """Learn that messages could not be sent; `to` is what was given along with them."""


Address = Callable[[Sequence[Any]], tuple[Sequence[bytes], Sequence[bytes]]]
"""Makes addresses and control messages of what was given along with messages."""


def connected(_: Sequence[Any]) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """Return no addresses: a connected socket has one."""
    return (), ()


class Port:
    """A UDP socket that gathers what is to be sent and sends it once for each turn of the event loop."""

    __slots__ = ("_address", "_due", "_loop", "_owner", "_to", "_wires", "sock")

    def __init__(
        self, sock: socket.socket, owner: Owner, loop: asyncio.AbstractEventLoop, address: Address
    ) -> None:
        self.sock, self._owner, self._loop, self._address = sock, owner, loop, address
        self._wires: list[bytes] = []
        self._to: list[Any] = []
        self._due = False

    @property
    def waiting(self) -> Sequence[Any]:
        """What was given along with the messages that wait to be sent."""
        return self._to

    def send(self, wire: bytes, to: object) -> None:
        """Send a message soon. `to` says to whom, or comes back if it cannot be sent."""
        self._wires.append(wire)
        self._to.append(to)
        if not self._due:
            self._due = True
            self._loop.call_soon(self.flush)

    def hold(self) -> None:
        """Wait with sending for the call of `flush` that will follow."""
        self._due = True

    def flush(self) -> None:
        """Send what waits."""
        wires, to, self._wires, self._to = self._wires, self._to, [], []
        self._due = False
        descriptor, first, refused = self.sock.fileno(), 0, False
        if descriptor < 0:
            return
        while first < len(wires):
            some = to[first : first + BATCH]
            try:
                first += OUTBOX.send(descriptor, wires[first : first + BATCH], *self._address(some))
            except ConnectionRefusedError:
                if refused:
                    self._owner.unsent(some[:1])
                    first += 1
                else:  # it shows only once
                    refused = True
                    self._owner.refused(to[first:])
            except BlockingIOError:
                self._owner.unsent(to[first:])
                return
            except OSError:
                self._owner.unsent(some[:1])
                first += 1
