"""Upstream servers that answer every question with an error."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import cast

import dns.rcode
import pytest

from resolver.core.replies import extended_error
from resolver.core.retries import Strategy
from resolver.edge import upstream as edge_upstream
from resolver.edge.group import GroupSpec
from resolver.edge.server import ServerSpec
from tests.messages import errors, opt, parsed, query
from tests.upstreams import A, Script, answered, resolver, silent, upstream

pytestmark = pytest.mark.usefixtures("on_both")


def failing(rcode: int, options: bytes = b"") -> Script:
    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        return [answered(asked, flags=0x8180 | rcode, opt=opt(options=options) if options else b"")]

    return script


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
async def test_where_all_servers_answer_with_errors_each_is_asked_once_and_the_client_told_at_once(
    rcode: dns.rcode.Rcode,
) -> None:
    async with upstream(failing(rcode)) as one, upstream(failing(rcode)) as two:
        group = GroupSpec((ServerSpec(*one.address), ServerSpec(*two.address)), timeout_s=60)
        async with resolver(spec=group) as running, asyncio.timeout(20):
            for number in range(5):
                reply = parsed(await running.ask(query(f"n{number}.example", opt=opt())))
                assert (reply.rcode(), errors(reply)[0][0]) == (dns.rcode.SERVFAIL, 23)
            assert (len(one.asked), len(two.asked)) == (5, 5)
            assert all(server.health.up for server in running.upstreams.servers())
            assert [server.failures for server in running.upstreams.servers()] == [{"error": 5}] * 2


@pytest.mark.parametrize("second", [failing(dns.rcode.REFUSED), silent])
async def test_the_reason_that_one_server_gave_outlives_a_bare_error_of_the_next(second: Script) -> None:
    async with upstream(failing(2, extended_error(23, "lame"))) as one, upstream(second) as two:
        group = GroupSpec((ServerSpec(*one.address), ServerSpec(*two.address)), Strategy.ORDERED, 0.3)
        async with resolver(spec=group) as running:
            reply = parsed(await running.ask(query(opt=opt())))
            assert errors(reply) == [(23, "lame")]


class Away(asyncio.DatagramProtocol):
    """A server on UDP that comes back."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(answered(data, A), addr)


@pytest.mark.parametrize("up", [True, False])
async def test_a_server_that_refuses_for_a_moment_costs_no_question(
    up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_upstream, "AGAIN_S", 1.0)
    async with upstream() as gone:
        address = gone.address
    async with resolver(address, timeout_s=30) as running:
        (server,) = running.upstreams.servers()
        if not up:
            server.health.down_until = math.inf
        waiting = [asyncio.ensure_future(running.ask(query(f"n{number}.example"))) for number in range(20)]
        while server.failures["refused"] < 1:
            await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Away, address)
        replies = await asyncio.gather(*waiting)
        assert {parsed(reply).rcode() for reply in replies} == {dns.rcode.NOERROR}
        transport.close()


async def test_where_another_server_is_left_nobody_waits_for_one_that_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edge_upstream, "AGAIN_S", 3600.0)
    async with upstream() as gone:
        pass
    async with upstream() as alive:
        group = GroupSpec((ServerSpec(*gone.address), ServerSpec(*alive.address)), Strategy.ORDERED, 30)
        async with resolver(spec=group) as running:
            assert parsed(await running.ask(query())).rcode() == dns.rcode.NOERROR


@pytest.mark.usefixtures("python_alone")
async def test_a_refusal_counts_once_however_many_questions_wait_on_its_socket() -> None:
    async with upstream(silent) as up, resolver(up.address, timeout_s=30) as running:
        (server,) = running.upstreams.servers()
        asked = [asyncio.ensure_future(running.ask(query(f"n{number}.example"))) for number in range(40)]
        await up.until(40)
        line = next(line for line in server._pool if line is not None and len(line.pending) > 1)
        server.health.timeouts = 0
        line.refused(())
        assert (server.health.timeouts, server.failures["refused"]) == (1, 1)
        for task in asked:
            task.cancel()
