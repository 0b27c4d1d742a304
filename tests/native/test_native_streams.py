"""What is known is answered natively over TCP too: as in Python, in whatever length, and counted as TCP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import get_args

import pytest

from resolver.core.framing import frame
from resolver.core.source import Source
from resolver.edge import stream
from resolver.observe.counters import Channel
from tests import twins
from tests.messages import opt, packed, parsed, query, record
from tests.native.both import CLIENTS, FREE, Both
from tests.native.test_native_answers import SOA, filled
from tests.tables import blocking
from tests.twins import needs_native
from tests.upstreams import PATIENCE_S, Running, answered, resolver, upstream

pytestmark = needs_native
TEXT = record(b"\xc0\x0c", 16, 60, b"\xff" + bytes(255))


def at_length(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
    """Answer with 20 KiB over TCP, and over UDP that it does not fit."""
    return [answered(asked, *[TEXT] * 80) if over_tcp else answered(asked, flags=0x8380)]


@asynccontextmanager
async def running(twin: twins.Twin = "native") -> AsyncIterator[Running]:
    twins.use(twin)
    async with upstream(at_length) as up, resolver(up.address, policy=blocking("ads.example")) as made:
        twins.use("python")
        yield made


async def test_blocked_and_cached_queries_are_answered_and_counted_as_in_python() -> None:
    totals = []
    for twin in get_args(twins.Twin):
        async with running(twin) as made:
            answers = []
            for wire in (
                *[query("www.ads.example"), query("ads.example", 28, opt=opt())] * 3,
                *[query("www.example", 16)] * 3,
                query("ads.example", 4711),
                query("ads.example", qclass=3),
            ):
                answers += await made.ask_tcp(wire)
            durations = made.counters.durations()
            totals.append(
                (
                    sorted(made.counters.requests()),
                    sorted(made.counters.responses()),
                    {source: sum(durations[source].counts) for source in Source},
                    made.counters.blocked(),
                    made.counters.drops(),
                    made.service.engine.cache.hits,
                    made.service.engine.cache.misses,
                    answers,
                )
            )
    assert totals[0] == totals[1]
    assert {channel for channel, _, _ in totals[1][0]} == {Channel("tcp", 4)}


async def test_many_at_a_time_are_answered_without_the_service_once_they_are_known() -> None:
    async with running() as made:
        wires = [query("ads.example", ident=1), query("www.example", 16, ident=2)]
        for _ in range(3):
            for wire in wires:
                await made.ask_tcp(wire)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(made.service), "handle", lambda *_: pytest.fail("handed over"))
            found = await made.ask_tcp(*wires * 100)
        assert [wire[:2] for wire in found] == [b"\0\1", b"\0\2"] * 100
        assert {len(wire) for wire in found[1::2]} == {len(query("www.example", 16)) + 80 * len(TEXT)}


async def test_a_client_that_asks_and_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as made:
        wire = query("www.example", 16)
        for _ in range(3):
            await made.ask_tcp(wire)
        monkeypatch.setattr(stream, "MAX_UNSENT", 1 << 16)
        _, writer = await asyncio.open_connection(*made.address, limit=4096)
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):
                while not writer.is_closing():
                    writer.write(frame(wire) * 10)
                    await writer.drain()
                    await asyncio.sleep(0)
        writer.close()
        assert parsed((await made.ask_tcp(query("ads.example")))[0]).rcode() == 3


async def test_another_policy_holds_from_the_next_query_on() -> None:
    async with running() as made:
        for _ in range(3):
            assert parsed((await made.ask_tcp(query("ads.example")))[0]).rcode() == 3
        made.replace(blocking("other.example", 1))
        for _ in range(3):
            assert parsed((await made.ask_tcp(query("other.example")))[0]).rcode() == 3


@pytest.mark.parametrize("opts", [b"", opt(), opt(do=True, payload=0)])
def test_answers_of_any_length_are_whole(opts: bytes) -> None:
    made = Both()
    made.learn(query("long.example", 16, opt=opts), [TEXT] * 240, [SOA])
    found = made.ask(query("long.example", 16, opt=opts), FREE, 3.0, stream=True)
    assert found is not None
    assert len(found) > 240 * len(TEXT)
    assert len(parsed(found).answer) == 1


def test_a_blocked_answer_has_its_whole_reason_whatever_size_the_client_names() -> None:
    name = query("b." * 100 + "null.example", 16, opt=opt(payload=512))
    for client in CLIENTS:
        streamed, datagram = Both().ask(name, client, stream=True), Both().ask(name, client)
        assert streamed is not None
        assert datagram is not None
        assert len(streamed) > len(datagram)


def test_verdicts_that_depend_on_the_stream_are_for_python() -> None:
    made = filled()
    assert made.ask(query("tcp.example"), CLIENTS[0], stream=True) is None
    assert made.ask(query("policy.example"), CLIENTS[0], stream=True) is not None


def test_a_client_that_may_not_ask_is_never_answered() -> None:
    made = filled()
    for _ in range(3):
        address = packed("198.51.100.1")
        found = made.answering.streams.answer(
            made.told.snapshot, made.cache.native, query("policy.example"), address, False
        )
        assert found == (2, 0, 0)
        made.told.learn(2, 0, 0, address)


async def test_a_client_sees_its_cookie_where_upstream_had_to_be_asked_twice() -> None:
    async with running() as made:
        for number in range(3):
            wire = query(f"{number}.new.example", 16, opt=opt(options=b"\0\x0a\0\x08abcdefgh"))
            for found in [await made.ask(wire), *await made.ask_tcp(wire)]:
                (cookie,) = [option for option in parsed(found).options if option.otype == 10]
                assert cookie.to_wire()[:8] == b"abcdefgh"
