"""Looking up the hosts of lists at our own upstream servers, over UDP and TCP on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from resolver.core.errors import UpstreamError
from resolver.edge.resolve import MAX_STRAYS, resolve
from resolver.edge.server import ServerSpec
from tests.messages import record, wire_name
from tests.servers import free_port, nsd
from tests.upstreams import A, Upstream, answered, rightly, silent, upstream

AAAA = record(b"\xc0\x0c", 28, 60, bytes.fromhex("20010db8" + "0" * 23 + "1"))


def both(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
    """Answer each type with one address."""
    return [answered(asked, AAAA if asked[-4:-2] == b"\0\x1c" else A)]


async def addresses(
    *servers: Upstream | ServerSpec, host: str = "lists.example", patience_s: float = 5, total_s: float = 10
) -> tuple[str, ...]:
    """Look a host up in another thread, as the process that fetches would."""
    specs = [ServerSpec(*one.address) if isinstance(one, Upstream) else one for one in servers]
    return await asyncio.to_thread(resolve, host, specs, patience_s=patience_s, total_s=total_s)


async def test_both_families_are_asked_for_and_given_in_turn() -> None:
    two = record(b"\xc0\x0c", 1, 60, b"\xc0\0\2\2")

    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        return [answered(asked, AAAA) if asked[-4:-2] == b"\0\x1c" else answered(asked, A, two)]

    async with upstream(script) as server:
        assert await addresses(server) == ("192.0.2.1", "2001:db8::1", "192.0.2.2")
        first, second = [one.wire[2:] for one in server.asked]
        assert first == b"\1\0\0\1\0\0\0\0\0\0\x05lists\x07example\0\0\1\0\1"
        assert second == first[:-4] + b"\0\x1c\0\1"


async def test_ids_and_ports_cannot_be_foreseen() -> None:
    async with upstream(both) as server:
        for _ in range(10):
            await addresses(server)
        idents = [int.from_bytes(one.wire[:2], "big") for one in server.asked]
        ports = [one.port for one in server.asked]
    for numbers in (idents, ports):
        steps = {after - before for before, after in pairwise(numbers)}
        assert len(set(numbers)) > 15
        assert len(steps) > 15


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7"])
def test_an_address_is_its_own_answer(host: str) -> None:
    assert resolve(host, []) == (host,)


async def test_aliases_are_followed() -> None:
    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        target = wire_name("cdn.example")
        return [
            answered(asked, record(b"\xc0\x0c", 5, 60, target), record(target, 1, 60, b"\xc0\0\2\7"))
            if asked[-4:-2] == b"\0\1"
            else answered(asked, record(b"\xc0\x0c", 5, 60, target))
        ]

    async with upstream(script) as server:
        assert await addresses(server) == ("192.0.2.7",)


async def test_a_truncated_answer_is_asked_for_again_over_tcp() -> None:
    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        return both(asked, over_tcp) if over_tcp else [answered(asked, flags=0x8380)]

    async with upstream(script) as server:
        assert await addresses(server) == ("192.0.2.1", "2001:db8::1")
        assert [one.over_tcp for one in server.asked] == [False, True] * 2


async def test_a_server_for_tcp_alone_is_not_asked_over_udp() -> None:
    async with upstream(both) as server:
        assert await addresses(ServerSpec(*server.address, tcp_only=True)) == ("192.0.2.1", "2001:db8::1")
        assert [one.over_tcp for one in server.asked] == [True, True]


async def test_truncated_over_tcp_too_is_no_answer() -> None:
    async with upstream(lambda asked, over_tcp: [answered(asked, flags=0x8380)]) as server:
        with pytest.raises(UpstreamError, match="truncated answer over TCP"):
            await addresses(server)


async def test_forged_answers_are_passed_over() -> None:
    evil = record(b"\xc0\x0c", 1, 60, b"\xc0\0\2\x66")

    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        wrong_id = bytes([asked[0] ^ 1]) + asked[1:]
        wrong_name = asked[:13] + b"LISTS"[:1] + asked[14:]
        return [
            b"",
            b"\0" * 12,
            answered(wrong_id, evil),
            answered(wrong_name, evil),
            answered(asked, evil)[:-3],
            answered(asked, evil, flags=0x0180),
            *both(asked, over_tcp),
        ]

    async with upstream(script) as server:
        assert await addresses(server) == ("192.0.2.1", "2001:db8::1")
        assert await addresses(ServerSpec(*server.address, tcp_only=True)) == ("192.0.2.1", "2001:db8::1")


async def test_a_server_that_only_sends_rubbish_is_left() -> None:
    async with upstream(lambda asked, over_tcp: [b"rubbish"] * MAX_STRAYS) as bad, upstream(both) as good:
        assert await addresses(bad, good) == ("192.0.2.1", "2001:db8::1")


@pytest.mark.parametrize("flags", [0x8182, 0x8185, 0x8181])
async def test_after_a_server_that_fails_the_next_is_asked(flags: int) -> None:
    async with (
        upstream(lambda asked, over_tcp: [answered(asked, flags=flags)]) as bad,
        upstream(both) as good,
    ):
        assert await addresses(bad, good) == ("192.0.2.1", "2001:db8::1")
        with pytest.raises(UpstreamError, match=f"answered with RCODE {flags & 15}"):
            await addresses(bad)


async def test_after_a_server_that_is_silent_or_not_there_the_next_is_asked() -> None:
    nobody = ServerSpec("127.0.0.1", free_port())
    async with upstream(silent) as quiet, upstream(both) as good:
        assert await addresses(nobody, quiet, good, patience_s=0.5) == ("192.0.2.1", "2001:db8::1")


async def test_a_lost_question_is_asked_again() -> None:
    seen = set[bytes]()

    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        lost = asked[-4:] not in seen
        seen.add(asked[-4:])
        return [] if lost else both(asked, over_tcp)

    async with upstream(script) as server:
        assert await addresses(server, patience_s=0.5) == ("192.0.2.1", "2001:db8::1")


async def test_one_family_is_enough() -> None:
    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        return [answered(asked, flags=0x8182) if asked[-4:-2] == b"\0\x1c" else answered(asked, A)]

    async with upstream(script) as server:
        assert await addresses(server) == ("192.0.2.1",)


@pytest.mark.parametrize("flags", [0x8183, 0x8180])
async def test_a_host_without_address_is_an_error(flags: int) -> None:
    async with upstream(lambda asked, over_tcp: [answered(asked, flags=flags)]) as server:
        with pytest.raises(UpstreamError, match="the name has no address"):
            await addresses(server)
        assert len(server.asked) == 2


async def test_when_nobody_answers_the_wait_is_bounded() -> None:
    async with upstream(silent) as server:
        with pytest.raises(UpstreamError, match=f"127.0.0.1:{server.address[1]} did not answer"):
            await addresses(server, patience_s=3600, total_s=0.2)


async def test_a_stream_that_ends_or_drips_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as quiet:
        spec = ServerSpec("127.0.0.1", quiet.getsockname()[1], tcp_only=True)
        with pytest.raises(UpstreamError, match="did not answer"):
            await addresses(spec, patience_s=0.05)
    async with upstream(rightly) as server:
        server.script = lambda asked, over_tcp: [b""]
        with pytest.raises(UpstreamError):
            await addresses(ServerSpec(*server.address, tcp_only=True), patience_s=0.05)


def test_without_servers_there_is_an_error() -> None:
    with pytest.raises(UpstreamError, match="no upstream server is configured"):
        resolve("lists.example", [])


def test_what_is_no_name_is_an_error() -> None:
    with pytest.raises(UpstreamError, match="empty label"):
        resolve("lists..example", [ServerSpec("127.0.0.1", 9)])


def test_a_real_server_is_understood(tmp_path: Path) -> None:
    with nsd(tmp_path) as port:
        for tcp_only in (False, True):
            servers = [ServerSpec("127.0.0.1", port, tcp_only)]
            assert resolve("lists.up.example", servers) == ("192.0.2.1", "2001:db8::1")
            with pytest.raises(UpstreamError, match="the name has no address"):
                resolve("txt.up.example", servers)
            with pytest.raises(UpstreamError, match="RCODE 5"):
                resolve("lists.example", servers)
