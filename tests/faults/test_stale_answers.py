"""Old answers, for clients who would otherwise wait for an upstream server that says nothing."""

from __future__ import annotations

import pytest

from resolver.core.cache import Entry
from resolver.core.wire import parse_query
from resolver.edge import service as edge_service
from tests.messages import errors, opt, parsed, query
from tests.upstreams import Running, resolver, silent, upstream


def _entry(running: Running) -> Entry:
    entry = running.service.engine.cache.get(parse_query(query()).key)
    assert entry is not None
    return entry


@pytest.mark.parametrize("comforted", [True, False])
async def test_a_client_that_joins_a_renewal_gets_the_stale_answer_where_upstream_is_silent(
    monkeypatch: pytest.MonkeyPatch, comforted: bool
) -> None:
    monkeypatch.setattr(edge_service, "CLIENT_WAIT_S", 0.05 if comforted else 30)
    async with upstream() as up, resolver(up.address, timeout_s=30 if comforted else 0.1) as running:
        for _ in range(4):
            await running.ask(query())
        _entry(running).refresh_at = 0.0
        up.script = silent
        await running.ask(query())
        await up.until(2)
        _entry(running).expires -= 3600
        reply = parsed(await running.ask(query(opt=opt())))
        assert (reply.rcode(), errors(reply)) == (0, [(3, "")])
