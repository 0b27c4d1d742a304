"""DNS over streams: what is known is answered natively, a message at a time; the rest is for the service."""

from __future__ import annotations

from resolver.edge.service import Service
from resolver.native.answering import CLIENT, Answering
from resolver.observe.counters import Channel


class NativeStreams:
    """Answers for one service. What it does not know of a query that it leaves, it learns."""

    def __init__(self, answering: Answering, service: Service) -> None:
        self._answering, self._service = answering, service

    def answer(self, wire: bytes, address: bytes, channel: Channel) -> bytes | None:
        """Return the answer to a message, which is counted then, or None: it is for the service."""
        answering = self._answering
        told = answering.told(self._service.clients)
        found = answering.streams.answer(
            told.snapshot, answering.cache.native, wire, address, channel.family == 6
        )
        if isinstance(found, bytes):
            return found
        if found[0] >= CLIENT:
            told.learn(*found, address)
        return None
