"""What an engine may say at all: held against a model, against dnspython, and client by client."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import dns.flags
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.cache import RECHECK_S, STALE_TTL, Ageing
from resolver.core.engine import Engine, Forward, Reply
from resolver.core.lists.record import ListClass, Record
from resolver.core.lists.rule import Effect, Rule, Scope
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList, Profile
from resolver.core.replies import AnswerMode
from resolver.core.routes import Routes
from resolver.core.source import Source
from resolver.core.wire import parse_answer, parse_query
from tests.messages import answer, errors, opt, parsed, query, record, wire_name
from tests.tables import build
from tests.twins import make_cache

pytestmark = pytest.mark.usefixtures("on_both")

NAME = b"\xc0\x0c"
MODES = list(AnswerMode)
LISTS = [PolicyList(found.value, Record(found.value.title(), found, text="Not here.")) for found in ListClass]
RULES = [[Rule(f"{found.value}.example", Scope.SUBTREE, Effect.BLOCK, 1)] for found in ListClass]
NETWORKS = {mode: ip_network(f"192.0.2.{16 * number}/28") for number, mode in enumerate(MODES)}
GROUPS = [Group(mode.value, (NETWORKS[mode],), frozenset(range(len(LISTS))), mode) for mode in MODES]
SETTINGS = AnswerSettings(30, (IPv4Address("192.0.2.200"),), (IPv6Address("2001:db8::200"),))
POLICY = Policy(build(RULES), LISTS, GROUPS, SETTINGS, generation=1)
PROFILES = [POLICY.profile_for(NETWORKS[mode].network_address + 1) for mode in MODES]
FREE = POLICY.profile_for(ip_address("198.51.100.1"))


def engine(stale: int = 100) -> Engine:
    return Engine(make_cache(), Ageing(stale=stale), Routes())


def learn(on: Engine, wire: bytes, *records: bytes, now: float = 0, flags: int = 0x8180) -> None:
    asked = parse_query(wire)
    found = parse_answer(answer(asked.name + asked.kind, records, flags=flags), asked.name + asked.kind)
    assert found is not None
    on.accept(asked.key, found, now)


def outcome(on: Engine, wire: bytes, profile: Profile = FREE, now: float = 0) -> Reply:
    found = on.handle(wire, profile, now)
    assert isinstance(found, Reply)
    return found


# --- time: a model of one name ------------------------------------------------------------------------------


@dataclass
class Known:
    """What a cache may know of one name, worked out afresh from what happened."""

    stale_s: int
    came: float | None = None
    ttl: int = 0
    recheck: float = 0.0
    failures: int = 0
    failed_until: float = 0.0

    def accepted(self, now: float, ttl: int) -> None:
        self.came, self.ttl, self.recheck, self.failures = (now if ttl else None), ttl, 0.0, 0

    def failed(self, now: float) -> None:
        if self.came is not None and now < self.came + self.ttl + self.stale_s:
            self.recheck = now + RECHECK_S
            return
        self.came = None
        self.failures = 1 if now >= self.failed_until + 60 else self.failures + 1
        self.failed_until = now + min(5 * 2 ** (self.failures - 1), 60)

    def gives(self, now: float) -> Source:
        if self.came is None:
            return Source.ERROR if self.failures and now < self.failed_until else Source.FORWARD
        if now < self.came + self.ttl:
            return Source.CACHE
        stale = now < self.came + self.ttl + self.stale_s and now < self.recheck
        return Source.STALE if stale else Source.FORWARD

    def may_fall_back(self, now: float) -> bool:
        return self.came is not None and now < self.came + self.ttl + self.stale_s


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["accept", "fail", "ask", "ask"]),
        st.sampled_from([0, 1, 5, 20, 60, 400]),
        st.sampled_from([0.0, 0.5, 1.0, 4.5, 5.0, 29.5, 30.0, 59.5, 60.0, 200.0]),
    ),
    max_size=40,
)


@given(STEPS, st.sampled_from([0, 100, 1000]))
def test_an_engine_gives_what_is_fresh_stale_or_failed_exactly_as_long_as_it_is(
    steps: list[tuple[str, int, float]], stale_s: int
) -> None:
    on, known, now = engine(stale_s), Known(stale_s), 1000.0
    wire = query(opt=opt())
    key = parse_query(wire).key
    for step, ttl, later in steps:
        now += later
        if step == "accept":
            learn(on, wire, record(NAME, 1, ttl, b"\xc0\0\2\1"), now=now)
            known.accepted(now, ttl)
        elif step == "fail":
            on.fail(key, b"", now)
            known.failed(now)
        found = on.handle(wire, FREE, now)
        expected = known.gives(now)
        if isinstance(found, Forward):
            assert expected is Source.FORWARD
            assert (found.stale is not None) == known.may_fall_back(now)
            continue
        assert isinstance(found, Reply)
        assert found.source is expected
        message = parsed(found.wire)
        codes = [code for code, _ in errors(message)]
        if expected is Source.ERROR:
            assert (message.rcode(), codes) == (2, [13])
            continue
        (rrset,) = message.answer
        assert known.came is not None
        assert rrset.ttl == (STALE_TTL if expected is Source.STALE else known.ttl - int(now - known.came))
        assert codes == ([3] if expected is Source.STALE else [])


# --- every message that goes out ----------------------------------------------------------------------------

CASES = st.sampled_from([str.lower, str.upper, str.title])
SUBJECTS = st.sampled_from(
    f"known.example www.policy.example legal.example a.security.example shop.example localhost x.onion "
    f"1.2.0.192.in-addr.arpa {'x' * 63}.requested.example".split()
)
QUESTIONS = st.builds(
    lambda name, case, qtype, qclass, flags, edns: query(
        case(name), qtype, qclass=qclass, flags=flags, opt=edns
    ),
    SUBJECTS,
    CASES,
    st.sampled_from([0, 1, 2, 5, 6, 12, 15, 16, 28, 41, 43, 64, 65, 251, 252, 255, 65280]),
    st.sampled_from([1, 1, 1, 1, 3, 255]),
    st.sampled_from([0x0000, 0x0100, 0x0110, 0x0120, 0x0130]),
    st.one_of(
        st.just(b""),
        st.builds(
            lambda payload, do, version, options: opt(
                payload=payload, do=do, version=version, options=options
            ),
            st.sampled_from([0, 512, 1232, 65535]),
            st.booleans(),
            st.sampled_from([0, 0, 0, 1, 255]),
            st.sampled_from([b"", b"\0\x0a\0\x08abcdefgh", b"\0\x0f\0\0"]),
        ),
    ),
)


def stocked() -> Engine:
    on = engine()
    many = [record(NAME, 1, 300, bytes([192, 0, 2, number])) for number in range(100)]
    for edns in (b"", opt(do=True)):
        learn(on, query("known.example", opt=edns), *many, flags=0x81A0)
        learn(on, query("known.example", 28, opt=edns), record(NAME, 28, 300, bytes(16)), flags=0x81A0)
        learn(on, query("shop.example", opt=edns), record(NAME, 5, 300, wire_name("a.LEGAL.example")))
    return on


STOCKED = stocked()


@given(QUESTIONS, st.sampled_from([*PROFILES, FREE]), st.booleans())
def test_every_reply_is_well_formed_fits_and_answers_the_question_as_it_was_asked(
    wire: bytes, profile: Profile, stream: bool
) -> None:
    found = STOCKED.handle(wire, profile, 1.0, stream=stream)
    if not isinstance(found, Reply):
        return
    asked, told = parse_query(wire), parsed(found.wire)
    assert found.wire[:2] == wire[:2]
    assert found.wire[12 : asked.end] == wire[12 : asked.end]  # byte for byte, its case too
    assert told.flags & dns.flags.QR
    assert told.flags & dns.flags.RA
    assert bool(told.flags & dns.flags.RD) == bool(wire[2] & 0x01)
    assert bool(told.flags & dns.flags.CD) == bool(wire[3] & 0x10)
    authoritative = bool(told.flags & dns.flags.AA)
    if asked.qtype == 255:  # what stands for ANY is ours only where the name is
        assert found.source is Source.LOCAL or not authoritative
    else:
        assert authoritative == (found.source is Source.LOCAL)
    if told.flags & dns.flags.AD:
        assert found.source is Source.CACHE
        assert wire[3] & 0x20 or asked.do
    assert (told.edns == 0) == (asked.edns is not None)  # no OPT to who sent none (RFC 6891, section 6.1.1)
    if asked.edns is not None:
        assert bool(told.ednsflags & 0x8000) == asked.edns.do
        assert {int(option.otype) for option in told.options} <= {15}
    limit = 512 if asked.edns is None else min(max(asked.edns.payload, 512), 1232)
    assert len(found.wire) <= (65535 if stream else limit)
    assert found.rcode == told.rcode()
    if told.flags & dns.flags.TC:
        assert not stream
        assert told.answer == told.authority == []


@given(QUESTIONS, st.sampled_from(PROFILES))
def test_a_blocked_name_gets_the_answer_of_its_group_and_the_reason_of_its_list(
    wire: bytes, profile: Profile
) -> None:
    found = STOCKED.handle(wire, profile, 1.0)
    if not isinstance(found, Reply) or found.source is not Source.BLOCKED:
        return
    mode, blocking = profile.groups[0].answer, found.verdict.list
    assert blocking is not None
    message = parsed(found.wire)
    expected = {AnswerMode.NXDOMAIN: 3, AnswerMode.REFUSED: 5}.get(mode, 0)
    assert message.rcode() == expected
    codes = {ListClass.LEGAL: 16, ListClass.REQUESTED: 17}
    edns = parse_query(wire).edns
    options = () if edns is None else edns.options
    structured = bool({(15, b""), (15, b"\0\0"), (65015, b"")} & set(options))  # what asks for them
    forged = mode in (AnswerMode.NULL, AnswerMode.NOTICE) and not structured
    code = 4 if forged else codes.get(blocking.record.list_class, 15)
    if message.edns == 0:
        ((told, text),) = errors(message)
        assert told == code
        assert blocking.reason().title in text
    if mode is not AnswerMode.REFUSED and not message.answer:
        (soa,) = message.authority
        assert (soa.ttl, soa[0].minimum) == (30, 30)


# --- answers that must not be mixed up ----------------------------------------------------------------------

FLAGS = [(do, cd) for do in (False, True) for cd in (0, 0x10)]


def test_do_and_cd_tell_answers_apart_and_nothing_else_does() -> None:
    on = engine()
    asks = {flags: query(flags=0x100 | flags[1], opt=opt(do=flags[0])) for flags in FLAGS}
    for number, wire in enumerate(asks.values()):
        learn(on, wire, record(NAME, 1, 60, bytes([192, 0, 2, number])))
    for number, ((do, cd), wire) in enumerate(asks.items()):
        assert parsed(outcome(on, wire).wire).answer[0][0].to_text() == f"192.0.2.{number}"
        same = query(
            "WWW.EXAMPLE", flags=0x120 | cd, opt=opt(do=do, payload=4000, options=b"\0\3\0\0"), ident=7
        )
        assert parsed(outcome(on, same).wire).answer[0][0].to_text() == f"192.0.2.{number}"
    for cd in (0, 0x10):  # without EDNS there is no DO
        plain = parsed(outcome(on, query(flags=0x100 | cd)).wire)
        assert plain.answer[0][0].to_text() == f"192.0.2.{FLAGS.index((False, cd))}"


def test_types_and_classes_tell_answers_apart() -> None:
    on = engine()
    learn(on, query(), record(NAME, 1, 60, b"\xc0\0\2\1"))
    assert isinstance(on.handle(query(qtype=28), FREE, 0), Forward)
    assert outcome(on, query(qclass=3)).rcode == 5


# --- aliases, client by client ------------------------------------------------------------------------------

TARGET = wire_name("Cdn.LEGAL.example")
CHAIN = [
    record(NAME, 5, 60, b"\4edge\7example\0"),
    record(b"\4edge\7example\0", 5, 60, TARGET),
    record(TARGET, 1, 60, b"\xc0\0\2\1"),
]


def test_an_alias_is_judged_for_each_client_on_its_own_however_often_they_take_turns() -> None:
    on = engine()
    wire = query("shop.example", opt=opt())
    learn(on, wire, *CHAIN)
    many = [
        Policy(build(RULES), LISTS, (), SETTINGS, generation).profile_for(ip_address("198.51.100.1"))
        for generation in range(2, 22)
    ]
    for _ in range(2):
        for profile in (*PROFILES, FREE, *many):
            found = outcome(on, wire, profile, now=1)
            assert (found.source is Source.BLOCKED) == (profile in PROFILES)
            if profile in PROFILES:
                code = 4 if profile.groups[0].answer in (AnswerMode.NULL, AnswerMode.NOTICE) else 16
                assert errors(parsed(found.wire)) == [(code, "cdn.legal.example (Legal: Not here)")]


def test_an_answer_fresh_from_upstream_is_judged_before_anybody_gets_it() -> None:
    on = engine()
    wire = query("shop.example")
    found = parse_answer(answer(wire[12:], CHAIN), wire[12:])
    assert found is not None
    asked = on.handle(wire, PROFILES[0], 0)
    assert isinstance(asked, Forward)
    entry = on.accept(asked.query.key, found, 0)
    told = on.deliver(asked.query, PROFILES[0], asked.verdict, entry, 0, Source.FORWARD)
    assert isinstance(told, Reply)
    assert (told.source, told.rcode) == (Source.BLOCKED, 3)
    assert b"\xc0\0\2\1" not in told.wire
    free = on.deliver(asked.query, FREE, asked.verdict, entry, 0, Source.FORWARD)
    assert isinstance(free, Reply)
    assert free.source is Source.FORWARD


def test_a_stale_answer_is_judged_for_each_client_too() -> None:
    on = engine()
    wire = query("shop.example")
    learn(on, wire, *CHAIN)
    on.fail(parse_query(wire).key, b"", 70)
    sources = [outcome(on, wire, profile, now=71).source for profile in (FREE, *PROFILES, FREE)]
    assert sources == [Source.STALE, *[Source.BLOCKED] * len(PROFILES), Source.STALE]


@pytest.mark.parametrize("data", [b"\0\1\0", b"\0\0" + wire_name("free.example")])
def test_an_https_record_that_leads_nowhere_blocked_passes(data: bytes) -> None:
    on = engine()
    wire = query("shop.example", 65)
    learn(on, wire, record(NAME, 65, 60, data))
    assert outcome(on, wire, PROFILES[0]).source is Source.CACHE


# --- errors say why -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wire", "rcode", "codes"),
    [
        (query(flags=0, opt=opt()), 5, [20]),
        (query(qclass=3, opt=opt()), 5, [21]),
        (query(qtype=252, opt=opt()), 4, [21]),
        (query("policy.example", opt=opt(version=1)), 16, []),
    ],
)
def test_an_error_says_why_where_the_client_can_read_it(wire: bytes, rcode: int, codes: list[int]) -> None:
    message = parsed(outcome(engine(), wire, PROFILES[0]).wire)
    assert message.rcode() == rcode
    assert [code for code, _ in errors(message)] == codes


def test_what_needs_no_recursion_is_answered_without() -> None:
    on = engine()
    learn(on, query(), record(NAME, 1, 60, b"\xc0\0\2\1"))
    for wire in (query(flags=0), query("policy.example", flags=0), query("localhost", flags=0)):
        assert outcome(on, wire, PROFILES[0]).rcode != 5
