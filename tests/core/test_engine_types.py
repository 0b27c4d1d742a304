"""Types that are no types of records: ANY, zone transfers, NXNAME. None of them is ever asked upstream."""

from __future__ import annotations

import dns.rcode
import pytest

from resolver.core.engine import Engine
from resolver.core.source import Source
from resolver.core.wire import parse_answer, parse_query
from tests.core.test_engine import ADS, FREE, NAME, A, engine, learn, reply
from tests.messages import answer, errors, opt, parsed, query, record

pytestmark = pytest.mark.usefixtures("on_both")


def rcode_and_answer(on: Engine, wire: bytes, now: float = 0) -> tuple[int, list[str]]:
    found = parsed(reply(on.handle(wire, FREE, now)).wire)
    return found.rcode(), [rdata.to_text() for rrset in found.answer for rdata in rrset]


SMALL = (0, ['"RFC8482" ""'])
NOTHING: tuple[int, list[str]] = (3, [])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("www.example", SMALL),
        ("localhost", SMALL),
        ("a.localhost", SMALL),
        ("1.0.0.127.in-addr.arpa", SMALL),
        ("home.arpa", SMALL),
        ("nas.home.arpa", NOTHING),
        ("a.onion", NOTHING),
        ("0.0.127.in-addr.arpa", (0, [])),
        ("resolver.arpa", (0, [])),
    ],
)
def test_any_gets_one_small_record_unless_there_is_known_to_be_none(
    name: str, expected: tuple[int, list[str]]
) -> None:
    for flags in (0x0100, 0x0000):
        assert rcode_and_answer(engine(), query(name, 255, flags=flags)) == expected


@pytest.mark.parametrize("qtype", [1, 28])
def test_any_of_a_name_that_is_known_not_to_exist_is_denied_as_long_as_that_is_known(qtype: int) -> None:
    on = engine()
    question = query(qtype=qtype)[12:]
    soa = record(NAME, 6, 60, NAME + NAME + b"\0\0\0\1" * 4 + b"\0\0\0\x3c")
    denied = parse_answer(answer(question, authority=[soa], flags=0x8183), question)
    assert denied is not None
    on.accept(parse_query(query(qtype=qtype)).key, denied, 0)
    for now in range(60):  # asked for often, and never asked for again upstream
        found = reply(on.handle(query("WWW.example", 255), FREE, now))
        assert (found.source, found.rcode, found.refresh) == (Source.CACHE, 3, False)
        assert parsed(found.wire).authority[0].ttl == 60 - now
    assert rcode_and_answer(on, query(qtype=255), 60) == SMALL
    assert rcode_and_answer(on, query(qtype=255, opt=opt(do=True)), 1) == SMALL  # no proof of it is known


def test_any_of_an_alias_to_nothing_is_not_denied_since_the_alias_exists() -> None:
    on = engine()
    question = query()[12:]
    soa = record(NAME, 6, 60, NAME + NAME + b"\0\0\0\x3c" * 5)
    alias = record(NAME, 5, 60, b"\4gone\7example\0")
    denied = parse_answer(answer(question, [alias], [soa], flags=0x8183), question)
    assert denied is not None
    on.accept(parse_query(query()).key, denied, 0)
    assert rcode_and_answer(on, query(), 1)[0] == 3
    assert rcode_and_answer(on, query(qtype=255), 1) == SMALL


def test_any_of_a_name_that_is_known_is_one_small_record() -> None:
    on = engine()
    learn(on, query(), A)
    on.fail(parse_query(query(qtype=28)).key, b"", 0)
    assert rcode_and_answer(on, query(qtype=255), 1) == SMALL


def test_any_does_not_leave_the_network_by_a_route_of_the_owner_either() -> None:
    on = engine({"corp.example": "office"})
    assert rcode_and_answer(on, query("a.corp.example", 255)) == SMALL


def test_the_type_of_denials_may_not_be_asked_for_and_the_client_is_told_so() -> None:
    """RFC 9824, section 3.5: NXNAME is for the bitmaps of NSEC records alone."""
    for name in ("www.example", "nas.home.arpa"):
        found = reply(engine().handle(query(name, 128, opt=opt()), FREE, 0))
        message = parsed(found.wire)
        assert (found.source, message.rcode()) == (Source.ERROR, dns.rcode.FORMERR)
        assert [code for code, _ in errors(message)] == [30]
    blocked = reply(engine().handle(query("ads.example", 128), ADS, 0))
    assert blocked.source is Source.BLOCKED


def test_a_zone_transfer_is_turned_down_with_the_soa_that_the_client_has() -> None:
    """RFC 1995, section 3: a query for IXFR has a SOA record in its authority section."""
    soa = record(NAME, 6, 0, NAME + NAME + bytes(20))
    for qtype, authority, more in (
        (252, b"", b""),
        (251, b"", b""),
        (251, soa, b""),
        (251, soa, opt(do=True)),
    ):
        wire = query(qtype=qtype)
        wire = wire[:8] + bytes([0, bool(authority), 0, bool(more)]) + wire[12:] + authority + more
        found = reply(engine().handle(wire, FREE, 0))
        message = parsed(found.wire)
        assert (found.source, message.rcode()) == (Source.ERROR, dns.rcode.NOTIMP)
        assert len(message.question) == 1
        assert message.edns == (0 if more else -1)
        assert reply(engine().handle(wire.replace(b"www", b"ads"), ADS, 0)).source is Source.BLOCKED


@pytest.mark.parametrize(
    ("qtype", "counts"), [(251, b"\0\0\0\2\0\0"), (251, b"\0\1\0\0\0\0"), (252, b"\0\0\0\1\0\0")]
)
def test_other_records_in_a_query_are_malformed_with_zone_transfers_too(qtype: int, counts: bytes) -> None:
    soa = record(NAME, 6, 0, NAME + NAME + bytes(20))
    wire = query(qtype=qtype)
    wire = wire[:6] + counts + wire[12:] + soa * sum(counts)
    assert rcode_and_answer(engine(), wire)[0] == dns.rcode.FORMERR
