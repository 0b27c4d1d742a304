"""What the admin listener shows: metrics, and whether we are of use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from resolver.core import names
from resolver.core.errors import NameFault
from resolver.edge.asked import About, host_of, nothing
from resolver.observe.state import Check

ADMIN_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
Metrics = Callable[[str], tuple[bytes, str]]
"""(Accept header) -> body and content type."""


def admin_app(
    metrics: Metrics,
    ready: Callable[[], Sequence[Check]],
    hosts: Collection[str] = (),
    about: About = nothing,
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
