"""What a request asks for: of which host, and in which form."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection
from ipaddress import ip_address

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from resolver.core import names
from resolver.core.errors import NameFault

KINDS = ("text/html", "application/json", "application/problem+json")
"""What the notice is written in. The first serves whoever has no preference."""
About = Callable[[Request], Awaitable[Response | None]]
"""(request) -> what it asks about this server, None where it asks for something else."""


async def nothing(_: Request) -> None:
    """Say nothing about this server."""


def authority(request: Request) -> str:
    """Return host and port of the target, or of the Host header where it names none (RFC 9112, 3.2.2)."""
    target: str = request.scope["raw_path"].decode("latin-1")
    if request.method == "CONNECT":
        return target
    scheme, absolute, rest = target.partition("://")
    if absolute and scheme.lower() in {"http", "https"}:
        return rest.partition("/")[0].rpartition("@")[2]
    return request.headers.get("host", "")


def own_url(scope: Scope) -> str:
    """Return the URL of the listener as this client reached it."""
    host, port = scope["server"] or ("", 0)
    return f"{scope['scheme']}://[{host}]:{port}/" if ":" in host else f"{scope['scheme']}://{host}:{port}/"


def is_ours(host: str, own: Collection[str]) -> bool:
    """Say whether a Host header is an address, or one of our `own` names, lowercase."""
    try:
        name = host_of(host)
    except NameFault:
        return False
    return name is None or names.to_text(name) in own


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
