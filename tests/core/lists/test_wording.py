"""Rules in words, as `nxwhy lists diff` shows them."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from resolver.core.lists.rule import Action, AnyRule, Effect, Own, Pattern, Rule, Scope, Side, Trigger, When
from resolver.core.lists.wording import wording

BLOCK, ALLOW = Effect.BLOCK, Effect.ALLOW
NETWORK = ip_network("192.0.2.0/24")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule("a.example", Scope.EXACT, BLOCK, 1), "a.example"),
        (Rule("a.example", Scope.SUBTREE, ALLOW, 1, "a note"), "a.example allow (subtree)"),
        (Rule("a.example", Scope.BELOW, Effect.IMPORTANT_ALLOW, 1), "a.example important allow (below)"),
        (Rule("a.example", Scope.EXACT, BLOCK, 1, own=Own(Action.NODATA)), "a.example answered nodata"),
        (
            Rule(
                "a.example", Scope.EXACT, BLOCK, 1, own=Own(Action.DATA, ((1, b"\xc0\0\2\1"), (16, b"\1x")))
            ),
            "a.example answered data A 192.0.2.1 TXT 0178",
        ),
        (
            Rule("a.example", Scope.EXACT, BLOCK, 1, when=When(frozenset([28, 1]), clients=(NETWORK,))),
            "a.example for A for AAAA for 192.0.2.0/24",
        ),
        (
            Pattern("ads[0-9]", "ads[0-9]", BLOCK, 1, ("b.example",), when=When(but_types=frozenset([1]))),
            "ads[0-9] (expression) but not b.example not for A",
        ),
        (
            Pattern("x*", "x.*", ALLOW, 1, when=When(but_clients=(NETWORK,))),
            "x* allow (expression) not for 192.0.2.0/24",
        ),
        (Trigger(NETWORK, Side.ANSWER, BLOCK, 1), "192.0.2.0/24 (address in an answer)"),
        (
            Trigger(NETWORK, Side.CLIENT, BLOCK, 1, Own(Action.DROP)),
            "192.0.2.0/24 (address of a client) answered drop",
        ),
    ],
)
def test_a_rule_says_what_it_is_about_what_it_does_and_what_narrows_it(rule: AnyRule, expected: str) -> None:
    assert wording(rule) == expected


def test_where_a_rule_stands_and_what_is_noted_there_makes_no_difference() -> None:
    one = Rule("a.example", Scope.EXACT, BLOCK, 1, "a note")
    assert wording(one) == wording(one._replace(line=7, note="another"))
