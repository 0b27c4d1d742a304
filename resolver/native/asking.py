"""Asking upstream natively: what the threads have to know for it, and what Python goes on with."""

from __future__ import annotations

import os
import socket
import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import count
from time import monotonic
from typing import Protocol

from resolver.core.retries import Attempt
from resolver.core.routes import Routes
from resolver.edge.group import UpstreamGroup
from resolver.edge.server import Asker, Server
from resolver.edge.service import Service
from resolver.edge.upstream import Begun
from resolver.native import _native
from resolver.native.answering import Answering
from resolver.observe.counters import UPSTREAM_BOUNDS

WAITED = 8
"""Why a message was left by a thread (misses.h): its query waited for the question that was left before; what
is above stands for a question."""
_TIMEOUT, _ANSWER, _REFUSED, _AFRESH, _LATE = range(WAITED + 1, WAITED + 6)
MAX_GROUPS = MAX_SERVERS = 256
"""Most groups of servers, and most servers, that are known natively (ways.h)."""
MAX_AIMS = 20
"""Most first servers of a group to choose from: one in so many explores (EXPLORE of core/retries.py)."""
MAX_NOTED = 16
"""Most time-outs since the last look that count for the health of a server: it is set aside after a few."""
REST_S = 120.0
"""How long the number of a server that left stands for no other: nothing is heard of it any more by then."""
_PYTHON = -1
"""In place of a group: Python asks."""
_PYTHON_AIM = 0xFFFF, 0.0
"""In place of a server and the patience with it: Python asks."""
_LONGEST_S, _LONGEST_PATIENCE_S = 0xFFFFFFFF, 3600.0
_NOTHING: _native.UpstreamCounts = (bytes(64), bytes(8 * 17), 0.0, b"")


class Asking:
    """What the threads know of asking upstream, for one service, and what they have met."""

    def __init__(self, answering: Answering, service: Service) -> None:
        self.answering, self._service, self.upstreams = answering, service, service.upstreams
        self._seed = os.urandom(16)
        self._made_of: tuple[object, ...] = ()
        self._groups: list[UpstreamGroup] = []
        self._usable: list[list[bool]] = []
        self._serials = count(1)
        self._numbers: dict[Server, tuple[int, int]] = {}  # of servers in use: number, serial
        self._left: dict[int, float] = {}  # numbers of those that left, and when
        self.servers: dict[int, Server] = {}
        """Those that have, or last had, a number."""
        self._seen: dict[_native.Thread, dict[int, _native.UpstreamCounts]] = {}
        self.upstreams.beside = self
        self.renew()

    def add(self, thread: _native.Thread) -> None:
        """Hear of what a thread meets."""
        self._seen[thread] = {}

    def remove(self, thread: _native.Thread) -> None:
        """Forget a thread, which has ended."""
        self.note()
        del self._seen[thread]

    @property
    def inflight(self) -> int:
        """How many questions the threads have on their way."""
        return sum([thread.count()[0] for thread in self._seen])

    def renew(self) -> None:
        """Tell the threads how to ask now, if that is another way than they know."""
        engine, cache, groups = self._service.engine, self.answering.cache, self.upstreams.groups
        made_of = engine.routes, engine.identity, groups, engine.ageing, cache.judges_addresses
        if self._made_of and all(one is other for one, other in zip(made_of, self._made_of, strict=True)):
            return
        self._made_of = made_of
        names = list(groups)[:MAX_GROUPS]
        self._groups = [groups[name] for name in names]
        self._number_all([server for group in self._groups for server in group.servers])
        ways = _ways_of(engine.routes, engine.identity.names, names, self._seed)
        longest, negative, stale, prefetch = engine.ageing
        longest, negative = min(longest, _LONGEST_S), min(negative, _LONGEST_S)
        ways.set_ageing(longest, negative, stale, prefetch, cache.judges_addresses)
        for server, (number, serial) in self._numbers.items():
            ways.set_server(number, serial, _packed(server) or b"", server.spec.port)
        for group in self._groups:
            ways.add_group(group.trust_ad)
        self.answering.ways = ways
        self.look()
        self.answering.tell()

    def look(self) -> None:
        """Choose anew which servers are asked first; the plans of core/retries.py have chance in them."""
        now = monotonic()
        self._usable = [_usable(group, now) for group in self._groups]
        for number, group in enumerate(self._groups):
            firsts = group.firsts(MAX_AIMS, self.upstreams.rng)
            self.answering.ways.aim(number, [self._aim(group, first, now) for first in firsts])

    def heed(self) -> None:
        """Choose anew if other servers can be asked now than before."""
        now = monotonic()
        if [_usable(group, now) for group in self._groups] != self._usable:
            self.look()

    def note(self) -> None:
        """Add what the threads have counted to what is known of the servers."""
        now = monotonic()
        for thread, seen in self._seen.items():
            for number, server in self.servers.items():
                counts, before = thread.upstream(number), seen.get(number, _NOTHING)
                if counts[0] != before[0]:
                    seen[number] = counts
                    _note(server, before, counts, now)

    def _aim(self, group: UpstreamGroup, first: Attempt, now: float) -> tuple[int, float]:
        """Return the number of a server, and the patience with it in seconds."""
        server = group.servers[first.server]
        if server not in self._numbers or not _can_be_asked(server, now):
            return _PYTHON_AIM
        return self._numbers[server][0], min(first.patience_s, _LONGEST_PATIENCE_S)

    def _number_all(self, servers: Iterable[Server]) -> None:
        """Give each server a number, but for one whose address has a zone, or if there is none left."""
        wanted, now = dict.fromkeys(servers), monotonic()
        for gone in self._numbers.keys() - wanted.keys():
            self._left[self._numbers.pop(gone)[0]] = now
        for server in wanted:
            if server in self._numbers or server.spec.tcp_only or _packed(server) is None:
                continue
            number = self._free_number(now)
            if number is None:
                continue
            self._left.pop(number, None)
            self._numbers[server], self.servers[number] = (number, next(self._serials)), server

    def _free_number(self, now: float) -> int | None:
        """Return a number that was never given, or one that nothing is heard of any more."""
        if len(self.servers) < MAX_SERVERS:
            return len(self.servers)
        return next((number for number, since in self._left.items() if now - since > REST_S), None)


class Handing:
    """What one thread leaves of the questions that it has asked: the service goes on with them."""

    def __init__(self, asking: Asking) -> None:
        self._asking, self._upstreams, self._cache = asking, asking.upstreams, asking.answering.cache
        self._pending: dict[int, Asker] = {}  # who takes late answers
        self._begun: Begun | None = None
        self._noted = False

    def begin(self) -> None:
        """Learn that the next messages left come."""
        self._noted = False

    def take(self, why: int, number: int, sent: float, serial: int, answer: bytes, generation: bytes) -> None:
        """Take a question; `take_back` is called next with those who have waited for it."""
        if not self._noted:  # before who goes on looks at what is known of the servers
            self._asking.note()
            self._asking.heed()
            self._noted = True
        server = self._asking.servers[number]
        if why == _LATE:
            self._take_late(server, serial, answer)
        elif why == _AFRESH or int.from_bytes(generation, sys.byteorder) != self._cache.generation:
            self._begun = None  # an answer from before a flush is of no use
        else:
            given = answer if why == _ANSWER else None
            self._begun = Begun(server, sent, given, why == _REFUSED, (self._pending, serial))

    def take_back(self, end: End, wire: bytes, peer: bytes, control: bytes, arrived: float) -> None:
        """Take the query of one who has waited."""
        self._upstreams.begun = self._begun
        try:
            end.take_back(wire, peer, control, arrived)
        finally:  # who asks first goes on with what was begun
            self._begun, self._upstreams.begun = self._upstreams.begun, None

    def _take_late(self, server: Server, serial: int, answer: bytes) -> None:
        """Give an answer that came after its time-out to who asks on, if that still goes on."""
        asker = self._pending.get(serial)
        if asker is None:
            server.failures["stray"] += 1
            return
        try:
            asker.received(server, answer, over_tcp=False)
        except Exception as exc:  # a fault of ours costs one answer, not those that came along with it
            server.loop.call_exception_handler({"message": "reading an answer", "exception": exc})


class End(Protocol):
    """A socket on which queries came."""

    def take_back(self, wire: bytes, peer: bytes, control: bytes, arrived: float) -> None:
        """Take a query that has waited natively as if it had come in just now."""


def _ways_of(routes: Routes, own: Iterable[bytes], names: Sequence[str], seed: bytes) -> _native.Ways:
    """Return where names lead, to groups by their place among `names`; to Python what no group is asked for.

    To Python lead also our own names and all below them.
    """
    found = {**routes.found, **dict.fromkeys(own)}
    numbers = {name: number for number, name in enumerate(names)}

    def number_of(upstream: object) -> int:
        return numbers.get(upstream, _PYTHON) if isinstance(upstream, str) else _PYTHON

    to, bounds = array("i", map(number_of, found.values())), array("d", UPSTREAM_BOUNDS)
    fallback = number_of(routes.default)
    return _native.Ways(b"".join(found), to.tobytes(), fallback, seed, bounds.tobytes())


def _usable(group: UpstreamGroup, now: float) -> list[bool]:
    return [_can_be_asked(server, now) for server in group.servers]


def _can_be_asked(server: Server, now: float) -> bool:
    """Return whether a thread may ask a server: with EDNS, over UDP, and not one that is set aside."""
    return not server.spec.tcp_only and server.health.up and now >= server.health.no_edns_until


def _packed(server: Server) -> bytes | None:
    try:
        return socket.inet_pton(server.family, server.spec.host)
    except OSError:
        return None


def _note(server: Server, before: _native.UpstreamCounts, counts: _native.UpstreamCounts, now: float) -> None:
    """Add what was counted between two looks."""
    requests, timeouts, refused, unsent, stray, wrong, answered, edns = _more(before[0], counts[0])
    server.requests += requests
    kinds = ("timeout", timeouts), ("refused", refused), ("send", unsent), ("stray", stray), ("wrong", wrong)
    for kind, number in kinds:
        if number:
            server.failures[kind] += number
    if refused or unsent:
        server.refused_at = now
    for _ in range(min(timeouts + refused + unsent, MAX_NOTED)):
        server.health.missed(now)
    if answered:
        trips, total = memoryview(counts[3]).cast("d"), memoryview(counts[0]).cast("Q")[6]
        for place in range(max(total - answered, total - len(trips)), total):
            server.health.answered(trips[place % len(trips)])
        server.durations.merge(_more(before[1], counts[1])[: len(UPSTREAM_BOUNDS) + 1], counts[2] - before[2])
    if edns:
        server.health.knows_edns = True


def _more(before: bytes, now: bytes) -> list[int]:
    """Return by how much each number of 64 bits has grown."""
    pairs = zip(memoryview(before).cast("Q"), memoryview(now).cast("Q"), strict=True)
    return [number - old for old, number in pairs]
