"""The native miss path over loopback: what it gives, what it leaves to Python, and what is counted."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, get_args

import pytest

from resolver import engines
from resolver.core.cookies import COOKIE
from resolver.core.identity import Designation, Identity
from resolver.core.policy import NOTHING, Policy
from resolver.core.replies import pack_option
from resolver.core.retries import RESENDS
from resolver.core.routes import Routes
from resolver.core.source import Source
from resolver.core.wire import parse_query
from resolver.edge import server as edge_server
from resolver.edge import service as edge_service
from resolver.edge import udp
from resolver.edge.group import GroupSpec
from resolver.edge.server import ServerSpec
from resolver.edge.service import Service
from tests import twins
from tests.messages import errors, opt, parsed, query, record, wire_name
from tests.native.compiled import NATIVE
from tests.native.test_native_cookies import MINE, cookies_of
from tests.servers import free_port
from tests.tables import blocking
from tests.twins import needs_native
from tests.upstreams import (
    PATIENCE_S,
    A,
    Running,
    Script,
    Upstream,
    answered,
    resolver,
    rightly,
    silent,
    upstream,
)

pytestmark = needs_native

SOA = record(b"\xc0\x10", 6, 60, b"\0\0" + bytes(16) + b"\0\0\0\x1e")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one thread have all sockets: each asks for itself."""
    monkeypatch.setattr(engines, "answering_threads", lambda: 1)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the queries that Python was given, from here on."""
    taken: list[bytes] = []
    handle = Service.handle

    def noting(self: Service, wire: bytes, *rest: Any) -> bool:
        taken.append(wire)
        return handle(self, wire, *rest)

    monkeypatch.setattr(Service, "handle", noting)
    return taken


@asynccontextmanager
async def running(
    script: Script = rightly,
    twin: twins.Twin = "native",
    policy: Policy = NOTHING,
    timeout_s: float = 5,
    trust_ad: bool = False,
) -> AsyncIterator[tuple[Running, Upstream]]:
    twins.use(twin)
    async with upstream(script) as up:
        spec = GroupSpec((ServerSpec(*up.address),), timeout_s=timeout_s, trust_ad=trust_ad)
        async with resolver(spec=spec, policy=policy) as made:
            twins.use("python")
            yield made, up


def plainly(asked: bytes, _: bool) -> Sequence[bytes]:
    """Answer each type in another way, all of them plain."""
    kind = parse_query(asked).qtype
    ours = opt(options=b"\0\x0f\0\6\0\4fake")
    if kind == 28:
        return [answered(asked, record(b"\xc0\x0c", 5, 90, b"\3cdn\4test\0"), A, opt=ours)]
    if kind == 16:
        return [answered(asked, *[record(b"\xc0\x0c", 16, 60, b"\xff" + b"x" * 255)] * 3, flags=0x81A0)]
    if kind == 15:
        wire = answered(asked, SOA, flags=0x8183)
        return [wire[:6] + b"\0\0\0\1" + wire[10:]]
    if kind == 2:
        return [answered(asked, record(b"\xc0\x0c", 2, 0, b"\0"))]
    return [answered(asked, A)]


QUERIES = [
    query(name, kind, flags=flags, opt=edns, ident=number)
    for number, (name, kind, flags, edns) in enumerate(
        [
            *[("wWw.example", kind, 0x0100, b"") for kind in (1, 28, 16, 15, 2, 65, 4711)],
            *[("edns.example", kind, 0x0120, opt()) for kind in (1, 28, 16, 15, 2)],
            *[("do.example", kind, 0x0110, opt(do=True)) for kind in (1, 28, 16, 15)],
            *[
                ("", 1, 0x0100, b""),
                (".".join(["a" * 63] * 3) + "." + "b" * 61, 28, 0x0100, opt(payload=512)),
            ],
        ]
    )
]


@pytest.mark.parametrize("trust_ad", [False, True])
async def test_a_plain_answer_is_given_kept_and_counted_as_by_python(
    trust_ad: bool, alone: list[bytes]
) -> None:
    totals = []
    for twin in get_args(twins.Twin):
        async with running(plainly, twin, trust_ad=trust_ad) as (made, up):
            alone.clear()
            made.upstreams.servers()[0].health.knows_edns = False  # until it answers with EDNS
            replies = [await made.ask(wire) for wire in QUERIES]
            again = [await made.ask(wire) for wire in QUERIES]
            assert twin == "python" or not alone
            cache, server = made.service.engine.cache, made.upstreams.servers()[0]
            kept = [cache.get(parse_query(wire).key) for wire in QUERIES]
            entries = [
                None
                if entry is None
                else (entry.hits, round(entry.ttl), entry.cleared, entry.aliases, entry.authentic)
                for entry in kept
            ]
            durations = made.counters.durations()
            totals.append(
                (
                    *(replies, again, entries, [asked.wire[2:] for asked in up.asked]),
                    *(sorted(made.counters.requests()), sorted(made.counters.responses())),
                    {source: sum(durations[source].counts) for source in Source},
                    *(cache.hits, cache.misses, server.requests, dict(server.failures)),
                    *(
                        sum(server.durations.counts),
                        server.health.knows_edns,
                        server.health.srtt_s is not None,
                    ),
                )
            )
    assert totals[0] == totals[1]


OPTIONS = pack_option(12, bytes(300)) + pack_option(COOKIE, MINE) + pack_option(8, b"\0\1\0\0")


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    "script", [rightly, lambda asked, _: [answered(asked, flags=0x8182)]], ids=["answered", "handed over"]
)
async def test_who_sends_a_cookie_among_other_options_sees_it_with_an_answer_from_upstream(
    script: Script, alone: list[bytes]
) -> None:
    async with running(script) as (made, _):
        reply = await made.ask(query("new.example", opt=opt(options=OPTIONS)))
        (cookie,) = cookies_of(reply)
        assert (cookie[:8], len(cookie)) == (MINE, 24)
        assert not [wire for wire in alone if bytes(300) in wire]


SCRIPTS: dict[str, Script] = {
    "SERVFAIL": lambda asked, _: [answered(asked, flags=0x8182)],
    "bogus": lambda asked, _: [answered(asked, flags=0x8182, opt=opt(options=b"\0\x0f\0\2\0\6"))],
    "REFUSED": lambda asked, _: [answered(asked, flags=0x8185)],
    "a bare error": lambda asked, _: [asked[:2] + b"\x81\x82" + bytes(8)],
    "a bare error with EDNS": lambda asked, _: [asked[:2] + b"\x81\x82" + bytes(7) + b"\1" + opt()],
    "a bare error that cannot be read": lambda asked, _: [
        asked[:2] + b"\x81\x82" + bytes(7) + b"\1" + opt() + b"\0",
        answered(asked, A),
    ],
    "a bare error with options that cannot be read": lambda asked, _: [
        asked[:2] + b"\x80\5" + bytes(7) + b"\1" + opt(options=b"abc"),
        answered(asked, A),
    ],
    "no EDNS": lambda asked, _: [answered(asked, A) if asked[11] == 0 else answered(asked, flags=0x8181)],
    "truncated": lambda asked, tcp: [answered(asked, *[A] * 3) if tcp else answered(asked, flags=0x8380)],
    "a referral": lambda asked, _: [
        answered(asked, record(b"\xc0\x0c", 2, 60, b"\0"), flags=0x8100).replace(
            b"\0\1\0\0\0\0", b"\0\0\0\1\0\0", 1
        )
    ],
    "too many records": lambda asked, _: [
        answered(asked, flags=0x8180)[:6] + b"\xff\xff" + answered(asked)[8:]
    ],
    "an alias to what is blocked": lambda asked, _: [
        answered(asked, record(b"\xc0\x0c", 5, 60, b"\3ads\7example\0"), A)
    ],
    "wrong, then right": lambda asked, _: [
        b"\0\0" + answered(asked, A)[2:] if asked[:2] != b"\0\0" else b"\1",
        asked[:2] + answered(query("other.example"), A)[2:],
        answered(asked, A)[:-1],
        answered(asked, A, A),
    ],
}


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("script", list(SCRIPTS.values()), ids=list(SCRIPTS))
async def test_what_is_not_plain_comes_out_as_from_python_and_is_asked_as_often(script: Script) -> None:
    found = []
    for twin in get_args(twins.Twin):
        async with running(script, twin, blocking("ads.example")) as (made, up):
            replies = [await made.ask(query(opt=edns, ident=3)) for edns in (opt(), opt(do=True))]
            server = made.upstreams.servers()[0]
            found.append(
                (
                    *(replies, [(asked.wire[2:], asked.over_tcp) for asked in up.asked]),
                    *(server.requests, dict(server.failures), sorted(made.counters.responses())),
                    *(made.service.engine.cache.misses, made.counters.blocked(), made.service.inflight),
                )
            )
    assert found[0] == found[1]


async def test_a_silent_server_is_asked_no_more_often_than_by_python() -> None:
    found = []
    for twin in get_args(twins.Twin):
        async with running(silent, twin, timeout_s=0.1) as (made, up):
            reply = parsed(await made.ask(query(opt=opt())))
            server = made.upstreams.servers()[0]
            found.append((reply.rcode(), errors(reply), len(up.asked), dict(server.failures)))
    assert found[0] == found[1]
    assert found[0][2] == RESENDS + 1


async def test_an_answer_that_comes_after_its_time_out_is_still_taken() -> None:
    async with running(silent, timeout_s=5) as (made, up):
        asking = asyncio.ensure_future(made.ask(query()))
        await up.until(2)  # the second one is Python's
        up.reply_to(up.asked[0], answered(up.asked[0].wire, A))
        assert parsed(await asking).rcode() == 0
        assert len({asked.port for asked in up.asked[:2]}) == 2


async def test_a_port_that_is_closed_is_told_as_by_python() -> None:
    found = []
    for twin in get_args(twins.Twin):
        twins.use(twin)
        async with resolver(("127.0.0.1", free_port()), timeout_s=0.3) as made:
            twins.use("python")
            reply = parsed(await made.ask(query(opt=opt())))
            server = made.upstreams.servers()[0]
            found.append((reply.rcode(), errors(reply), server.requests, dict(server.failures)))
    assert found[0] == found[1]


@pytest.mark.usefixtures("patient")
async def test_the_same_question_is_asked_once_and_answered_to_each_as_it_was_asked(
    alone: list[bytes],
) -> None:
    async with running(silent) as (made, up):
        asks = [
            asyncio.ensure_future(made.ask(query(name, ident=number)))
            for number, name in enumerate(["www.example", "WWW.example", "www.EXAMPLE"] * 20)
        ]
        await up.until(1)
        while waiting(made) < len(asks):
            await asyncio.sleep(0)
        assert (len(up.asked), made.service.inflight) == (1, 1)
        up.reply_to(up.asked[0], answered(up.asked[0].wire, A))
        replies = await asyncio.gather(*asks)
        assert [reply[:2] for reply in replies] == [number.to_bytes(2, "big") for number in range(60)]
        assert replies[1][12:].startswith(b"\3WWW")
        assert (made.service.inflight, made.service.engine.cache.misses, alone) == (0, 60, [])


def waiting(made: Running) -> int:
    """Return how many queries wait natively."""
    parts: Any = made.parts
    return sum([thread.count()[1] for thread in parts._answering.threads])


@pytest.mark.usefixtures("patient")
async def test_an_answer_from_before_a_flush_is_given_but_not_kept() -> None:
    async with running(silent) as (made, up):
        cache = made.service.engine.cache
        old = asyncio.ensure_future(made.ask(query(ident=1)))
        await up.until(1)
        cache.flush()
        new = asyncio.ensure_future(made.ask(query(ident=2)))
        await up.until(2)
        first, second = up.asked
        up.reply_to(first, answered(first.wire, A))
        assert parsed(await old).rcode() == 0
        assert (len(cache), made.service.inflight) == (0, 1)
        up.reply_to(second, answered(second.wire, A))
        assert parsed(await new).rcode() == 0
        assert (len(cache), made.service.inflight) == (1, 0)


@pytest.mark.usefixtures("patient")
async def test_who_waits_when_the_policy_changes_is_judged_by_the_new_one() -> None:
    async with running(silent) as (made, up):
        asks = [asyncio.ensure_future(made.ask(query(name))) for name in ("ads.example", "www.example")]
        await up.until(2)
        made.replace(blocking("ads.example"))
        for asked in up.asked[:2]:
            up.reply_to(asked, answered(asked.wire, A))
        assert [parsed(await ask).rcode() for ask in asks] == [3, 0]
        assert len(up.asked) == 2
        assert made.service.inflight == 0


@pytest.mark.usefixtures("patient")
async def test_other_routes_and_servers_hold_from_the_next_question_on() -> None:
    async with running() as (made, up), upstream() as other:
        await made.ask(query("a.example"))
        made.upstreams.configure(
            {
                "default": GroupSpec((ServerSpec(*other.address),)),
                "corp": GroupSpec((ServerSpec(*up.address),)),
            }
        )
        made.service.engine.routes = Routes({b"\4corp\7example\0": "corp", b"\4lost\7example\0": "none"})
        made.parts.put_in_force(made.service.clients)
        for name in ("b.example", "x.corp.example"):
            assert parsed(await made.ask(query(name))).rcode() == 0
        assert parsed(await made.ask(query("x.lost.example"))).rcode() == 2
        assert parsed(await made.ask(query("x.local"))).rcode() == 3
        assert [asked.wire[12:14] for asked in up.asked] == [b"\1a", b"\1x"]
        assert [asked.wire[12:14] for asked in other.asked] == [b"\1b"]


@pytest.mark.usefixtures("patient")
async def test_draining_waits_for_what_is_asked_natively() -> None:
    async with running(silent) as (made, up):
        asking = asyncio.ensure_future(made.ask(query()))
        await up.until(1)
        draining = asyncio.ensure_future(made.service.drain(30))
        await asyncio.sleep(0)
        assert not draining.done()
        up.reply_to(up.asked[0], answered(up.asked[0].wire, A))
        await asyncio.gather(asking, draining)


@pytest.mark.usefixtures("patient")
async def test_closing_with_questions_open_leaves_nobody_behind() -> None:
    async with running(silent) as (made, up):
        asking = asyncio.ensure_future(made.ask(query()))
        await up.until(1)
        asking.cancel()


@pytest.mark.usefixtures("patient")
async def test_more_questions_than_have_room_are_all_answered() -> None:
    loop = asyncio.get_running_loop()
    async with running(silent) as (made, up):
        made.service.clients.find(b"\x7f\0\0\1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            sock.connect(made.address)
            for number in range(4100):  # one flight has room for 4096
                sock.send(query(ident=number))
                if number % 100 == 99:
                    await asyncio.sleep(0)
            while waiting(made) < 4096 or made.service.inflight < 2:
                await asyncio.sleep(0)
            await up.until(2)
            for asked in up.asked:
                up.reply_to(asked, answered(asked.wire, A))
            seen = set[bytes]()
            async with asyncio.timeout(20):
                while len(seen) < 4100:
                    seen.add((await loop.sock_recv(sock, 4096))[:2])


@pytest.mark.usefixtures("patient")
async def test_questions_for_which_a_thread_has_no_room_are_asked_by_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from resolver.native import threads  # noqa: PLC0415  # may not be built

    monkeypatch.setattr(threads, "MAX_FLIGHTS", 4)
    async with running(silent) as (made, up):
        asks = [asyncio.ensure_future(made.ask(query(f"n{number}.example"))) for number in range(9)]
        await up.until(9)
        (thread,) = made.parts._answering.threads  # type: ignore[attr-defined]
        assert (thread.count()[0], made.service.inflight) == (4, 9)
        for asked in up.asked:
            up.reply_to(asked, answered(asked.wire, A))
        assert {parsed(reply).rcode() for reply in await asyncio.gather(*asks)} == {0}
        assert (made.service.inflight, dict(made.upstreams.servers()[0].failures)) == (0, {})
        assert not any(made.counters.drops().values())


def _told(made: Running) -> int:
    return sum([told for _, _, told in made.counters.responses()])


@pytest.mark.usefixtures("patient")
async def test_who_waits_and_has_no_room_in_the_ring_is_dropped_and_counted_and_all_others_are_told() -> None:
    count, names = 14_000, 4  # the ring has room for some ten thousand of them
    async with running(silent) as (made, up):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(made.address)
            for number in range(names):
                sock.send(query(f"n{number}.example"))
            await up.until(names)
            for number in range(names, count):  # this loop does not turn: nobody takes from the ring
                sock.send(query(f"n{number % names}.example", ident=number))
                while number % 64 == 0 and waiting(made) + 128 < number:
                    os.sched_yield()
            while waiting(made) < count:
                os.sched_yield()
            for asked in up.asked:
                up.reply_to(asked, answered(asked.wire, flags=0x8182))
            while waiting(made):
                os.sched_yield()
            async with asyncio.timeout(PATIENCE_S):
                while _told(made) + made.counters.drops()["overload"] < count:
                    await asyncio.sleep(0)
        dropped = made.counters.drops()["overload"]
        assert 0 < dropped < count
        assert _told(made) == count - dropped
        assert (made.service.inflight, len(up.asked)) == (0, names)


@pytest.mark.usefixtures("patient")
async def test_a_socket_that_takes_no_more_queries_still_answers_those_it_took() -> None:
    async with running(silent) as (made, up):
        bound = udp.bind("127.0.0.1", 0)
        listener = made.listen(bound)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            sock.connect(bound.getsockname())
            sock.send(query())
            await up.until(1)
            listener.pause()
            sock.send(query("late.example"))
            up.reply_to(up.asked[0], answered(up.asked[0].wire, A))
            async with asyncio.timeout(PATIENCE_S):
                reply = await asyncio.get_running_loop().sock_recv(sock, 4096)
        assert parsed(reply).rcode() == 0
        assert [asked.wire[12:16] for asked in up.asked] == [b"\3www"]
        listener.close()


@pytest.mark.usefixtures("patient")
async def test_an_answer_to_a_socket_that_was_closed_harms_nobody() -> None:
    async with running(silent) as (made, up):
        bound = udp.bind("127.0.0.1", 0)
        listener = made.listen(bound)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(bound.getsockname())
            sock.send(query())
            await up.until(1)
            other = asyncio.ensure_future(made.ask(query()))
            while waiting(made) < 2:
                await asyncio.sleep(0)
            listener.close()
        again = made.listen(udp.bind("127.0.0.1", 0))  # gets the number of the one that was closed
        up.reply_to(up.asked[0], answered(up.asked[0].wire, A))
        assert parsed(await other).rcode() == 0
        assert sum([count for _, _, count in made.counters.responses()]) == 1
        again.close()


@pytest.mark.usefixtures("patient")
async def test_an_answer_of_a_server_that_is_asked_no_more_is_not_kept() -> None:
    async with running(silent) as (made, up), upstream() as other:
        asking = asyncio.ensure_future(made.ask(query()))
        await up.until(1)
        made.upstreams.configure({"default": GroupSpec((ServerSpec(*other.address),))})
        made.parts.put_in_force(made.service.clients)
        made.service.engine.cache.flush()
        up.reply_to(up.asked[0], answered(up.asked[0].wire, A, A))
        assert len(parsed(await asking).answer[0]) == 1  # who waited has it all the same
        assert len(made.service.engine.cache) == 0
        await made.ask(query())
        assert (len(up.asked), len(other.asked), len(made.service.engine.cache)) == (1, 1, 1)


async def test_a_server_gets_the_number_of_another_only_when_nothing_is_heard_of_that_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from resolver.native import asking  # noqa: PLC0415  # may not be built

    monkeypatch.setattr(asking, "MAX_SERVERS", 2)
    async with running() as (made, up), upstream() as second, upstream() as third:
        for server, asks_natively in ((second, True), (third, False)):
            made.upstreams.configure({"default": GroupSpec((ServerSpec(*server.address),))})
            made.parts.put_in_force(made.service.clients)
            threads = made.parts._answering.threads  # type: ignore[attr-defined]
            before = threads[0].upstream(1)[0]
            await made.ask(query(f"n{server.address[1]}.example"))
            assert (threads[0].upstream(1)[0] != before) == asks_natively
        monkeypatch.setattr(asking, "REST_S", 0.0)
        made.upstreams.configure({"default": GroupSpec((ServerSpec(*up.address),))})
        made.parts.put_in_force(made.service.clients)
        await made.ask(query("back.example"))
        assert [asked.wire[12:17] for asked in up.asked] == [b"\4back"]
        (asked_again,) = made.upstreams.servers()
        assert (asked_again.requests, sum(asked_again.durations.counts)) == (1, 1)


async def test_questions_leave_from_changing_ports_with_ids_nobody_can_foresee(alone: list[bytes]) -> None:
    async with running() as (made, up):
        for number in range(300):
            await made.ask(query(f"n{number}.example"))
        assert alone == []
        assert len({asked.port for asked in up.asked}) == 8
        assert len({asked.wire[:2] for asked in up.asked}) > 280


@pytest.mark.usefixtures("patient")
async def test_sockets_are_replaced_after_so_many_questions_and_no_answer_is_lost() -> None:
    async with running() as (made, up):
        # so many that each of 8 sockets has more than its share
        for first in range(0, 12 * edge_server.SENDS, 100):
            asking = [made.ask(query(f"n{first + number}.example")) for number in range(100)]
            assert {reply[3] & 15 for reply in await asyncio.gather(*asking)} == {0}
    assert len({asked.port for asked in up.asked}) >= 2 * edge_server.POOL


def test_what_is_asked_about_us_is_for_python_also_where_a_route_leads_elsewhere() -> None:
    from resolver.native.asking import _ways_of  # noqa: PLC0415  # may not be built

    ours = [wire_name(name) for name in ("dns.example", "_dns.dns.example", "_dns.resolver.arpa")]
    identity = Identity(ours[0], designated=[Designation(ours[0], ("dot",))])
    routes = Routes(dict.fromkeys([*ours, wire_name("office.example")], "office"), "default")
    ways = _ways_of(routes, identity.names, ["default", "office"], bytes(16))
    assert [ways.find(name, 1) for name in [*ours, wire_name("office.example")]] == [-1, -1, -1, 1]


def test_the_bounds_are_the_same_on_both_sides() -> None:
    from resolver.native import asking  # noqa: PLC0415  # may not be built

    text = "".join([(NATIVE / f"{name}.h").read_text() for name in ("flights", "ways", "misses", "upstream")])
    bounds = {name: int(number) for name, number in re.findall(r"\b([A-Z_]+) = (\d+),", text)}
    assert bounds["FLIGHTS_MAX"] == edge_service.MAX_FLIGHTS
    assert bounds["FLIGHTS_WAITERS"] == edge_service.MAX_WAITERS
    assert bounds["FLIGHTS_MAX"] * bounds["FLIGHTS_EACH"] == edge_service.MAX_WAITING
    assert (bounds["WAYS_GROUPS"], bounds["WAYS_SERVERS"]) == (asking.MAX_GROUPS, asking.MAX_SERVERS)
    assert (bounds["WAYS_AIMS"], bounds["MISSES_WAITED"]) == (asking.MAX_AIMS, asking.WAITED)
    assert (bounds["UPSTREAM_POOL"], bounds["UPSTREAM_SENDS"]) == (edge_server.POOL, edge_server.SENDS)
