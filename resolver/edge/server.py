"""One upstream server: its sockets, its health, its counts."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import socket
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from resolver.core.framing import Framer, frame
from resolver.core.retries import Health
from resolver.edge.datagrams import INBOX, Port, connected
from resolver.edge.wheel import Wheel
from resolver.observe.counters import UPSTREAM_BOUNDS, Durations
from resolver.observe.logs import fields

log = logging.getLogger("nxwhy")

POOL = 8
"""Connected UDP sockets that share the questions to one server, each with a random port of its own."""
SENDS, AGE_S = 2000, 30.0
"""A socket is replaced, and its port with it, after so many questions or seconds."""
LINGER_S = 10.0
"""A replaced socket still listens for answers for so long, and until no question is open on it."""
RECONNECTS = 4
"""How many TCP connections in a row may close with no answer read until that counts as a refusal."""
LINKS, SPREAD_S = 8, 60.0
"""A server that closed a connection with questions open is asked over up to so many, for so long: what is
written to one that it closes may cost an answer that we did not read."""
IDLE_S, CONNECT_S = 10.0, 3.0
"""Idle TCP connections are closed and slow ones given up after so long."""
UNHEARD_MS = 10_000
"""The kernel gives a connection up when what we sent was not acknowledged for so long (RFC 5482)."""


class Asker(Protocol):
    """Who waits for answers: an exchange or a probe."""

    def received(self, server: Server, wire: bytes, *, over_tcp: bool) -> None:
        """Take a message that carries the ID of one that this asker sent to the server."""

    def refused(self, server: Server) -> None:
        """Learn that the server, or the way to it, turned a question down."""

    def cut_off(self, server: Server) -> None:
        """Ask again: the server closed a connection with the question open (RFC 7766, 6.2.4)."""


class Ids:
    """Unpredictable 16-bit numbers from the system's source, read in blocks."""

    def __init__(self) -> None:
        self._left: list[int] = []

    def next(self) -> int:
        """Return the next number, 0 to 65535."""
        if not self._left:
            self._left = array("H", os.urandom(4096)).tolist()
        return self._left.pop()


class ServerSpec(NamedTuple):
    """What the configuration says of a server."""

    host: str
    port: int = 53
    tcp_only: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'tcp://' if self.tcp_only else ''}{host}:{self.port}"


class Server:
    """An upstream server at one address, asked over UDP or TCP."""

    def __init__(self, spec: ServerSpec, loop: asyncio.AbstractEventLoop, wheel: Wheel) -> None:
        self.spec = spec
        self.address = spec.host, spec.port
        self.family = socket.AF_INET6 if ":" in spec.host else socket.AF_INET
        self.health = Health()
        self.requests = 0
        self.failures: Counter[str] = Counter()
        self.durations = Durations(UPSTREAM_BOUNDS)
        self.loop, self.wheel, self.ids = loop, wheel, Ids()
        self._pool: list[_UdpSocket | None] = [None] * POOL
        self._line: _UdpSocket | None = None
        self._old: set[_UdpSocket] = set()
        self._link: _TcpLink | None = None
        self.links: set[_TcpLink] = set()
        self.reconnects, self.spread_until = RECONNECTS, 0.0
        self.refused_at = -math.inf

    def send(self, asker: Asker, packet: bytes, places: list[Place]) -> None:
        """Send a message (without its ID) over UDP; add where the answer will come in. Raises OSError."""
        line = self._line
        if line is None or not line.gathers:  # what goes out together goes out on one socket
            line = self._line = self._draw()
        self.requests += 1
        places.append((line.pending, line.send(asker, packet)))

    def send_tcp(self, asker: Asker, packet: bytes, places: list[Place]) -> None:
        """Send a message (without its ID) over TCP, on the open connection or a new one."""
        link = self._link
        if link is None or link.closed or link.lost or self._should_spread(link):
            link = self._link = _TcpLink(self)
        self.requests += 1
        places.append((link.pending, link.send(asker, packet)))

    def answered(self, seconds: float | None) -> None:
        """Note an answer and the time it took; None where it is not known which sending was answered."""
        if not self.health.up:
            log.info("an upstream server answers again", extra=fields(server=str(self.spec)))
        self.health.answered(seconds)
        if seconds is not None:
            self.durations.add(seconds)

    def missed(self, now: float) -> None:
        """Note that no answer came; say so where that sets the server aside: after seconds of silence."""
        if self.health.missed(now):
            log.warning("an upstream server is silent and set aside", extra=fields(server=str(self.spec)))

    def turned_down(self, askers: Iterable[Asker], kind: str = "refused") -> None:
        """Note one refusal, of the server or on the way to it, and tell all whom it may concern."""
        self.refused_at = self.loop.time()
        self.failures[kind] += 1
        self.missed(self.refused_at)
        for asker in askers:
            asker.refused(self)

    def silent(self, places: list[Place], since: float) -> None:
        """Learn that a question sent at `since` timed out: a connection that was mute all along is left."""
        for link in list(self.links):
            if link.is_mute(since) and any(pending is link.pending for pending, _ in places):
                link.retire(at_once=len(self.links) > LINKS)

    def close(self) -> None:
        """Close every socket; nobody is told."""
        for line in [*self._pool, *self._old]:
            if line is not None:
                line.close()
        self._pool, self._line = [None] * POOL, None
        self._old.clear()
        for link in list(self.links):
            link.close()

    def _should_spread(self, link: _TcpLink) -> bool:
        return link.connected and len(self.links) < LINKS and self.loop.time() < self.spread_until

    def _draw(self) -> _UdpSocket:
        number = self.ids.next() % POOL
        line = self._pool[number]
        if line is None or line.is_old():
            line = self._pool[number] = self._renewed(line)
        return line

    def _renewed(self, old: _UdpSocket | None) -> _UdpSocket:
        line = _UdpSocket(self)
        if old is not None:
            self._old.add(old)
            self.wheel.after(LINGER_S, lambda _: self._forget(old), 0)
        return line

    def _forget(self, old: _UdpSocket) -> None:
        if old.pending:  # a question may take longer, and ends by itself
            self.wheel.after(LINGER_S, lambda _: self._forget(old), 0)
            return
        self._old.discard(old)
        old.close()


Place = tuple[dict[int, Asker], int]
"""Where an answer is waited for: the table of a socket, and the ID."""


def free_id(ids: Ids, pending: dict[int, Asker]) -> int:
    """Return an unpredictable ID that no other question on the socket has. Raises OSError if it is full."""
    if len(pending) > 32768:
        raise OSError("too many questions wait on one socket")
    ident = ids.next()
    while ident in pending:
        ident = ids.next()
    return ident


class _UdpSocket:
    """A connected socket, so that the kernel drops what does not come from the server."""

    __slots__ = ("_born", "_left", "_port", "_server", "_sock", "pending")

    def __init__(self, server: Server) -> None:
        self._server = server
        self._sock = socket.socket(
            server.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )
        try:
            self._sock.connect(server.address)
        except OSError:
            self._sock.close()
            raise
        self.pending: dict[int, Asker] = {}
        self._born, self._left = server.loop.time(), SENDS
        self._port = Port(self._sock, self, server.loop, connected)
        server.loop.add_reader(self._sock, self._readable)

    @property
    def gathers(self) -> bool:
        """Whether questions wait here to be sent together."""
        return bool(self._port.waiting)

    def is_old(self) -> bool:
        return self._left <= 0 or self._server.loop.time() - self._born > AGE_S

    def send(self, asker: Asker, packet: bytes) -> int:
        ident = free_id(self._server.ids, self.pending)
        self._port.send(ident.to_bytes(2, "big") + packet, asker)
        self._left -= 1
        self.pending[ident] = asker
        return ident

    def close(self) -> None:
        self._server.loop.remove_reader(self._sock)
        self._sock.close()

    def refused(self, waiting: Sequence[Asker]) -> None:
        """Learn that the server's port is closed, or that there is no way to it."""
        if self.pending:
            self._server.turned_down(set(self.pending.values()).difference(waiting))

    def unsent(self, to: Sequence[Asker]) -> None:
        """Learn that questions could not be sent."""
        self._server.turned_down(to, "send")

    def _readable(self) -> None:
        pending, server = self.pending, self._server
        try:
            wires = INBOX.receive(self._sock.fileno())
        except BlockingIOError:
            return
        except OSError:  # an ICMP error
            self.refused(self._port.waiting)
            return
        for wire in wires:
            found = pending.get(wire[0] << 8 | wire[1]) if len(wire) > 1 else None
            if found is None:
                server.failures["stray"] += 1
                continue
            try:
                found.received(server, wire, over_tcp=False)
            except Exception as exc:  # a fault of ours costs one answer, not those read along with it
                server.loop.call_exception_handler({"message": "reading an answer", "exception": exc})


class _TcpLink(asyncio.Protocol):
    """A connection on which many questions are asked at a time (RFC 7766, section 6.2.1)."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.pending: dict[int, Asker] = {}
        self.closed = False
        self._framer = Framer()
        self._waiting: list[bytes] = []
        self._transport: asyncio.WriteTransport | None = None
        server.links.add(self)
        self._connecting = server.loop.create_task(self._connect())
        self._last = server.loop.time()  # when something came: what we send is no sign of life

    @property
    def connected(self) -> bool:
        return self._transport is not None

    @property
    def lost(self) -> bool:
        """Whether it is over, though the event loop is yet to say so: what is written now goes nowhere."""
        return self._transport is not None and self._transport.is_closing()

    def is_mute(self, since: float) -> bool:
        """Whether nothing came from the server since then, though it took the connection."""
        return self._transport is not None and self._last < since

    def retire(self, *, at_once: bool) -> None:
        """Ask nothing more here. Late answers are still taken for a while, unless it ends at once."""
        self.closed = True
        if at_once:
            self.close()
        else:
            self._server.wheel.after(LINGER_S, lambda _: self.close(), 0)

    def send(self, asker: Asker, packet: bytes) -> int:
        ident = free_id(self._server.ids, self.pending)
        self.pending[ident] = asker
        message = frame(ident.to_bytes(2, "big") + packet)
        if self._transport is None:
            self._waiting.append(message)
        else:
            self._transport.write(message)
        return ident

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._server.loop.create_connection(lambda: self, *self._server.address)
        except OSError:  # TimeoutError is one
            self._server.reconnects = 0
            self.connection_lost(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101
        self._transport, self._last = transport, self._server.loop.time()
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNHEARD_MS)
        transport.write(b"".join(self._waiting))
        self._waiting.clear()
        self._server.wheel.after(IDLE_S, self._close_if_idle, 0)

    def data_received(self, data: bytes) -> None:
        self._last = self._server.loop.time()
        for wire in self._framer.feed(data):
            ident = wire[0] << 8 | wire[1] if len(wire) > 1 else -1
            asker = self.pending.get(ident)
            if asker is not None:
                asker.received(self._server, wire, over_tcp=True)
                if ident not in self.pending:
                    self._server.reconnects = RECONNECTS
        if not self.pending and self._last < self._server.spread_until:
            self._finish()

    def eof_received(self) -> None:
        self.closed = True  # what is asked from here on goes over a new connection

    def connection_lost(self, exc: Exception | None) -> None:
        """Turn to the server again with what it left open, unless it keeps closing without an answer."""
        server = self._server
        self.closed = True
        server.links.discard(self)
        askers = dict.fromkeys(self.pending.values())  # the oldest first: each connection answers some
        self.pending.clear()
        again = server.reconnects > 0
        if askers:
            server.reconnects -= again
            server.spread_until = server.loop.time() + SPREAD_S
        if askers and not again:
            server.turned_down(askers)
            return
        for asker in askers:
            asker.cut_off(server)

    def close(self) -> None:
        self.closed = True
        self.pending.clear()
        self._server.links.discard(self)
        self._connecting.cancel()
        if self._transport is not None:
            self._transport.abort()

    def _close_if_idle(self, _: int) -> None:
        if self.closed or self._transport is None:
            return
        if not self.pending and self._server.loop.time() - self._last >= IDLE_S:
            self._finish()
        else:
            self._server.wheel.after(IDLE_S, self._close_if_idle, 0)

    def _finish(self) -> None:
        self.closed = True
        if self._transport is not None:
            self._transport.close()
