"""HTTP listeners to ask, and a client that sends whatever it is given."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.types import ASGIApp

from resolver.core import names
from resolver.core.lists.record import ListClass, Record
from resolver.core.policy import PolicyList
from resolver.core.reasons import Reason
from resolver.edge import stream
from resolver.edge.admin import admin_app
from resolver.edge.http import Deadlines, HttpServer
from resolver.observe.state import Check

LEGAL = PolicyList("legal", Record("Court", ListClass.LEGAL, contact="mailto:it@corp.example"))
HOUSE = PolicyList("house", Record("House rules", text="Not here."))
DECREE = PolicyList("bare", Record("Decree", ListClass.LEGAL))
PATIENCE_S = 60.0
"""The process of the page gives way to whoever else has something to do."""
JUDGED: list[tuple[bytes, str]] = []


async def judge(name: bytes, client: str, languages: Sequence[str]) -> Reason | None:
    JUDGED.append((name, client))
    for by in (LEGAL, HOUSE, DECREE):
        parent = names.from_text(f"{by.name}.example")
        if names.is_within(name, parent):
            return by.reason(languages, "default")
    return None


@asynccontextmanager
async def running(
    app: ASGIApp, deadlines: Deadlines | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[tuple[str, int]]:
    sock = stream.bind(host, 0)
    address: tuple[str, int] = sock.getsockname()[:2]
    server = HttpServer(app, deadlines or Deadlines())
    await server.start(sock)
    try:
        yield address
    finally:
        await server.stop()


async def send(address: tuple[str, int], request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of the answer; status 0 if there is none."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        lines = head.decode("latin-1").split("\r\n")
        headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in lines[1:])}
        body = b""
        if not request.startswith(b"HEAD"):
            body = await asyncio.wait_for(
                reader.readexactly(int(headers.get("content-length", "0"))), PATIENCE_S
            )
        return int(lines[0].split()[1]), headers, body
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0, {}, b""
    finally:
        writer.close()


def get(host: str | bytes, path: str = "/", method: str = "GET", accept: str = "") -> bytes:
    raw = host.encode() if isinstance(host, str) else host
    head = f"{method} {path} HTTP/1.1\r\nHost: ".encode() + raw + b"\r\n"
    return head + (f"Accept: {accept}\r\n" if accept else "").encode() + b"\r\n"


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until the other side closes, nicely or not."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while data := await asyncio.wait_for(reader.read(65536), PATIENCE_S):
            received += data
    return received


def admin(ready: bool = True) -> ASGIApp:
    def metrics(accept: str) -> tuple[bytes, str]:
        return b"nxwhy_x 1\n", "text/plain; version=0.0.4"

    return admin_app(metrics, lambda: [Check("lists", True, "all"), Check("upstreams", ready, "none")])
