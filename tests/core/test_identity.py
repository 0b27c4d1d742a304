"""What the resolver says of itself."""

from __future__ import annotations

import ast
from ipaddress import ip_address
from pathlib import Path

import dns.flags
import dns.message
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core import replies
from resolver.core.cache import Ageing
from resolver.core.cookies import Cookies
from resolver.core.engine import Engine, Forward, Reply
from resolver.core.identity import Designation, Identity, ranges
from resolver.core.names import from_text
from resolver.core.policy import NOTHING
from resolver.core.routes import Routes
from resolver.core.source import Source
from resolver.core.wire import MIN_UDP_REPLY, parse_answer, parse_query
from tests.messages import answer, errors, opt, parsed, query, record
from tests.native.corpus import NAMES
from tests.twins import make_cache

pytestmark = pytest.mark.usefixtures("on_both")

OWN = "dns.corp.example"
RESINFO, SVCB, TXT, CH = 261, 64, 16, 3
DOT = Designation(from_text(OWN), ("dot",), 853, "", (ip_address("192.0.2.1"), ip_address("2001:db8::1")))
DOH = Designation(from_text(OWN), ("h2", "h3"), None, "/dns-query{?dns}", (ip_address("192.0.2.1"),))
FULL = Identity(from_text(OWN), "dns1", "nxwhy", "https://dns.corp.example/transparency", [DOT, DOH])
FREE = NOTHING.profile_for(ip_address("192.0.2.1"))
COOKIE, NSID = b"\0\x0a\0\x08abcdefgh", b"\0\3\0\0"


def engine(identity: Identity = FULL) -> Engine:
    return Engine(make_cache(), Ageing(), Routes(), Cookies(bytes(16)), identity=identity)


def reply(wire: bytes, identity: Identity = FULL, *, stream: bool = False) -> Reply:
    found = engine(identity).handle(wire, FREE, 0, stream=stream, address=b"\xc0\0\2\1")
    assert isinstance(found, Reply)
    return found


def strings(message: dns.message.Message) -> list[bytes]:
    """Return the character-strings of the one record of an answer."""
    (rrset,) = message.answer
    (rdata,) = rrset
    wire, found = rdata.to_wire(), []
    assert isinstance(wire, bytes)
    while wire:
        found.append(wire[1 : 1 + wire[0]])
        wire = wire[1 + wire[0] :]
    return found


@pytest.mark.parametrize("name", [OWN, "DNS.Corp.Example", "resolver.arpa", "Resolver.ARPA"])
@pytest.mark.parametrize("flags", [0x0000, 0x0100])
def test_resinfo_is_one_authoritative_record_whether_recursion_is_desired_or_not(
    name: str, flags: int
) -> None:
    """RFC 9606, section 3: clients send RD=0 and discard what comes without AA."""
    found = reply(query(name, RESINFO, flags=flags))
    assert found.source is Source.LOCAL
    message = parsed(found.wire)
    assert message.rcode() == 0
    assert message.flags & dns.flags.AA
    assert message.flags & dns.flags.RD == flags
    assert strings(message) == [
        b"exterr=3-4,13,15-23,30",
        b"infourl=https://dns.corp.example/transparency",
    ]


def test_resinfo_says_nothing_of_a_page_that_is_not_there_nor_of_what_a_forwarder_does_not_do() -> None:
    assert strings(parsed(reply(query("resolver.arpa", RESINFO), Identity()).wire)) == [
        b"exterr=3-4,13,15-23,30"
    ]


def test_resinfo_of_other_names_is_asked_upstream() -> None:
    for name in ("www.corp.example", f"x.{OWN}", "corp.example"):
        assert isinstance(engine().handle(query(name, RESINFO), FREE, 0), Forward)
    assert isinstance(engine(Identity()).handle(query(OWN, RESINFO), FREE, 0), Forward)
    assert isinstance(engine().handle(query(OWN, 1), FREE, 0), Forward)


def test_resinfo_lists_the_extended_errors_that_are_sent_and_no_others() -> None:
    source = Path(replies.__file__).parents[1]
    codes = {
        name: value
        for name, value in vars(replies).items()
        if name.isupper() and isinstance(value, int) and not name.startswith(("MAX", "MIN", "OPT"))
    }
    used = set()
    for path in source.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and "SENT_ERRORS" in ast.unparse(node.targets[0]):
                node.value = ast.Constant(None)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
                used.add(ast.unparse(node).removeprefix("replies."))
    assert {codes[name] for name in used & codes.keys()} == set(replies.SENT_ERRORS)
    assert list(replies.SENT_ERRORS) == sorted(replies.SENT_ERRORS)


@given(st.sets(st.integers(0, 60)))
def test_ranges_hold_the_numbers_and_no_others(numbers: set[int]) -> None:
    held: list[int] = []
    for part in filter(None, ranges(sorted(numbers)).split(",")):
        first, _, last = part.partition("-")
        held += range(int(first), int(last or first) + 1)
    assert held == sorted(numbers)


@pytest.mark.parametrize("name", ["_dns.resolver.arpa", f"_dns.{OWN}"])
def test_designated_servers_come_by_priority_with_the_addresses_of_their_names(name: str) -> None:
    message = parsed(reply(query(name, SVCB, opt=opt())).wire)
    assert message.flags & dns.flags.AA
    assert sorted([rdata.to_text() for rdata in message.answer[0]]) == [
        '1 dns.corp.example. alpn="dot" port="853" ipv4hint="192.0.2.1" ipv6hint="2001:db8::1"',
        '2 dns.corp.example. alpn="h2,h3" ipv4hint="192.0.2.1" dohpath="/dns-query{?dns}"',
    ]
    assert [rrset.to_text() for rrset in message.additional] == [
        "dns.corp.example. 300 IN A 192.0.2.1",
        "dns.corp.example. 300 IN AAAA 2001:db8::1",
    ]


VECTORS = [
    ("1 dot.example.net. alpn=dot port=8530", Designation(b"", ("dot",), 8530)),
    (
        "1 dot.example.net. alpn=h2 dohpath=/dns-query{?dns}",
        Designation(b"", ("h2",), None, "/dns-query{?dns}"),
    ),
    (
        "1 dot.example.net. alpn=h2,h3,doq port=8443 dohpath=/q{?dns} ipv6hint=2001:db8::53",
        Designation(b"", ("h2", "h3", "doq"), 8443, "/q{?dns}", (ip_address("2001:db8::53"),)),
    ),
]


@pytest.mark.parametrize(("text", "one"), VECTORS)
def test_a_designated_server_is_written_as_dnspython_writes_it(text: str, one: Designation) -> None:
    """The first two are the examples of RFC 9462, section 4."""
    known = Identity(designated=[one._replace(target=from_text("dot.example.net"))])
    message = parsed(reply(query("_dns.resolver.arpa", SVCB, opt=opt()), known).wire)
    assert message.answer[0][0].to_wire() == dns.rdata.from_text("IN", "SVCB", text).to_wire()


OTHERS = ["resolver.arpa", "_dns.resolver.arpa", "a._dns.resolver.arpa", "x.resolver.arpa"]


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("qtype", [1, 28, 16, 64, 65, 6, 2, 43, 255])
def test_all_else_under_resolver_arpa_is_denied_here(name: str, qtype: int) -> None:
    """RFC 9462, section 6.4: what was forwarded would send clients to the server upstream, past us."""
    for identity in (FULL, Identity()):
        if identity is FULL and (name, qtype) == ("_dns.resolver.arpa", SVCB):
            continue
        message = parsed(reply(query(name, qtype), identity).wire)
        assert (message.rcode(), message.answer) == (0, [])
        assert message.flags & dns.flags.AA
        assert message.authority[0].name.to_text() == "resolver.arpa."


def denial(name: str, qtype: int, identity: Identity) -> int:
    """Return how a local zone denies a record: the response code."""
    message = parsed(reply(query(name, qtype), identity).wire)
    assert (message.answer, message.authority[0].name.to_text()) == ([], "home.arpa.")
    return int(message.rcode())


@pytest.mark.parametrize("qtype", [1, 28, 16, 255])
def test_our_name_in_a_local_zone_is_there_whatever_type_is_asked_for_and_so_is_what_is_above_it(
    qtype: int,
) -> None:
    """RFC 8020: who keeps an NXDOMAIN of it finds no RESINFO nor designated servers any more."""
    known = Identity(from_text("dns.lan.home.arpa"), designated=[DOT])
    for name in ("dns.lan.home.arpa", "DNS.lan.home.arpa", "_dns.dns.lan.home.arpa", "lan.home.arpa"):
        assert denial(name, qtype, known) == 0
    for name in ("other.lan.home.arpa", "x.dns.lan.home.arpa", "other.home.arpa"):
        assert denial(name, qtype, known) == 3


def test_the_name_that_designated_servers_would_have_is_not_there_without_them() -> None:
    assert denial("_dns.dns.home.arpa", SVCB, Identity(from_text("dns.home.arpa"))) == 3


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("version.bind", b"nxwhy"),
        ("VERSION.BIND", b"nxwhy"),
        ("version.server", b"nxwhy"),
        ("id.server", b"dns1"),
        ("hostname.bind", b"dns1"),
    ],
)
def test_chaos_txt_says_what_answers_and_which_one(name: str, text: bytes) -> None:
    message = parsed(reply(query(name, TXT, qclass=CH)).wire)
    assert (message.rcode(), strings(message)) == (0, [text])
    assert message.flags & dns.flags.AA
    assert message.answer[0].rdclass == dns.rdataclass.CH
    assert message.answer[0].ttl == 0


@pytest.mark.parametrize(
    ("name", "qtype", "qclass"),
    [
        ("version.bind", 1, CH),
        ("authors.bind", TXT, CH),
        ("x.version.bind", TXT, CH),
        ("version.bind", TXT, 4),
        ("id.server", TXT, 255),
        (OWN, RESINFO, CH),
    ],
)
def test_what_else_is_asked_outside_of_class_in_is_refused(name: str, qtype: int, qclass: int) -> None:
    message = parsed(reply(query(name, qtype, qclass=qclass, opt=opt())).wire)
    assert (message.rcode(), errors(message)) == (5, [(21, "")])


@pytest.mark.parametrize("name", ["version.bind", "version.server", "id.server", "hostname.bind"])
def test_what_is_kept_to_itself_is_refused(name: str) -> None:
    assert reply(query(name, TXT, qclass=CH), Identity()).rcode == 5


def test_in_class_in_these_names_are_like_any_other() -> None:
    assert isinstance(engine().handle(query("version.bind", TXT), FREE, 0), Forward)


def nsids(wire: bytes) -> list[bytes]:
    return [option.to_wire() or b"" for option in parsed(wire).options if int(option.otype) == 3]


@pytest.mark.parametrize("options", [NSID, b"\0\3\0\2ab", COOKIE + NSID, NSID + COOKIE, NSID + NSID])
@pytest.mark.parametrize("name", ["localhost", "resolver.arpa", "version.bind"])
def test_who_asks_for_our_id_gets_it_once_beside_what_else_was_asked_for(name: str, options: bytes) -> None:
    """RFC 5001, section 2.1: the payload of the query's option is ignored."""
    found = reply(query(name, opt=opt(options=options), flags=0))
    assert nsids(found.wire) == [b"dns1"]
    assert (b"abcdefgh" in found.wire) == (COOKIE in options)


@pytest.mark.parametrize("opts", [b"", opt(), opt(options=COOKIE), opt(options=NSID, version=1)])
def test_who_does_not_ask_for_our_id_does_not_get_it(opts: bytes) -> None:
    assert nsids(reply(query("localhost", opt=opts)).wire) == []


def test_a_resolver_without_an_id_sends_none() -> None:
    assert nsids(reply(query("localhost", opt=opt(options=NSID)), Identity()).wire) == []


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("a", "b", "n", "."))])
@pytest.mark.parametrize("kind", [(1, 1), (TXT, CH), (41, 1), (RESINFO, 1)])
def test_no_answer_is_longer_than_its_limit_for_our_id(name: str, kind: tuple[int, int]) -> None:
    known = Identity(id="x" * 63)
    on = engine(known)
    wire = query(name, kind[0], qclass=kind[1], flags=0, opt=opt(payload=512, options=COOKIE + NSID))
    found = on.handle(wire, FREE, 0, address=b"\xc0\0\2\1")
    assert isinstance(found, Reply)
    assert len(found.wire) <= MIN_UDP_REPLY
    assert nsids(found.wire) == [b"x" * 63]


def test_an_answer_that_does_not_fit_with_our_id_is_cut_short_and_comes_whole_over_tcp() -> None:
    many = [DOT._replace(target=from_text(f"{'a' * 60}.{number}.example")) for number in range(8)]
    big = Identity(id="dns1", designated=many)
    wire = query("_dns.resolver.arpa", SVCB, opt=opt(options=NSID))
    short = parsed(reply(wire, big).wire)
    assert short.flags & dns.flags.TC
    assert len(parsed(reply(wire, big, stream=True).wire).answer[0]) == 8


def test_an_answer_from_the_cache_has_our_id() -> None:
    on = engine()
    wire = query(opt=opt(options=NSID))
    asked = parse_query(wire)
    question = asked.name + asked.kind
    known = parse_answer(answer(question, [record(b"\xc0\x0c", 1, 60, b"\xc0\0\2\1")]), question)
    assert known is not None
    on.accept(asked.key, known, 0)
    found = on.handle(wire, FREE, 1)
    assert isinstance(found, Reply)
    assert found.source is Source.CACHE
    assert nsids(found.wire) == [b"dns1"]
