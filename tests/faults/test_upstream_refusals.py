"""Upstream servers that answer every question with an error."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import dns.rcode
import pytest

from resolver.core import retries
from resolver.core.replies import extended_error
from resolver.core.retries import Strategy
from resolver.edge.server import ServerSpec
from resolver.edge.upstream import GroupSpec
from tests.messages import errors, opt, parsed, query
from tests.upstreams import Script, answered, resolver, silent, upstream


def failing(rcode: int, options: bytes = b"") -> Script:
    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        return [answered(asked, flags=0x8180 | rcode, opt=opt(options=options) if options else b"")]

    return script


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no busy machine make a sending look lost."""
    monkeypatch.setattr(retries, "FIRST_TIMEOUT_S", 30.0)
    monkeypatch.setattr(retries, "SHORTEST_TIMEOUT_S", 30.0)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
async def test_where_all_servers_answer_with_errors_each_is_asked_once_and_the_client_told_at_once(
    rcode: dns.rcode.Rcode,
) -> None:
    async with upstream(failing(rcode)) as one, upstream(failing(rcode)) as two:
        group = GroupSpec((ServerSpec(*one.address), ServerSpec(*two.address)), timeout_s=60)
        async with resolver(spec=group) as running, asyncio.timeout(5):
            for number in range(5):
                reply = parsed(await running.ask(query(f"n{number}.example", opt=opt())))
                assert (reply.rcode(), errors(reply)[0][0]) == (dns.rcode.SERVFAIL, 23)
            assert (len(one.asked), len(two.asked)) == (5, 5)
            assert all(server.health.up for server in running.upstreams.servers())
            assert [server.failures for server in running.upstreams.servers()] == [{"error": 5}] * 2


@pytest.mark.parametrize("second", [failing(dns.rcode.REFUSED), silent])
async def test_the_reason_that_one_server_gave_outlives_a_bare_error_of_the_next(second: Script) -> None:
    async with upstream(failing(2, extended_error(23, "lame"))) as one, upstream(second) as two:
        group = GroupSpec((ServerSpec(*one.address), ServerSpec(*two.address)), Strategy.ORDERED, 0.1)
        async with resolver(spec=group) as running:
            reply = parsed(await running.ask(query(opt=opt())))
            assert errors(reply) == [(23, "lame")]
