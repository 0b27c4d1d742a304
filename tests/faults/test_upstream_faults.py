"""Upstream servers as they are: late, wrong, truncated, forged, silent, gone."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Sequence

import dns.flags
import dns.rcode
import pytest

from resolver.core import retries
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Effect, Rule, Scope
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList
from resolver.core.replies import AnswerMode, extended_error
from resolver.core.retries import DEAD_AFTER, RESENDS, Strategy
from resolver.core.wire import parse_answer, parse_query
from resolver.edge import server as edge_server
from resolver.edge import service as edge_service
from resolver.edge import upstream as edge_upstream
from resolver.edge.group import GroupSpec
from resolver.edge.server import ServerSpec
from resolver.observe.counters import Channel
from tests import twins
from tests.messages import errors, opt, packed, parsed, query, record
from tests.tables import build
from tests.upstreams import A, Script, answered, resolver, rightly, silent, upstream

pytestmark = pytest.mark.usefixtures("on_both")


def is_right(wire: bytes) -> bool:
    message = parsed(wire)
    return bool(
        message.rcode() == 0 and [r.to_text() for rrset in message.answer for r in rrset] == ["192.0.2.1"]
    )


@pytest.mark.usefixtures("patient")
async def test_an_answer_comes_back_with_id_and_case_and_unknown_records() -> None:
    odd = record(b"\xc0\x0c", 64000, 77, bytes(range(99)))
    async with upstream(lambda asked, _: [answered(asked, A, odd)]) as up, resolver(up.address) as running:
        reply = await running.ask(query("WwW.Example", ident=0x4321))
        assert reply[:2] == b"\x43\x21"
        assert reply[12:].startswith(b"\3WwW\7Example\0")
        assert reply.endswith(odd)
        sent = up.asked[0].wire
        assert sent[12:].startswith(b"\3www\7example\0")
        assert parsed(sent).payload == 1232


def forged(asked: bytes) -> list[bytes]:
    """Answers that somebody might send who does not see the question."""
    evil = record(b"\xc0\x0c", 1, 60, b"evil")
    other = struct.pack(">H", struct.unpack(">H", asked[:2])[0] ^ 1) + answered(asked, evil)[2:]
    question = answered(query("other.example", ident=struct.unpack(">H", asked[:2])[0]), evil)
    case = answered(asked, evil).replace(b"\3www", b"\3wWw", 1)
    qtype = answered(query("www.example", 28, ident=struct.unpack(">H", asked[:2])[0]), evil)
    return [other, question, case, qtype, b"", b"\0", asked[:2], asked, asked[:2] + bytes(40), bytes(600)]


@pytest.mark.usefixtures("patient")
async def test_forged_wrong_and_broken_answers_are_ignored_and_the_right_one_is_taken() -> None:
    async with (
        upstream(lambda asked, _: [*forged(asked), answered(asked, A)]) as up,
        resolver(up.address) as running,
    ):
        assert is_right(await running.ask(query()))
        assert len(up.asked) == 1


@pytest.mark.usefixtures("python_alone")
async def test_the_same_question_is_asked_once_for_all_who_wait() -> None:
    replies: list[bytes] = []
    async with upstream(silent) as up, resolver(up.address, timeout_s=5) as running:
        asks = [
            asyncio.ensure_future(running.ask(query(name, ident=number)))
            for number, name in enumerate(["www.example", "WWW.example", "www.EXAMPLE"] * 5)
        ]
        await up.until(1)
        while len(next(iter(running.service._flights.values())).waiters) < len(asks):
            await asyncio.sleep(0)
        up.script = rightly
        up.asked.clear()
        await up.until(1)  # the question is sent again, and answered
        replies = await asyncio.gather(*asks)
    assert [reply[:2] for reply in replies] == [struct.pack(">H", number) for number in range(15)]
    assert all(is_right(reply) for reply in replies)


@pytest.mark.usefixtures("patient")
async def test_a_truncated_answer_is_asked_for_again_over_tcp() -> None:
    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        return [answered(asked, *[A] * 40) if over_tcp else answered(asked, flags=0x8380)]

    async with upstream(script) as up, resolver(up.address) as running:
        (reply,) = await running.ask_tcp(query())
        assert len(parsed(reply).answer[0]) >= 1
        assert struct.unpack(">H", reply[6:8]) == (40,)
        assert [asked.over_tcp for asked in up.asked] == [False, True]
        clipped = await running.ask(query())
        assert parsed(clipped).flags & dns.flags.TC
        assert len(up.asked) == 2


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("rcode", [1, 4])
async def test_a_server_that_refuses_edns_is_asked_without_and_that_is_remembered(rcode: int) -> None:
    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        with_edns = asked[11]
        return [answered(asked, flags=0x8180 | rcode) if with_edns else answered(asked, A)]

    async with upstream(script) as up, resolver(up.address) as running:
        for name in ("a.example", "b.example", "c.example"):
            assert is_right(await running.ask(query(name)))
        assert [asked.wire[11] for asked in up.asked] == [1, 0, 1, 0, 0]  # the first time may be an accident


async def test_a_silent_server_is_asked_at_most_three_times_then_the_client_is_told_why() -> None:
    async with upstream(silent) as up, resolver(up.address, timeout_s=0.1) as running:
        reply = parsed(await running.ask(query(opt=opt())))
        assert reply.rcode() == dns.rcode.SERVFAIL
        assert [code for code, _ in errors(reply)] == [22]
        assert len(up.asked) == 1 + RESENDS
        again = parsed(await running.ask(query(opt=opt())))
        assert [code for code, _ in errors(again)] == [22, 13]
        assert len(up.asked) == 1 + RESENDS


async def test_another_server_is_asked_where_the_first_is_silent() -> None:
    async with upstream(silent) as dead, upstream() as alive:
        group = GroupSpec((ServerSpec(*dead.address), ServerSpec(*alive.address)), Strategy.ORDERED, 5)
        async with resolver(spec=group) as running:
            assert is_right(await running.ask(query()))
            assert len(dead.asked) == 1


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("rcode", [2, 5, 1])
async def test_another_server_is_asked_where_the_first_answers_with_an_error(rcode: int) -> None:
    def fails(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        return [answered(asked, flags=0x8180 | rcode, opt=opt())]

    async with upstream(fails) as bad, upstream() as good:
        group = GroupSpec((ServerSpec(*bad.address), ServerSpec(*good.address)), Strategy.ORDERED, 5)
        async with resolver(spec=group) as running:
            assert is_right(await running.ask(query()))
            assert len(bad.asked) == 1


@pytest.mark.usefixtures("patient")
async def test_a_server_that_answered_with_an_error_is_not_asked_the_same_again() -> None:
    def fails(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        return [answered(asked, flags=0x8182, opt=opt(options=extended_error(23, "lame")))]

    async with upstream(fails) as bad, resolver(bad.address) as running:
        reply = parsed(await running.ask(query(opt=opt())))
        assert errors(reply) == [(23, "lame")]
        assert len(bad.asked) == 1


@pytest.mark.usefixtures("patient")
async def test_an_answer_that_is_bogus_is_not_asked_for_elsewhere() -> None:
    def bogus(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        return [answered(asked, flags=0x8182, opt=opt(options=extended_error(6)))]

    async with upstream(bogus) as strict, upstream() as lax:
        group = GroupSpec((ServerSpec(*strict.address), ServerSpec(*lax.address)), Strategy.ORDERED, 1)
        async with resolver(spec=group) as running:
            reply = parsed(await running.ask(query(opt=opt())))
            assert (reply.rcode(), errors(reply)) == (dns.rcode.SERVFAIL, [(6, "")])
            assert lax.asked == []


async def test_a_closed_port_is_noticed_at_once() -> None:
    async with upstream() as up:
        gone = up.address
    async with resolver(gone, timeout_s=30) as running:
        reply = parsed(await running.ask(query(opt=opt()), timeout_s=5))
        assert [code for code, _ in errors(reply)] == [23]


async def test_without_servers_the_client_is_told_so() -> None:
    async with resolver() as running:
        reply = parsed(await running.ask(query(opt=opt())))
        assert reply.rcode() == dns.rcode.SERVFAIL
        assert errors(reply)[0][0] == 22


async def test_a_dead_server_is_set_aside_probed_and_taken_back_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nxwhy")
    monkeypatch.setattr(edge_upstream, "PROBE_ROUND_S", 0.02)
    monkeypatch.setattr(retries, "SILENT_S", 0.1)
    async with upstream(silent) as up, resolver(up.address, timeout_s=0.1) as running:
        (server,) = running.upstreams.servers()
        for number in range(DEAD_AFTER):
            await running.ask(query(f"n{number}.example"))
        assert not server.health.up
        server.health.down_until = 0.0
        up.script = rightly
        up.asked.clear()
        await up.until(1)
        assert parsed(up.asked[0].wire).question[0].to_text() == ". IN NS"
        while not server.health.up:
            await asyncio.sleep(0)
        running.hurry(5)
        assert is_right(await running.ask(query("back.example")))
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "an upstream server is silent and set aside"),
        ("INFO", "an upstream server answers again"),
    ]


async def test_a_server_that_is_silent_for_some_names_only_stays_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_upstream, "PROBE_ROUND_S", 0.02)
    monkeypatch.setattr(retries, "SILENT_S", 1.0)

    def picky(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        return [] if b"silent" in asked else rightly(asked, over_tcp)

    async with upstream(picky) as up, resolver(up.address, timeout_s=0.05) as running:
        (server,) = running.upstreams.servers()
        for number in range(3 * DEAD_AFTER):
            await running.ask(query(f"n{number}.silent.example"))
            assert server.health.up


@pytest.mark.usefixtures("patient")
async def test_ad_passes_only_from_servers_that_the_owner_trusts() -> None:
    script: Script = lambda asked, _: [answered(asked, A, flags=0x81A0)]  # noqa: E731
    async with upstream(script) as up:
        for trusted in (False, True):
            group = GroupSpec((ServerSpec(*up.address),), trust_ad=trusted)
            async with resolver(spec=group) as running:
                reply = parsed(await running.ask(query(opt=opt(do=True))))
                assert bool(reply.flags & dns.flags.AD) is trusted
                assert bool(parsed(up.asked[-1].wire).flags & dns.flags.AD) is trusted
                assert parsed(up.asked[-1].wire).ednsflags & dns.flags.DO


@pytest.mark.usefixtures("python_alone")
async def test_a_stale_answer_is_given_when_upstream_fails() -> None:
    async with upstream() as up, resolver(up.address) as running:
        await running.ask(query())
        _expire(running.service, query())
        up.script = silent
        running.hurry(0.1)
        reply = parsed(await running.ask(query(opt=opt())))
        assert reply.rcode() == 0
        assert errors(reply) == [(3, "")]
        assert reply.answer[0].ttl == 30
        count = len(up.asked)
        await running.ask(query())
        assert len(up.asked) == count


@pytest.mark.usefixtures("python_alone")
async def test_a_client_does_not_wait_long_where_a_stale_answer_is_at_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edge_service, "CLIENT_WAIT_S", 0.05)
    async with upstream() as up, resolver(up.address, timeout_s=30) as running:
        await running.ask(query())
        _expire(running.service, query())
        up.script = silent
        reply = parsed(await running.ask(query(opt=opt()), timeout_s=5))
        assert errors(reply) == [(3, "")]
        assert running.service.inflight == 1


def _expire(service: edge_service.Service, wire: bytes) -> None:
    entry = service.engine.cache.get(parse_query(wire).key)
    assert entry is not None
    entry.expires -= 3600


@pytest.mark.usefixtures("patient")
@pytest.mark.usefixtures("python_alone")
async def test_a_popular_answer_is_renewed_before_it_expires() -> None:
    async with upstream() as up, resolver(up.address) as running:
        for _ in range(4):
            await running.ask(query())
        entry = running.service.engine.cache.get(parse_query(query()).key)
        assert entry is not None
        entry.refresh_at = 0.0
        assert is_right(await running.ask(query()))
        await up.until(2)
        while running.service.inflight:
            await asyncio.sleep(0)
        assert running.service.engine.cache.get(parse_query(query()).key) is not entry


@pytest.mark.usefixtures("patient")
async def test_an_answer_that_leads_to_a_blocked_name_is_blocked() -> None:
    rules = [Rule("ads.example", Scope.SUBTREE, Effect.BLOCK, 1)]
    group = Group("default", (), frozenset([0]), AnswerMode.NXDOMAIN)
    policy = Policy(build([rules]), [PolicyList("ads", Record("Ads"))], [group], AnswerSettings())
    alias = record(b"\xc0\x0c", 5, 60, b"\1x\3ads\7example\0")
    async with (
        upstream(lambda asked, _: [answered(asked, alias, A)]) as up,
        resolver(up.address, policy=policy) as running,
    ):
        reply = parsed(await running.ask(query("shop.example", opt=opt())))
        assert reply.rcode() == dns.rcode.NXDOMAIN
        assert errors(reply) == [(15, "x.ads.example (Ads)")]


async def test_questions_leave_from_several_ports_with_ids_nobody_can_foresee(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    twins.spread(monkeypatch)
    async with upstream() as up, resolver(up.address) as running:
        sockets = edge_server.POOL * twins.threads(running.parts)
        while len({asked.port for asked in up.asked}) < sockets:  # each by chance
            await running.ask(query(f"n{len(up.asked)}.example"))
        for number in range(200):
            await running.ask(query(f"m{number}.example"))
    assert len({asked.port for asked in up.asked}) == sockets
    assert len({asked.wire[:2] for asked in up.asked}) > len(up.asked) * 0.95


@pytest.mark.usefixtures("python_alone")
async def test_sockets_are_replaced_and_answers_to_the_old_ones_still_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edge_server, "SENDS", 2)
    monkeypatch.setattr(edge_server, "POOL", 1)
    async with upstream(silent) as up, resolver(up.address, timeout_s=5) as running:
        first = asyncio.ensure_future(running.ask(query("first.example")))
        await up.until(1)
        old = up.asked[0]
        others = []
        for number in range(4):  # what is asked at once goes out on one socket
            others.append(asyncio.ensure_future(running.ask(query(f"n{number}.example"))))
            await up.until(2 + number)
        assert len({asked.port for asked in up.asked}) >= 2
        up.script = rightly
        assert old.port != up.asked[-1].port
        await asyncio.gather(*others)
        assert is_right(await first)


async def test_tcp_clients_get_their_answers_as_they_are_ready() -> None:
    held: list[bytes] = []

    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        if b"slow" in asked and not held:
            held.append(asked)
            return []
        return [answered(asked, A)]

    async with upstream(script) as up, resolver(up.address, timeout_s=5) as running:
        replies = await running.ask_tcp(query("slow.example", ident=1), query("fast.example", ident=2))
        assert [reply[:2] for reply in replies] == [b"\0\2", b"\0\1"]


@pytest.mark.usefixtures("patient")
async def test_many_questions_to_a_silent_server_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_service, "MAX_FLIGHTS", 100)
    async with upstream(silent) as up, resolver(up.address, timeout_s=30) as running:
        sent: list[bytes] = []
        for number in range(1000):
            running.service.handle(
                query(f"n{number}.example"),
                packed("127.0.0.1"),
                Channel("udp", 4),
                lambda wire, _: sent.append(wire),
                None,
            )
        assert running.service.inflight == 100
        assert running.counters.drops()["overload"] == 900


@pytest.mark.usefixtures("patient")
async def test_a_truncated_answer_that_comes_many_times_is_asked_for_over_tcp_once() -> None:
    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        return [] if over_tcp else [answered(asked, flags=0x8380)] * 100

    async with upstream(script) as up, resolver(up.address, timeout_s=30) as running:
        waiting = asyncio.ensure_future(running.ask(query()))
        await up.until(2)
        (server,) = running.upstreams.servers()
        async with asyncio.timeout(20):
            while server.failures["stray"] < 99:
                await asyncio.sleep(0.01)
        asked = up.asked[-1]
        assert [each.over_tcp for each in up.asked] == [False, True]
        up.reply_to(asked, answered(asked.wire, A))
        assert is_right(await waiting)


@pytest.mark.usefixtures("python_alone")
async def test_a_fault_of_ours_in_one_answer_costs_no_answer_that_came_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))

    def broken(wire: bytes, question: bytes) -> object:
        if question.startswith(b"\3bad"):
            raise ZeroDivisionError
        return parse_answer(wire, question)

    monkeypatch.setattr(edge_upstream, "parse_answer", broken)
    async with upstream() as up, resolver(up.address, timeout_s=5) as running:
        bad = asyncio.ensure_future(running.ask(query("bad.example")))
        asked = [running.ask(query(f"n{number}.example")) for number in range(20)]
        assert all(is_right(reply) for reply in await asyncio.gather(*asked))
        assert [type(fault["exception"]) for fault in faults] == [ZeroDivisionError]
        bad.cancel()
