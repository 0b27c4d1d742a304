"""Upstream servers that know no EDNS, and questions that make one that does complain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.messages import opt, parsed, query, wire_name
from tests.upstreams import PATIENCE_S, A, answered, resolver, silent, upstream

pytestmark = pytest.mark.usefixtures("on_both")


def _has_edns(asked: bytes) -> bool:
    return bool(asked[11])


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("rcode", [1, 4])
async def test_a_question_that_is_refused_with_and_without_edns_costs_nobody_else_edns(rcode: int) -> None:
    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        return [answered(asked, flags=0x8180 | rcode) if b"odd" in asked else answered(asked, A, opt=opt())]

    async with upstream(script) as up, resolver(up.address) as running:
        assert parsed(await running.ask(query("odd.example"))).rcode() == 2
        assert parsed(await running.ask(query("good.example"))).rcode() == 0
        assert [_has_edns(asked.wire) for asked in up.asked] == [True, False, True]


@pytest.mark.usefixtures("patient")
async def test_a_server_without_edns_is_asked_without_over_tcp_too() -> None:
    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        if _has_edns(asked):
            return [answered(asked, flags=0x8181)]
        return [answered(asked, A) if over_tcp else answered(asked, flags=0x8380)]

    async with upstream(script) as up, resolver(up.address) as running:
        for name in ("first.example", "second.example"):
            assert parsed(await running.ask(query(name))).rcode() == 0
        assert [(_has_edns(asked.wire), asked.over_tcp) for asked in up.asked] == [
            (True, False),
            (False, False),
            (False, True),
        ] * 2
        await running.ask(query("other.example"))
        assert not _has_edns(up.asked[6].wire)


@pytest.mark.usefixtures("patient")
async def test_one_forged_refusal_does_not_take_edns_from_a_server_that_is_new() -> None:
    forged = [True]

    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        if forged and _has_edns(asked):
            return [answered(asked, flags=0x8180 | forged.pop())]
        return [answered(asked, A, opt=opt() if _has_edns(asked) else b"")]

    async with upstream(script) as up, resolver(up.address) as running:
        for name in ("first.example", "second.example", "third.example"):
            assert parsed(await running.ask(query(name))).rcode() == 0
        assert [_has_edns(asked.wire) for asked in up.asked] == [True, False, True, True]


@pytest.mark.usefixtures("patient")
async def test_a_server_that_knows_edns_may_refuse_it_once_by_accident() -> None:
    accidents = ["third.example"]

    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        if _has_edns(asked) and accidents and wire_name(accidents[0]) in asked:
            return [answered(asked, flags=0x8181)]
        return [answered(asked, A, opt=opt() if _has_edns(asked) else b"")]

    async with upstream(script) as up, resolver(up.address) as running:
        for name in ("first.example", "third.example", "fourth.example"):
            assert parsed(await running.ask(query(name))).rcode() == 0
        assert [_has_edns(asked.wire) for asked in up.asked] == [True, True, False, True]
        accidents[:] = ["example"]  # from here on it takes none
        for name in ("fifth.example", "sixth.example", "seventh.example"):
            assert parsed(await running.ask(query(name))).rcode() == 0
        assert [_has_edns(asked.wire) for asked in up.asked[4:]] == [True, False, True, False, False]


async def test_a_slow_server_without_edns_may_refuse_every_earlier_sending() -> None:
    async with upstream(silent) as up, resolver(up.address, timeout_s=PATIENCE_S) as running:
        asking = asyncio.create_task(running.ask(query()))
        await up.until(2)
        first, second = up.asked
        up.reply_to(first, answered(first.wire, flags=0x8181))
        await up.until(3)
        up.reply_to(second, answered(second.wire, flags=0x8181))
        up.reply_to(up.asked[2], answered(up.asked[2].wire, A))
        assert parsed(await asking).rcode() == 0
        assert [_has_edns(asked.wire) for asked in up.asked] == [True, True, False]
