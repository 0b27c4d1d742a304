"""DNS over UDP where what is known is answered natively; the rest goes to the service as ever.

This is how one socket is served by the event loop itself: where there can be no thread (threads.py).
"""

from __future__ import annotations

import asyncio
import socket

from resolver.edge import udp
from resolver.edge.service import Service
from resolver.native import _native
from resolver.native.answering import Answering, SharedBucket

PASSES = 16
"""How many batches are received before other sockets get their turn: about a thousand queries, some 3 ms."""
KNOWN_NOW = 2
"""Reasons from this number on are for something that the native part did not know and can learn."""


class NativeUdpListener(udp.UdpListener):
    """Answers what is known on one socket, and hands every other message to the service."""

    def __init__(
        self,
        sock: socket.socket,
        service: Service,
        loop: asyncio.AbstractEventLoop,
        answering: Answering,
        native: _native.Loop,
    ) -> None:
        self._answering, self._native = answering, native
        super().__init__(sock, service, loop)

    def _drain(self) -> None:
        answering = self._answering
        told = answering.told(self._service.clients)
        left = self._native.serve(self._sock.fileno(), told.snapshot, answering.cache.native, PASSES)
        if not left:
            return
        self.hold()
        for wire, peer, control, why, profile, number in left:
            self.handle(wire, peer, control)
            if why >= KNOWN_NOW:
                told.learn(why, profile, number, self.host_of(peer))
        self.flush()

    def hold(self) -> None:
        """Wait with sending for the call of `flush` that will follow."""
        self._port.hold()

    def flush(self) -> None:
        """Send what waits."""
        self._port.flush()

    def host_of(self, peer: bytes) -> bytes:
        """Return the address of a host, in network order, of one as the system has it."""
        return peer[self._host]

    def handle(self, wire: bytes, peer: bytes, control: bytes, arrived: float | None = None) -> None:
        """Hand a message to the service; its answer leaves from this socket."""
        to = (peer, udp.way_back(control)) if self._wildcard else peer
        self._service.handle(wire, peer[self._host], self._channel, self._port.send, to, arrived)

    def take_back(self, wire: bytes, peer: bytes, control: bytes, arrived: float) -> None:
        """Take a query that has waited natively as if it had come in just now."""
        client = self._service.clients.known.get(peer[self._host])
        if client is not None and isinstance(client.bucket, SharedBucket):
            client.bucket.give()  # which was taken when it came
        self.handle(wire, peer, control, arrived)
