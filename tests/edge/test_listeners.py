"""UDP and TCP listeners, and the bounds that the service keeps, over loopback."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator
from time import monotonic

import dns.flags
import dns.rcode
import pytest

from resolver.core.framing import frame
from resolver.edge import service, stream, udp
from resolver.edge.service import REFUSALS_PER_S
from resolver.edge.stream import StreamListener
from resolver.edge.udp import UdpListener
from resolver.observe.counters import Channel
from tests.messages import errors, opt, packed, parsed, query
from tests.upstreams import Running, resolver, rightly, silent, upstream

pytestmark = pytest.mark.usefixtures("on_both")

UDP, TCP = Channel("udp", 4), Channel("tcp", 4)


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with upstream(rightly) as up, resolver(up.address) as made:
        yield made


async def test_a_flood_of_garbage_is_survived_and_never_answered_with_more_than_it_sent(
    running: Running,
) -> None:
    rng = random.Random(5)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        sock.connect(running.address)
        sent = [rng.randbytes(rng.randrange(0, 200)) for _ in range(500)] + [query(flags=0x8180)] * 20 + [b""]
        for wire in sent:
            sock.send(wire)
        assert parsed(await running.ask(query())).rcode() == 0
        longest = max(map(len, sent))
        try:
            while True:
                assert len(sock.recv(65535)) <= longest
        except BlockingIOError:
            pass
    assert running.counters.drops()["not_a_query"] > 20


@pytest.mark.parametrize("address", ["127.0.0.2", "127.0.0.77"])
async def test_the_reply_leaves_from_the_address_that_was_asked_when_bound_to_all(
    running: Running, address: str
) -> None:
    loop = asyncio.get_running_loop()
    sock = udp.bind("0.0.0.0", 0)
    port = sock.getsockname()[1]
    listener = UdpListener(sock, running.service, loop)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as client:
        client.connect((address, port))
        client.send(query("localhost"))
        async with asyncio.timeout(5):
            assert parsed(await loop.sock_recv(client, 4096)).rcode() == 0
    listener.close()


async def test_ipv6_is_answered_and_kept_apart_from_ipv4(running: Running) -> None:
    loop = asyncio.get_running_loop()
    sock = udp.bind("::", 0)
    port = sock.getsockname()[1]
    listener = UdpListener(sock, running.service, loop)
    also = udp.bind("0.0.0.0", port)
    also.close()
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as client:
        client.connect(("::1", port))
        client.send(query("localhost", 28))
        async with asyncio.timeout(5):
            assert parsed(await loop.sock_recv(client, 4096)).answer[0][0].to_text() == "::1"
    listener.close()
    counted = {
        (channel.protocol, channel.family) for channel, _, total in running.counters.requests() if total
    }
    assert ("udp", 6) in counted


async def test_queries_on_one_connection_may_be_cut_anywhere_and_come_all_at_once(running: Running) -> None:
    data = b"".join([frame(query("localhost", ident=number)) for number in range(6)])
    for size in (1, 2, 3, 7, 50, len(data)):
        reader, writer = await asyncio.open_connection(*running.address)
        for at in range(0, len(data), size):
            writer.write(data[at : at + size])
            await writer.drain()
        async with asyncio.timeout(5):
            found = [
                await reader.readexactly(struct.unpack(">H", await reader.readexactly(2))[0])
                for _ in range(6)
            ]
        assert [reply[:2] for reply in found] == [struct.pack(">H", number) for number in range(6)]
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("wire", [bytes(12), bytes(4096), query(flags=0x8180)])
async def test_what_is_no_query_on_a_connection_does_not_stop_the_next(running: Running, wire: bytes) -> None:
    reader, writer = await asyncio.open_connection(*running.address)
    writer.write(frame(wire) + frame(query("localhost", ident=9)))
    async with asyncio.timeout(5):
        while True:
            reply = await reader.readexactly(struct.unpack(">H", await reader.readexactly(2))[0])
            if reply[:2] == b"\0\x09":
                break
    writer.close()
    await writer.wait_closed()


async def listener_of(running: Running, idle_s: float) -> tuple[StreamListener, tuple[str, int]]:
    sock = stream.bind("127.0.0.1", 0)
    address: tuple[str, int] = sock.getsockname()
    made = StreamListener(sock, running.service, running.service._wheel, idle_s)
    await made.start()
    return made, address


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\x20ab", frame(query("localhost")) + b"\0\x20"])
async def test_a_connection_without_whole_queries_is_closed(running: Running, data: bytes) -> None:
    made, address = await listener_of(running, 0.1)
    reader, writer = await asyncio.open_connection(*address)
    writer.write(data)
    async with asyncio.timeout(5):
        await reader.read()
    writer.close()
    made.close()


async def test_one_client_has_so_many_connections_and_no_more(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MAX_PER_CLIENT", 3)
    held = [await asyncio.open_connection(*running.address) for _ in range(3)]
    for reader, writer in held:
        writer.write(frame(query("localhost")))
        await reader.readexactly(2)
    reader, writer = await asyncio.open_connection(*running.address)
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    for _, each in [*held, (reader, writer)]:
        each.close()


async def test_an_outsider_holds_no_connection(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running.service.clients, "find", lambda text: None)
    reader, writer = await asyncio.open_connection(*running.address)
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()


async def test_a_client_that_asks_and_never_reads_is_cut_off(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MAX_UNSENT", 1000)
    reader, writer = await asyncio.open_connection(*running.address, limit=1)

    async def ask_for_ever() -> None:
        while True:
            writer.write(frame(query("localhost")) * 500)
            await writer.drain()
            await asyncio.sleep(0)

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(ask_for_ever(), 40)
    reader.feed_eof()


async def test_an_answer_after_the_client_has_gone_harms_nothing() -> None:
    async with upstream(silent) as up, resolver(up.address, timeout_s=5) as running:
        _, writer = await asyncio.open_connection(*running.address)
        writer.write(frame(query()))
        await up.until(1)
        writer.close()
        await writer.wait_closed()
        up.script = rightly
        await up.until(2)
        while running.service.inflight:
            await asyncio.sleep(0)
        assert parsed(await running.ask(query())).rcode() == 0


def handled(running: Running, address: str, count: int, channel: Channel = UDP) -> list[bytes]:
    """Hand queries from an address to the service; return what was sent back at once."""
    sent: list[bytes] = []
    for number in range(count):
        running.service.handle(
            query("localhost", ident=number, opt=opt()),
            packed(address),
            channel,
            lambda wire, _: sent.append(wire),
            None,
        )
    return sent


async def test_who_may_not_ask_is_told_so_a_few_times_and_then_hears_nothing(running: Running) -> None:
    sent = handled(running, "198.51.100.1", 100)
    assert 0 < len(sent) <= 2 * REFUSALS_PER_S
    for wire in sent:
        assert parsed(wire).rcode() == dns.rcode.REFUSED
        assert errors(parsed(wire)) == [(18, "")]
    assert running.counters.drops()["access"] == 100


async def test_over_its_rate_a_client_is_asked_to_come_over_tcp_or_hears_nothing(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = monotonic()
    monkeypatch.setattr(service, "monotonic", lambda: now)  # or a slow machine has the rate of seconds
    running.service.clients._rate = 10
    sent = handled(running, "10.0.0.1", 120)
    good = [wire for wire in sent if not parsed(wire).flags & dns.flags.TC]
    assert 10 <= len(good) <= 40
    assert len(sent) - len(good) == pytest.approx((120 - len(good)) / 2, abs=1)
    refused = [parsed(wire).rcode() for wire in handled(running, "10.0.0.1", 5, TCP)]
    assert refused == [dns.rcode.REFUSED] * 5


async def test_a_fault_of_ours_costs_one_query_and_is_counted(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object, **options: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(type(running.service.engine), "handle", broken)
        assert handled(running, "127.0.0.1", 3) == []
    assert running.counters.drops()["fault"] == 3
    assert "ZeroDivisionError" in caplog.text
    assert parsed(await running.ask(query())).rcode() == 0


async def test_a_socket_that_takes_no_answer_costs_one_answer(running: Running) -> None:
    def full(wire: bytes, to: object) -> None:
        raise BlockingIOError

    running.service.handle(query("localhost"), packed("127.0.0.1"), UDP, full, None)
    assert running.counters.drops()["send"] == 1


async def test_many_who_ask_the_same_all_hear_the_answer_within_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "MAX_WAITING", 900)
    async with upstream(silent) as up, resolver(up.address, timeout_s=5) as running:
        sent: list[bytes] = []

        def ask(name: str, ident: int) -> bool:
            asked = query(name, ident=ident)
            return running.service.handle(
                asked, packed("127.0.0.1"), UDP, lambda wire, _: sent.append(wire), None
            )

        taken = [ask("same.example", ident) for ident in range(800)]
        taken += [ask(f"n{ident}.example", ident) for ident in range(150)]
        assert (taken.count(True), taken[900:]) == (900, [False] * 50)
        assert running.counters.drops()["overload"] == 50
        up.script = rightly
        while running.service.inflight:
            await asyncio.sleep(0)
        assert len(sent) == 900
        assert running.service._waiting == 0


async def test_a_query_that_waits_in_a_socket_for_the_start_is_answered_from_the_address_asked(
    running: Running,
) -> None:
    loop = asyncio.get_running_loop()
    sock = udp.bind("0.0.0.0", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.bind(("127.0.0.1", 0))
        asked = ("127.0.0.7", sock.getsockname()[1])
        client.sendto(query("localhost"), asked)
        listener = UdpListener(sock, running.service, loop)
        _, source = await asyncio.wait_for(loop.sock_recvfrom(client, 4096), 10)
        assert source == asked
        listener.close()
