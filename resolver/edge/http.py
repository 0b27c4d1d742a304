"""The notice page, and what the admin listener shows: HTTP/1.1 by uvicorn's protocol, in our event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from ipaddress import ip_address
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from resolver.core import names
from resolver.core.clients import network_of, parse_address
from resolver.core.errors import NameFault
from resolver.core.language import accepted
from resolver.core.policy import Verdict
from resolver.observe.state import Check
from resolver.web import notice

MAX_CONNECTIONS, MAX_PER_CLIENT = 256, 64
MAX_HEAD = 16384
"""Largest head of a request, in bytes."""
MAX_BODY = 65536
"""How much of a request's body is read, in bytes, only to be thrown away."""
PIECE = 4096
"""How many bytes h11 gets at once: it looks at the size of what is incomplete, not of what it was given."""
STOP_S = 1.0
"""How long replies that are being made may still take when we are told to stop."""
PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": notice.CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept, Accept-Language",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
ADMIN_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
KINDS = ("text/html", "application/json", "application/problem+json")
"""What the notice is written in. The first serves whoever has no preference."""

logging.getLogger("uvicorn").setLevel(logging.ERROR)  # not for every bad request that somebody sends

Judge = Callable[[bytes, str], Verdict]
"""(canonical name, address of the client) -> verdict."""
About = Callable[[Request], Awaitable[Response | None]]
"""(request) -> what it asks about this server, None where it asks for something else."""
Metrics = Callable[[str], tuple[bytes, str]]
"""(Accept header) -> body and content type."""


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

    def __init__(self, app: ASGIApp, deadlines: Deadlines = Deadlines()) -> None:
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
        self._deadlines = deadlines
        self._state = ServerState()
        self._listener: asyncio.Server | None = None

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._state.connections)

    async def start(self, sock: socket.socket) -> None:
        """Serve on a listening socket, which is ours from here on."""
        self._listener = await asyncio.get_running_loop().create_server(self.connection, sock=sock)

    def connection(self) -> asyncio.Protocol:
        """Return what serves one connection."""
        return _Connection(self._config, self._state, self._deadlines)

    async def stop(self) -> None:
        """Stop; replies that are being made get a second."""
        if self._listener is None:
            return
        self._listener.close()
        await self._finish()
        for connection in list(self._state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # what was aborted is told so in the loop's next round, and ends
        await self._finish()

    async def _finish(self) -> None:
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=STOP_S)


class _Connection(H11Protocol):
    """A connection with an end: uvicorn itself waits for ever for a request and for its reader."""

    def __init__(self, config: uvicorn.Config, state: ServerState, deadlines: Deadlines) -> None:
        super().__init__(config, state, {})
        self._deadlines, self._answering = deadlines, False
        self.network = ""
        """What the connection counts for: one host may have all addresses of an IPv6 /64."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._end = self.loop.call_later(self._deadlines.head_s, transport.abort)
        self.network = network_of(parse_address(self.client[0])) if self.client else ""
        networks = [other.network for other in self.connections if isinstance(other, _Connection)]
        if len(networks) > MAX_CONNECTIONS or networks.count(self.network) > MAX_PER_CLIENT:
            transport.abort()

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
        async def relay(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers["Connection"] = "close"
                headers["Date"] = formatdate(usegmt=True)
            elif not message.get("more_body", False):
                await send({**message, "more_body": True})
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(linger_s):
                        await _discard(receive)
                message = {"type": "http.response.body"}
            await send(message)

        await app(scope, receive, relay)

    return answer


async def _discard(receive: Receive) -> None:
    """Read what is left of a request, at most a little over MAX_BODY bytes."""
    taken, more = 0, True
    while more and taken <= MAX_BODY:
        message = await receive()
        taken += len(message.get("body", b""))
        more = message.get("more_body", False)


async def _nothing(_: Request) -> None:
    """Say nothing about this server."""


def notice_app(judge: Judge, about: About = _nothing, own: Callable[[], Collection[str]] = tuple) -> ASGIApp:
    """Return the notice page: whatever is asked for, the answer says why the host was blocked.

    But at an address, and at `own` names, lowercase, what is `about` this server comes first.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        found = await about(request) if _is_ours(request.headers.get("host", ""), own()) else None
        await (found or _notice(request, judge))(scope, receive, send)

    return app


def _is_ours(host: str, own: Collection[str]) -> bool:
    try:
        name = host_of(host)
    except NameFault:
        return False
    return name is None or names.to_text(name) in own


def _notice(request: Request, judge: Judge) -> Response:
    try:
        name = host_of(_authority(request))
    except NameFault:
        return PlainTextResponse("The Host header holds no name.\n", 400, PAGE_HEADERS)
    shown = notice.Notice("", None)
    if name is not None:
        verdict = judge(name, request.client.host if request.client else "127.0.0.1")
        wanted = accepted(request.headers.get("accept-language", ""))
        shown = notice.Notice(names.to_text(name), verdict.reason(wanted) if verdict.blocks else None)
    headers = PAGE_HEADERS | notice.links(shown, _own_url(request.scope))
    kind = preferred(request.headers.get("accept", ""))
    if kind == "text/html":
        return Response(notice.page(shown), notice.status(shown), headers, "text/html; charset=utf-8")
    return JSONResponse(notice.document(shown), notice.status(shown), headers, kind)


def _authority(request: Request) -> str:
    """Return host and port of the target, or of the Host header where it names none (RFC 9112, 3.2.2)."""
    target: str = request.scope["raw_path"].decode("latin-1")
    if request.method == "CONNECT":
        return target
    scheme, absolute, rest = target.partition("://")
    if absolute and scheme.lower() in {"http", "https"}:
        return rest.partition("/")[0].rpartition("@")[2]
    return request.headers.get("host", "")


def _own_url(scope: Scope) -> str:
    """Return the URL of the listener as this client reached it."""
    host, port = scope["server"] or ("", 0)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]*)?").fullmatch


def host_of(text: str) -> bytes | None:
    """Return the name in a Host header; None for none and for an address. Raises NameFault.

    Takes what a browser sends: letters, digits, `-`, `_`. Whatever could be markup, turn the direction of
    writing or mean two things is no host.
    """
    if not text:
        return None
    found = _HOST(text)
    if found is None:
        raise NameFault(f"not a host: {text[:80]!r}")
    host = found[1]
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        if host.startswith("["):
            raise NameFault(f"not an address: {host[:80]!r}") from None
        return names.from_text(host)
    return None


_QUALITY = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)").fullmatch


def preferred(accept: str) -> str:
    """Return which of KINDS an Accept header prefers (RFC 9110, section 12.5.1).

    Of equal weights the one that is named beats the one that a wildcard lets in.
    """
    weights: dict[str, float] = {}
    for entry in accept.split(",")[:32]:
        kind, *parameters = [part.strip().lower() for part in entry.split(";")]
        given = [part for part in parameters if part.startswith("q=")]
        quality = _QUALITY(given[0]) if given else None
        if quality or not given:
            weights[kind] = float(quality[1]) if quality else 1.0

    def weight(kind: str) -> tuple[float, int]:
        ranges = (kind, f"{kind.partition('/')[0]}/*", "*/*")
        found = next((at for at, name in enumerate(ranges) if name in weights), None)
        if found is None or not weights[ranges[found]]:
            return 0.0, 0
        return weights[ranges[found]], -found

    return max(KINDS, key=weight)


def admin_app(
    metrics: Metrics,
    ready: Callable[[], Sequence[Check]],
    hosts: Collection[str] = (),
    about: About = _nothing,
) -> ASGIApp:
    """Return what scrapers and probes read. It changes nothing.

    It answers to addresses, to names without a dot, and to `hosts`: other names of this machine, lowercase.
    """

    async def show_metrics(request: Request) -> Response:
        body, kind = metrics(request.headers.get("accept", ""))
        return Response(body, headers=ADMIN_HEADERS | {"Content-Type": kind})

    async def show_health(_: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers=ADMIN_HEADERS)

    async def show_ready(_: Request) -> Response:
        checks = ready()
        good = all(check.ok for check in checks)
        document = {check.name: {"ok": check.ok, "detail": check.detail} for check in checks}
        return JSONResponse({"ready": good, "checks": document}, 200 if good else 503, ADMIN_HEADERS)

    pages = {"/metrics": show_metrics, "/healthz": show_health, "/readyz": show_ready}
    app = Starlette(routes=[Route(path, page, methods=["GET"]) for path, page in pages.items()])
    app.router.redirect_slashes = False

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if _is_for_us(request.headers.get("host", ""), hosts):
            await (await about(request) or app)(scope, receive, send)
        else:
            refusal = PlainTextResponse(
                "Ask by address: this listener has no such name.\n", 421, ADMIN_HEADERS
            )
            await refusal(scope, receive, send)

    return guarded


def _is_for_us(host: str, hosts: Collection[str]) -> bool:
    """Say whether a Host header is none that a web page could have made a browser send (DNS rebinding)."""
    try:
        name = host_of(host)
    except NameFault:
        return False
    if name is None:  # an address, or a client without Host: no browser
        return True
    text = names.to_text(name)
    return "." not in text or text in hosts  # localhost, or the name of a container
