"""Why a name is blocked or not, told step by step."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.explain import explain
from resolver.core.identity import Identity
from resolver.core.lists.parsed import ParsedList, Tally
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Action, Effect, Own, Rule, Scope
from resolver.core.lists.rules import collect
from resolver.core.names import from_text, is_within
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList
from resolver.core.replies import AnswerMode
from resolver.core.routes import Routes
from tests.tables import build

RULES = {
    "ads": (
        Rule("example", Scope.SUBTREE, Effect.BLOCK, 3),
        Rule("ads.example", Scope.SUBTREE, Effect.BLOCK, 7),
    ),
    "staff": (Rule("good.ads.example", Scope.EXACT, Effect.ALLOW, 1),),
}
LISTS = [PolicyList(name, Record(name)) for name in RULES]
POLICY = Policy(
    build(list(RULES.values())),
    LISTS,
    [
        Group("default", (), frozenset([0]), AnswerMode.NXDOMAIN),
        Group("desk", (ip_network("192.0.2.0/24"),), frozenset([0, 1]), AnswerMode.NODATA),
    ],
    AnswerSettings(),
)
PARSED = {name: ParsedList(collect(rules), Tally()) for name, rules in RULES.items()}


@pytest.mark.parametrize(
    ("name", "client", "blocked", "line", "lists"),
    [
        ("www.ads.example", "198.51.100.1", True, 7, ["ads"]),
        ("other.example", "198.51.100.1", True, 3, ["ads"]),
        ("good.ads.example", "192.0.2.1", False, 1, ["ads", "staff"]),
        ("good.ads.example", "198.51.100.1", True, 7, ["ads"]),
        ("free.org", "192.0.2.1", False, None, ["ads", "staff"]),
    ],
)
def test_the_trace_names_the_lists_the_rule_and_its_line(
    name: str, client: str, blocked: bool, line: int | None, lists: list[str]
) -> None:
    found = explain(from_text(name), ip_address(client), POLICY, PARSED, Routes({from_text("org"): "out"}))
    assert found.verdict.blocks is blocked
    assert (found.rule.line if found.rule else None) == line
    assert [looked.list for looked in found.looked] == lists
    assert found.verdict is POLICY.decide(from_text(name), POLICY.profile_for(ip_address(client)))
    assert found.route == ("upstream out" if name == "free.org" else "upstream default")


def test_the_trace_says_what_is_answered_here() -> None:
    found = explain(from_text("a.localhost"), ip_address("192.0.2.1"), POLICY, PARSED, Routes())
    assert found.route == "answered here (localhost)"


def test_the_trace_says_that_ds_is_asked_above_the_zone() -> None:
    routes = Routes({from_text("corp.example"): "office"})
    for qtype, route in ((1, "upstream office"), (43, "upstream default")):
        found = explain(from_text("corp.example"), ip_address("192.0.2.1"), POLICY, PARSED, routes, qtype)
        assert found.route == route


@pytest.mark.parametrize(
    ("qtype", "route"), [(261, "answered here (about this resolver)"), (1, "upstream default")]
)
def test_the_trace_says_what_is_answered_about_the_resolver(qtype: int, route: str) -> None:
    name = from_text("dns.example")
    found = explain(name, ip_address("192.0.2.1"), POLICY, PARSED, Routes(), qtype, Identity(name))
    assert found.route == route


NAMES = st.sampled_from(["example", "a.example", "b.a.example", "c.b.a.example", "test", "a.test"])
WIRE = NAMES.map(from_text)
ANY_RULE = st.builds(
    Rule,
    NAMES,
    st.sampled_from(list(Scope)),
    st.sampled_from(list(Effect)),
    st.integers(1, 99),
    st.just(""),  # what is not given is made up, with types of records that there are not
    st.sampled_from([None, Own(Action.NULL)]),
    st.none(),
)
ANY_LISTS = st.lists(st.lists(ANY_RULE, max_size=6), min_size=1, max_size=4)


@given(ANY_LISTS, st.data())
def test_the_trace_agrees_with_the_server_and_its_rule_is_one_that_reaches_the_name(
    rules: list[list[Rule]], data: st.DataObject
) -> None:
    every = range(len(rules))
    chosen = st.frozensets(st.sampled_from(every))
    client, name = ip_address("192.0.2.1"), data.draw(WIRE)
    policy = Policy(
        build(rules),
        [PolicyList(f"list{number}", Record(f"list{number}")) for number in every],
        [
            Group("wide", (ip_network("192.0.2.0/24"),), data.draw(chosen), AnswerMode.NXDOMAIN),
            Group("narrow", (ip_network("192.0.2.1/32"),), data.draw(chosen), AnswerMode.NULL),
        ],
        AnswerSettings(),
    )
    parsed = {f"list{number}": ParsedList(collect(found), Tally()) for number, found in enumerate(rules)}
    found = explain(name, client, policy, parsed, Routes())
    assert found.groups == ("narrow", "wide")
    assert found.verdict is policy.profile_for(client).decide(name)
    assert (found.rule is None) == (found.verdict.list is None)
    if found.rule is None or found.verdict.list is None:
        return
    reach = Scope.EXACT if from_text(found.rule.name) == name else Scope.BELOW
    assert is_within(name, from_text(found.rule.name))
    assert found.rule.scope & reach
    assert found.rule.effect is found.verdict.effect
    looked = [look for look in found.looked if look.list == found.verdict.list.name]
    assert found.rule in looked[0].rules
    assert found.verdict.group in {look.group for look in looked}
    for look in looked:
        sizes = [len(rule.name) for rule in look.rules]
        assert sizes == sorted(sizes, reverse=True)


def test_a_list_that_could_not_be_read_leaves_the_verdict_and_no_rule() -> None:
    found = explain(from_text("www.ads.example"), ip_address("198.51.100.1"), POLICY, {}, Routes())
    assert found.verdict.blocks
    assert (found.rule, found.looked) == (None, ())
