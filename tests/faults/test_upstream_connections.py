"""Upstream servers that close TCP connections on which questions are still open (RFC 7766, section 6.2.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import dns.rcode
import pytest

from resolver.core import retries
from resolver.core.retries import RESENDS
from resolver.edge.server import ServerSpec
from resolver.edge.upstream import GroupSpec
from tests.messages import errors, opt, parsed, query
from tests.upstreams import A, answered, resolver, silent, upstream


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no busy machine make a sending look lost."""
    monkeypatch.setattr(retries, "FIRST_TIMEOUT_S", 30.0)
    monkeypatch.setattr(retries, "SHORTEST_TIMEOUT_S", 30.0)


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
