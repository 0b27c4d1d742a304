"""Why a name is blocked or not, told step by step."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from resolver.core.explain import explain
from resolver.core.lists.parsed import ParsedList, Tally
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Effect, Rule, Scope
from resolver.core.names import from_text
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList
from resolver.core.replies import AnswerMode
from resolver.core.routes import Routes
from resolver.core.table import build

RULES = {
    "ads": (
        Rule(from_text("example"), Scope.SUBTREE, Effect.BLOCK, 3),
        Rule(from_text("ads.example"), Scope.SUBTREE, Effect.BLOCK, 7),
    ),
    "staff": (Rule(from_text("good.ads.example"), Scope.EXACT, Effect.ALLOW, 1),),
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
PARSED = {name: ParsedList(rules, Tally()) for name, rules in RULES.items()}


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
