"""HTTP/1.1 by uvicorn's protocol, in our event loop: a request a connection, all of it bounded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

import h11
import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from resolver.edge.accepting import Acceptor
from resolver.edge.gate import Gate, network

MAX_CONNECTIONS, MAX_PER_CLIENT = 256, 64
MAX_HEAD = 16384
"""Largest head of a request, in bytes."""
MAX_BODY = 65536
"""How much of a request's body is read, in bytes, only to be thrown away."""
PIECE = 4096
"""How many bytes h11 gets at once: it looks at the size of what is incomplete, not of what it was given."""
BUSY = (
    b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nCache-Control: no-store\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
"""What connections get beyond the bound."""
STOP_S = 1.0
"""How long replies that are being made may still take when we are told to stop."""

logging.getLogger("uvicorn").setLevel(logging.ERROR)  # not for every bad request that somebody sends


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a connection may take, in seconds, whatever it does meanwhile."""

    head_s: float = 5.0
    """From its begin to the end of the request's head."""
    reply_s: float = 10.0
    """From there until the reply is read and the connection closed."""
    linger_s: float = 1.0
    """For what is left of the request's body, behind the reply."""


class HttpServer:
    """Runs one application on one listening socket; every connection carries one request."""

    def __init__(self, app: ASGIApp, deadlines: Deadlines = Deadlines(), gate: Gate | None = None) -> None:
        # Of uvicorn we use what speaks HTTP. Its server would catch signals and wake up ten times a second.
        self._config = uvicorn.Config(
            _one_request(app, deadlines.linger_s),
            loop="none",
            interface="asgi3",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=MAX_HEAD,
        )
        self._config.load()
        self._deadlines, self._gate = deadlines, gate
        self._state = ServerState()
        self._acceptor: Acceptor | None = None
        self._taking: set[asyncio.Task[object]] = set()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._state.connections)

    async def start(self, sock: socket.socket) -> None:
        """Serve on a listening socket, which is ours from here on."""
        self._acceptor = Acceptor(self._take, self._gate, BUSY)
        self._acceptor.start(sock)

    def connection(self) -> asyncio.Protocol:
        """Return what serves one connection."""
        return _Connection(self._config, self._state, self._deadlines)

    async def stop(self) -> None:
        """Stop; replies that are being made get a second."""
        if self._acceptor is not None:
            self._acceptor.stop()
        if self._taking:
            await asyncio.wait(self._taking, timeout=STOP_S)
        await self._finish()
        for connection in list(self._state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # what was aborted is told so in the loop's next round, and ends
        await self._finish()

    def _take(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        task: asyncio.Task[object] = loop.create_task(loop.connect_accepted_socket(self.connection, sock))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    async def _finish(self) -> None:
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=STOP_S)


class _Connection(H11Protocol):
    """A connection with an end: uvicorn itself waits for ever for a request and for its reader."""

    def __init__(self, config: uvicorn.Config, state: ServerState, deadlines: Deadlines) -> None:
        super().__init__(config, state, {})
        self._deadlines, self._answering, self._cut_off = deadlines, False, False
        self.network = ""
        """What the connection counts for: one host may have all addresses of an IPv6 /64."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.network = network(self.client)
        self._end = self.loop.call_later(self._deadlines.head_s, transport.abort)
        self._since = self.loop.time()
        # one that closes counts until it has: while its client does not read, that is long
        held = [one for one in self.connections if isinstance(one, _Connection) and not one._cut_off]
        if [one.network for one in held].count(self.network) > MAX_PER_CLIENT:
            self._cut_off_now()
        elif len(held) > MAX_CONNECTIONS:  # the oldest makes room: who means well needs little time
            min(held, key=lambda one: one._since)._cut_off_now()

    def _cut_off_now(self) -> None:
        self._cut_off = True
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for at in range(0, len(data), PIECE):
            if self.transport.is_closing():
                return
            super().data_received(data[at : at + PIECE])
        if not self._answering and self.conn.their_state is not h11.IDLE:
            self._answering = True
            self._end.cancel()
            self._end = self.loop.call_later(self._deadlines.reply_s, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        if self.cycle is not None:  # the body broke off: what the app says from here on, nobody can read
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.close()
            return
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:  # a reply to HEAD has no body, and uvicorn would send one
            self.transport.abort()


def _one_request(app: ASGIApp, linger_s: float) -> ASGIApp:
    """Return the app with a connection that ends after each reply, but not on a client that still sends.

    A connection that is closed with bytes unread is reset, and the client may lose the reply. So the reply
    goes out whole, then a bounded part of the body is read, then it counts as ended.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        read = False

        async def hear() -> Message:
            nonlocal read
            message = await receive()
            read = not message.get("more_body", False)
            return message

        async def relay(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers["Connection"] = "close"
                headers["Date"] = formatdate(usegmt=True)
            elif not message.get("more_body", False):
                await send({**message, "more_body": True})
                if not read:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(linger_s):
                            await _discard(receive)
                message = {"type": "http.response.body"}
            await send(message)

        await app(scope, hear, relay)

    return answer


async def _discard(receive: Receive) -> None:
    """Read what is left of a request, at most a little over MAX_BODY bytes."""
    taken, more = 0, True
    while more and taken <= MAX_BODY:
        message = await receive()
        taken += len(message.get("body", b""))
        more = message.get("more_body", False)
