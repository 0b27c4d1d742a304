"""What every edge calls: one query in, one answer out, now or when upstream has spoken."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

from resolver.core import names, replies
from resolver.core import wire as w
from resolver.core.cache import RECHECK_S, Entry
from resolver.core.clients import Client, Clients
from resolver.core.engine import Drop, Engine, Forward, Reply, shortened
from resolver.core.errors import WireError
from resolver.core.events import NO_ANSWER
from resolver.core.policy import Profile, Shadow
from resolver.core.reasons import event_fields
from resolver.core.replies import PROHIBITED, extended_error
from resolver.core.source import Source
from resolver.core.wire import Answer, Query, parse_query
from resolver.edge.noting import note
from resolver.edge.upstream import Upstreams
from resolver.edge.wheel import Wheel
from resolver.observe.counters import Channel, Counters
from resolver.observe.journal import Journal
from resolver.observe.logs import fields

log = logging.getLogger(__name__)

CLIENT_WAIT_S = 1.8
"""How long a client waits for a fresh answer where a stale one is at hand (RFC 8767, section 5)."""
MAX_FLIGHTS = 20_000
"""Most questions on their way at a time."""
MAX_WAITERS, MAX_WAITING = 4096, 40_000
"""Most queries that wait for one of them, since all are answered in one go, and most that wait for any."""
DRAIN_LOOK_S = 0.02
"""How often we look whether all questions are over, in seconds, when we are told to stop."""
NOT_ALLOWED = extended_error(PROHIBITED)
REFUSALS_PER_S = 5
"""How many clients that may not ask are told so; the others hear nothing, or we would be a reflector."""

Send = Callable[[bytes, Any], object]
"""How an edge sends an answer; the second argument is what the edge gave along with the query.

A stream is told with no bytes that a query it waits for gets no answer."""


class Waiter:
    """A client that waits for an answer from upstream."""

    __slots__ = ("address", "channel", "client", "query", "send", "start", "to", "verdict")

    def __init__(
        self,
        forward: Forward,
        address: bytes,
        client: Client,
        channel: Channel,
        send: Send,
        to: object,
        start: float,
    ) -> None:
        self.query, self.verdict, self.address = forward.query, forward.verdict, address
        self.client, self.channel, self.send, self.to, self.start = client, channel, send, to, start


class Flight:
    """A question on its way, who waits for it, and of which generation of the cache it is."""

    __slots__ = ("generation", "key", "query", "stale", "waiters")

    def __init__(
        self, key: bytes, query: Query, stale: Entry | None, waiters: list[Waiter], generation: int
    ) -> None:
        self.key, self.query, self.stale = key, query, stale
        self.waiters, self.generation = waiters, generation


class Service:
    """The engine joined to upstreams, counters and the clock."""

    def __init__(
        self, engine: Engine, clients: Clients, upstreams: Upstreams, counters: Counters, wheel: Wheel
    ) -> None:
        self.engine, self.clients = engine, clients  # replaced at a reload
        self.journal: Journal | None = None
        """Where queries are noted, if the owner wants that."""
        self.upstreams, self._counters, self._wheel = upstreams, counters, wheel
        self._flights: dict[bytes, Flight] = {}
        self._waiting = 0
        self._refusals, self._refusals_until = REFUSALS_PER_S, 0.0
        self._fault_logged_until = 0.0

    @property
    def inflight(self) -> int:
        """How many questions are on their way upstream."""
        return len(self._flights) + self.upstreams.beside.inflight

    async def drain(self, longest_s: float) -> None:
        """Wait until no question is on its way any more, or for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                while self.inflight:  # noqa: ASYNC110 - threads end some of them, and tell nobody
                    await asyncio.sleep(DRAIN_LOOK_S)

    def handle(
        self,
        wire: bytes,
        address: bytes,
        channel: Channel,
        send: Send,
        to: object,
        arrived: float | None = None,
    ) -> bool:
        """Take a message from a client; return whether `send(answer, to)` was called, or will be, once.

        `address` is the client's, in network order. `arrived` says when it came, in monotonic seconds, if
        that was before now: it counts for how long the answer took, and for nothing else.
        """
        now = monotonic()
        start = now if arrived is None else arrived
        try:
            client = self.clients.known.get(address) or self.clients.find(address)
            if client is None:
                return self._refuse(wire, address, channel, send, to, now)
            if not client.bucket.take(now):
                return self._hold_back(wire, address, client, channel, send, to, now)
            stream = channel.protocol != "udp"
            outcome = self.engine.handle(wire, client.profile, now, stream=stream, address=address)
            if isinstance(outcome, Reply):
                sent = self._send(outcome, address, client.profile, channel, send, to, start)
                if outcome.refresh and outcome.query is not None:
                    self._refresh(outcome.query)
                return sent
            if isinstance(outcome, Forward):
                return self._forward(outcome, Waiter(outcome, address, client, channel, send, to, start))
            self._drop(outcome, address, client.profile, channel, start)
        except Exception:
            self._fault(now)
        return False

    def unsent(self, count: int) -> None:
        """Note that the system did not take so many replies that `send` had taken."""
        for _ in range(count):
            self._counters.drop("send")

    def _fault(self, now: float) -> None:
        """Note a fault of ours; a query that finds one may come often."""
        self._counters.drop("fault")
        if now >= self._fault_logged_until:
            self._fault_logged_until = now + 1.0
            log.exception("a query could not be answered")

    def _forward(self, forward: Forward, waiter: Waiter) -> bool:
        """Ask upstream, or wait with others for the answer to the same question; False: neither."""
        key = forward.query.key
        flight = self._flights.get(key)
        generation = self.engine.cache.generation
        if flight is not None and flight.generation != generation:
            flight = None  # it asks where this question no longer goes
        full = self._waiting >= MAX_WAITING
        if flight is not None and len(flight.waiters) < MAX_WAITERS and not full:
            flight.waiters.append(waiter)
            self._waiting += 1
            if flight.stale is None and forward.stale is not None:  # it began as a renewal, for nobody
                self._promise(flight, forward.stale)
        elif flight is not None or len(self._flights) >= MAX_FLIGHTS or full:
            self._counters.drop("overload")
            return False
        else:
            self._take_off(Flight(key, forward.query, forward.stale, [waiter], generation), forward.upstream)
        return True

    def _refresh(self, query: Query) -> None:
        """Ask again for an answer that is popular and about to expire."""
        upstream = self.engine.routes.find(query.name, query.qtype)
        key = query.key
        if isinstance(upstream, str) and key not in self._flights and len(self._flights) < MAX_FLIGHTS:
            self._take_off(Flight(key, shortened(query), None, [], self.engine.cache.generation), upstream)

    def _take_off(self, flight: Flight, upstream: str) -> None:
        self._flights[flight.key] = flight
        self._waiting += len(flight.waiters)
        if flight.stale is not None:
            self._promise(flight, flight.stale)
        try:
            self.upstreams.ask(
                flight.query, upstream, lambda answer, options: self._land(flight, answer, options)
            )
        except Exception:
            if self._flights.pop(flight.key, None) is flight:  # or who asks the same would wait for ever
                self._waiting -= len(flight.waiters)
            raise

    def _promise(self, flight: Flight, stale: Entry) -> None:
        """See to it that those who wait get a stale answer if no fresh one comes in time."""
        flight.stale = stale
        self._wheel.after(CLIENT_WAIT_S, lambda _: self._comfort(flight), 0)

    def _comfort(self, flight: Flight) -> None:
        """Give a stale answer to those who wait; the question stays on its way (RFC 8767, section 5)."""
        if flight.stale is None or self._flights.get(flight.key) is not flight:
            return
        flight.stale.retry_at = monotonic() + RECHECK_S
        waiters, flight.waiters = flight.waiters, []
        self._waiting -= len(waiters)
        for waiter in waiters:
            self._send_stale(waiter, flight.stale)

    def _land(self, flight: Flight, answer: Answer | None, options: bytes) -> None:
        """Keep what upstream said, or that it said nothing, and answer all who wait."""
        now = monotonic()
        key = flight.key
        if self._flights.get(key) is flight:
            del self._flights[key]
        self._waiting -= len(flight.waiters)
        self.upstreams.beside.heed()  # before anybody can ask again
        entry = None
        if answer is not None:
            try:
                if flight.generation == self.engine.cache.generation:
                    entry = self.engine.accept(key, answer, now)
                else:
                    entry = self.engine.prepare(answer, now)
            except Exception:
                self._fault(now)
        if entry is None:
            self._fail(flight, options, now)
            return
        for waiter in flight.waiters:
            try:
                outcome = self.engine.deliver(
                    waiter.query, waiter.client.profile, waiter.verdict, entry, now, Source.FORWARD
                )
            except Exception:
                self._fault(now)
                self._send_failure(waiter, options)
            else:
                self._finish(outcome, waiter)

    def _fail(self, flight: Flight, options: bytes, now: float) -> None:
        """Keep in mind that there is no answer, and tell all who wait, or give them a stale one."""
        if flight.generation == self.engine.cache.generation:
            self.engine.fail(flight.key, options, now)
        for waiter in flight.waiters:
            if flight.stale is not None:
                self._send_stale(waiter, flight.stale)
            else:
                self._send_failure(waiter, options)

    def _send_stale(self, waiter: Waiter, entry: Entry) -> None:
        profile = waiter.client.profile
        self._finish(self.engine.deliver_stale(waiter.query, profile, waiter.verdict, entry), waiter)

    def _finish(self, outcome: Reply | Drop, waiter: Waiter) -> None:
        """Send what a client has waited for, if it gets an answer at all."""
        if isinstance(outcome, Drop):
            self._drop(outcome, waiter.address, waiter.client.profile, waiter.channel, waiter.start)
            if waiter.channel.protocol != "udp":
                with contextlib.suppress(OSError):
                    waiter.send(b"", waiter.to)
        else:
            self._send_to(waiter, outcome)

    def _send_failure(self, waiter: Waiter, options: bytes) -> None:
        wire = replies.failure(waiter.query, w.SERVFAIL, options)
        reply = Reply(wire, waiter.query, Source.ERROR, w.SERVFAIL, waiter.verdict)
        self._send_to(waiter, reply)

    def _send_to(self, waiter: Waiter, reply: Reply) -> None:
        profile = waiter.client.profile
        self._send(reply, waiter.address, profile, waiter.channel, waiter.send, waiter.to, waiter.start)

    def _refuse(
        self, wire: bytes, address: bytes, channel: Channel, send: Send, to: object, now: float
    ) -> bool:
        """Tell a client that may not ask so, if we have not told too many in this second."""
        self._counters.drop("access")
        if now >= self._refusals_until:
            self._refusals, self._refusals_until = REFUSALS_PER_S, now + 1.0
        if self._refusals <= 0:
            return False
        self._refusals -= 1
        return self._turn_down(wire, address, None, channel, send, to, now)

    def _hold_back(
        self,
        wire: bytes,
        address: bytes,
        client: Client,
        channel: Channel,
        send: Send,
        to: object,
        now: float,
    ) -> bool:
        """Drop a query over the rate; every other one over UDP is told to come over TCP instead.

        Coming over TCP proves the address, and a short answer makes us of no use to a reflector.
        """
        self._counters.drop("rate")
        if channel.protocol != "udp":
            return self._turn_down(wire, address, client.profile, channel, send, to, now)
        bucket = client.bucket
        bucket.slipped = not bucket.slipped
        query = _read(wire) if bucket.slipped else None
        if query is None:
            return False
        with contextlib.suppress(WireError):
            self.engine.take_options(query, address, now)
        reply = Reply(replies.truncated(query), query, Source.ERROR, w.NOERROR)
        return self._send(reply, address, client.profile, channel, send, to, now)

    def _turn_down(
        self,
        wire: bytes,
        address: bytes,
        profile: Profile | None,
        channel: Channel,
        send: Send,
        to: object,
        now: float,
    ) -> bool:
        query = _read(wire)
        if query is None:
            return False
        refusal = replies.failure(query, w.REFUSED, NOT_ALLOWED)
        reply = Reply(refusal, query, Source.ERROR, w.REFUSED)
        return self._send(reply, address, profile, channel, send, to, now)

    def _send(
        self,
        reply: Reply,
        address: bytes,
        profile: Profile | None,
        channel: Channel,
        send: Send,
        to: object,
        start: float,
    ) -> bool:
        """Send an answer and note it: the one place where observers hear of a query.

        `profile` is that of the client, None for one that may not ask.
        """
        try:
            send(reply.wire, to)
        except OSError:
            self._counters.drop("send")
            return False
        kind = b"" if reply.query is None else reply.query.kind
        took = monotonic() - start
        self._counters.count(channel, kind, reply.source, reply.rcode, reply.verdict, took)
        if self.journal is not None:
            note(self.journal, reply, reply.source, reply.rcode, address, profile, channel, took)
        if reply.verdict.shadow is not None and log.isEnabledFor(logging.DEBUG):
            _log_shadow(reply.query, reply.verdict.shadow)
        return True

    def _drop(self, drop: Drop, address: bytes, profile: Profile, channel: Channel, start: float) -> None:
        """Note a query that gets no answer."""
        self._counters.drop(drop.reason, drop.verdict)
        if self.journal is not None:
            took = monotonic() - start
            note(self.journal, drop, Source.BLOCKED, NO_ANSWER, address, profile, channel, took)


def _log_shadow(query: Query | None, shadow: Shadow) -> None:
    """Say what a list in shadow would have done; only at the level where the owner asked for it."""
    if query is not None:
        log.debug(
            "a list in shadow would block" if shadow.blocks else "a list in shadow would let through",
            extra=fields(
                name=names.to_text(query.name),
                type=query.qtype,
                **event_fields(shadow.list.reason(group=shadow.group)),
            ),
        )


def _read(wire: bytes) -> Query | None:
    try:
        return parse_query(wire)
    except WireError:
        return None
