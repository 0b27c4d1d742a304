"""Upstream servers that close TCP connections on which questions are still open (RFC 7766, section 6.2.4)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import dns.rcode
import pytest

from resolver.core import retries
from resolver.core.retries import RESENDS
from resolver.core.wire import parse_query
from resolver.edge import server as edge_server
from resolver.edge.group import GroupSpec
from resolver.edge.server import ServerSpec
from tests.messages import errors, opt, parsed, query
from tests.upstreams import A, answered, resolver, silent, upstream

pytestmark = pytest.mark.usefixtures("on_both", "patient")


def by_tcp(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
    """Answer over TCP alone."""
    return [answered(asked, A) if over_tcp else answered(asked, flags=0x8380)]


@pytest.mark.parametrize("per_connection", [1, 7])
async def test_no_question_is_lost_or_held_against_a_server_that_closes_after_a_few_answers(
    per_connection: int,
) -> None:
    async with upstream() as up:
        up.per_connection = per_connection
        spec = ServerSpec(*up.address, tcp_only=True)
        async with resolver(spec=GroupSpec((spec,), timeout_s=30)) as running:
            asked = [query(f"n{number}.example", ident=number) for number in range(50)]
            replies = await running.ask_tcp(*asked)
            assert {parsed(reply).rcode() for reply in replies} == {dns.rcode.NOERROR}
            assert sorted(reply[:2] for reply in replies) == [wire[:2] for wire in asked]
            (server,) = running.upstreams.servers()
            assert not server.failures
            assert len(up.asked) == 50


@pytest.mark.parametrize("per_connection", [1, 7])
async def test_questions_that_come_while_connections_close_are_answered_too(per_connection: int) -> None:
    async with upstream(by_tcp) as up, resolver(up.address, timeout_s=30) as running:
        up.per_connection = per_connection
        replies = await asyncio.gather(*[running.ask(query(f"n{number}.example")) for number in range(50)])
        assert {parsed(reply).rcode() for reply in replies} == {dns.rcode.NOERROR}


async def test_a_server_that_closes_without_any_answer_counts_as_refusing() -> None:
    async with upstream(by_tcp) as up, resolver(up.address, timeout_s=30) as running:
        up.per_connection = 0
        reply = parsed(await running.ask(query(opt=opt())))
        assert (reply.rcode(), errors(reply)[0][0]) == (dns.rcode.SERVFAIL, 23)
        (server,) = running.upstreams.servers()
        assert server.failures == {"refused": 1 + RESENDS}


async def test_a_resolver_that_stops_asks_nobody_again() -> None:
    async with upstream(by_tcp) as up, resolver(up.address, timeout_s=30) as running:
        await running.ask(query("first.example"))
        up.script = lambda asked, over_tcp: (silent if over_tcp else by_tcp)(asked, over_tcp)
        waiting = asyncio.ensure_future(running.ask(query("second.example")))
        await up.until(4)
        running.upstreams.close()
        await asyncio.sleep(0)
        (server,) = running.upstreams.servers()
        assert server._link is not None
        assert server._link.closed
        assert server.requests == 4
        waiting.cancel()


async def test_what_is_asked_once_a_connection_is_lost_goes_over_a_new_one_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Written to the old one it would wait for the event loop to tell, and asyncio complain in the log."""
    async with upstream() as up:
        spec = ServerSpec(*up.address, tcp_only=True)
        async with resolver(spec=GroupSpec((spec,), timeout_s=30)) as running:
            await running.ask(query("first.example"))
            (server,) = running.upstreams.servers()
            old = server._link
            assert old is not None
            assert old._transport is not None
            old._transport.abort()  # as when a write fails
            asked = asyncio.gather(*[running.ask(query(f"n{number}.example")) for number in range(20)])
            for number in range(20):
                running.upstreams.ask(parse_query(query(f"m{number}.example")), "default", lambda *_: None)
            assert not old.pending
            assert {parsed(reply).rcode() for reply in await asked} == {dns.rcode.NOERROR}
    assert [one for one in caplog.records if one.name == "asyncio"] == []


@pytest.mark.parametrize("tcp_only", [True, False])
async def test_a_connection_that_fell_silent_is_left_when_a_question_on_it_times_out(
    monkeypatch: pytest.MonkeyPatch, tcp_only: bool
) -> None:
    async with upstream(by_tcp) as up:
        spec = ServerSpec(*up.address, tcp_only=tcp_only)
        async with resolver(spec=GroupSpec((spec,), timeout_s=30)) as running:
            await running.ask(query("first.example"))
            dead = up.asked[-1].port
            monkeypatch.setattr(retries, "SHORTEST_TIMEOUT_S", 0.3)
            running.hurry(0.3)
            up.silent_ports.add(dead)
            replies = [parsed(await running.ask(query(f"n{number}.example"))) for number in range(3)]
            assert replies[-1].rcode() == dns.rcode.NOERROR
            assert [asked.port for asked in up.asked if asked.over_tcp].count(dead) == 2


async def test_a_connection_on_which_other_answers_come_is_kept_when_a_question_times_out() -> None:
    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        return [] if b"slow" in asked else [answered(asked, A)]

    async with upstream(script) as up:
        spec = ServerSpec(*up.address, tcp_only=True)
        async with resolver(spec=GroupSpec((spec,), timeout_s=0.5)) as running:
            slow = asyncio.ensure_future(running.ask(query("slow.example")))
            await up.until(1)
            await running.ask(query("fast.example"))
            await slow
            await running.ask(query("next.example"))
            assert len({asked.port for asked in up.asked[:3]}) == 1


async def test_late_answers_on_a_connection_that_was_left_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_TIMEOUT_S", 0.1)
    async with upstream(silent) as up:
        spec = ServerSpec(*up.address, tcp_only=True)
        async with resolver(spec=GroupSpec((spec,), timeout_s=30)) as running:
            waiting = asyncio.ensure_future(running.ask(query()))
            await up.until(3)
            first, _, third = up.asked
            assert first.port != third.port
            up.reply_to(first, answered(first.wire, A))
            assert parsed(await waiting).rcode() == dns.rcode.NOERROR


async def test_a_connection_gives_up_on_a_server_that_acknowledges_nothing() -> None:
    async with upstream() as up:
        spec = ServerSpec(*up.address, tcp_only=True)
        async with resolver(spec=GroupSpec((spec,), timeout_s=30)) as running:
            await running.ask(query())
            (server,) = running.upstreams.servers()
            assert server._link is not None
            assert server._link._transport is not None
            sock = server._link._transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == edge_server.UNHEARD_MS
