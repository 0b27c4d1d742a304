"""The notice page, and what the admin listener shows: HTTP/1.1 by uvicorn, in our event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from typing import Any, NamedTuple

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from resolver.core import names
from resolver.core.errors import NameFault
from resolver.core.policy import Verdict
from resolver.web import notice

LIFETIME_S = 10.0
"""Every connection ends after so long, whatever it does: neither slow senders nor slow readers pile up."""
MAX_CONNECTIONS = 256
logging.getLogger("uvicorn").setLevel(logging.ERROR)  # not for every bad request that somebody sends
MAX_HEAD = 16384
"""Largest head of a request, in bytes."""
EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": notice.CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Judge = Callable[[bytes, str], Verdict]
"""(canonical name, address of the client) -> verdict."""
Metrics = Callable[[str], tuple[bytes, str]]
"""(Accept header) -> body and content type."""


class Check(NamedTuple):
    """One thing that has to hold for us to be of use."""

    name: str
    ok: bool
    detail: str


class HttpServer:
    """Runs one application on one listening socket."""

    def __init__(self, app: ASGIApp, lifetime_s: float = LIFETIME_S) -> None:
        class Guarded(_Guarded):
            longest_s = lifetime_s

        config = uvicorn.Config(
            app,
            loop="none",
            http=Guarded,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=MAX_HEAD,
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self, sock: socket.socket) -> None:
        """Serve on a listening socket, which is ours from here on."""
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[sock]))

    async def stop(self) -> None:
        """Stop; requests under way get a second."""
        if self._task is not None:
            self._server.should_exit = True
            await self._task


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:  # signals are the app's
        yield


class _Guarded(H11Protocol):
    """A connection with an end."""

    longest_s = LIFETIME_S

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        self._end = self.loop.call_later(self.longest_s, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.cancel()
        super().connection_lost(exc)


def notice_app(judge: Judge) -> ASGIApp:
    """Return the notice page: whatever is asked for, the answer says why the host was blocked."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope, receive)
            await _notice(request, judge)(scope, receive, send)

    return app


def _notice(request: Request, judge: Judge) -> Response:
    try:
        host = _host_of(_authority(request))
    except NameFault:
        return PlainTextResponse("The Host header holds no name.\n", 400, PAGE_HEADERS)
    verdict = judge(host, request.client.host if request.client else "127.0.0.1")
    shown = notice.Notice(names.to_text(host), verdict.list if verdict.blocks else None, verdict.group)
    headers = PAGE_HEADERS | notice.links(shown)
    if _prefers_json(request.headers.get("accept", "")):
        return JSONResponse(notice.document(shown), notice.status(shown), headers)
    return Response(notice.page(shown), notice.status(shown), headers, "text/html; charset=utf-8")


def _authority(request: Request) -> str:
    """Return host and port of the target, or of the Host header where it names none (RFC 9112, 3.2.2)."""
    raw: bytes = request.scope["raw_path"]
    target = raw.decode("latin-1")
    scheme, absolute, rest = target.partition("://")
    if absolute and scheme.lower() in {"http", "https"}:
        return rest.partition("/")[0].rpartition("@")[2]
    return request.headers.get("host", "")


def _host_of(text: str) -> bytes:
    """Return the name in a Host header, without port. Raises NameFault."""
    host = text.rpartition("]")[0] + "]" if text.startswith("[") else text.partition(":")[0]
    return names.from_text(host) if host else names.ROOT


def _prefers_json(accept: str) -> bool:
    """Say whether JSON is named in an Accept header, and with no less weight than HTML."""
    weights: dict[str, float] = {}
    for entry in accept.split(",")[:32]:
        kind, *parameters = [part.strip().lower() for part in entry.split(";")]
        weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        with contextlib.suppress(ValueError):
            weights[kind] = float(weight)
    json = max(weights.get("application/json", 0.0), weights.get("application/problem+json", 0.0))
    return json > 0 and json >= weights.get("text/html", 0.0)


def admin_app(metrics: Metrics, ready: Callable[[], Sequence[Check]]) -> ASGIApp:
    """Return what scrapers and probes read. It changes nothing."""

    async def show_metrics(request: Request) -> Response:
        body, kind = metrics(request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": kind})

    async def show_health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def show_ready(_: Request) -> Response:
        checks = ready()
        good = all(check.ok for check in checks)
        document = {check.name: {"ok": check.ok, "detail": check.detail} for check in checks}
        return JSONResponse({"ready": good, "checks": document}, 200 if good else 503)

    pages = {"/metrics": show_metrics, "/healthz": show_health, "/readyz": show_ready}
    app = Starlette(routes=[Route(path, page, methods=["GET"]) for path, page in pages.items()])

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_for_us(Request(scope).headers.get("host", "")):
            refusal = PlainTextResponse("Ask by address: this listener has no name.\n", 421)
            await refusal(scope, receive, send)
        else:
            await app(scope, receive, send)

    return guarded


def _is_for_us(host: str) -> bool:
    """Say whether a Host header is none that a web page could have made a browser send (DNS rebinding)."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        ip_address(name)
    except ValueError:
        return "." not in name  # localhost, or the name of a container
    return True
