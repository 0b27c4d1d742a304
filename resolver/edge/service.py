"""What every edge calls: one query in, one answer out, now or when upstream has spoken."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

from resolver.core import replies
from resolver.core import wire as w
from resolver.core.clients import Client, Clients
from resolver.core.engine import Drop, Engine, Forward, Reply
from resolver.core.errors import WireError
from resolver.core.policy import Verdict
from resolver.core.replies import PROHIBITED, extended_error
from resolver.core.source import Source
from resolver.core.wire import Answer, Query, parse_query
from resolver.edge.upstream import Upstreams
from resolver.edge.wheel import Wheel
from resolver.observe import Channel, Counters

log = logging.getLogger(__name__)

CLIENT_WAIT_S = 1.8
"""How long a client waits for a fresh answer where a stale one is at hand (RFC 8767, section 5)."""
MAX_FLIGHTS, MAX_WAITERS = 20_000, 256
"""Most questions on their way at a time, and most clients that wait for one of them."""
REFUSALS_PER_S = 5
"""How many clients that may not ask are told so; the others hear nothing, or we would be a reflector."""

Send = Callable[[bytes, Any], object]
"""How an edge sends an answer; the second argument is what the edge gave along with the query."""


class Waiter:
    """A client that waits for an answer from upstream."""

    __slots__ = ("channel", "client", "query", "send", "start", "to", "verdict")

    def __init__(
        self, forward: Forward, client: Client, channel: Channel, send: Send, to: object, start: float
    ) -> None:
        self.query, self.verdict = forward.query, forward.verdict
        self.client, self.channel, self.send, self.to, self.start = client, channel, send, to, start


class Flight:
    """A question on its way, and who waits for it."""

    __slots__ = ("landed", "query", "stale", "stale_due", "waiters")

    def __init__(self, forward: Forward) -> None:
        self.query, self.stale = forward.query, forward.stale
        self.waiters: list[Waiter] = []


class Service:
    """The engine joined to upstreams, counters and the clock."""

    def __init__(
        self, engine: Engine, clients: Clients, upstreams: Upstreams, counters: Counters, wheel: Wheel
    ) -> None:
        self.engine, self.clients = engine, clients  # replaced at a reload
        self._upstreams, self._counters, self._wheel = upstreams, counters, wheel
        self._flights: dict[bytes, Flight] = {}
        self._refusals, self._refusals_until = REFUSALS_PER_S, 0.0

    @property
    def inflight(self) -> int:
        """How many questions are on their way upstream."""
        return len(self._flights)

    def handle(self, wire: bytes, address: str, channel: Channel, send: Send, to: object) -> None:
        """Take a message from a client; `send(answer, to)` is called once, at once or later, or never."""
        now = monotonic()
        try:
            client = self.clients.known.get(address) or self.clients.find(address)
            if client is None:
                self._refuse(wire, channel, send, to, now)
                return
            bucket = client.bucket
            bucket.left -= 1
            if bucket.left < 0 and not bucket.refill(now):
                self._hold_back(wire, client, channel, send, to, now)
                return
            outcome = self.engine.handle(wire, client.profile, now, stream=channel.stream)
            if outcome.__class__ is Reply:
                self._send(outcome, channel, send, to, now)
                if outcome.refresh and outcome.query is not None:
                    self._refresh(outcome.query)
            elif isinstance(outcome, Forward):
                self._forward(outcome, Waiter(outcome, client, channel, send, to, now))
            else:
                self._counters.drop(outcome.reason)
        except Exception:
            log.exception("a query could not be answered")
            self._counters.drop("internal")
