"""Asking upstream natively: what the native part has to know for it, and what Python goes on with."""

from __future__ import annotations

import asyncio
import os
import socket
from array import array
from collections.abc import Sequence
from time import monotonic
from typing import Protocol

from resolver.core.routes import Routes
from resolver.edge.server import Asker, Server
from resolver.edge.service import Service
from resolver.edge.upstream import Begun, UpstreamGroup
from resolver.native import _native
from resolver.native.answering import Answering
from resolver.observe.counters import UPSTREAM_BOUNDS

ASKS = True
"""Whether questions are asked natively at all. Without it every miss goes to Python."""
TICK_S = 0.02
"""How exact a deadline is, in seconds; as that of Wheel."""
MAX_GROUPS = 256
"""Most groups of servers that are known natively (misses.h)."""
MAX_NOTED = 16
"""Most time-outs of one tick that count for the health of a server: it is set aside after a few."""
_PYTHON = -1
"""In place of a server or a group: Python asks."""
_LONGEST_S = 0xFFFFFFFF
_REFUSED, _AFRESH, _LATE = 2, 3, 4
"""Why a question was handed over (misses.h); else for want of an answer, or for an answer."""


class Listener(Protocol):
    """Who takes queries back that wait natively."""

    def take(self, wire: bytes, peer: bytes, control: bytes) -> None:
        """Take a query as if it had come in just now."""


class Asking:
    """Asks what is unknown, for one service, by way of the native part."""

    def __init__(self, answering: Answering, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self._answering, self._service, self._loop = answering, service, loop
        self._upstreams = service.upstreams
        self.native = _native.Misses(answering.loop, array("d", UPSTREAM_BOUNDS).tobytes())
        self._seed = os.urandom(16)
        self._listeners: dict[int, Listener] = {}
        self._routes: Routes | None = None
        self._groups: Sequence[UpstreamGroup] = ()
        self._grouped: object = None
        self._firsts: list[tuple[int, float] | None] = []
        self._aged: object = None
        self._numbers: dict[Server, int] = {}
        self._servers: dict[int, Server] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._pending: dict[int, Asker] = {}  # who takes late answers
        loop.add_reader(self.native.fileno(), self._readable)
        service.asked_natively = self._inflight
        answering.cache.forwarded = self._forwarded

    @property
    def closed(self) -> bool:
        """Whether nobody listens any more."""
        return not self._listeners

    def open(self, descriptor: int, listener: Listener) -> int:
        """Return the number of a socket on which queries come; below 0: there are too many."""
        number = self.native.open(descriptor)
        if number >= 0:
            self._listeners[number] = listener
        return number

    def close(self, number: int) -> None:
        """Forget a socket and who waits there; with the last one all ends."""
        self.native.close(number)
        del self._listeners[number]
        if self._listeners:
            return
        self._loop.remove_reader(self.native.fileno())
        self._service.asked_natively = lambda: 0
        if self._timer is not None:
            self._timer.cancel()

    def prepare(self) -> None:
        """Tell the native part what is in force now; before each call that answers."""
        engine, cache = self._service.engine, self._answering.cache
        if engine.routes is not self._routes or self._upstreams.groups is not self._grouped:
            self._regroup(engine.routes)
        aged = engine.ageing, cache.judges_addresses
        if aged != self._aged:
            self._aged = aged
            longest, negative, stale, prefetch = engine.ageing
            self.native.set_ageing(
                min(longest, _LONGEST_S), min(negative, _LONGEST_S), stale, prefetch, cache.judges_addresses
            )
        now = monotonic()
        for number, group in enumerate(self._groups):
            first = self._first(group, now)
            if first != self._firsts[number]:  # in the middle of a plan too: a server may dislike EDNS by now
                self._firsts[number] = first
                self.native.aim(number, *first, group.trust_ad)

    def go_on(self) -> None:
        """See to what was asked; after each call that answers."""
        self._hand_over()
        if self._timer is None and self.native.count()[0]:
            self._timer = self._loop.call_later(TICK_S, self._tick)

    def _inflight(self) -> int:
        return self.native.count()[0]

    def _forwarded(self) -> int:
        return self.native.count()[3]

    def _regroup(self, routes: Routes) -> None:
        """Make everything known anew: names and where they are asked."""
        self._routes, self._grouped = routes, self._upstreams.groups
        numbers = {name: number for number, name in enumerate(list(self._upstreams.groups)[:MAX_GROUPS])}

        def number_of(upstream: object) -> int:
            return numbers.get(upstream, _PYTHON) if isinstance(upstream, str) else _PYTHON

        to = array("i", map(number_of, routes.found.values())).tobytes()
        self.native.set_routes(b"".join(routes.found), to, number_of(routes.default), self._seed)
        self._groups = [self._upstreams.groups[name] for name in numbers]
        self._firsts = [None] * len(self._groups)
        for gone in self._numbers.keys() - set(self._upstreams.servers()):
            self.native.leave_server(self._numbers.pop(gone))

    def _first(self, group: UpstreamGroup, now: float) -> tuple[int, float]:
        """Return the number of the server that is asked first now, and the patience with it in seconds."""
        attempts = group.plan(now, self._upstreams.rng)
        if not attempts:
            return _PYTHON, 0.0
        server = group.servers[attempts[0].server]
        if server.spec.tcp_only or not server.health.up or now < server.health.no_edns_until:
            return _PYTHON, 0.0
        return self._number(server), attempts[0].patience_s

    def _number(self, server: Server) -> int:
        """Return the number of a server; one whose address has a zone is for Python."""
        if server not in self._numbers:
            try:
                number = self.native.add_server(
                    socket.inet_pton(server.family, server.spec.host), server.spec.port
                )
            except OSError:
                return _PYTHON
            if number < 0:
                return _PYTHON
            self._numbers[server], self._servers[number] = number, server
        return self._numbers[server]

    def _readable(self) -> None:
        """Take answers; those who wait have theirs when this returns, or Python has their queries."""
        told = self._answering.told(self._service.clients)
        self.prepare()
        self.native.receive(told.snapshot, self._answering.cache.native)
        self._note_all()
        self._hand_over()
        self._service.settle()

    def _tick(self) -> None:
        self._timer = None
        again = self.native.expire(self._answering.cache.generation)
        self._note_all()
        self._hand_over()
        self._service.settle()
        if again:
            self._timer = self._loop.call_later(TICK_S, self._tick)

    def _hand_over(self) -> None:
        """Let the service go on with what the native part does not."""
        for why, serial, number, sent, answer, waiting in self.native.take_handed():
            if why == _LATE:
                self._note_late(self._servers[number], serial, answer)
                continue
            if why == _REFUSED:
                self._note_all()  # before who goes on looks at it
            begun = (
                None
                if why == _AFRESH
                else Begun(self._servers[number], sent, answer, why == _REFUSED, (self._pending, serial))
            )
            self._upstreams.begun = begun
            try:
                for wire, peer, control, place in waiting:
                    listener = self._listeners.get(place)
                    if listener is not None:
                        listener.take(wire, peer, control)
            finally:
                self._upstreams.begun = None

    def _note_late(self, server: Server, serial: int, answer: bytes | None) -> None:
        """Give an answer that came after its time-out to who asks on, if that still goes on."""
        asker = self._pending.get(serial)
        if asker is None or answer is None:
            server.failures["stray"] += 1
        else:
            asker.received(server, answer, over_tcp=False)

    def _note_all(self) -> None:
        """Add what was counted natively to what is known of the servers."""
        now = monotonic()
        for server, number in self._numbers.items():
            counts = self.native.take_counts(number)
            if counts is not None:
                _note(server, counts, now)


def _note(server: Server, counts: _native.Counts, now: float) -> None:
    requests, timeouts, refused, unsent, stray, wrong, durations, seconds, trips, edns = counts
    server.requests += requests
    kinds = (
        ("timeout", timeouts),
        ("refused", refused),
        ("send", unsent),
        ("stray", stray),
        ("wrong", wrong),
    )
    for kind, count in kinds:
        if count:
            server.failures[kind] += count
    if refused or unsent:
        server.refused_at = now
    for _ in range(min(timeouts + refused + unsent, MAX_NOTED)):
        server.health.missed(now)
    for trip in memoryview(trips).cast("d"):
        server.health.answered(trip)
    if edns:
        server.health.knows_edns = True
    server.durations.merge(memoryview(durations).cast("Q"), seconds)
