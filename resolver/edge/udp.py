"""DNS over UDP: messages in batches; each answer leaves from the address asked."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Sequence
from typing import Any

from resolver.edge.datagrams import INBOX, PEER_SIZES, Port
from resolver.edge.service import Service
from resolver.observe.counters import Channel

RECEIVE_BUFFER = 4 << 20
"""Bytes that the kernel may hold for us while we are busy; it may allow less (net.core.rmem_max)."""

_PKTINFO_V4 = struct.Struct("=I4s4s")
_PKTINFO = {
    socket.AF_INET: (socket.IPPROTO_IP, 8),  # Linux; the socket module has no name for it before Python 3.12
    socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO),
}
WILDCARDS = ("0.0.0.0", "::")
"""What stands for all addresses."""


def bind(host: str, port: int) -> socket.socket:
    """Return a bound, non-blocking UDP socket. Raises OSError, also where another program has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return _bound(family, (host, port), wildcard=host in WILDCARDS)


def bind_beside(sock: socket.socket) -> socket.socket:
    """Return another socket on the address of one that is bound; the kernel spreads clients over both.

    SO_REUSEPORT is set on the first one only now, when it has the address: bound with it from the start, it
    would share the address with a second nxwhy of the same user, each getting a part of the queries. Raises
    OSError.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    address = sock.getsockname()
    return _bound(sock.family, address, wildcard=address[0] in WILDCARDS, beside=True)


def _bound(
    family: socket.AddressFamily, address: tuple[Any, ...], *, wildcard: bool, beside: bool = False
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if beside:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        with contextlib.suppress(OSError):  # passes rmem_max where we have the privilege
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
        if wildcard:  # before the first query can come: the kernel notes it on arrival
            sock.setsockopt(*_PKTINFO[family], 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


_SO_RCVBUFFORCE = 33


class UdpListener:
    """Hands every message on one socket to the service."""

    def __init__(self, sock: socket.socket, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self._sock, self._service, self._loop = sock, service, loop
        self._channel = Channel("udp", 6 if sock.family == socket.AF_INET6 else 4)
        self._peer_size, self._host = PEER_SIZES[sock.family], _HOSTS[sock.family]
        self._wildcard = sock.getsockname()[0] in WILDCARDS
        self._port = Port(sock, self, loop, _both if self._wildcard else _peers)
        self._resume()

    def _resume(self) -> None:
        self._loop.add_reader(self._sock, self._drain)

    def pause(self) -> None:
        """Take no more queries; answers to earlier ones can still be sent."""
        self._loop.remove_reader(self._sock)

    def close(self) -> None:
        """Send what waits and close the socket."""
        self.pause()
        self._port.flush()
        self._sock.close()

    def refused(self, waiting: Sequence[object]) -> None:
        """Do nothing: an answer that nobody waited for."""

    def unsent(self, to: Sequence[object]) -> None:
        """Count answers that the system did not take."""
        self._service.unsent(len(to))

    def _drain(self) -> None:
        try:
            wires = INBOX.receive(self._sock.fileno())
        except OSError:  # nothing there, or the error of an earlier answer
            return
        port, handle, channel, host = self._port, self._service.handle, self._channel, self._host
        peers = INBOX.peers(len(wires), self._peer_size)
        to: Sequence[Any] = peers
        if self._wildcard:
            to = [
                (peer, way_back(control))
                for peer, control in zip(peers, INBOX.controls(len(wires)), strict=True)
            ]
        send = port.send
        port.hold()
        for wire, peer, back in zip(wires, peers, to, strict=True):
            handle(wire, peer[host], channel, send, back)
        port.flush()


_HOSTS = {socket.AF_INET: slice(4, 8), socket.AF_INET6: slice(8, 24)}
"""Where an address as the system has it holds that of the host."""


def _peers(to: Sequence[bytes]) -> tuple[Sequence[bytes], Sequence[bytes]]:
    return to, ()


def _both(to: Sequence[tuple[bytes, bytes]]) -> tuple[Sequence[bytes], Sequence[bytes]]:
    peers, controls = zip(*to, strict=True)
    return peers, controls


def way_back(control: bytes) -> bytes:
    """Return the control message that makes an answer leave from the address asked (ip(7), ipv6(7)).

    For IPv4 that is the local address without an interface, for IPv6 what came.
    """
    if len(control) != socket.CMSG_SPACE(_PKTINFO_V4.size):
        return control
    _, local, _ = _PKTINFO_V4.unpack_from(control, socket.CMSG_LEN(0))
    head = control[: socket.CMSG_LEN(0)]
    return (head + _PKTINFO_V4.pack(0, local, bytes(4))).ljust(len(control), b"\0")
