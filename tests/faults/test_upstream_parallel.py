"""Upstream servers that are all asked at once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from resolver.core.replies import extended_error
from resolver.core.retries import RESENDS, Strategy
from resolver.edge.group import GroupSpec
from resolver.edge.server import ServerSpec
from tests.messages import errors, opt, parsed, query
from tests.upstreams import A, Running, Script, Upstream, answered, resolver, rightly, silent, upstream

pytestmark = pytest.mark.usefixtures("on_both")


@asynccontextmanager
async def racing(*scripts: Script, timeout_s: float = 5.0) -> AsyncIterator[tuple[Running, list[Upstream]]]:
    async with AsyncExitStack() as stack:
        ups = [await stack.enter_async_context(upstream(script)) for script in scripts]
        group = GroupSpec(tuple([ServerSpec(*up.address) for up in ups]), Strategy.PARALLEL, timeout_s)
        yield await stack.enter_async_context(resolver(spec=group)), ups


def failing(options: bytes = b"") -> Script:
    return lambda asked, _: [answered(asked, flags=0x8182, opt=opt(options=options) if options else b"")]


@pytest.mark.usefixtures("patient")
async def test_every_server_is_asked_once_and_whichever_answers_first_counts() -> None:
    async with racing(silent, rightly, silent) as (running, (one, two, three)):
        assert len(parsed(await running.ask(query())).answer) == 1
        await asyncio.gather(one.until(1), three.until(1))
        assert [len(up.asked) for up in (one, two, three)] == [1, 1, 1]


@pytest.mark.usefixtures("patient")
async def test_an_error_of_one_is_not_the_answer_while_another_may_have_one() -> None:
    async with racing(failing(), silent) as (running, (_, good)):
        asking = asyncio.ensure_future(running.ask(query()))
        await good.until(1)
        while not any(server.failures for server in running.upstreams.servers()):
            await asyncio.sleep(0)
        assert not asking.done()
        good.reply_to(good.asked[0], answered(good.asked[0].wire, A))
        assert len(parsed(await asking).answer) == 1


@pytest.mark.usefixtures("patient")
async def test_what_a_validating_server_calls_bogus_no_other_may_answer() -> None:
    async with racing(failing(extended_error(6, "bogus")), silent) as (running, (_, other)):
        asking = asyncio.ensure_future(running.ask(query(opt=opt())))
        await other.until(1)
        reply = parsed(await asking)
        assert (reply.rcode(), errors(reply)[0][0]) == (2, 6)


@pytest.mark.usefixtures("patient")
async def test_where_all_fail_the_first_reason_that_was_given_is_told() -> None:
    async with racing(failing(extended_error(23, "lame")), failing()) as (running, (one, two)):
        reply = parsed(await running.ask(query(opt=opt())))
        assert reply.rcode() == 2
        assert (len(one.asked), len(two.asked)) == (1, 1)


async def test_where_all_are_silent_each_is_asked_three_times_and_the_client_is_told_why() -> None:
    async with racing(silent, silent, timeout_s=0.1) as (running, (one, two)):
        reply = parsed(await running.ask(query(opt=opt())))
        assert [code for code, _ in errors(reply)] == [22]
        assert (len(one.asked), len(two.asked)) == (1 + RESENDS, 1 + RESENDS)


async def test_who_is_silent_is_not_asked_again_once_another_has_answered() -> None:
    async with racing(silent, rightly, timeout_s=0.1) as (running, (dead, _)):
        for number in range(3):
            assert parsed(await running.ask(query(f"n{number}.example"))).rcode() == 0
        server = next(one for one in running.upstreams.servers() if one.spec.port == dead.address[1])
        while server.failures["timeout"] < 3:  # each is noted, so that it is set aside where it stays silent
            await asyncio.sleep(0.01)
        assert len(dead.asked) == 3


@pytest.mark.usefixtures("patient")
async def test_where_none_can_be_sent_to_the_client_is_told_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    specs = (ServerSpec("127.0.0.1", port, tcp_only=True), ServerSpec("127.0.0.2", port, tcp_only=True))
    async with resolver(spec=GroupSpec(specs, Strategy.PARALLEL, 0.2)) as running:
        reply = parsed(await running.ask(query(opt=opt())))
        assert [code for code, _ in errors(reply)] == [23]
