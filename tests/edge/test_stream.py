"""TCP connections: what is owed to a client, and when they end."""

from __future__ import annotations

import asyncio
import gc
import resource
import socket
import struct
import weakref
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_address

import dns.rcode
import pytest

from resolver.core.framing import frame
from resolver.edge import service as edge_service
from resolver.edge import stream
from resolver.edge.stream import StreamListener
from resolver.observe.counters import Channel
from tests.messages import packed, parsed, query
from tests.upstreams import A, Running, Upstream, answered, resolver, rightly, silent, upstream

pytestmark = pytest.mark.usefixtures("on_both")
PATIENCE_S = 10
TCP = Channel("tcp", 4)


@pytest.fixture
async def up() -> AsyncIterator[Upstream]:
    async with upstream() as made:
        yield made


@pytest.fixture
async def running(up: Upstream) -> AsyncIterator[Running]:
    async with resolver(up.address, timeout_s=5) as made:
        yield made


def made(running: Running, sock: socket.socket, idle_s: float = 60) -> StreamListener:
    known = running.parts.known(running.service)
    return StreamListener(sock, running.service, running.service._wheel, idle_s, known)


async def received(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(struct.unpack(">H", await reader.readexactly(2))[0])


async def test_a_client_that_ends_its_side_after_its_questions_gets_all_answers_then_the_end(
    running: Running, up: Upstream
) -> None:
    up.script = silent
    reader, writer = await asyncio.open_connection(*running.address)
    writer.write(frame(query("a.example")) + frame(query("localhost")) + frame(query("b.example")))
    writer.write_eof()
    await up.until(2)
    up.script = rightly  # the questions are sent again, and answered
    async with asyncio.timeout(PATIENCE_S):
        assert [parsed(await received(reader)).rcode() for _ in range(3)] == [dns.rcode.NOERROR] * 3
        assert await reader.read() == b""
    writer.close()


async def test_a_connection_ends_with_the_client_where_nothing_is_owed(running: Running) -> None:
    reader, writer = await asyncio.open_connection(*running.address)
    writer.write(frame(query("localhost")) + frame(query(flags=0x8180)))
    writer.write_eof()
    async with asyncio.timeout(PATIENCE_S):
        assert parsed(await received(reader)).rcode() == dns.rcode.NOERROR
        assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("wire", [query(flags=0x8180), query("new.example")])
async def test_messages_that_get_no_answer_do_not_stop_a_connection(
    running: Running, wire: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_service, "MAX_FLIGHTS", 0)  # too much to do: what is not known is dropped
    reader, writer = await asyncio.open_connection(*running.address)
    for _ in range(3):
        writer.write(frame(wire) * stream.MAX_OPEN)
        await writer.drain()
        writer.write(frame(query("localhost")))
        async with asyncio.timeout(PATIENCE_S):
            assert parsed(await received(reader)).rcode() == dns.rcode.NOERROR
    writer.close()


async def test_a_connection_with_messages_that_get_no_answer_ends_at_once_when_we_stop(
    running: Running,
) -> None:
    sock = stream.bind("127.0.0.1", 0)
    listener = made(running, sock)
    await listener.start()
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    writer.write(frame(query(flags=0x8180)) + frame(query("localhost")))
    async with asyncio.timeout(PATIENCE_S):
        await received(reader)
        listener.pause()
        assert await reader.read() == b""
    writer.close()
    listener.close()


async def test_who_waits_on_a_connection_is_told_of_a_fault_of_ours(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object) -> None:
        raise ZeroDivisionError

    for part in ("accept", "deliver"):
        with monkeypatch.context() as patched:
            patched.setattr(type(running.service.engine), part, broken)
            (reply,) = await running.ask_tcp(query(f"{part}.example"))
        assert parsed(reply).rcode() == dns.rcode.SERVFAIL
    assert running.counters.drops()["fault"] == 2
    assert "ZeroDivisionError" in caplog.text


async def test_a_fault_of_ours_on_the_way_upstream_holds_up_nobody_who_asks_the_same_later(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(type(running.upstreams), "ask", broken)
        assert not running.service.handle(query(), packed("127.0.0.1"), TCP, lambda wire, _: None, None)
        assert running.service.inflight == 0
    (reply,) = await running.ask_tcp(query())
    assert parsed(reply).rcode() == dns.rcode.NOERROR


async def listening(running: Running, idle_s: float = 60) -> tuple[StreamListener, tuple[str, int]]:
    sock = stream.bind("127.0.0.1", 0)
    listener = made(running, sock, idle_s)
    await listener.start()
    return listener, sock.getsockname()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.01)


async def test_nothing_holds_on_to_a_connection_that_has_ended(running: Running) -> None:
    listener, address = await listening(running)
    _, writer = await asyncio.open_connection(*address)
    writer.write(b"\x0f\xff" + bytes(2000))
    await until(lambda: listener.connections == 1)
    connection = weakref.ref(next(iter(listener._open)))
    writer.close()
    await until(lambda: listener.connections == 0)
    await asyncio.sleep(0)
    gc.collect()
    assert connection() is None
    listener.close()


async def test_a_connection_that_has_ended_keeps_nothing_unfinished_for_an_answer_on_its_way(
    running: Running, up: Upstream
) -> None:
    up.script = silent
    running.hurry(0.1)
    listener, address = await listening(running)
    _, writer = await asyncio.open_connection(*address)
    writer.write(frame(query()) + b"\x0f\xff" + bytes(2000))
    await up.until(1)
    (connection,) = listener._open
    assert connection._framer.waits
    writer.transport.abort()
    await until(lambda: listener.connections == 0)
    assert not connection._framer.waits
    listener.close()


async def test_a_connection_with_too_long_a_query_is_closed_before_that_query_comes(running: Running) -> None:
    reader, writer = await asyncio.open_connection(*running.address)
    writer.write(frame(query("localhost")) + (stream.MAX_QUERY + 1).to_bytes(2, "big"))
    async with asyncio.timeout(PATIENCE_S):
        assert parsed(await received(reader)).rcode() == dns.rcode.NOERROR
        assert await reader.read() == b""
    writer.close()


async def test_an_idle_connection_whose_client_does_not_read_ends_too(running: Running) -> None:
    listener, address = await listening(running, idle_s=1)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(address)
        await until(lambda: listener.connections == 1)
        (connection,) = listener._open
        connection._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        connection._transport.write(bytes(stream.MAX_UNSENT))
        await until(lambda: listener.connections == 0)
    listener.close()


async def test_a_connection_is_not_idle_while_an_answer_is_on_its_way(up: Upstream, running: Running) -> None:
    up.script = silent
    listener, address = await listening(running, idle_s=0.2)
    reader, writer = await asyncio.open_connection(*address)
    writer.write(frame(query()))
    await up.until(1)
    _, other = await asyncio.open_connection(*address)
    await until(lambda: listener.connections == 2)
    await until(lambda: listener.connections == 1)  # the other, which asked nothing and came later, is gone
    up.reply_to(up.asked[0], answered(up.asked[0].wire, A))
    async with asyncio.timeout(PATIENCE_S):
        assert parsed(await received(reader)).rcode() == dns.rcode.NOERROR
        assert await reader.read() == b""
    writer.close()
    other.close()
    listener.close()


async def test_connections_leave_file_descriptors_for_what_else_needs_them(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        least = probe.fileno()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (least + 20 + stream.LEAST_RESERVE, 4096))
    listener, address = await listening(running)
    clients = [await asyncio.open_connection(*address) for _ in range(30)]  # each takes two of ours
    for _ in range(100):
        await asyncio.sleep(0)
    assert 5 <= listener.connections <= 10
    for _, writer in clients:
        writer.close()
    listener.close()


@pytest.mark.parametrize(
    ("limit", "usable"), [(1024, 768), (128, 64), (65536, 49152), (resource.RLIM_INFINITY, 1 << 30)]
)
def test_a_quarter_of_the_file_descriptors_is_kept_back(
    limit: int, usable: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert stream.descriptors() == usable


async def asking(address: tuple[str, int]) -> socket.socket:
    """Return a connection on which something was asked and answered."""
    sock = socket.socket()
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, address)
    await loop.sock_sendall(sock, frame(query("localhost")))
    assert await loop.sock_recv(sock, 4096)
    return sock


async def test_the_longest_idle_connection_makes_room_for_a_new_one(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MAX_CONNECTIONS", 3)
    listener, address = await listening(running)
    async with asyncio.timeout(PATIENCE_S):
        held = [await asking(address) for _ in range(3)]
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(held[0], frame(query("localhost")))
        assert await loop.sock_recv(held[0], 4096)
        held.append(await asking(address))
        assert await loop.sock_recv(held[1], 4096) == b""
        assert listener.connections == 3
    for sock in held:
        sock.close()
    listener.close()


async def test_all_addresses_of_one_ipv6_network_share_their_connections(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MAX_PER_CLIENT", 3)
    sock = stream.bind("::1", 0)
    listener = made(running, sock)
    peers = iter([*[f"fd00::{number}" for number in range(4)], "fd00:0:0:1::1"])
    monkeypatch.setattr(stream, "_peer", lambda _: ip_address(next(peers)))
    await listener.start()
    clients = [await asyncio.open_connection(*sock.getsockname()[:2]) for _ in range(5)]
    await until(clients[3][0].at_eof)
    assert listener.connections == 4
    for _, writer in clients:
        writer.close()
    listener.close()


async def test_what_is_no_query_keeps_no_connection_open(running: Running) -> None:
    listener, address = await listening(running, idle_s=0.3)
    reader, writer = await asyncio.open_connection(*address)
    async with asyncio.timeout(PATIENCE_S):
        while not reader.at_eof():
            writer.write(frame(query(flags=0x8180)))
            await asyncio.sleep(0.05)
            if listener.connections == 0:
                break
    writer.close()
    listener.close()


async def test_a_message_shorter_than_a_header_ends_its_connection(running: Running) -> None:
    reader, writer = await asyncio.open_connection(*running.address)
    writer.write(frame(query("localhost")) + frame(bytes(11)))
    async with asyncio.timeout(PATIENCE_S):
        assert parsed(await received(reader)).rcode() == dns.rcode.NOERROR
        assert await reader.read() == b""
    writer.close()


async def test_no_connection_has_more_than_some_messages_handled_before_others_get_their_turn(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled, most, before = 0, 0, 0

    def handle(*args: object) -> bool:
        nonlocal handled
        handled += 1
        return False

    monkeypatch.setattr(running.service, "handle", handle)
    _, writer = await asyncio.open_connection(*running.address)
    writer.write(frame(bytes(12)) * 5000)
    async with asyncio.timeout(PATIENCE_S):
        while handled < 5000:
            await asyncio.sleep(0)
            most, before = max(most, handled - before), handled
    assert most <= 80
    writer.close()
