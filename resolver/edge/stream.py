"""DNS over TCP (RFC 7766): many questions on a connection, answered in whatever order they are ready."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections import Counter
from collections.abc import Callable
from time import monotonic

from resolver.core.clients import network_of, parse_address
from resolver.core.framing import Framer, frame
from resolver.core.networks import Address
from resolver.core.wire import HEADER_SIZE
from resolver.edge.service import Service
from resolver.edge.wheel import Wheel
from resolver.observe.counters import Channel

IDLE_S = 10.0
"""A connection is closed when no whole query came for so long, however many single bytes did."""
OWED = 12
"""So many times as long where an answer is on its way: such a one is not idle (RFC 7766, section 3)."""
SWEEPS = 8
"""How often in that time we look for such connections."""
MAX_CONNECTIONS, MAX_PER_CLIENT = 1024, 64
READ = 1024
"""Most bytes read of a connection, some 70 of the shortest messages, before the others get their turn."""
MAX_QUERY = 4096
"""A connection with a longer query, in bytes, is closed; queries take a few hundred at most."""
MAX_UNSENT = 256 * 1024
"""A client that lets more bytes of answers than this pile up is cut off."""
MAX_HELD = 16 * 1024
"""So many bytes of answers are held back, while more queries are at hand, to be sent together."""
MAX_OPEN = 256
"""Most questions of one connection on their way; the next is read when one is answered."""
BACKLOG, ACCEPTED = 256, 16
"""How many connections wait in the kernel, and how many are accepted at a time, before they are counted."""
RESERVE, LEAST_RESERVE = 4, 64
"""One in so many file descriptors, and no fewer than so many, are left to upstream, control and files."""

Known = Callable[[bytes, bytes, Channel], bytes | None]
"""(message, address in network order, channel) -> its answer, counted; None: it is for the service."""


def bind(host: str, port: int) -> socket.socket:
    """Return a bound and listening TCP socket. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def descriptors() -> int:
    """Return below which number the file descriptors of connections have to stay."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return 1 << 30
    return limit - max(limit // RESERVE, LEAST_RESERVE)


class StreamListener:
    """Accepts connections on one socket, within bounds in all and for each client."""

    def __init__(
        self,
        sock: socket.socket,
        service: Service,
        wheel: Wheel,
        idle_s: float = IDLE_S,
        known: Known | None = None,
    ) -> None:
        """`known` is asked before the service."""
        self.service, self.wheel, self.idle_s, self.known = service, wheel, idle_s, known
        self.channel = Channel("tcp", 6 if sock.family == socket.AF_INET6 else 4)
        self._sock = sock
        self._server: asyncio.Server | None = None
        self._open: set[_Connection] = set()
        self._by_network: Counter[str] = Counter()
        self.buffer = memoryview(bytearray(READ))  # one for all, since what is read is taken at once
        self._sweeping = False
        self._descriptors = 0

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._open)

    async def start(self) -> None:
        """Begin to accept."""
        loop = asyncio.get_running_loop()
        self._descriptors = descriptors()
        self._server = await loop.create_server(lambda: _Connection(self), sock=self._sock, backlog=ACCEPTED)
        self._sock.listen(BACKLOG)  # asyncio has one number for both

    def pause(self) -> None:
        """Accept no more; connections close when what was asked on them is answered."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._open):
            connection.finish()

    def close(self) -> None:
        """Cut off the connections that are left."""
        self.pause()
        for connection in list(self._open):
            connection.abort()

    def enter(self, connection: _Connection, network: str, descriptor: int) -> bool:
        """Note a new connection; return whether there is room for it: the longest idle one makes room.

        The system gives the lowest free descriptor, so its number tells how many all of us have open.
        """
        if self._by_network[network] >= MAX_PER_CLIENT:
            return False
        if len(self._open) >= MAX_CONNECTIONS or descriptor >= self._descriptors:
            if not self._open:
                return False
            min(self._open, key=_asked).abort()
        self._open.add(connection)
        self._by_network[network] += 1
        if not self._sweeping:
            self._sweeping = True
            self._sweep_later()
        return True

    def leave(self, connection: _Connection, network: str) -> None:
        """Note that a connection has ended, or is about to."""
        if connection in self._open:
            self._open.remove(connection)
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]

    def _sweep_later(self) -> None:
        # one deadline for all: a deadline of each would hold on to connections that have ended
        self.wheel.after(self.idle_s / SWEEPS, self._sweep, 0)

    def _sweep(self, _: int) -> None:
        """Close connections that are idle."""
        for connection in [each for each in self._open if each.is_idle(self.idle_s)]:
            connection.end()
        self._sweeping = bool(self._open)
        if self._sweeping:
            self._sweep_later()


class _Connection(asyncio.BufferedProtocol):
    """One client's connection."""

    def __init__(self, listener: StreamListener) -> None:
        self._listener = listener
        self._framer = Framer(HEADER_SIZE, MAX_QUERY)
        self._unanswered = 0
        self.asked = monotonic()
        """When the last query that gets an answer came, or the connection was made."""
        self._finishing = False
        self._held: list[bytes] = []
        self._held_bytes = 0

    def is_idle(self, seconds: float) -> bool:
        """Say whether no query came for so long, or for some times as long while an answer is owed."""
        owes = self._unanswered > 0 and not self._transport.is_closing()
        return monotonic() - self.asked > seconds * (OWED if owes else 1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport, self._network = transport, ""
        address = _peer(transport)
        if address is None or self._listener.service.clients.find(address.packed) is None:
            transport.abort()
            return
        self._client, self._network = address.packed, network_of(address)
        if not self._listener.enter(self, self._network, transport.get_extra_info("socket").fileno()):
            transport.abort()
            return
        transport.set_write_buffer_limits(high=MAX_UNSENT)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._listener.buffer

    def buffer_updated(self, nbytes: int) -> None:
        service, channel = self._listener.service, self._listener.channel
        for wire in self._framer.feed(bytes(self._listener.buffer[:nbytes])):
            if self._answer_known(wire):
                continue
            self._unanswered += 1
            if service.handle(wire, self._client, channel, self._answer, None):
                self.asked = monotonic()
            else:
                self._settle()
        self._send_held()
        if self._framer.broken:
            self._transport.close()
        elif self._unanswered >= MAX_OPEN:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Stay open for the answers that are owed to a client that has ended its side."""
        self._finishing = True
        return self._unanswered > 0

    def finish(self) -> None:
        """Close now, or when what was asked is answered."""
        self._finishing = True
        if self._unanswered <= 0:
            self._transport.close()

    def end(self) -> None:
        """Close when what was answered is sent; if that was so before, it is not read: close now."""
        if self._transport.is_closing():
            self._transport.abort()
        self._transport.close()

    def abort(self) -> None:
        """Close without waiting for anything."""
        self._transport.abort()
        self._listener.leave(self, self._network)

    def pause_writing(self) -> None:
        self.abort()  # it asks and does not read

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.leave(self, self._network)
        self._framer.stop()  # who waits for an answer on this connection holds on to it for a while

    def _answer_known(self, wire: bytes) -> bool:
        """Answer without the service, if that can be; what is answered so leaves together."""
        known = self._listener.known
        if known is None or self._transport.is_closing():
            return False
        answer = known(wire, self._client, self._listener.channel)
        if answer is None:
            return False
        self._held.append(frame(answer))
        self._held_bytes += len(answer)
        if self._held_bytes > MAX_HELD:
            self._send_held()
        return True

    def _send_held(self) -> None:
        if self._held:
            self._transport.write(b"".join(self._held))
            self._held.clear()
            self._held_bytes = 0
            self.asked = monotonic()

    def _answer(self, wire: bytes, _: None) -> None:
        if self._transport.is_closing():
            raise ConnectionResetError("the client has gone")
        if wire:
            self._transport.write(frame(wire))
        self._settle()

    def _settle(self) -> None:
        """Note that one message was answered, or never will be."""
        self._unanswered -= 1
        if self._finishing and self._unanswered <= 0:
            self._transport.close()
        elif self._unanswered == MAX_OPEN - 1:
            self._transport.resume_reading()


def _asked(connection: _Connection) -> float:
    return connection.asked


def _peer(transport: asyncio.Transport) -> Address | None:
    """Return the address of a client; none if it has gone already."""
    peer = transport.get_extra_info("peername")
    return parse_address(peer[0]) if peer else None
