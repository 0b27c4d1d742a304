"""Port 443 of the notice page: an alert at once, and the page for its own name alone."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from resolver.core.hello import UNRECOGNIZED_NAME
from resolver.edge import doorway, stream
from resolver.edge.certificate import Certificate, read_certificate
from resolver.edge.doorway import Doorway
from resolver.edge.gate import Gate
from resolver.edge.http import HttpServer
from resolver.edge.notice import notice_app
from tests.core.test_hello import hello
from tests.edge.asking import get, judge, rest
from tests.edge.certified import certify

OWN = "notice.example"


@asynccontextmanager
async def door(
    certificate: Certificate | None = None, gate: Gate | None = None, head_s: float = 20.0
) -> AsyncIterator[tuple[tuple[str, int], Doorway]]:
    sock = stream.bind("127.0.0.1", 0)
    address: tuple[str, int] = sock.getsockname()[:2]
    server = HttpServer(notice_app(judge, own=lambda: {OWN}))
    opened = Doorway(server.connection, gate or Gate(), head_s)
    opened.certificate = certificate
    opened.start(sock)
    try:
        yield address, opened
    finally:
        await opened.stop()
        await server.stop()


async def sent(address: tuple[str, int], *pieces: bytes, end: bool = False) -> bytes:
    """Send pieces, each by itself; return what comes until the other side closes."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if end:
            writer.write_eof()
        return await rest(reader)
    finally:
        writer.close()


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


async def test_a_browser_that_wants_a_blocked_site_gets_an_alert_at_once() -> None:
    async with door() as (address, _):
        with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
            await asyncio.open_connection(
                *address, ssl=ssl.create_default_context(), server_hostname="house.example"
            )
        assert await sent(address, hello("house.example")) == UNRECOGNIZED_NAME
        assert await sent(address, hello(None)) == UNRECOGNIZED_NAME


async def test_a_hello_in_pieces_is_waited_for() -> None:
    whole = hello("house.example")
    async with door() as (address, _):
        assert await sent(address, whole[:3], whole[3:5], whole[5:100], whole[100:]) == UNRECOGNIZED_NAME


@pytest.mark.parametrize(
    "sent_bytes",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + bytes(65535), b"\0" * 100, b"\x16\x03\x01\x00\x00"],
    ids=["http", "too long", "zeros", "empty"],
)
async def test_what_is_no_hello_ends_without_a_word(sent_bytes: bytes) -> None:
    async with door() as (address, _):
        assert await sent(address, sent_bytes) == b""
        assert await sent(address, hello("house.example")) == UNRECOGNIZED_NAME


async def test_who_breaks_off_or_says_too_little_in_time_is_let_go() -> None:
    async with door() as (address, opened):
        assert await sent(address, hello("house.example")[:50], end=True) == b""
        assert await sent(address, end=True) == b""
        assert opened.connections == 0
    async with door(head_s=0.05) as (address, opened):
        assert await sent(address, hello("house.example")[:50]) == b""
        assert await sent(address) == b""


async def test_single_bytes_do_not_move_the_deadline() -> None:
    async with door(head_s=0.1) as (address, _):
        reader, writer = await asyncio.open_connection(*address)
        ended = asyncio.create_task(rest(reader))
        writer.write(b"\x16\x03\x01\x10\x00")
        while not ended.done():  # which it never would be, if they did
            writer.write(b"a")
            await asyncio.wait([ended], timeout=0.01)
        assert await ended == b""
        writer.close()


async def test_whatever_bytes_come_the_next_is_served() -> None:
    rng = random.Random(443)
    async with door() as (address, _):
        for _ in range(50):
            record = bytearray(hello("house.example"))
            for _ in range(rng.randrange(4)):
                record[rng.randrange(len(record))] = rng.randrange(256)
            said = await sent(address, bytes(record[: rng.randrange(len(record) + 1)]), end=True)
            assert said in {b"", UNRECOGNIZED_NAME}
        assert await sent(address, hello("house.example")) == UNRECOGNIZED_NAME


async def test_the_owners_certificate_serves_the_page_at_its_own_name_alone(tmp_path: Path) -> None:
    files = certify(tmp_path, OWN)
    trusted = trusting(files[0])
    async with door(read_certificate(*files)) as (address, _):
        reader, writer = await asyncio.open_connection(*address, ssl=trusted, server_hostname=OWN)
        writer.write(get(OWN))
        reply = await rest(reader)
        writer.close()
        assert reply.startswith(b"HTTP/1.1 404 ")
        assert b"Nothing was asked for" in reply
        with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
            await asyncio.open_connection(*address, ssl=trusted, server_hostname="house.example")


async def test_a_handshake_that_breaks_off_leaves_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with door(read_certificate(*certify(tmp_path, OWN)), head_s=0.2) as (address, opened):
        for pieces in ((hello(OWN),), (hello(OWN), b"\x17\x03\x03\x00\x05aaaaa")):
            assert (await sent(address, *pieces, end=True))[:1] in {b"", b"\x15", b"\x16"}
        while opened.connections:
            await asyncio.sleep(0)
        assert await sent(address, hello("house.example")) == UNRECOGNIZED_NAME
    assert caplog.text == ""


async def test_more_than_the_gate_lets_in_are_closed() -> None:
    async with door(gate=Gate(rate=4, each=4)) as (address, _):
        said = [await sent(address, hello("house.example")) for _ in range(6)]
    assert said == [UNRECOGNIZED_NAME] * 4 + [b""] * 2


async def test_the_longest_silent_connection_makes_room_for_a_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doorway, "MAX_CONNECTIONS", 2)
    async with door() as (address, opened):
        held = []
        for number in range(2):  # each is in before the next comes
            held.append(await asyncio.open_connection(*address))
            while opened.connections <= number:
                await asyncio.sleep(0)
        assert await sent(address, hello("house.example")) == UNRECOGNIZED_NAME
        assert await held[0][0].read() == b""
        held[1][1].write(hello("house.example"))
        assert await held[1][0].read() == UNRECOGNIZED_NAME
        for _, writer in held:
            writer.close()


async def test_one_client_holds_no_more_than_its_share_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorway, "LOOPBACK", ("no network begins so",))
    monkeypatch.setattr(doorway, "MAX_EACH", 2)
    async with door() as (address, opened):
        held = [await asyncio.open_connection(*address) for _ in range(2)]
        assert await sent(address, hello("house.example")) == b""
        assert opened.connections == 2
        held[0][1].close()
        await held[0][1].wait_closed()
        while opened.connections == 2:
            await asyncio.sleep(0)
        assert await sent(address, hello("house.example")) == UNRECOGNIZED_NAME
        held[1][1].close()
