"""DNS over UDP: a socket, drained whenever it has something; each answer leaves from the address asked."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Sequence
from typing import Any

from resolver.edge.service import Service
from resolver.observe.counters import Channel

BATCH = 64
"""Most messages read before other sockets get their turn."""
LARGEST = 4096
"""Largest query read, in bytes."""
RECEIVE_BUFFER = 4 << 20
"""Bytes that the kernel may hold for us while we are busy; it may allow less (net.core.rmem_max)."""

_PKTINFO_V4 = struct.Struct("=I4s4s")
_ANCILLARY = socket.CMSG_SPACE(20)
_IP_PKTINFO = 8  # Linux; the socket module has no name for it before Python 3.12


def bind(host: str, port: int) -> socket.socket:
    """Return a bound, non-blocking UDP socket. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        with contextlib.suppress(OSError):  # passes rmem_max where we have the privilege
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


_SO_RCVBUFFORCE = 33


class UdpListener:
    """Hands every message on one socket to the service."""

    def __init__(self, sock: socket.socket, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self._sock, self._service, self._loop = sock, service, loop
        v6 = sock.family == socket.AF_INET6
        self._channel = Channel("udp", 6 if v6 else 4)
        wildcard = sock.getsockname()[0] in {"0.0.0.0", "::"}
        if wildcard and v6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        elif wildcard:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        loop.add_reader(sock, self._drain_wildcard if wildcard else self._drain)

    def pause(self) -> None:
        """Take no more queries; answers to earlier ones can still be sent."""
        self._loop.remove_reader(self._sock)

    def close(self) -> None:
        """Close the socket."""
        self._loop.remove_reader(self._sock)
        self._sock.close()

    def _drain(self) -> None:
        recvfrom, sendto = self._sock.recvfrom, self._sock.sendto
        handle, channel = self._service.handle, self._channel
        for _ in range(BATCH):
            try:
                wire, peer = recvfrom(LARGEST)
            except OSError:  # nothing left, or the error of an earlier answer
                return
            handle(wire, peer[0], channel, sendto, peer)

    def _drain_wildcard(self) -> None:
        recvmsg = self._sock.recvmsg
        handle, channel = self._service.handle, self._channel
        for _ in range(BATCH):
            try:
                wire, ancillary, _, peer = recvmsg(LARGEST, _ANCILLARY)
            except OSError:
                return
            handle(wire, peer[0], channel, self._send_from, (peer, _source(ancillary)))

    def _send_from(self, wire: bytes, to: tuple[Any, list[tuple[int, int, bytes]]]) -> None:
        peer, ancillary = to
        self._sock.sendmsg((wire,), ancillary, 0, peer)


def _source(ancillary: Sequence[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """Return the control message that makes an answer leave from the address that was asked."""
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
            _, local, _ = _PKTINFO_V4.unpack(data)
            return [(level, kind, _PKTINFO_V4.pack(0, local, bytes(4)))]
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            return [(level, kind, data)]
    return []
