"""The native loop over loopback: who is answered, from where, and what is counted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import get_args

import pytest

from resolver.core.source import Source
from resolver.edge import udp
from resolver.observe.counters import Channel
from tests import twins
from tests.messages import opt, parsed, query
from tests.native.corpus import messages
from tests.tables import blocking
from tests.twins import needs_native
from tests.upstreams import Running, resolver, rightly, upstream

pytestmark = needs_native


@asynccontextmanager
async def running(twin: twins.Twin = "native") -> AsyncIterator[Running]:
    twins.use(twin)
    async with upstream(rightly) as up, resolver(up.address, policy=blocking("ads.example")) as made:
        twins.use("python")
        yield made


async def test_blocked_and_cached_queries_are_answered_and_counted_as_in_python() -> None:
    totals = []
    for twin in get_args(twins.Twin):
        async with running(twin) as made:
            wires = [
                *[query("www.ads.example"), query("ads.example", 28, opt=opt())] * 3,
                *[query("www.example")] * 3,
                query("ads.example", 4711),
                query("ads.example", qclass=3),
            ]
            for wire in wires:
                await made.ask(wire)
            counters = made.counters
            async with asyncio.timeout(5):  # how long it took is counted once the answer has left
                while sum([sum(of.counts) for of in counters.durations().values()]) < len(wires):
                    await asyncio.sleep(0)
            durations = counters.durations()
            totals.append(
                (
                    sorted(counters.requests()),
                    sorted(counters.responses()),
                    {source: sum(durations[source].counts) for source in Source},
                    counters.blocked(),
                    counters.drops(),
                    made.service.engine.cache.hits,
                    made.service.engine.cache.misses,
                )
            )
    assert totals[0] == totals[1]


async def test_the_second_query_of_a_client_is_answered_without_the_service() -> None:
    async with running() as made:
        await made.ask(query("ads.example"))
        await made.ask(query("ads.example"))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(made.service), "handle", lambda *_: pytest.fail("handed over"))
            assert parsed(await made.ask(query("ads.example"))).rcode() == 3


@pytest.mark.parametrize("over_tcp", [False, True])
async def test_a_client_sees_its_cookie_in_whatever_it_asks_again_and_again(over_tcp: bool) -> None:
    wires = [
        query(name, opt=opt(options=b"\0\x0a\0\x08abcdefgh\0\x0c\0\x02\0\0"))
        for name in (*[f"{number}.new.example" for number in range(3)], "ads.example", "www.example")
    ]
    async with running() as made:
        for wire in wires * 3:
            (found,) = await made.ask_tcp(wire) if over_tcp else [await made.ask(wire)]
            (cookie,) = [option for option in parsed(found).options if option.otype == 10]
            assert cookie.to_wire()[:8] == b"abcdefgh"
            assert parsed(found).rcode() == (3 if b"ads" in wire else 0)


async def test_another_policy_holds_from_the_next_query_on() -> None:
    async with running() as made:
        for _ in range(3):
            assert parsed(await made.ask(query("ads.example"))).rcode() == 3
        made.replace(blocking("other.example", 1))
        for _ in range(3):
            assert parsed(await made.ask(query("ads.example"))).rcode() == 0
            assert parsed(await made.ask(query("other.example"))).rcode() == 3
        assert sum(made.counters.blocked().values()) == 6


async def test_a_flood_of_any_messages_is_survived() -> None:
    async with running() as made:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            sock.connect(made.address)
            for wire in messages(7, 600):
                sock.send(wire)
            assert parsed(await made.ask(query("ads.example"))).rcode() == 3


@pytest.mark.parametrize("address", ["127.0.0.2", "127.0.0.77"])
async def test_the_reply_leaves_from_the_address_that_was_asked_when_bound_to_all(address: str) -> None:
    loop = asyncio.get_running_loop()
    async with running() as made:
        sock = udp.bind("0.0.0.0", 0)
        listener = made.listen(sock)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as client:
            client.connect((address, sock.getsockname()[1]))
            for _ in range(3):
                client.send(query("ads.example"))
                async with asyncio.timeout(5):
                    assert parsed(await loop.sock_recv(client, 4096)).rcode() == 3
        listener.close()


async def test_ipv6_is_answered_and_counted_apart() -> None:
    loop = asyncio.get_running_loop()
    async with running() as made:
        sock = udp.bind("::", 0)
        listener = made.listen(sock)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as client:
            client.connect(("::1", sock.getsockname()[1]))
            for _ in range(3):
                client.send(query("ads.example", 28))
                async with asyncio.timeout(5):
                    assert parsed(await loop.sock_recv(client, 4096)).rcode() == 3
        listener.close()
        assert list(made.counters.requests()) == [(Channel("udp", 6), "AAAA", 3)]
