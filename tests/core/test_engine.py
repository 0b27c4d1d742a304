"""The one path of a query."""

from __future__ import annotations

from ipaddress import ip_address

import dns.flags
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.cache import FIRST_FAILURE_S, LONGEST_FAILURE_S, RECHECK_S, Ageing
from resolver.core.engine import Drop, Engine, Forward, Outcome, Reply
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Effect, Rule, Scope
from resolver.core.names import from_text
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList, Profile
from resolver.core.replies import AnswerMode, extended_error
from resolver.core.routes import Routes
from resolver.core.source import Source
from resolver.core.wire import parse_answer, parse_query
from tests.messages import answer, errors, opt, parsed, query, record
from tests.tables import build
from tests.twins import make_cache

pytestmark = pytest.mark.usefixtures("on_both")

NAME = b"\xc0\x0c"


def profile(*rules: tuple[str, Effect], generation: int = 0) -> Profile:
    made = [Rule(name, Scope.SUBTREE, effect, 1) for name, effect in rules]
    return ruled(made, generation)


def ruled(rules: list[Rule], generation: int = 0) -> Profile:
    lists = [PolicyList("ads", Record("Ads", text="No ads."))]
    groups = [Group("default", (), frozenset([0]), AnswerMode.NXDOMAIN)]
    policy = Policy(build([rules]), lists, groups, AnswerSettings(), generation)
    return policy.profile_for(ip_address("192.0.2.1"))


FREE = profile()
ADS = profile(("ads.example", Effect.BLOCK), generation=1)


def engine(routes: dict[str, str] | None = None, stale: int = 86400) -> Engine:
    owned = {from_text(name): upstream for name, upstream in (routes or {}).items()}
    return Engine(make_cache(), Ageing(stale=stale), Routes(owned))


def learn(on: Engine, wire: bytes, *records: bytes, now: float = 0, soa: int | None = None) -> None:
    asked = parse_query(wire)
    question = asked.name + asked.kind
    found = parse_answer(answer(question, records), question)
    assert found is not None
    on.accept(asked.key, found, now)


def reply(outcome: Outcome) -> Reply:
    assert isinstance(outcome, Reply)
    return outcome


A = record(NAME, 1, 60, b"\xc0\0\2\1")


@pytest.mark.parametrize(
    ("route", "name", "qtype", "rcode"),
    [
        ("5.0.10.in-addr.arpa", "0.10.in-addr.arpa", 12, 0),
        ("5.0.10.in-addr.arpa", "0.10.IN-ADDR.arpa", 255, 0),
        ("5.0.10.in-addr.arpa", "1.10.in-addr.arpa", 12, 3),
        ("5.0.10.in-addr.arpa", "6.0.10.in-addr.arpa", 12, 3),
        ("5.0.10.in-addr.arpa", "5.0.10.in-addr.arpa", 43, 0),
        ("5.0.10.in-addr.arpa", "9.5.0.10.in-addr.arpa", 12, None),
        ("a.b.local", "b.local", 1, 0),
        ("a.b.local", "c.local", 1, 3),
        ("a.b.local", "c.b.local", 1, 3),
    ],
)
def test_a_local_zone_does_not_deny_what_is_above_a_route_of_the_owner(
    route: str, name: str, qtype: int, rcode: int | None
) -> None:
    """RFC 8020: below a name that is not there a client would ask for nothing."""
    outcome = engine({route: "office"}).handle(query(name, qtype), FREE, 0)
    assert (outcome.rcode if isinstance(outcome, Reply) else None) == rcode
    assert isinstance(outcome, Forward) or parsed(reply(outcome).wire).answer == []


def test_what_is_not_known_is_forwarded_to_its_route() -> None:
    on = engine({"corp.example": "office"})
    for name, upstream in (("www.example", "default"), ("a.corp.example", "office")):
        outcome = on.handle(query(name), FREE, 0)
        assert isinstance(outcome, Forward)
        assert outcome.upstream == upstream
        assert outcome.stale is None


def test_what_was_learnt_is_answered_until_it_expires() -> None:
    on = engine()
    learn(on, query(), A)
    for now in (0, 59.9):
        found = reply(on.handle(query("WWW.example"), FREE, now))
        assert found.source is Source.CACHE
        assert parsed(found.wire).answer[0][0].to_text() == "192.0.2.1"
    assert isinstance(on.handle(query(), FREE, 60), Forward)
    assert (on.cache.hits, on.cache.misses) == (2, 1)


def test_a_new_policy_acts_on_names_that_are_cached() -> None:
    on = engine()
    learn(on, query("www.ads.example"), A)
    assert reply(on.handle(query("www.ads.example"), FREE, 1)).source is Source.CACHE
    found = reply(on.handle(query("www.ads.example"), ADS, 1))
    assert (found.source, found.rcode) == (Source.BLOCKED, 3)
    assert reply(on.handle(query("www.ads.example"), FREE, 1)).source is Source.CACHE


@pytest.mark.parametrize("qtype", [1, 28, 65, 15, 16, 255, 252])
def test_a_blocked_name_is_blocked_for_every_type(qtype: int) -> None:
    assert reply(engine().handle(query("x.ads.example", qtype), ADS, 0)).source is Source.BLOCKED


PARENT = b"\7example\0"
TARGET = b"\3cdn\3ads\7example\0"
LEADS = {
    "CNAME": record(NAME, 5, 60, TARGET),
    "DNAME": record(PARENT, 39, 60, TARGET[4:]),
    "SVCB": record(NAME, 64, 60, b"\0\1" + TARGET),
    "HTTPS": record(NAME, 65, 60, b"\0\0" + TARGET),
}


@pytest.mark.parametrize("kind", LEADS)
def test_an_answer_that_leads_to_a_blocked_name_is_blocked_and_names_it(kind: str) -> None:
    on = engine()
    wire = query("cdn.example" if kind == "DNAME" else "shop.example", opt=opt())
    learn(on, wire, LEADS[kind], A)
    for _ in range(2):
        found = reply(on.handle(wire, ADS, 1))
        assert (found.source, found.rcode) == (Source.BLOCKED, 3)
        assert errors(parsed(found.wire)) == [(15, "cdn.ads.example (Ads: No ads)")]
    for _ in range(2):
        assert reply(on.handle(wire, FREE, 1)).source is Source.CACHE


@pytest.mark.parametrize(
    ("rules", "blocked"),
    [
        ([("ads.example", Effect.BLOCK)], True),
        ([("ads.example", Effect.BLOCK), ("shop.example", Effect.ALLOW)], False),
        ([("ads.example", Effect.IMPORTANT_BLOCK), ("shop.example", Effect.ALLOW)], True),
        ([("ads.example", Effect.IMPORTANT_BLOCK), ("shop.example", Effect.IMPORTANT_ALLOW)], False),
        ([("ads.example", Effect.ALLOW)], False),
    ],
)
def test_an_allowed_name_and_its_blocked_alias_weigh_as_they_would_for_one_name(
    rules: list[tuple[str, Effect]], blocked: bool
) -> None:
    on = engine()
    learn(on, query("shop.example"), LEADS["CNAME"], A)
    found = reply(on.handle(query("shop.example"), profile(*rules), 1))
    assert (found.source is Source.BLOCKED) is blocked


def test_an_alias_cleared_under_one_policy_is_judged_again_under_the_next() -> None:
    on = engine()
    learn(on, query("shop.example"), LEADS["CNAME"], A)
    for generation in range(20):
        assert reply(on.handle(query("shop.example"), profile(generation=generation + 5), 1)).rcode == 0
    assert reply(on.handle(query("shop.example"), ADS, 1)).rcode == 3


QUESTION = query("shop.example")[12:]
BRIEF = record(NAME, 1, 0, b"\xc0\0\2\7")
"""A record that may not be kept."""


def expired() -> Engine:
    on = engine(stale=1000)
    learn(on, query("shop.example"), LEADS["CNAME"], A)
    return on


def test_an_expired_answer_comes_along_as_stale_within_its_time() -> None:
    on = expired()
    outcome = on.handle(query("shop.example"), FREE, 100)
    assert isinstance(outcome, Forward)
    assert outcome.stale is not None
    stale = reply(on.deliver_stale(outcome.query, FREE, outcome.verdict, outcome.stale))
    assert stale.source is Source.STALE
    late = on.handle(query("shop.example"), FREE, 60 + 1000)
    assert isinstance(late, Forward)
    assert late.stale is None


def test_after_a_failure_the_stale_answer_is_given_without_asking_for_a_while() -> None:
    on = expired()
    on.fail(parse_query(query("shop.example")).key, b"", 100)
    assert reply(on.handle(query("shop.example"), FREE, 101)).source is Source.STALE
    assert isinstance(on.handle(query("shop.example"), FREE, 100 + RECHECK_S), Forward)


@pytest.mark.parametrize("fresh", [answer(QUESTION, flags=0x8183), answer(QUESTION, [BRIEF])])
def test_a_newer_answer_ends_an_older_one_even_if_it_may_not_be_kept(fresh: bytes) -> None:
    on = expired()
    first = on.handle(query("shop.example"), FREE, 100)
    assert isinstance(first, Forward)
    on.fail(first.query.key, b"", 100)
    found = parse_answer(fresh, QUESTION)
    assert found is not None
    on.accept(first.query.key, found, 131)
    again = on.handle(query("shop.example"), FREE, 132)
    assert isinstance(again, Forward)
    assert again.stale is None
    on.fail(first.query.key, b"", 133)
    assert reply(on.handle(query("shop.example"), FREE, 134)).rcode == dns.rcode.SERVFAIL


def test_an_answer_that_may_not_be_kept_ends_a_row_of_failures() -> None:
    on = engine()
    key = parse_query(query("shop.example")).key
    for now in (0, 5, 15):
        on.fail(key, b"", now)
    learn(on, query("shop.example"), BRIEF, now=40)
    on.fail(key, b"", 41)
    assert isinstance(on.handle(query("shop.example"), FREE, 46), Forward)


def test_a_stale_answer_never_revives_a_blocked_name_or_alias() -> None:
    on = expired()
    on.fail(parse_query(query("shop.example")).key, b"", 100)
    assert reply(on.handle(query("shop.example"), ADS, 101)).source is Source.BLOCKED
    block = profile(("shop.example", Effect.BLOCK))
    assert reply(on.handle(query("shop.example"), block, 101)).source is Source.BLOCKED


def test_a_failure_is_answered_from_memory_and_lasts_longer_each_time() -> None:
    on = engine()
    key = parse_query(query()).key
    on.fail(key, extended_error(22), 0)
    found = reply(on.handle(query(opt=opt()), FREE, 4.9))
    assert (found.source, found.rcode) == (Source.ERROR, 2)
    assert [code for code, _ in errors(parsed(found.wire))] == [22, 13]
    assert isinstance(on.handle(query(), FREE, 5), Forward)
    on.fail(key, b"", 5)
    assert isinstance(on.handle(query(), FREE, 14.9), Reply)
    learn(on, query(), A, now=15)
    on.cache.drop(key)
    on.fail(key, b"", 20)
    assert isinstance(on.handle(query(), FREE, 25), Forward)


def test_a_failure_that_nobody_asked_about_for_long_does_not_make_the_next_one_last_longer() -> None:
    on = engine()
    key = parse_query(query()).key
    for now in (0, 5, 15, 35):
        on.fail(key, b"", now)
    on.fail(key, b"", 35 + 40 + LONGEST_FAILURE_S)
    assert isinstance(on.handle(query(), FREE, 35 + 40 + LONGEST_FAILURE_S + FIRST_FAILURE_S), Forward)


def test_a_popular_answer_is_worth_asking_for_again_once() -> None:
    on = engine()
    learn(on, query(), A)
    seen = [reply(on.handle(query(), FREE, now)).refresh for now in (1, 2, 3, 55, 56, 57)]
    assert seen == [False, False, False, True, False, False]


def test_an_unpopular_answer_is_not() -> None:
    on = engine()
    learn(on, query(), A)
    assert not reply(on.handle(query(), FREE, 55)).refresh


@pytest.mark.parametrize(
    ("wire", "rcode"),
    [
        (query(flags=0x2100), dns.rcode.NOTIMP),
        (query(flags=0x2900), dns.rcode.NOTIMP),
        (query() + b"x", dns.rcode.FORMERR),
        (query()[:12], dns.rcode.FORMERR),
        (query(opt=opt(version=1)), dns.rcode.BADVERS),
        (query(opt=opt(version=1, options=b"\0\3\0\5ab")), dns.rcode.BADVERS),
        (query(qclass=3), dns.rcode.REFUSED),
        (query(qclass=255), dns.rcode.REFUSED),
        (query(qtype=252), dns.rcode.NOTIMP),
        (query(qtype=251), dns.rcode.NOTIMP),
        (query(qtype=41), dns.rcode.NOTIMP),
        (query(qtype=0), dns.rcode.NOTIMP),
        (query(flags=0x0000), dns.rcode.REFUSED),
    ],
)
def test_what_we_do_not_do_gets_its_error(wire: bytes, rcode: int) -> None:
    found = reply(engine().handle(wire, FREE, 0))
    assert found.source is Source.ERROR
    assert parsed(found.wire).rcode() == rcode


@pytest.mark.parametrize("wire", [b"", b"\0" * 11, query(flags=0x8180), query(flags=0xA100)[:12]])
def test_what_is_no_query_gets_no_answer(wire: bytes) -> None:
    outcome = engine().handle(wire, FREE, 0)
    assert isinstance(outcome, Drop)
    assert outcome.reason == "not_a_query"


@pytest.mark.parametrize(
    ("name", "qtype", "rcode"),
    [
        ("localhost", 1, 0),
        ("a.onion", 1, 3),
        ("_dns.resolver.arpa", 64, 0),
        ("1.1.168.192.in-addr.arpa", 12, 3),
    ],
)
def test_special_names_are_answered_here_with_authority(name: str, qtype: int, rcode: int) -> None:
    for flags in (0x0100, 0x0000):  # that needs no recursion
        found = reply(engine().handle(query(name, qtype, flags=flags), FREE, 0))
        message = parsed(found.wire)
        assert (found.source, found.rcode, message.rcode()) == (Source.LOCAL, rcode, rcode)
        assert message.flags & dns.flags.AA
        assert bool(message.flags & dns.flags.RD) == bool(flags)


def test_ds_of_a_zone_answered_here_is_asked_for_above_it() -> None:
    outcome = engine().handle(query("home.arpa", 43, opt=opt(do=True)), FREE, 0)
    assert isinstance(outcome, Forward)
    assert outcome.upstream == "default"
    assert isinstance(engine().handle(query("home.arpa", 1), FREE, 0), Reply)


def test_a_route_of_the_owner_overrides_what_is_answered_here() -> None:
    on = engine({"168.192.in-addr.arpa": "office"})
    outcome = on.handle(query("1.1.168.192.in-addr.arpa", 12), FREE, 0)
    assert isinstance(outcome, Forward)
    assert outcome.upstream == "office"


def test_a_special_name_that_a_list_blocks_is_blocked() -> None:
    found = reply(engine().handle(query("nas.test"), profile(("test", Effect.BLOCK)), 0))
    assert found.source is Source.BLOCKED


@given(st.binary(max_size=300), st.booleans())
def test_whatever_comes_has_an_outcome_and_a_reply_is_no_larger_than_allowed(data: bytes, head: bool) -> None:
    wire = query()[:12] + data if head else data
    outcome = engine().handle(wire, ADS, 0)
    if isinstance(outcome, Reply):
        assert len(outcome.wire) <= 1232
        assert outcome.wire[:2] == wire[:2]
        assert outcome.wire[2] & 0x80
        parsed(outcome.wire)


@pytest.mark.parametrize("with_cname", [False, True])
@pytest.mark.parametrize(
    ("scope", "blocked"), [(Scope.EXACT, False), (Scope.SUBTREE, True)], ids=["exact", "subtree"]
)
def test_a_rule_for_the_target_of_a_dname_blocks_what_is_mapped_below_it_only_if_it_holds_there(
    scope: Scope, blocked: bool, with_cname: bool
) -> None:
    on = engine()
    dname = record(PARENT, 39, 60, b"\3ads\7example\0")
    cname = record(NAME, 5, 60, b"\4shop\3ads\7example\0")
    learn(on, query("shop.example"), dname, *[cname] * with_cname, A)
    rules = [Rule("ads.example", scope, Effect.BLOCK, 1)]
    found = reply(on.handle(query("shop.example"), ruled(rules), 1))
    assert (found.source is Source.BLOCKED) is blocked


@pytest.mark.parametrize("do", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_a_query_that_waits_for_upstream_keeps_nothing_of_its_options(stream: bool, do: bool) -> None:
    long = query("New.example", opt=opt(do=do, options=b"\0\x0c\x0b\xb8" + bytes(3000)))
    short = query("New.example", opt=opt(do=do))
    waiting = engine().handle(long, FREE, 0, stream=stream)
    like = engine().handle(short, FREE, 0, stream=stream)
    assert isinstance(waiting, Forward)
    assert isinstance(like, Forward)
    assert len(waiting.query.wire) == len(query("New.example"))
    assert waiting.query.edns == parse_query(short).edns
    assert (waiting.query.key, waiting.query.limit) == (like.query.key, like.query.limit)
    on = engine()
    learn(on, short, record(NAME, 1, 60, b"\xc0\0\2\1"))
    entry = on.cache.get(like.query.key)
    assert entry is not None
    assert entry.reply(waiting.query, 1) == entry.reply(like.query, 1)
