"""What the journal has of queries: the same whatever answers them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest

from resolver.core.events import NO_ANSWER, Fate, Judged, QueryEvent, Shown
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Action, Effect, Own, Rule, Scope, Side, Trigger
from resolver.core.names import to_text
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList
from resolver.core.replies import AnswerMode
from resolver.observe.journal import Journal, Limits, Wanted
from tests.messages import packed, query, record
from tests.tables import build
from tests.upstreams import PATIENCE_S, Running, Script, answered, resolver, rightly, silent, upstream

pytestmark = pytest.mark.usefixtures("on_both")

LIMITS = Limits(1000, 1 << 20, 3600.0, Shown.FULL)
OPEN = Judged(Fate.OPEN, "", "lab")
BLOCKED = Judged(Fate.BLOCKED, "ads", "lab")


def rule(name: str, effect: Effect = Effect.BLOCK, action: Action | None = None) -> Rule:
    return Rule(name, Scope.SUBTREE, effect, 1, "", Own(action) if action else None)


LISTS = (
    [rule("ads.example"), rule("gone.example", action=Action.DROP)],
    [rule("good.ads.example", Effect.ALLOW)],
    [rule("trial.example")],
)


def policy(triggers: Sequence[Trigger] = ()) -> Policy:
    lists = [
        PolicyList("ads", Record("Ads"), triggers=tuple(triggers)),
        PolicyList("staff", Record("Staff")),
        PolicyList("trial", Record("Trial"), shadow=True),
    ]
    groups = [
        Group("default", (), frozenset(), AnswerMode.NXDOMAIN),
        Group("lab", (ip_network("127.0.0.1/32"),), frozenset([0, 1, 2]), AnswerMode.NXDOMAIN),
    ]
    return Policy(build(LISTS), lists, groups, AnswerSettings())


@asynccontextmanager
async def noting(made: Policy, script: Script = rightly) -> AsyncIterator[tuple[Running, Journal]]:
    async with upstream(script) as up, resolver(up.address, policy=made) as running:
        journal = Journal(running.parts.elsewhere)
        journal.configure(LIMITS)
        running.service.journal = journal
        yield running, journal


async def noted(running: Running, journal: Journal, nameless: int = 0) -> list[QueryEvent]:
    """Return what is noted of all that was counted; `nameless` have no question. Threads note a bit later."""
    counters = running.counters
    count = sum([count for _, _, count in counters.requests()]) + counters.drops()["blocked"] - nameless
    async with asyncio.timeout(PATIENCE_S):
        while journal.end < count:
            journal.gather(0.0)
            await asyncio.sleep(0)
    journal.gather(0.0)
    return journal.since(0, Wanted(), 1000).events


async def brief(running: Running, journal: Journal) -> list[tuple[str, Judged, str, int]]:
    found = await noted(running, journal)
    return sorted([(to_text(one.name), one.judged, one.source.value, one.rcode) for one in found])


async def test_every_answer_is_noted_with_who_asked_what_and_why() -> None:
    async with noting(policy()) as (running, journal):
        for name in ("ads.example", "WWW.Ads.example", "good.ads.example", "trial.example", "free.example"):
            for _ in range(3):
                await running.ask(query(name))
        staff, trial = Judged(Fate.ALLOWED, "staff", "lab"), Judged(Fate.SHADOW, "trial", "lab")
        expected = [
            *[("ads.example", BLOCKED, "blocked", 3)] * 3,
            *[("www.ads.example", BLOCKED, "blocked", 3)] * 3,
            ("good.ads.example", staff, "forward", 0),
            *[("good.ads.example", staff, "cache", 0)] * 2,
            ("trial.example", trial, "forward", 0),
            *[("trial.example", trial, "cache", 0)] * 2,
            ("free.example", OPEN, "forward", 0),
            *[("free.example", OPEN, "cache", 0)] * 2,
        ]
        assert await brief(running, journal) == sorted(expected)
        for one in await noted(running, journal):
            assert (one.client, one.qtype, one.protocol, one.via) == (packed("127.0.0.1"), 1, "udp", "")
            assert 0 <= one.took < 60


async def test_types_and_the_way_that_a_query_came_are_noted() -> None:
    async with noting(policy()) as (running, journal):
        for qtype in (1, 28, 65, 65280):
            for _ in range(2):
                await running.ask(query("ads.example", qtype))
        for _ in range(3):
            await running.ask_tcp(query("ads.example", 16))
        found = [(one.qtype, one.protocol) for one in await noted(running, journal)]
        expected = [*[(qtype, "udp") for qtype in (1, 1, 28, 28, 65, 65, 65280, 65280)], *[(16, "tcp")] * 3]
        assert sorted(found) == sorted(expected)


async def test_an_answer_that_leads_to_a_blocked_name_is_noted_with_that_name() -> None:
    def script(asked: bytes, over_tcp: bool) -> list[bytes]:
        return [answered(asked, record(b"\xc0\x0c", 5, 60, b"\1x\3ads\7example\0"))]

    async with noting(policy(), script) as (running, journal):
        for _ in range(3):
            await running.ask(query("leads.example"))
        assert await brief(running, journal) == [("leads.example", BLOCKED, "blocked", 3)] * 3
        assert [one.via for one in await noted(running, journal)] == ["x.ads.example"] * 3


async def test_an_answer_with_a_blocked_address_is_noted_with_that_address() -> None:
    trigger = Trigger(ip_network("192.0.2.0/24"), Side.ANSWER, Effect.BLOCK, 1, None)
    async with noting(policy([trigger])) as (running, journal):
        for _ in range(2):
            await running.ask(query("leads.example"))
        assert [(one.judged, one.via) for one in await noted(running, journal)] == [
            (BLOCKED, "192.0.2.1")
        ] * 2


async def test_a_query_that_a_list_wants_dropped_is_noted_without_an_answer() -> None:
    async with noting(policy()) as (running, journal):
        with pytest.raises(TimeoutError):
            await running.ask(query("gone.example"), timeout_s=0.2)
        assert await brief(running, journal) == [("gone.example", BLOCKED, "blocked", NO_ANSWER)]


async def test_a_failure_is_noted_and_so_is_the_memory_of_it() -> None:
    async with noting(policy(), silent) as (running, journal):
        running.hurry(0.05)
        for _ in range(3):
            await running.ask(query("free.example"))
        assert await brief(running, journal) == [("free.example", OPEN, "error", 2)] * 3


async def test_a_client_that_may_not_ask_is_in_no_group() -> None:
    async with noting(policy()) as (running, journal):
        service, channel = running.service, next(iter(running.counters._requests))
        assert service.handle(query("ads.example"), packed("192.0.2.1"), channel, lambda *_: None, None)
        (one,) = await noted(running, journal)
        assert (one.client, one.judged, one.rcode) == (packed("192.0.2.1"), Judged(Fate.OPEN, "", ""), 5)


@pytest.mark.parametrize("name", [b"\1\0\1\x1b\3[2j\1\n\0", b"\x3f" + b"\xff" * 63 + b"\0", b"\0"])
async def test_a_hostile_name_is_noted_as_it_came(name: bytes) -> None:
    async with noting(policy()) as (running, journal):
        for _ in range(3):
            await running.ask(query(name))
        assert [one.name for one in await noted(running, journal)] == [name] * 3


async def test_what_is_no_query_is_not_noted() -> None:
    async with noting(policy()) as (running, journal):
        reply = await running.ask(query()[:14])
        assert (reply[3] & 15, await noted(running, journal, 1)) == (1, [])


async def test_switched_off_nothing_is_noted_any_more() -> None:
    async with noting(policy()) as (running, journal):
        for _ in range(3):
            await running.ask(query("ads.example"))
        assert len(await noted(running, journal)) == 3
        journal.configure(None)
        running.service.journal = None
        for _ in range(3):
            await running.ask(query("ads.example"))
        journal.configure(LIMITS)
        journal.gather(0.0)
        assert (len(journal), journal.end) == (0, 3)
