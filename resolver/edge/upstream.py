"""Asking upstream: one exchange a question, tried server after server by its plan."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import NamedTuple, Protocol

from resolver.core import questions
from resolver.core.cache import kept_errors
from resolver.core.errors import WireError
from resolver.core.replies import NETWORK_ERROR, NO_REACHABLE_AUTHORITY, extended_error
from resolver.core.retries import RESENDS, Attempt, Next, judge
from resolver.core.wire import Answer, Query, parse_answer
from resolver.edge.group import GroupSpec, UpstreamGroup
from resolver.edge.probe import Probe
from resolver.edge.race import Race, Told
from resolver.edge.server import Place, Server, ServerSpec
from resolver.edge.wheel import Wheel
from resolver.observe.state import UpstreamState

LINGER_S = 12.0
"""How long a server that is no longer configured may answer, after the longest exchange in its group."""
PROBE_ROUND_S = 0.5
"""How often we look whether a server that is set aside is due for a probe."""
AGAIN_S = 0.15
"""How long we wait before we ask a server again that just refused, where no other is left: it may restart."""
NO_UPSTREAM = extended_error(NO_REACHABLE_AUTHORITY, "no upstream server is configured")
SILENT = extended_error(NO_REACHABLE_AUTHORITY, "no upstream server answered in time")
REFUSED = extended_error(NETWORK_ERROR, "upstream servers could not be reached or answered with errors")


class Begun(NamedTuple):
    """What came of a question that the native part asked once: an answer, a refusal, or nothing in time.

    `place` is where a late answer is waited for.
    """

    server: Server
    sent: float
    answer: bytes | None
    refused: bool
    place: Place


class Beside(Protocol):
    """Who asks the same servers too: the native part."""

    @property
    def inflight(self) -> int:
        """How many questions it has on their way."""

    def note(self) -> None:
        """Add what it has met to what is known of the servers."""

    def heed(self) -> None:
        """Ask no more, from the next question on, who by now is not to be asked."""

    def look(self) -> None:
        """Choose anew who is asked first."""


class Nobody:
    """Who asks beside us where nobody does."""

    inflight = 0

    def note(self) -> None:
        """Do nothing."""

    def heed(self) -> None:
        """Do nothing."""

    def look(self) -> None:
        """Do nothing."""


class Exchange:
    """One question on its way upstream."""

    __slots__ = (
        "_attempts",
        "_errors",
        "_flags",
        "_given_up",
        "_group",
        "_mark",
        "_over",
        "_places",
        "_plain",
        "_question",
        "_sent",
        "_server",
        "_told",
        "_wheel",
        "_with_edns",
        "done",
        "final",
    )

    def __init__(
        self, query: Query, group: UpstreamGroup, wheel: Wheel, attempts: Iterable[Attempt], told: Told
    ) -> None:
        self._question = questions.question(query)
        self._flags = query.do, bool(query.wire[3] & 0x10), group.trust_ad
        self._group, self._told = group, told
        self._wheel, self._attempts = wheel, iter(attempts)
        self._places: list[Place] = []
        self._given_up: tuple[Server, ...] = ()
        self._errors = b""
        self._mark = 0
        self._with_edns = True
        self._plain: Server | None = None  # that would not have this question with EDNS
        self._sent = 0.0
        self._server: Server | None = None
        self.done = self.final = self._over = False

    def go_on(self) -> None:
        """Send to the next server of the plan; with none left, say that there is no answer."""
        if self._over:
            self._finish(None, b"")
            return
        for place, patience_s in self._attempts:
            server = self._group.servers[place]
            if server in self._given_up:
                continue
            if self._mark and monotonic() - server.refused_at < AGAIN_S:
                self._send_later(server, patience_s)
                return
            if self._send(server, patience_s, over_tcp=server.spec.tcp_only):
                return
        last = self._server  # a server that is set aside is planned for once, and may be back all the same
        if last is not None and self._mark <= RESENDS and monotonic() - last.refused_at < AGAIN_S:
            self._send_later(last, self._group.timeout_s)
        else:
            self._finish(None, self._errors or SILENT)

    def let_go(self) -> None:
        """Send no more, and tell nobody of what comes; it still says how fast the server is."""
        self._over, self._told = True, _tell_nobody
        if self._server is None and not self.done:
            self._finish(None, b"")

    def take_over(self, begun: Begun) -> None:
        """Go on after the first sending, which was not ours."""
        attempts = list(self._attempts)
        for number, attempt in enumerate(attempts):
            if self._group.servers[attempt.server] is begun.server:
                del attempts[number]
                break
        self._attempts = iter(attempts)
        self._server, self._sent, self._mark = begun.server, begun.sent, 1
        if begun.answer is None:
            self._errors = REFUSED if begun.refused else b""
            pending, serial = begun.place
            pending[serial] = self
            self._places.append(begun.place)
            self.go_on()
            return
        self._wheel.after(self._group.timeout_s, self._timed_out, self._mark)
        self.received(begun.server, begun.answer, over_tcp=False)

    def received(self, server: Server, wire: bytes, *, over_tcp: bool) -> None:
        """Take an answer to our question; a wrong or broken one is ignored and the wait goes on."""
        try:
            answer = parse_answer(wire, self._question)
        except WireError:
            answer = None
        if answer is None:
            server.failures["wrong"] += 1
            return
        # an answer after a second sending may be one to the first: no measure (Karn's rule, RFC 6298)
        server.answered(monotonic() - self._sent if self._mark == 1 else None)
        if self._over:
            self._finish(None, b"")
            return
        step = judge(answer, over_tcp=over_tcp, with_edns=self._with_edns)
        if step is Next.TAKE:
            self._take(server, answer)
        elif step is Next.GIVE_UP:
            self.final = True
            self._finish(None, kept_errors(answer))
        elif step is Next.ASK_BY_TCP:
            self._forget()  # each repeat of this answer would have us ask once more
            if not self._send(server, self._group.timeout_s, over_tcp=True):
                self.go_on()
        elif step is Next.ASK_WITHOUT_EDNS:
            self._plain = server
            self._forget()  # it says the same of each earlier sending, which now would count as a failure
            if not self._send(server, self._group.timeout_s, over_tcp=over_tcp):
                self.go_on()
        elif server is self._server:
            server.failures["error"] += 1
            self._errors = kept_errors(answer) or self._errors or REFUSED
            self._given_up = (*self._given_up, server)  # it has spoken: asking again changes nothing
            self.go_on()

    def _take(self, server: Server, answer: Answer) -> None:
        if answer.edns is not None:
            server.health.knows_edns = True
        elif server is self._plain:  # it was EDNS that it disliked, not the question
            server.health.disliked_edns(monotonic())
        if answer.authentic and not self._group.trust_ad:
            answer = answer._replace(authentic=False)
        self._finish(answer, b"")

    def refused(self, server: Server) -> None:
        """Go on to the next server: at once, if that is another."""
        if self.done or server is not self._server:
            return
        self._errors = self._errors or REFUSED
        self.go_on()

    def cut_off(self, server: Server) -> None:
        """Ask again over a new connection; the wait for this sending goes on as it was."""
        if self.done or self._over or server is not self._server:
            return
        do, cd, ad = self._flags
        packet = questions.upstream_query(self._question, do=do, cd=cd, ad=ad, edns=self._with_edns)
        try:
            server.send_tcp(self, packet, self._places)
        except OSError:
            server.turned_down((self,))

    def _send(self, server: Server, patience_s: float, *, over_tcp: bool) -> bool:
        do, cd, ad = self._flags
        now = monotonic()
        self._with_edns = now >= server.health.no_edns_until and server is not self._plain
        packet = questions.upstream_query(self._question, do=do, cd=cd, ad=ad, edns=self._with_edns)
        self._server, self._sent = server, now
        self._mark += 1
        try:
            (server.send_tcp if over_tcp else server.send)(self, packet, self._places)
        except OSError:
            server.failures["send"] += 1
            server.missed(now)
            server.refused_at = now
            self._errors = self._errors or REFUSED
            return False
        self._wheel.after(patience_s, self._timed_out, self._mark)
        return True

    def _send_later(self, server: Server, patience_s: float) -> None:
        self._server = None  # what else comes of the sendings before is no reason to go on earlier

        def send(_: int) -> None:
            if self.done or self._server is not None:
                return
            if not self._send(server, patience_s, over_tcp=server.spec.tcp_only):
                self.go_on()

        self._wheel.after(AGAIN_S, send, 0)

    def _timed_out(self, mark: int) -> None:
        if self.done or mark != self._mark or self._server is None:
            return
        self._server.failures["timeout"] += 1
        self._server.missed(monotonic())
        self._server.silent(self._places, self._sent)
        self.go_on()

    def _finish(self, answer: Answer | None, options: bytes) -> None:
        self.done = True
        for pending, ident in self._places:
            pending.pop(ident, None)
        self._places.clear()
        self._told(answer, options)

    def _forget(self) -> None:
        """Take no answer to what was sent so far."""
        for pending, ident in self._places:
            pending.pop(ident, None)
        self._places.clear()


def _tell_nobody(answer: Answer | None, options: bytes) -> None:
    """Take the place of whom an exchange told."""


class Upstreams:
    """All groups of servers, and what they share."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wheel: Wheel) -> None:
        self.loop, self.wheel, self.rng = loop, wheel, random.Random()  # noqa: S311
        self.groups: Mapping[str, UpstreamGroup] = {}
        self.begun: Begun | None = None
        """What the native part did for the question that is asked next."""
        self.beside: Beside = Nobody()
        self._leaving: dict[Server, asyncio.TimerHandle] = {}
        self._probing: asyncio.TimerHandle | None = None

    def configure(self, specs: Mapping[str, GroupSpec]) -> None:
        """Put groups in force. Servers that stay keep what is known of them; the others close in a while."""
        known = {
            (name, server.spec): server for name, group in self.groups.items() for server in group.servers
        }

        def server_for(group: str, spec: ServerSpec) -> Server:
            return known.pop((group, spec)) if (group, spec) in known else Server(spec, self.loop, self.wheel)

        longest_s = {name: group.longest_s for name, group in self.groups.items()}
        self.groups = {
            name: UpstreamGroup(
                [server_for(name, server) for server in spec.servers],
                spec.strategy,
                spec.timeout_s,
                trust_ad=spec.trust_ad,
            )
            for name, spec in specs.items()
        }
        for (name, _), gone in known.items():  # to send on what is closed would open it for ever
            self._leaving[gone] = self.loop.call_later(longest_s[name] + LINGER_S, self._forget, gone)
        if self._probing is None:
            self._probing = self.loop.call_later(PROBE_ROUND_S, self._probe)

    def ask(self, query: Query, upstream: str, told: Told) -> None:
        """Ask the servers of a group; `told` hears of it, maybe before this returns."""
        group = self.groups.get(upstream)
        begun, self.begun = self.begun, None
        if group is None or not group.servers:
            told(None, NO_UPSTREAM)
            return
        plans = group.plans(monotonic(), self.rng)
        if begun is not None and begun.server in group.servers:
            # not at once: others that wait for the same come along with this one
            attempts = itertools.chain.from_iterable(plans)
            self.loop.call_soon(Exchange(query, group, self.wheel, attempts, told).take_over, begun)
        elif len(plans) == 1:
            Exchange(query, group, self.wheel, plans[0], told).go_on()
        else:
            race = Race(told)
            race.run([Exchange(query, group, self.wheel, one, race.told) for one in plans])

    def states(self) -> tuple[UpstreamState, ...]:
        """Return what a scrape wants to know of each server."""
        return tuple(
            [
                UpstreamState(
                    name,
                    str(server.spec),
                    server.requests,
                    dict(server.failures),
                    server.health.up,
                    server.durations,
                )
                for name, group in self.groups.items()
                for server in group.servers
            ]
        )

    def close(self) -> None:
        """Close every socket; nobody is told."""
        if self._probing is not None:
            self._probing.cancel()
        for timer in self._leaving.values():
            timer.cancel()
        for server in [*self.servers(), *self._leaving]:
            server.close()

    def servers(self) -> list[Server]:
        """Return all servers of all groups, with all that is known of them."""
        self.beside.note()
        return [server for group in self.groups.values() for server in group.servers]

    def _forget(self, server: Server) -> None:
        del self._leaving[server]
        server.close()

    def _probe(self) -> None:
        self._probing = self.loop.call_later(PROBE_ROUND_S, self._probe)
        now = self.loop.time()
        servers = self.servers()
        self.beside.look()
        for server in servers:
            if server.health.down_until is not None and now >= server.health.down_until:
                server.health.down_until = now + LINGER_S  # until the probe is over
                Probe(server).send()
