"""What an HTTP connection may take: time, bytes, neighbours; and what a stop leaves."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from resolver.edge import http, stream
from resolver.edge.http import (
    MAX_BODY,
    MAX_HEAD,
    MAX_PER_CLIENT,
    Deadlines,
    HttpServer,
)
from resolver.edge.notice import notice_app
from tests.edge.asking import admin, get, judge, rest, running, send


async def test_a_reply_has_a_date_and_names_no_software() -> None:
    async with running(notice_app(judge)) as address:
        _, headers, _ = await send(address, get("house.example"))
    assert abs(parsedate_to_datetime(headers["date"]).timestamp() - time.time()) < 60
    assert "server" not in headers


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


@pytest.mark.parametrize("size", [MAX_HEAD + 8192, 100_000, 1_000_000])
async def test_a_head_over_the_bound_is_refused_even_when_it_is_complete(size: int) -> None:
    async with running(notice_app(judge)) as address:
        request = get("house.example")[:-2] + b"X: " + b"a" * size + b"\r\n\r\n"
        assert (await send(address, request))[0] in {0, 400}


async def test_a_head_within_the_bound_is_read() -> None:
    async with running(notice_app(judge)) as address:
        request = get("house.example")[:-2] + b"X: " + b"a" * (MAX_HEAD - 200) + b"\r\n\r\n"
        assert (await send(address, request))[0] == 403


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: house.example\r\n"])
async def test_a_head_that_is_not_complete_in_time_ends_the_connection(sent: bytes) -> None:
    async with running(notice_app(judge), Deadlines(head_s=0.05)) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(sent)
        assert await rest(reader) == b""
        writer.close()


async def test_single_bytes_do_not_move_the_deadline() -> None:
    async with running(notice_app(judge), Deadlines(head_s=0.1)) as address:
        reader, writer = await asyncio.open_connection(*address)
        ended = asyncio.create_task(rest(reader))
        writer.write(b"GET / HTTP/1.1\r\nHost: house.example\r\nX: ")
        while not ended.done():  # which it never would be, if they did
            writer.write(b"a")
            await asyncio.wait([ended], timeout=0.01)
        assert await ended == b""
        writer.close()


async def test_a_reply_that_is_not_read_in_time_ends_the_connection() -> None:
    pieces, over = 512, asyncio.Event()  # of 64 KiB: more than the kernel holds

    async def much(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(pieces):
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": number < pieces - 1})
        over.set()

    loop = asyncio.get_running_loop()
    async with running(much, Deadlines(reply_s=0.1)) as address:
        with socket.socket() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
            await loop.sock_sendall(sock, get("house.example"))
            await asyncio.wait_for(over.wait(), 20)
            received = 0
            with contextlib.suppress(ConnectionError):
                while data := await asyncio.wait_for(loop.sock_recv(sock, 1 << 20), 20):
                    received += len(data)
    assert received < pieces * 65536


@pytest.mark.parametrize(
    "head", [b"Content-Length: 1000000000\r\n", b"Transfer-Encoding: chunked\r\n"], ids=["length", "chunked"]
)
async def test_a_body_without_end_is_answered_at_once_and_not_read_to_its_end(head: bytes) -> None:
    async with running(notice_app(judge)) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(get("house.example", method="POST")[:-2] + head + b"\r\n")
        reply = await asyncio.wait_for(reader.readuntil(b"</html>"), 20)
        assert reply.startswith(b"HTTP/1.1 403 ")
        piece = b"x" * 65536 if b"Length" in head else b"10000\r\n" + b"x" * 65536 + b"\r\n"
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 100 << 20:
                writer.write(piece)
                await asyncio.wait_for(writer.drain(), 20)
                sent += len(piece)
        assert sent < 40 << 20  # what the kernel holds, and MAX_BODY
        writer.close()


async def test_the_connection_stays_open_behind_the_reply_until_the_body_has_come() -> None:
    async with running(notice_app(judge), Deadlines(linger_s=60)) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(get("house.example", method="POST")[:-2] + b"Content-Length: 10\r\n\r\n")
        await reader.readuntil(b"</html>\n")
        ended = asyncio.create_task(rest(reader))
        assert not (await asyncio.wait([ended], timeout=0.05))[0]  # closed now, the body would reset it
        writer.write(b"x" * 10)
        assert await ended == b""
        writer.close()


async def test_the_time_for_the_head_does_not_run_on_into_the_reply() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(1.1)  # past the time for the head
        await PlainTextResponse("done")(scope, receive, send)

    async with running(slow, Deadlines(head_s=1)) as address:
        assert (await send(address, get("house.example")))[2] == b"done"


async def test_a_body_that_never_comes_holds_the_connection_for_a_moment_only() -> None:
    async with running(notice_app(judge), Deadlines(linger_s=0.05)) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(get("house.example", method="POST")[:-2] + b"Content-Length: 10\r\n\r\n")
        assert b"House rules" in await rest(reader)
        writer.close()


async def test_who_sends_a_body_within_the_bound_gets_the_whole_reply() -> None:
    body = b"x" * MAX_BODY
    async with running(notice_app(judge)) as address:
        for _ in range(20):
            reader, writer = await asyncio.open_connection(*address)
            head = get("house.example", method="POST")[:-2] + f"Content-Length: {len(body)}\r\n\r\n".encode()
            writer.write(head + body)
            assert (await rest(reader)).endswith(b"</html>\n")
            writer.close()


async def test_who_asks_whether_to_send_a_body_is_not_told_to() -> None:
    expect = b"Expect: 100-continue\r\nContent-Length: 10\r\n"
    async with running(notice_app(judge), Deadlines(linger_s=0.05)) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(get("house.example", method="POST")[:-2] + expect + b"\r\n")
        assert (await rest(reader)).startswith(b"HTTP/1.1 403 ")
        writer.close()


@pytest.mark.parametrize("apart", [False, True], ids=["at once", "after the reply"])
async def test_a_body_that_breaks_off_leaves_no_line_in_the_log(
    apart: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(notice_app(judge)) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(get("house.example", method="POST")[:-2] + b"Transfer-Encoding: chunked\r\n\r\n")
        if apart:
            await reader.readuntil(b"</html>")
        writer.write(b"ZZ\r\n\r\n")
        await rest(reader)
        writer.close()
        assert (await send(address, get("house.example")))[0] == 403
    assert caplog.text == ""


@pytest.mark.parametrize("method", ["HEAD", "GET", "POST", "CONNECT"])
async def test_a_broken_chunk_right_behind_the_head_leaves_no_line_in_the_log(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(notice_app(judge)) as address:
        reader, writer = await asyncio.open_connection(*address)
        head = get("house.example", method=method)[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"
        writer.write(head + b"ZZ\r\n\r\n")
        await rest(reader)
        writer.close()
        assert (await send(address, get("house.example")))[0] == 403
    assert caplog.text == ""


async def test_a_connection_carries_one_request() -> None:
    async with running(notice_app(judge)) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(get("house.example") * 3)
        received = await rest(reader)
        assert received.count(b"HTTP/1.1 ") == 1
        assert b"connection: close" in received.lower()
        writer.close()


async def test_the_oldest_connection_makes_room_for_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_CONNECTIONS", 3)
    async with running(notice_app(judge)) as address:
        held = [await asyncio.open_connection(*address) for _ in range(8)]
        for reader, _ in held[:5]:
            assert await rest(reader) == b""
        for reader, writer in held[5:]:
            writer.write(get("house.example"))
            assert b"House rules" in await rest(reader)
        for _, writer in held:
            writer.close()
        assert (await send(address, get("house.example")))[0] == 403


async def test_connections_of_one_client_over_its_bound_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_PER_CLIENT", 3)
    async with running(notice_app(judge)) as address:
        held = [await asyncio.open_connection(*address) for _ in range(3)]
        for _ in range(5):
            reader, writer = await asyncio.open_connection(*address)
            assert await rest(reader) == b""
            writer.close()
        for reader, writer in held:  # who was in stays in
            writer.write(get("house.example"))
            assert b"House rules" in await rest(reader)
            writer.close()
        assert (await send(address, get("house.example")))[0] == 403


@pytest.mark.parametrize(
    ("address", "let_in"), [("2001:db8::9", False), ("2001:db8:0:1::9", True), ("192.0.2.9", True)]
)
async def test_addresses_of_one_ipv6_network_share_the_bound_on_connections(
    address: str, let_in: bool
) -> None:
    server = HttpServer(admin())
    made = [server.connection() for _ in range(MAX_PER_CLIENT + 1)]
    transports = [_Told(f"2001:db8::1:{number:x}") for number in range(MAX_PER_CLIENT)] + [_Told(address)]
    for connection, transport in zip(made, transports, strict=True):
        connection.connection_made(transport)
    assert [transport.aborted for transport in transports] == [False] * MAX_PER_CLIENT + [not let_in]
    for connection in made:
        connection.connection_lost(None)


async def test_a_connection_that_closes_counts_until_its_client_has_read_or_time_is_up() -> None:
    server = HttpServer(admin())
    made = [server.connection() for _ in range(MAX_PER_CLIENT + 1)]
    transports = [_Told("192.0.2.9") for _ in made]
    for connection, transport in zip(made, transports, strict=True):
        connection.connection_made(transport)
        transport.close()
    assert [transport.aborted for transport in transports] == [False] * MAX_PER_CLIENT + [True]
    for connection in made:
        connection.connection_lost(None)


class _Told(asyncio.Transport):
    """A connection from an address, which notes whether it was cut off."""

    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 4000), "sockname": ("2001:db8::53", 80)})
        self.aborted = self.closes = False

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.closes = True

    def is_closing(self) -> bool:
        return self.closes or self.aborted


async def test_a_judge_that_breaks_is_logged_and_the_next_is_served(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(name: bytes, client: str, languages: Sequence[str]) -> None:
        if name.startswith(b"\5house"):
            raise RuntimeError("detail")

    async with running(notice_app(broken)) as address:
        status, _, body = await send(address, get("house.example"))
        assert (status, b"detail" in body) == (500, False)
        assert (await send(address, get("free.example")))[0] == 404
    assert "RuntimeError: detail" in caplog.text


async def test_stop_lets_a_reply_be_finished_and_cuts_off_whoever_only_waits() -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()
        await go.wait()
        await PlainTextResponse("done")(scope, receive, send)

    sock = stream.bind("127.0.0.1", 0)
    address = sock.getsockname()
    server = HttpServer(slow, Deadlines(head_s=60))
    await server.start(sock)
    reader, writer = await asyncio.open_connection(*address)
    silent, silent_writer = await asyncio.open_connection(*address)
    writer.write(get("house.example"))
    await asyncio.wait_for(asked.wait(), 20)
    stopping = asyncio.create_task(server.stop())
    go.set()
    assert (await rest(reader)).endswith(b"done")
    assert await rest(silent) == b""
    await stopping
    assert server.connections == 0
    writer.close()
    silent_writer.close()


async def test_a_server_that_was_never_started_can_be_stopped() -> None:
    server = HttpServer(admin())
    await server.stop()
    assert server.connections == 0


async def test_stop_frees_the_port_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    async with running(admin()) as address:
        await send(address, get("127.0.0.1", "/healthz"))
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(address)
    await asyncio.sleep(0)
    assert {task for task in asyncio.all_tasks() - before if not task.done()} == set()
