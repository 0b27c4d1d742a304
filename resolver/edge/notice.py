"""The notice page over HTTP: whatever is asked for, the answer says why the host was blocked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from resolver.core import names
from resolver.core.errors import NameFault
from resolver.core.language import accepted
from resolver.core.reasons import Reason
from resolver.edge.asked import About, authority, host_of, is_ours, nothing, own_url, preferred
from resolver.edge.desk import Desk
from resolver.web import notice
from resolver.web.look import PLAIN, Look
from resolver.web.page import page, said
from resolver.web.phrases import speaking

PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept, Accept-Language",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
FORM = "application/x-www-form-urlencoded"

Judge = Callable[[bytes, str, Sequence[str]], Awaitable[Reason | None]]
"""(canonical name, address of the client, languages) -> why it is blocked; None where it is not."""


def notice_app(
    judge: Judge,
    about: About = nothing,
    own: Callable[[], Collection[str]] = tuple,
    look: Callable[[], Look] = lambda: PLAIN,
    desk: Desk | None = None,
) -> ASGIApp:
    """Return the notice page. Where its look has forms, the `desk` takes what people ask for.

    At an address, and at `own` names, lowercase, what is `about` this server comes first, and nothing is
    judged.
    """

    async def answer(request: Request) -> Response:
        ours = is_ours(request.headers.get("host", ""), own())
        found = await about(request) if ours else None
        return found or await _notice(request, judge, own(), look(), desk)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (await answer(Request(scope, receive)))(scope, receive, send)

    return app


async def _notice(
    request: Request, judge: Judge, own: Collection[str], look: Look, desk: Desk | None
) -> Response:
    headers = PAGE_HEADERS | {"Content-Security-Policy": look.policy}
    try:
        name = host_of(authority(request))
    except NameFault:
        return PlainTextResponse("The Host header holds no name.\n", 400, headers)
    client = request.client.host if request.client else "127.0.0.1"
    wanted = (*accepted(request.headers.get("accept-language", "")), look.language)
    shown = notice.Notice("", None)
    if name is not None and (host := names.to_text(name)) not in own:
        shown = notice.Notice(host, await judge(name, client, wanted))
    phrases, token = speaking(wanted), ""
    kind = preferred(request.headers.get("accept", ""))
    if look.forms and desk is not None and shown.reason is not None:
        headers["Referrer-Policy"] = "same-origin"  # without it browsers send `Origin: null` with the form
        if request.method == "POST" and request.headers.get("content-type", "").startswith(FORM):
            taken = await desk.take(request, shown.host, client, shown.reason)
            headers |= taken.headers | {"Content-Language": phrases.tag}
            if kind != "text/html":
                return JSONResponse({"host": shown.host, "requested": taken.ok}, taken.status, headers, kind)
            text = said(taken.heading, taken.detail, phrases, look)
            return Response(text, taken.status, headers, "text/html; charset=utf-8")
        token = desk.token(shown.host, client)
    headers |= notice.links(shown, own_url(request.scope))
    if kind == "text/html":
        headers["Content-Language"] = phrases.tag
        text = page(shown, phrases, look, token)
        return Response(text, notice.status(shown), headers, "text/html; charset=utf-8")
    if shown.reason is not None:
        headers["Content-Language"] = shown.reason.language
    return JSONResponse(notice.document(shown), notice.status(shown), headers, kind)
