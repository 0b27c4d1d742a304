"""Old answers, for clients who would otherwise wait for an upstream server that says nothing."""

from __future__ import annotations

import asyncio

import pytest

from resolver.core.cache import Entry
from resolver.core.wire import parse_query
from resolver.edge import service as edge_service
from tests.messages import errors, opt, parsed, query
from tests.upstreams import A, Running, answered, resolver, silent, upstream

pytestmark = pytest.mark.usefixtures("on_both")


def _entry(running: Running) -> Entry:
    entry = running.service.engine.cache.get(parse_query(query()).key)
    assert entry is not None
    return entry


@pytest.mark.parametrize("comforted", [True, False])
@pytest.mark.usefixtures("python_alone")
async def test_a_client_that_joins_a_renewal_gets_the_stale_answer_where_upstream_is_silent(
    monkeypatch: pytest.MonkeyPatch, comforted: bool
) -> None:
    monkeypatch.setattr(edge_service, "CLIENT_WAIT_S", 0.05 if comforted else 30)
    async with upstream() as up, resolver(up.address, timeout_s=30) as running:
        for _ in range(4):
            await running.ask(query())
        _entry(running).refresh_at = 0.0
        up.script = silent
        if not comforted:
            running.hurry(0.1)
        await running.ask(query())
        await up.until(2)
        _entry(running).expires -= 3600
        reply = parsed(await running.ask(query(opt=opt())))
        assert (reply.rcode(), errors(reply)) == (0, [(3, "")])


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.usefixtures("python_alone")
async def test_an_answer_asked_for_before_a_flush_is_delivered_but_neither_kept_nor_given_to_later_clients(
    fails: bool,
) -> None:
    async with upstream(silent) as up, resolver(up.address, timeout_s=30) as running:
        cache = running.service.engine.cache
        old = asyncio.ensure_future(running.ask(query(ident=1)))
        await up.until(1)
        cache.flush()
        new = asyncio.ensure_future(running.ask(query(ident=2)))
        await up.until(2)
        first, second = up.asked[:2]
        up.reply_to(first, answered(first.wire, *[] if fails else [A], flags=0x8182 if fails else 0x8180))
        assert (await old)[3] & 15 == (2 if fails else 0)
        assert len(cache) == 0
        assert running.service.inflight == 1
        up.reply_to(second, answered(second.wire, A))
        assert (await new)[3] & 15 == 0
        assert len(cache) == 1
        assert running.service.inflight == 0
