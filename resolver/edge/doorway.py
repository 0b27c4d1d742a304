"""Port 443 of the notice page: an alert at once, or the page where the certificate is its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple

from resolver.core import hello
from resolver.edge.accepting import Acceptor
from resolver.edge.certificate import Certificate
from resolver.edge.gate import LOOPBACK, Gate, network

MAX_CONNECTIONS, MAX_EACH = 256, 32
"""How many connections may not have said yet what they want, in all and of one IPv4 address or IPv6 /64."""


class _Visitor(NamedTuple):
    """A connection, and what its other end counts for."""

    sock: socket.socket
    network: str


class Doorway:
    """Listens for TLS. It answers whoever wants a name that we have no certificate for with a fatal alert.

    So browsers fail at once, and need not wait until nobody has answered. The begin of a connection is only
    looked at (MSG_PEEK), so that it can be handed on whole where the name is ours.
    """

    def __init__(self, page: Callable[[], asyncio.Protocol], gate: Gate, head_s: float = 5.0) -> None:
        """`head_s`: how long a client may take to say what it wants, in seconds."""
        self._page, self._head_s = page, head_s
        self.certificate: Certificate | None = None
        self._tasks: dict[asyncio.Task[None], _Visitor] = {}
        self._acceptor = Acceptor(self._take, gate, b"")

    @property
    def connections(self) -> int:
        """How many connections have not said yet what they want."""
        return len(self._tasks)

    def start(self, sock: socket.socket) -> None:
        """Serve on a listening socket, which is ours from here on."""
        self._acceptor.start(sock)

    async def stop(self) -> None:
        """Stop; connections that have not said what they want end."""
        self._acceptor.stop()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self, sock: socket.socket) -> None:
        of = _network_of(sock)
        each = [one for one in self._tasks.values() if one.network == of]
        if len(each) >= MAX_EACH and not of.startswith(LOOPBACK):
            sock.close()
            return
        if len(self._tasks) >= MAX_CONNECTIONS:  # the oldest makes room: who means well needs little time
            oldest = self._tasks.pop(next(iter(self._tasks)))
            with contextlib.suppress(OSError):
                oldest.sock.shutdown(socket.SHUT_RDWR)
        task = asyncio.get_running_loop().create_task(self._meet(sock))
        self._tasks[task] = _Visitor(sock, of)
        task.add_done_callback(lambda ended: self._tasks.pop(ended, None))

    async def _meet(self, sock: socket.socket) -> None:
        handed_on = False
        try:
            async with asyncio.timeout(self._head_s):
                record = await _first_record(sock)
                certificate = self.certificate
                if record and certificate and certificate.covers(hello.server_name(record)):
                    handed_on = True
                    await self._hand_on(sock, certificate.context)
                elif record:
                    sock.recv(len(record))  # a connection that is closed with bytes unread is reset
                    sock.send(hello.UNRECOGNIZED_NAME)
        except (OSError, TimeoutError):  # ssl.SSLError is one
            pass
        finally:
            if not handed_on:
                sock.close()

    async def _hand_on(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(
            self._page,
            sock,
            ssl=context,
            ssl_handshake_timeout=self._head_s,
            ssl_shutdown_timeout=1.0,
        )


def _network_of(sock: socket.socket) -> str:
    """Return what the other end counts for; empty where it is gone already."""
    try:
        return network(sock.getpeername())
    except OSError:
        return ""


async def _first_record(sock: socket.socket) -> bytes:
    """Return the first record without taking it from the socket; empty if it is none, or ends before."""
    head = await _peek(sock, hello.HEAD)
    size = hello.record_size(head)
    return await _peek(sock, size) if size else b""


async def _peek(sock: socket.socket, size: int) -> bytes:
    """Return the next bytes of a socket without taking them; empty if it ends before there are so many."""
    loop = asyncio.get_running_loop()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)  # readable means: all of them, or the end
    ready = asyncio.Event()
    loop.add_reader(sock, ready.set)
    try:
        await ready.wait()
        found = sock.recv(size, socket.MSG_PEEK)
    finally:
        loop.remove_reader(sock)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
    return found if len(found) == size else b""
