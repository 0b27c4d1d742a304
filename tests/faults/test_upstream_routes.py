"""What is asked where, with a route of the owner's."""

from __future__ import annotations

import pytest

from resolver.core.wire import parse_query
from tests.messages import parsed, query, record
from tests.upstreams import Upstream, answered, resolver, upstream

pytestmark = pytest.mark.usefixtures("on_both")

DS = 43
QUERIES = [query("corp.example", DS), query("corp.example"), query("a.corp.example", DS)]


def asked(up: Upstream) -> list[tuple[bytes, int]]:
    found = [parse_query(one.wire) for one in up.asked]
    return [(one.name, one.qtype) for one in found]


async def test_ds_of_a_zone_with_a_route_is_asked_above_it_and_all_else_at_its_server() -> None:
    """RFC 4035, section 4.2: the zone itself can but deny its DS records, without a proof."""
    async with upstream() as up, upstream() as office:
        async with resolver(up.address, routes={"corp.example": office.address}) as running:
            for wire in QUERIES:
                await running.ask(wire)
        assert asked(up) == [(b"\4corp\7example\0", DS)]
        assert asked(office) == [(b"\4corp\7example\0", 1), (b"\1a\4corp\7example\0", DS)]


async def test_what_is_above_a_route_in_a_local_zone_is_there_and_what_is_beside_it_is_not() -> None:
    async with upstream() as office, resolver(routes={"a.b.local": office.address}) as running:
        for name, rcode in (("b.local", 0), ("c.local", 3), ("c.b.local", 3), ("x.a.b.local", 0)):
            assert parsed(await running.ask(query(name))).rcode() == rcode
        assert asked(office) == [(b"\1x\1a\1b\5local\0", 1)]


@pytest.mark.usefixtures("python_alone")
async def test_ds_of_a_zone_with_a_route_is_renewed_above_it_too() -> None:
    wire = QUERIES[0]
    ds = record(b"\xc0\x0c", DS, 60, b"\x12\x34\x0d\2" + bytes(32))
    async with upstream(lambda asked, _: [answered(asked, ds)]) as up, upstream() as office:
        async with resolver(up.address, routes={"corp.example": office.address}) as running:
            for _ in range(4):
                await running.ask(wire)
            entry = running.service.engine.cache.get(parse_query(wire).key)
            assert entry is not None
            entry.refresh_at = 0.0
            await running.ask(wire)
            await up.until(2)
        assert asked(office) == []
