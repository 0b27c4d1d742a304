"""A scripted upstream server, and a small resolver of ours in front of it, in one event loop."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from resolver.core.cache import Ageing
from resolver.core.clients import PRIVATE, Clients
from resolver.core.cookies import Cookies
from resolver.core.engine import Engine
from resolver.core.framing import Framer, frame
from resolver.core.names import from_text
from resolver.core.policy import NOTHING, Policy
from resolver.core.routes import Routes
from resolver.edge import stream, udp
from resolver.edge.group import GroupSpec
from resolver.edge.server import ServerSpec
from resolver.edge.service import Service
from resolver.edge.stream import StreamListener
from resolver.edge.upstream import Upstreams
from resolver.edge.wheel import Wheel
from resolver.engines import Listener, Parts
from resolver.observe.counters import Counters
from tests import twins
from tests.messages import packed, record
from tests.servers import free_port

PATIENCE_S = 30.0
COOKIES = Cookies(bytes(range(16)))
A = record(b"\xc0\x0c", 1, 60, b"\xc0\0\2\1")


def answered(asked: bytes, *records: bytes, flags: int = 0x8180, opt: bytes = b"") -> bytes:
    """Return an answer to a message: its ID, its question, these records."""
    question = asked[12 : _end(asked)]
    counts = b"\0\1" + len(records).to_bytes(2, "big") + b"\0\0" + (b"\0\1" if opt else b"\0\0")
    return asked[:2] + flags.to_bytes(2, "big") + counts + question + b"".join(records) + opt


def _end(wire: bytes) -> int:
    at = 12
    while wire[at]:
        at += wire[at] + 1
    return at + 5


Script = Callable[[bytes, bool], Sequence[bytes]]
"""(message, whether it came over TCP) -> what to answer, in order."""


def rightly(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
    """Answer with one address."""
    return [answered(asked, A)]


def silent(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
    """Answer nothing."""
    return []


@dataclass
class Asked:
    """One message that the upstream got."""

    wire: bytes
    port: int
    over_tcp: bool


@dataclass
class Upstream:
    """A scripted server; `script` may be replaced at any time."""

    script: Script = rightly
    asked: list[Asked] = field(default_factory=list)
    address: tuple[str, int] = ("127.0.0.1", 0)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    per_connection: float = math.inf
    """A TCP connection is closed after so many answers, whatever else was asked on it."""
    silent_ports: set[int] = field(default_factory=set)
    """What comes over TCP from these is not answered."""
    _replies: list[Callable[[bytes], None]] = field(default_factory=list)

    async def until(self, count: int) -> None:
        """Wait until so many messages came."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.asked) < count:
                self.changed.clear()
                await self.changed.wait()

    def reply_to(self, asked: Asked, reply: bytes) -> None:
        """Answer a message that came before."""
        self._replies[self.asked.index(asked)](reply)

    def take(self, wire: bytes, port: int, over_tcp: bool, send: Callable[[bytes], None]) -> None:
        """Note a message and answer it as the script says."""
        self.asked.append(Asked(wire, port, over_tcp))
        self._replies.append(send)
        self.changed.set()
        if over_tcp and port in self.silent_ports:
            return
        for reply in self.script(wire, over_tcp):
            send(reply)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        def send(wire: bytes) -> None:
            self._transport.sendto(wire, addr)

        self._upstream.take(data, addr[1], False, send)


class _Stream(asyncio.Protocol):
    def __init__(self, upstream: Upstream) -> None:
        self._upstream, self._framer = upstream, Framer()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._port: int = transport.get_extra_info("peername")[1]
        self._left = self._upstream.per_connection

    def data_received(self, data: bytes) -> None:
        for wire in self._framer.feed(data):
            if self._left > 0:
                self._upstream.take(wire, self._port, True, self._reply)
        if self._left <= 0:
            self._transport.close()

    def _reply(self, wire: bytes) -> None:
        self._transport.write(frame(wire))
        self._left -= 1


@asynccontextmanager
async def upstream(script: Script = rightly) -> AsyncIterator[Upstream]:
    """Run a scripted server on UDP and TCP."""
    loop = asyncio.get_running_loop()
    found = Upstream(script)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind(("127.0.0.1", free_port()))
        found.address = sock.getsockname()
        datagrams, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(found), found.address)
        server = await loop.create_server(lambda: _Stream(found), sock=sock)
        try:
            yield found
        finally:
            datagrams.close()
            server.close()


@dataclass
class Running:
    """A resolver in this event loop."""

    service: Service
    upstreams: Upstreams
    counters: Counters
    address: tuple[str, int]
    parts: Parts

    def replace(self, policy: Policy) -> None:
        """Put another policy in force."""
        self.service.clients = Clients(policy, PRIVATE, None, self.parts.bucket)
        self.parts.put_in_force(self.service.clients)

    def listen(self, sock: socket.socket) -> Listener:
        """Serve another UDP socket."""
        return self.parts.listener(sock, self.service, asyncio.get_running_loop())

    async def ask(self, wire: bytes, timeout_s: float = PATIENCE_S) -> bytes:
        """Ask over UDP; return the answer."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            sock.connect(self.address)
            sock.send(wire)
            async with asyncio.timeout(timeout_s):
                return await loop.sock_recv(sock, 65535)

    def hurry(self, timeout_s: float) -> None:
        """Let no question from here on wait longer for one answer."""
        for group in self.upstreams.groups.values():
            group.timeout_s, group._plans_until = timeout_s, 0.0

    async def ask_tcp(self, *wires: bytes) -> list[bytes]:
        """Ask over one TCP connection; return as many answers, in the order they came."""
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(b"".join(map(frame, wires)))
        framer, found = Framer(), list[bytes]()
        async with asyncio.timeout(PATIENCE_S):
            while len(found) < len(wires):
                data = await reader.read(65536)
                if not data:
                    break
                found += framer.feed(data)
        writer.close()
        await writer.wait_closed()
        return found


@asynccontextmanager
async def resolver(
    *servers: tuple[str, int],
    policy: Policy = NOTHING,
    timeout_s: float = 5,
    spec: GroupSpec | None = None,
    acquainted: bool = True,
    routes: Mapping[str, tuple[str, int]] | None = None,
) -> AsyncIterator[Running]:
    """Run a resolver that asks these servers, and knows its client already as if that had asked before.

    `routes` are servers that are asked for some names alone.
    """
    loop = asyncio.get_running_loop()
    wheel = Wheel(loop)
    upstreams = Upstreams(loop, wheel)
    group = spec or GroupSpec(tuple([ServerSpec(*at) for at in servers]), timeout_s=timeout_s)
    others = {name: GroupSpec((ServerSpec(*at),), timeout_s=timeout_s) for name, at in (routes or {}).items()}
    upstreams.configure({"default": group, **others})
    counters = Counters()
    parts = twins.make_parts(counters, cookies=COOKIES)
    engine = Engine(parts.cache, Ageing(), Routes({from_text(name): name for name in others}), COOKIES)
    clients = Clients(policy, PRIVATE, None, parts.bucket)
    service = Service(engine, clients, upstreams, counters, wheel)
    datagrams = udp.bind("127.0.0.1", free_port())
    address: tuple[str, int] = datagrams.getsockname()
    listener = parts.listener(datagrams, service, loop)
    if acquainted:
        twins.acquaint(parts, clients, packed("127.0.0.1"))
    connections = StreamListener(stream.bind(*address), service, wheel, known=parts.known(service))
    await connections.start()
    try:
        yield Running(service, upstreams, counters, address, parts)
    finally:
        listener.close()
        connections.close()
        upstreams.close()
        wheel.stop()
        await asyncio.sleep(0)
