"""The one path of a query: answers of a rule's own, conditions, rules about addresses, lists in shadow."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import dns.flags
import dns.rdata
import pytest

from resolver.core.cache import Ageing
from resolver.core.engine import Drop, Engine, Forward, Outcome, Reply
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Action, Effect, Own, Rule, Scope, Side, Trigger, When
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList, Profile
from resolver.core.replies import AnswerMode
from resolver.core.routes import Routes
from resolver.core.source import Source
from resolver.core.wire import parse_answer, parse_query
from tests.messages import answer, errors, opt, parsed, query, record
from tests.tables import build
from tests.twins import make_cache

pytestmark = pytest.mark.usefixtures("on_both")

NAME = b"\xc0\x0c"
A = record(NAME, 1, 60, b"\xc0\0\2\1")
TARGET = b"\3ads\7example\0"
ALIAS = [record(NAME, 5, 60, TARGET), record(TARGET, 1, 60, b"\xcb\0\x71\1")]
ALIAS6 = [record(NAME, 5, 60, TARGET), record(TARGET, 28, 60, b"\x20\1\x0d\xb8" + bytes(12))]
BLOCK, ALLOW = Effect.BLOCK, Effect.ALLOW


def profile(
    *rules: Rule, generation: int = 0, shadow: bool = False, triggers: tuple[Trigger, ...] = ()
) -> Profile:
    lists = [PolicyList("ads", Record("Ads"), shadow, triggers)]
    groups = [Group("default", (), frozenset([0]), AnswerMode.NXDOMAIN)]
    policy = Policy(build([rules]), lists, groups, AnswerSettings(), generation)
    return policy.profile_for(ip_address("198.51.100.1"))


def rule(own: Own | None = None, when: When | None = None, effect: Effect = BLOCK) -> Rule:
    return Rule("ads.example", Scope.SUBTREE, effect, 1, "", own, when)


def banned(network: str, effect: Effect = BLOCK, own: Own | None = None) -> Trigger:
    return Trigger(ip_network(network), Side.ANSWER, effect, 1, own)


def engine(*learnt: tuple[bytes, list[bytes]]) -> Engine:
    on = Engine(make_cache(), Ageing(stale=1000), Routes({}))
    for wire, records in learnt:
        asked = parse_query(wire)
        question = asked.name + asked.kind
        found = parse_answer(answer(question, records), question)
        assert found is not None
        on.accept(asked.key, found, 0)
    return on


def reply(outcome: Outcome) -> Reply:
    assert isinstance(outcome, Reply)
    return outcome


FREE = profile(generation=1)
DROP = profile(rule(Own(Action.DROP)), generation=2)
TCP = profile(rule(Own(Action.TCP_ONLY)), generation=3)
DATA = profile(rule(Own(Action.DATA, ((1, b"\xc0\0\2\7"),))), generation=4)


def test_a_dropped_name_gets_no_answer_and_the_list_is_known() -> None:
    outcome = engine().handle(query("www.ads.example"), DROP, 0)
    assert isinstance(outcome, Drop)
    assert outcome.reason == "blocked"
    assert outcome.verdict.list is not None
    assert outcome.verdict.list.name == "ads"


def test_a_name_for_tcp_only_is_truncated_over_udp_and_asked_upstream_over_tcp() -> None:
    found = reply(engine().handle(query("ads.example"), TCP, 0))
    assert (found.source, found.rcode) == (Source.BLOCKED, 0)
    assert parsed(found.wire).flags & dns.flags.TC
    assert isinstance(engine().handle(query("ads.example"), TCP, 0, stream=True), Forward)


def test_records_of_a_rule_are_the_answer() -> None:
    found = reply(engine().handle(query("ads.example"), DATA, 0))
    assert (found.source, found.rcode) == (Source.BLOCKED, 0)
    assert parsed(found.wire).answer[0][0].to_text() == "192.0.2.7"


def test_a_rule_for_one_type_leaves_the_others_to_upstream() -> None:
    on = engine()
    only = profile(rule(Own(Action.NODATA), When(types=frozenset([28]))))
    assert reply(on.handle(query("ads.example", 28), only, 0)).source is Source.BLOCKED
    assert isinstance(on.handle(query("ads.example"), only, 0), Forward)


# --- aliases that lead to such rules ------------------------------------------------------------------------


def test_an_answer_that_leads_to_a_dropped_name_is_dropped() -> None:
    on = engine((query(), ALIAS))
    for _ in range(2):
        assert isinstance(on.handle(query(), DROP, 1), Drop)
    assert reply(on.handle(query(), FREE, 1)).source is Source.CACHE


def test_an_alias_for_tcp_only_is_given_over_tcp_and_that_frees_nothing_over_udp() -> None:
    on = engine((query(), ALIAS))
    assert reply(on.handle(query(), TCP, 1, stream=True)).source is Source.CACHE
    assert parsed(reply(on.handle(query(), TCP, 1)).wire).flags & dns.flags.TC


def test_an_alias_is_judged_for_the_type_that_was_asked() -> None:
    on = engine((query(), ALIAS), (query(qtype=28), ALIAS6))
    only = profile(rule(when=When(types=frozenset([28]))))
    assert reply(on.handle(query(), only, 1)).source is Source.CACHE
    assert reply(on.handle(query(qtype=28), only, 1)).source is Source.BLOCKED


# --- addresses in answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "blocked"), [("192.0.2.0/24", True), ("192.0.2.2/32", False), ("2001:db8::/32", False)]
)
def test_an_answer_with_an_address_of_a_blocked_network_is_blocked(network: str, blocked: bool) -> None:
    wire = query(opt=opt())
    found = reply(engine((wire, [A])).handle(wire, profile(triggers=(banned(network),)), 1))
    assert (found.source is Source.BLOCKED) is blocked
    assert errors(parsed(found.wire)) == ([(15, "192.0.2.1 (Ads)")] if blocked else [])


def test_a_hint_of_an_https_record_is_an_address_of_the_answer() -> None:
    data = dns.rdata.from_text("IN", "HTTPS", "1 . ipv6hint=2001:db8::1").to_wire() or b""
    on = engine((query(qtype=65), [record(NAME, 65, 60, data)]))
    found = reply(on.handle(query(qtype=65), profile(triggers=(banned("2001:db8::/32"),)), 1))
    assert found.source is Source.BLOCKED


def test_an_answer_is_judged_for_each_policy_however_often_they_take_turns() -> None:
    on = engine((query(), [A]))
    strict = profile(triggers=(banned("192.0.2.0/24"),), generation=5)
    loose = profile(triggers=(banned("203.0.113.0/24"),), generation=6)
    for _ in range(3):
        assert reply(on.handle(query(), strict, 1)).source is Source.BLOCKED
        assert reply(on.handle(query(), loose, 1)).source is Source.CACHE
        assert reply(on.handle(query(), FREE, 1)).source is Source.CACHE


def test_an_address_rule_may_ask_for_an_answer_of_its_own() -> None:
    on = engine((query(), [A]))
    drops = profile(triggers=(banned("192.0.2.0/24", own=Own(Action.DROP)),))
    assert isinstance(on.handle(query(), drops, 1), Drop)


@pytest.mark.parametrize(
    ("triggers", "blocked"),
    [
        ((banned("192.0.2.0/24"), banned("192.0.2.1/32", ALLOW)), False),
        ((banned("192.0.2.0/24", ALLOW), banned("192.0.2.1/32")), True),
        ((banned("192.0.2.1/32"), banned("192.0.2.1/32", ALLOW)), False),
    ],
)
def test_within_a_list_the_narrowest_network_of_an_address_counts(
    triggers: tuple[Trigger, ...], blocked: bool
) -> None:
    found = reply(engine((query(), [A])).handle(query(), profile(triggers=triggers), 1))
    assert (found.source is Source.BLOCKED) is blocked


@pytest.mark.parametrize(("effect", "blocked"), [(BLOCK, False), (Effect.IMPORTANT_BLOCK, True)])
def test_a_name_that_is_let_through_may_have_any_address_but_one_of_an_important_rule(
    effect: Effect, blocked: bool
) -> None:
    allowed = profile(rule(effect=ALLOW), triggers=(banned("192.0.2.0/24", effect),))
    wire = query("ads.example")
    found = reply(engine((wire, [A])).handle(wire, allowed, 1))
    assert (found.source is Source.BLOCKED) is blocked


def test_a_stale_answer_with_a_blocked_address_is_not_given() -> None:
    on = engine((query(), [A]))
    strict = profile(triggers=(banned("192.0.2.0/24"),))
    outcome = on.handle(query(), strict, 100)
    assert isinstance(outcome, Forward)
    assert outcome.stale is not None
    found = reply(on.deliver_stale(outcome.query, strict, outcome.verdict, outcome.stale))
    assert found.source is Source.BLOCKED


# --- shadow -------------------------------------------------------------------------------------------------


def test_a_list_in_shadow_leaves_the_answer_as_if_it_were_not_there_and_is_noted_each_time() -> None:
    trial = profile(rule(), shadow=True, triggers=(banned("192.0.2.0/24"),), generation=7)
    for wire, records in (
        (query("ads.example"), [record(NAME, 1, 60, b"\xcb\0\x71\1")]),
        (query(), ALIAS),
        (query("b.example"), [A]),
    ):
        on = engine((wire, records))
        plain = reply(on.handle(wire, FREE, 1))
        for _ in range(2):
            found = reply(on.handle(wire, trial, 1))
            assert (found.wire, found.source, found.rcode) == (plain.wire, Source.CACHE, 0)
            assert found.verdict.shadow is not None
            assert found.verdict.shadow.list.name == "ads"
