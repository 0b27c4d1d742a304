"""DNS over UDP where what is known is answered natively; the rest goes to the service as ever."""

from __future__ import annotations

import asyncio
import socket

from resolver.edge import udp
from resolver.edge.service import Service
from resolver.native.answering import Answering

PASSES = 16
"""How many batches are received before other sockets get their turn: about a thousand queries, some 3 ms."""
_KNOWN_NOW = 2
"""Reasons from this number on are for something that the native part did not know and can learn."""


class NativeUdpListener(udp.UdpListener):
    """Answers what is known on one socket, and hands every other message to the service."""

    def __init__(
        self, sock: socket.socket, service: Service, loop: asyncio.AbstractEventLoop, answering: Answering
    ) -> None:
        self._answering = answering
        super().__init__(sock, service, loop)

    def _drain(self) -> None:
        answering, service, port = self._answering, self._service, self._port
        told = answering.told(service.clients)
        left = answering.serve(self._sock.fileno(), told.snapshot, answering.cache.native, PASSES)
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
