"""Upstream servers that know no EDNS, and questions that make one that does complain."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.messages import opt, parsed, query
from tests.upstreams import A, answered, resolver, upstream

pytestmark = pytest.mark.usefixtures("patient")


def _has_edns(asked: bytes) -> bool:
    return bool(asked[11])


@pytest.mark.parametrize("rcode", [1, 4])
async def test_a_question_that_is_refused_with_and_without_edns_costs_nobody_else_edns(rcode: int) -> None:
    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        return [answered(asked, flags=0x8180 | rcode) if b"odd" in asked else answered(asked, A, opt=opt())]

    async with upstream(script) as up, resolver(up.address) as running:
        assert parsed(await running.ask(query("odd.example"))).rcode() == 2
        assert parsed(await running.ask(query("good.example"))).rcode() == 0
        assert [_has_edns(asked.wire) for asked in up.asked] == [True, False, True]


async def test_a_server_without_edns_is_asked_without_over_tcp_too() -> None:
    def script(asked: bytes, over_tcp: bool) -> Sequence[bytes]:
        if _has_edns(asked):
            return [answered(asked, flags=0x8181)]
        return [answered(asked, A) if over_tcp else answered(asked, flags=0x8380)]

    async with upstream(script) as up, resolver(up.address) as running:
        assert parsed(await running.ask(query())).rcode() == 0
        assert [(_has_edns(asked.wire), asked.over_tcp) for asked in up.asked] == [
            (True, False),
            (False, False),
            (False, True),
        ]
        await running.ask(query("other.example"))
        assert not _has_edns(up.asked[3].wire)
