"""DNS over UDP where what is known is answered natively; the rest goes to the service as ever."""

from __future__ import annotations

import asyncio
import socket

from resolver.edge import udp
from resolver.edge.service import Service
from resolver.native.answering import Answering
from resolver.native.asking import ASKS, Asking

PASSES = 16
"""How many batches are received before other sockets get their turn: about a thousand queries, some 3 ms."""
_KNOWN_NOW = 2
"""Reasons from this number on are for something that the native part did not know and can learn."""


class NativeUdpListener(udp.UdpListener):
    """Answers what is known on one socket, and hands every other message to the service."""

    def __init__(
        self,
        sock: socket.socket,
        service: Service,
        loop: asyncio.AbstractEventLoop,
        answering: Answering,
        asking: Asking,
    ) -> None:
        self._answering, self._asking = answering, asking
        self._number = asking.open(sock.fileno(), self)
        self._by = (asking.native, self._number) if ASKS and self._number >= 0 else ()
        super().__init__(sock, service, loop)

    def close(self) -> None:
        """Send what waits and close the socket."""
        if self._number >= 0:
            self._asking.close(self._number)
        super().close()

    def take(self, wire: bytes, peer: bytes, control: bytes) -> None:
        """Take a query that has waited natively as if it had come in just now."""
        service, host = self._service, peer[self._host]
        client = service.clients.known.get(host)
        if client is not None:
            client.bucket.left += 1  # which was taken when it came
        to = (peer, udp.way_back(control)) if self._wildcard else peer
        service.handle(wire, host, self._channel, self._port.send, to)

    def _drain(self) -> None:
        answering, service, port = self._answering, self._service, self._port
        told = answering.told(service.clients)
        self._asking.prepare()
        left = answering.serve(self._sock.fileno(), told.snapshot, answering.cache.native, PASSES, *self._by)
        self._asking.go_on()
        if not left:
            return
        handle, channel, host, send = service.handle, self._channel, self._host, port.send
        port.hold()
        for wire, peer, control, why, profile, number in left:
            to = (peer, udp.way_back(control)) if self._wildcard else peer
            handle(wire, peer[host], channel, send, to)
            if why >= _KNOWN_NOW:
                told.learn(why, profile, number, peer[host])
        port.flush()
