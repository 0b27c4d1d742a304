"""What every edge calls, with rules that ask for more than a block."""

from __future__ import annotations

import asyncio
import logging
from ipaddress import ip_network

import dns.flags
import pytest

from resolver.core.framing import frame
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Action, Effect, Own, Rule, Scope, Side, Trigger
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList
from resolver.core.replies import AnswerMode
from resolver.core.source import Source
from tests.messages import parsed, query
from tests.tables import build
from tests.upstreams import resolver, upstream

pytestmark = pytest.mark.usefixtures("on_both")

ADS = query("ads.example")
COUNTED = {("ads", "default"): 1}


def policy(*rules: Rule, shadow: bool = False, triggers: tuple[Trigger, ...] = ()) -> Policy:
    lists = [PolicyList("ads", Record("Ads"), shadow=shadow, triggers=triggers)]
    groups = [Group("default", (), frozenset([0]), AnswerMode.NXDOMAIN)]
    return Policy(build([rules]), lists, groups, AnswerSettings())


def ads(action: Action | None = None) -> Rule:
    return Rule("ads.example", Scope.EXACT, Effect.BLOCK, 1, "", Own(action) if action else None)


async def test_a_name_that_is_dropped_gets_no_answer_and_counts_as_blocked() -> None:
    async with upstream() as server, resolver(server.address, policy=policy(ads(Action.DROP))) as running:
        with pytest.raises(TimeoutError):
            await running.ask(ADS, timeout_s=0.2)
        assert running.counters.drops()["blocked"] == 1
        assert running.counters.blocked() == COUNTED
        assert server.asked == []


async def test_a_name_for_tcp_alone_is_asked_upstream_when_the_client_comes_back() -> None:
    async with upstream() as server, resolver(server.address, policy=policy(ads(Action.TCP_ONLY))) as running:
        assert parsed(await running.ask(ADS)).flags & dns.flags.TC
        (wire,) = await running.ask_tcp(ADS)
        assert parsed(wire).answer[0][0].to_text() == "192.0.2.1"
        assert parsed(await running.ask(ADS)).flags & dns.flags.TC  # known by now, and still for TCP alone
        assert running.counters.blocked() == {("ads", "default"): 2}


@pytest.mark.parametrize("action", [None, Action.DROP])
async def test_an_address_fresh_from_upstream_is_judged_before_anybody_gets_it(action: Action | None) -> None:
    own = Own(action) if action else None
    trigger = Trigger(ip_network("192.0.2.0/24"), Side.ANSWER, Effect.BLOCK, 1, own)
    async with upstream() as server, resolver(server.address, policy=policy(triggers=(trigger,))) as running:
        if action is Action.DROP:
            with pytest.raises(TimeoutError):
                await running.ask(query(), timeout_s=0.5)
        else:
            assert parsed(await running.ask(query())).rcode() == 3
        assert len(server.asked) == 1
        assert running.counters.blocked() == COUNTED


async def test_a_stream_does_not_wait_for_an_answer_that_was_dropped() -> None:
    trigger = Trigger(ip_network("192.0.2.0/24"), Side.ANSWER, Effect.BLOCK, 1, Own(Action.DROP))
    async with upstream() as server, resolver(server.address, policy=policy(triggers=(trigger,))) as running:
        reader, writer = await asyncio.open_connection(*running.address)
        writer.write(frame(query()))
        writer.write_eof()
        async with asyncio.timeout(5):  # half of what an idle connection has
            assert await reader.read() == b""
        writer.close()
        assert running.counters.blocked() == COUNTED


async def test_what_a_list_in_shadow_would_block_is_answered_counted_and_logged_without_the_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        upstream() as server,
        resolver(server.address, policy=policy(ads(), shadow=True), acquainted=False) as running,
    ):
        with caplog.at_level(logging.INFO):
            assert parsed(await running.ask(ADS)).rcode() == 0
        assert caplog.records == []
        with caplog.at_level(logging.DEBUG, "resolver.edge.service"):
            assert parsed(await running.ask(ADS)).answer
        assert running.counters.shadow_blocked() == {("ads", "default"): 2}
        assert running.counters.blocked() == {}
        assert sum(running.counters.durations()[Source.BLOCKED].counts) == 0
    (found,) = [one for one in caplog.records if one.name == "resolver.edge.service"]
    said: dict[str, object] = found.__dict__["fields"]
    assert said == {"name": "ads.example", "type": 1, "list": "ads", "group": "default"}
