"""DNS cookies: the vectors of RFC 9018, and what replies carry."""

from __future__ import annotations

from ipaddress import ip_address

import dns.edns
import dns.flags
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.cache import Ageing, Cache
from resolver.core.cookies import COOKIE, NEWEST_S, OLDEST_S, RENEWED_S, Cookies
from resolver.core.engine import Drop, Engine, Forward, Reply, shortened
from resolver.core.errors import WireError
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Effect, Rule, Scope
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList
from resolver.core.replies import AnswerMode, failure, pack_option
from resolver.core.routes import Routes
from resolver.core.siphash import siphash24
from resolver.core.wire import parse_answer, parse_query
from tests.messages import answer, errors, opt, packed, parsed, query, record
from tests.tables import build

SECRET = bytes.fromhex("e5e973e5a6b2a43f48e7dc849e37bfcf")
CLIENT = bytes.fromhex("2464c4abcf10c957")
HOME = packed("198.51.100.100")


def made(secret: bytes, data: str, address: str, time: int) -> str:
    return Cookies(secret).answer(bytes.fromhex(data), packed(address), time).hex()


def test_siphash_gives_what_its_paper_gives() -> None:
    assert siphash24(bytes(range(16)), bytes(range(15))).hex() == "e545be4961ca29a1"


@pytest.mark.parametrize(
    ("secret", "sent", "address", "time", "server"),
    [
        # RFC 9018, appendix A.1: a client learns its cookie
        (SECRET.hex(), "2464c4abcf10c957", "198.51.100.100", 1559731985, "010000005cf79f111f8130c3eee29480"),
        # A.2: the same client, later, with a cookie to be renewed
        (
            SECRET.hex(),
            "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
            "198.51.100.100",
            1559734385,
            "010000005cf7a871d4a564a1442aca77",
        ),
        # A.3: reserved bytes that are set take part in the hash
        (
            SECRET.hex(),
            "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
            "203.0.113.203",
            1559734700,
            "010000005cf7a9acf73a7810aca2381e",
        ),
        # A.4: IPv6, a cookie of the secret before this one
        (
            "445536bcd2513298075a5d379663c962",
            "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
            "2001:db8:220:1:59de:d0f4:8769:82b8",
            1559741961,
            "010000005cf7c609a6bb79d16625507a",
        ),
    ],
)
def test_server_cookies_are_those_of_the_rfc(
    secret: str, sent: str, address: str, time: int, server: str
) -> None:
    assert made(bytes.fromhex(secret), sent, address, time) == "000a0018" + sent[:16] + server


@pytest.mark.parametrize(
    ("age_s", "ours", "kept"),
    [
        (0, True, True),
        (RENEWED_S, True, True),
        (RENEWED_S + 1, True, False),
        (OLDEST_S, True, False),
        (OLDEST_S + 1, False, False),
        (-NEWEST_S, True, True),
        (-NEWEST_S - 1, False, False),
    ],
)
@pytest.mark.parametrize("now", [1559731985, 1, (1 << 32) - 1])
def test_a_cookie_is_good_for_an_hour_and_made_anew_after_half(
    age_s: int, ours: bool, kept: bool, now: int
) -> None:
    cookies = Cookies(SECRET)
    sent = cookies.answer(CLIENT, HOME, (now - age_s) % (1 << 32))[4:]
    assert cookies.is_ours(CLIENT, sent[8:], HOME, now) is ours
    assert (cookies.answer(sent, HOME, now)[4:] == sent) is kept


@given(st.binary(min_size=8, max_size=8), st.binary(max_size=32), st.ip_addresses(), st.ip_addresses())
def test_a_cookie_of_somebody_else_is_not_ours(
    client: bytes, other: bytes, address: object, another: object
) -> None:
    one, two = ip_address(str(address)).packed, ip_address(str(another)).packed
    cookies = Cookies(SECRET)
    server = cookies.answer(client, one, 5)[12:]
    assert cookies.is_ours(client, server, one, 5)
    assert cookies.is_ours(client, server, two, 5) is (one == two)
    assert cookies.is_ours(client, other, one, 5) is (other == server)
    assert not Cookies(bytes(16)).is_ours(client, server, one, 5)


@pytest.mark.parametrize("size", [0, 1, 7, 9, 15, 41, 100])
def test_a_cookie_of_a_wrong_length_is_a_format_error(size: int) -> None:
    with pytest.raises(WireError):
        Cookies(SECRET).answer(bytes(size), HOME, 0)
    wire = query(opt=opt(options=pack_option(COOKIE, bytes(size))))
    found = engine().handle(wire, PROFILE, 0)
    assert isinstance(found, Reply)
    assert (found.rcode, found.wire[3] & 15) == (1, 1)


POLICY = Policy(
    build([[Rule("ads.example", Scope.SUBTREE, Effect.BLOCK, 1)]]),
    [PolicyList("ads", Record("Ads", text="x" * 250))],
    [Group("default", (), frozenset([0]), AnswerMode.NXDOMAIN)],
    AnswerSettings(),
)
PROFILE = POLICY.profile_for(ip_address("198.51.100.100"))


def engine() -> Engine:
    return Engine(Cache(1 << 20), Ageing(), Routes(), Cookies(SECRET))


def asking(name: str, payload: int = 1232) -> bytes:
    return query(name, opt=opt(payload=payload, options=pack_option(COOKIE, CLIENT)))


def cookie_in(wire: bytes) -> bytes:
    """Return the cookie in a reply; there is one at most."""
    found = [option for option in parsed(wire).options if option.otype == dns.edns.OptionType.COOKIE]
    assert len(found) <= 1
    return found[0].to_wire() or b"" if found else b""


def replied(on: Engine, wire: bytes, now: float = 0) -> bytes:
    found = on.handle(wire, PROFILE, now, address=HOME)
    assert isinstance(found, Reply)
    return found.wire


def test_blocked_cached_local_and_failed_answers_carry_the_cookie() -> None:
    on = engine()
    known = query("www.example")
    found = parse_answer(answer(known[12:], [record(b"\xc0\x0c", 1, 60, b"\xc0\0\2\1")]), known[12:])
    assert found is not None
    on.accept(parse_query(known).key, found, 0)
    expected = Cookies(SECRET).answer(CLIENT, HOME, 0)[4:]
    for name in ("ads.example", "www.example", "localhost", "x.invalid"):
        wire = replied(on, asking(name))
        assert cookie_in(wire) == expected
        assert cookie_in(replied(on, query(name, opt=opt()))) == b""
    assert errors(parsed(replied(on, asking("ads.example"))))[0][0] == 15
    forward = on.handle(asking("other.example"), PROFILE, 0, address=HOME)
    assert isinstance(forward, Forward)
    assert cookie_in(failure(forward.query, 2)) == expected
    assert shortened(forward.query).reply_options == forward.query.reply_options


@given(st.integers(512, 900), st.integers(0, 230))
def test_where_room_is_short_the_reason_goes_before_the_cookie(payload: int, length: int) -> None:
    name = ".".join(
        ["a" * min(63, length - at) for at in range(0, length, 64) if length > at] + ["ads.example"]
    )
    wire = replied(engine(), asking(name, payload))
    assert len(wire) <= payload
    assert cookie_in(wire)
    assert errors(parsed(wire))[0][0] == 15 or parsed(wire).flags & dns.flags.TC


def test_without_a_secret_cookies_are_ignored() -> None:
    on = Engine(Cache(1 << 20), Ageing(), Routes())
    assert cookie_in(replied(on, asking("ads.example"))) == b""
    assert not isinstance(on.handle(query(opt=opt(options=pack_option(COOKIE, b"x"))), PROFILE, 0), Drop)


SERVERS = Cookies(SECRET).answer(CLIENT, HOME, 0)[4:]
"""A cookie that is good."""


def bare(options: bytes, payload: int = 1232, flags: int = 0x0100) -> bytes:
    """Return a message without a question, and with EDNS options."""
    head = b"\x12\x34" + flags.to_bytes(2, "big") + b"\0\0\0\0\0\0\0\1"
    return head + opt(payload=payload, options=options)


@pytest.mark.parametrize(
    ("sent", "rcode"),
    [
        (CLIENT, dns.rcode.NOERROR),
        (SERVERS, dns.rcode.NOERROR),
        (CLIENT + b"\1\0\0\0" + bytes(12), dns.rcode.BADCOOKIE),
        (CLIENT + bytes(32), dns.rcode.BADCOOKIE),
    ],
)
def test_who_asks_for_a_cookie_alone_gets_one_and_hears_if_his_was_wrong(
    sent: bytes, rcode: dns.rcode.Rcode
) -> None:
    wire = replied(engine(), bare(pack_option(3, b"") + pack_option(COOKIE, sent)))
    assert wire[:2] == b"\x12\x34"
    assert (parsed(wire).rcode(), parsed(wire).question) == (rcode, [])
    assert cookie_in(wire) == SERVERS


@pytest.mark.parametrize(
    "sent",
    [
        bare(b""),
        bare(pack_option(COOKIE, CLIENT[:7])),
        bare(pack_option(COOKIE, CLIENT))[:-1],
        bare(pack_option(COOKIE, CLIENT)) + b"\0",
        bare(pack_option(COOKIE, CLIENT))[:12],
    ],
)
def test_no_question_and_no_cookie_is_a_format_error(sent: bytes) -> None:
    assert parsed(replied(engine(), sent)).rcode() == dns.rcode.FORMERR


def test_without_a_secret_nobody_gets_a_cookie_without_a_question() -> None:
    on = Engine(Cache(1 << 20), Ageing(), Routes())
    assert parsed(replied(on, bare(pack_option(COOKIE, CLIENT)))).rcode() == dns.rcode.FORMERR


@pytest.mark.parametrize("flags", [0x8100, 0x8000])
def test_a_response_without_a_question_is_never_answered(flags: int) -> None:
    found = engine().handle(bare(pack_option(COOKIE, CLIENT), flags=flags), PROFILE, 0, address=HOME)
    assert isinstance(found, Drop)
