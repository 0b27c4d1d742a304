"""The HTTP listeners, asked by browsers, by programs and by people who mean harm."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import ASGIApp

from resolver.core import names
from resolver.core.lists.record import ListClass, Record
from resolver.core.lists.rule import Effect
from resolver.core.policy import PASS, PolicyList, Verdict
from resolver.core.replies import AnswerMode, Blocked
from resolver.edge import http, stream
from resolver.edge.http import Check, HttpServer, admin_app, notice_app

LEGAL = PolicyList("court", Record("Court", ListClass.LEGAL, contact="mailto:it@corp.example"))
HOUSE = PolicyList("house", Record("House rules", text="Not here."))
JUDGED: list[tuple[bytes, str]] = []


def judge(name: bytes, client: str) -> Verdict:
    JUDGED.append((name, client))
    for parent, by in ((b"\5legal\7example\0", LEGAL), (b"\5house\7example\0", HOUSE)):
        if names.is_within(name, parent):
            return Verdict(Effect.BLOCK, by, "default", Blocked(AnswerMode.NOTICE, by.record, 30))
    return PASS


@asynccontextmanager
async def running(app: ASGIApp, lifetime_s: float = 10.0) -> AsyncIterator[tuple[str, int]]:
    sock = stream.bind("127.0.0.1", 0)
    address: tuple[str, int] = sock.getsockname()
    server = HttpServer(app, lifetime_s)
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
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        lines = head.decode("latin-1").split("\r\n")
        headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in lines[1:])}
        body = b""
        if not request.startswith(b"HEAD"):
            body = await asyncio.wait_for(reader.readexactly(int(headers.get("content-length", "0"))), 10)
        return int(lines[0].split()[1]), headers, body
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0, {}, b""
    finally:
        writer.close()


def get(host: str | bytes, path: str = "/", method: str = "GET", accept: str = "") -> bytes:
    raw = host.encode() if isinstance(host, str) else host
    head = f"{method} {path} HTTP/1.1\r\nHost: ".encode() + raw + b"\r\n"
    return head + (f"Accept: {accept}\r\n" if accept else "").encode() + b"\r\n"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
@pytest.mark.parametrize("path", ["/", "/some/where?x=1", "/%00%ff"])
async def test_every_method_on_every_path_gets_the_notice(method: str, path: str) -> None:
    async with running(notice_app(judge)) as address:
        status, headers, body = await send(address, get("www.house.example", path, method))
    assert status == 403
    assert b"House rules" in body
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cache-control"] == "no-store"


async def test_head_gets_the_status_without_a_body() -> None:
    async with running(notice_app(judge)) as address:
        status, headers, body = await send(address, get("legal.example", method="HEAD"))
    assert (status, body) == (451, b"")
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/html"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("*/*", "text/html"),
        ("application/json", "application/json"),
        ("application/json;q=0.5, text/html;q=0.9", "text/html"),
        ("application/json;q=0.9, text/html;q=0.5", "application/json"),
        ("application/json;q=0", "text/html"),
        ("application/json;q=nan", "text/html"),
        (";;;,,,q=;", "text/html"),
    ],
)
async def test_the_client_says_what_it_reads(accept: str, kind: str) -> None:
    async with running(notice_app(judge)) as address:
        _, headers, body = await send(address, get("house.example", accept=accept))
    assert headers["content-type"].startswith(kind)
    if kind == "application/json":
        assert json.loads(body)["list"] == "house"


@pytest.mark.parametrize(
    "host", ["HOUSE.example.", "house.example:80", "www.house.example", "house.example:99999"]
)
async def test_the_host_is_judged_whatever_its_case_and_port(host: str) -> None:
    async with running(notice_app(judge)) as address:
        status, _, _ = await send(address, get(host))
    assert status == 403


@pytest.mark.parametrize("host", [b"a..b", b"x" * 300, b"<script>" + b"y" * 80, b"\xff\xfe..", b"[::1"])
async def test_a_host_that_is_no_name_is_refused_or_shown_as_text(host: bytes) -> None:
    async with running(notice_app(judge)) as address:
        status, _, body = await send(address, get(host))
    assert status in {400, 404}
    assert b"<script" not in body


async def test_the_target_decides_where_it_names_a_host_itself() -> None:
    async with running(notice_app(judge)) as address:
        request = get("free.example", "http://house.example/x")
        status, _, _ = await send(address, request)
    assert status == 403  # RFC 9112, section 3.2.2


async def test_http_1_0_without_a_host_gets_an_answer() -> None:
    async with running(notice_app(judge)) as address:
        status, _, _ = await send(address, b"GET / HTTP/1.0\r\n\r\n")
    assert status == 404


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0" * 100 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a.example\r\nX: " + b"a" * 100_000,
        b"GET / HTTP/1.1\r\nHost: a.example\r\n" + b"X: y\r\n" * 20_000,
    ],
    ids=["tls", "http2", "zeros", "one long header", "many headers"],
)
async def test_what_is_no_request_gets_an_error_or_nothing_and_the_next_is_served(
    request_bytes: bytes,
) -> None:
    async with running(notice_app(judge)) as address:
        status, _, _ = await send(address, request_bytes)
        assert status in {0, 400, 404, 431}
        assert (await send(address, get("house.example")))[0] == 403


async def test_a_connection_that_never_completes_a_request_is_closed() -> None:
    async with running(notice_app(judge), lifetime_s=0.2) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HT")
        assert await asyncio.wait_for(_rest(reader), 5) == b""
        writer.close()


async def test_a_connection_that_never_reads_is_closed() -> None:
    async with running(notice_app(judge), lifetime_s=0.3) as address:
        reader, writer = await asyncio.open_connection(*address, limit=1)
        writer.write(get("house.example") * 2000)
        lost = asyncio.get_running_loop().create_task(writer.wait_closed())
        await asyncio.wait_for(_drained(writer), 5)
        writer.close()
        lost.cancel()
        reader.feed_eof()


async def _drained(writer: asyncio.StreamWriter) -> None:
    """Write until the other side has closed."""
    try:
        while True:
            writer.write(get("house.example"))
            await writer.drain()
            await asyncio.sleep(0)
            if writer.is_closing():
                return
    except ConnectionError:
        return


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def test_more_connections_than_the_bound_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_CONNECTIONS", 3)
    async with running(notice_app(judge)) as address:
        held = [await asyncio.open_connection(*address) for _ in range(8)]
        ended = [asyncio.get_running_loop().create_task(_rest(reader)) for reader, _ in held]
        await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED, timeout=5)
        while sum(task.done() for task in ended) < 5:
            await asyncio.wait(
                [task for task in ended if not task.done()], return_when="FIRST_COMPLETED", timeout=5
            )
        for task in ended:
            task.cancel()
        for _, writer in held:
            writer.close()
        assert sum(task.done() and not task.cancelled() for task in ended) >= 5


def admin(ready: bool = True) -> ASGIApp:
    def metrics(accept: str) -> tuple[bytes, str]:
        return b"nxwhy_x 1\n", "text/plain; version=0.0.4"

    return admin_app(metrics, lambda: [Check("lists", True, "all"), Check("upstreams", ready, "none")])


async def test_the_admin_listener_shows_metrics_and_health() -> None:
    async with running(admin()) as address:
        status, headers, body = await send(address, get("127.0.0.1:8053", "/metrics"))
        assert (status, body) == (200, b"nxwhy_x 1\n")
        assert headers["content-type"] == "text/plain; version=0.0.4"
        assert (await send(address, get("localhost", "/healthz")))[0] == 200
        assert (await send(address, get("[::1]:8053", "/readyz")))[0] == 200


async def test_not_ready_is_503_with_the_reason() -> None:
    async with running(admin(ready=False)) as address:
        status, _, body = await send(address, get("nxwhy", "/readyz"))
    assert status == 503
    assert json.loads(body)["checks"]["upstreams"] == {"ok": False, "detail": "none"}


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [("POST", "/metrics", 405), ("DELETE", "/readyz", 405), ("GET", "/reload", 404), ("GET", "/", 404)],
)
async def test_the_admin_listener_only_reads(method: str, path: str, expected: int) -> None:
    async with running(admin()) as address:
        assert (await send(address, get("127.0.0.1", path, method)))[0] == expected


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8053", "127.0.0.1.evil.example"])
async def test_a_page_that_rebinds_its_name_to_us_reads_nothing(host: str) -> None:
    async with running(admin()) as address:
        status, _, body = await send(address, get(host, "/metrics"))
    assert status == 421
    assert b"nxwhy_x" not in body


async def test_stop_frees_the_port_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    async with running(admin()) as address:
        await send(address, get("127.0.0.1", "/healthz"))
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(address)
    await asyncio.sleep(0)
    assert {task for task in asyncio.all_tasks() - before if not task.done()} == set()
