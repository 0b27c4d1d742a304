"""The transparency document over HTTP, at two paths of our own names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b

from starlette.requests import Request
from starlette.responses import Response

from resolver.web.transparency import CONTENT_SECURITY_POLICY, DOCUMENT, PAGE

PATHS = {
    "/transparency": (PAGE, "text/html; charset=utf-8"),
    f"/{DOCUMENT}": (DOCUMENT, "application/json"),
}
MAX_AGE_S = 300
"""How long a reader may keep it without asking again."""
HEADERS = {
    "Cache-Control": f"public, max-age={MAX_AGE_S}",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
Files = Callable[[], Awaitable[Mapping[str, bytes]]]
"""() -> both forms by the names of their files."""


async def answer(request: Request, files: Files) -> Response | None:
    """Return the document where it is asked for, None where something else is."""
    found = PATHS.get(request.scope["path"])
    if found is None or request.method not in {"GET", "HEAD"}:
        return None
    name, kind = found
    body = (await files())[name]
    tag = f'"{blake2b(body, digest_size=16).hexdigest()}"'
    headers = {**HEADERS, "ETag": tag}
    if is_known(tag, request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=kind)


def is_known(tag: str, known: str) -> bool:
    """Say whether an If-None-Match header holds a tag, weak or not (RFC 9110, section 13.1.2)."""
    return any(one.strip().removeprefix("W/") in {tag, "*"} for one in known.split(",")[:32])
