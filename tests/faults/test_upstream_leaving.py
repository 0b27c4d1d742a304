"""Upstream servers that a new configuration no longer has."""

from __future__ import annotations

import asyncio

import dns.rcode
import pytest

from resolver.edge import upstream as edge_upstream
from tests.messages import parsed, query
from tests.upstreams import PATIENCE_S, resolver, silent, upstream

pytestmark = pytest.mark.usefixtures("on_both")


@pytest.mark.usefixtures("python_alone")
async def test_a_server_that_leaves_is_closed_when_the_last_question_to_it_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edge_upstream, "LINGER_S", 0.01)
    async with upstream(silent) as up, resolver(up.address, timeout_s=0.2) as running:
        asking = asyncio.create_task(running.ask(query()))
        await up.until(1)
        (server,) = running.upstreams.servers()
        running.upstreams.configure({})
        assert parsed(await asking).rcode() == dns.rcode.SERVFAIL
        assert len(up.asked) == 3
        async with asyncio.timeout(PATIENCE_S):
            while any(server._pool):
                await asyncio.sleep(0.01)
