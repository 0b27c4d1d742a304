"""The compiled table against the plain meaning of the rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core import names
from resolver.core.lists.rule import Effect, Rule, Scope
from resolver.core.names import from_text
from resolver.core.table import EMPTY, NO_SET, Says, build, matches

LABEL = st.sampled_from(["a", "b", "c"])
TEXT = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
NAME = st.one_of(TEXT, st.just(".")).map(from_text)
RULE = st.builds(Rule, TEXT, st.sampled_from(list(Scope)), st.sampled_from(list(Effect)), st.integers(1, 99))
LISTS = st.lists(st.lists(RULE, max_size=6), max_size=3)


def reaches(rule: Rule, name: bytes) -> bool:
    apex = from_text(rule.name)
    if apex == name:
        return bool(rule.scope & Scope.EXACT)
    return bool(rule.scope & Scope.BELOW) and names.is_within(name, apex)


def meant(lists: list[list[Rule]], name: bytes) -> dict[int, tuple[Effect, int]]:
    """Return what each list says: its strongest effect, and the length of the longest name that says so."""
    found = {}
    for number, rules in enumerate(lists):
        said = [(rule.effect, len(rule.name)) for rule in rules if reaches(rule, name)]
        if said:
            found[number] = max(said)
    return found


@given(LISTS, NAME)
def test_a_lookup_finds_what_the_rules_mean(lists: list[list[Rule]], name: bytes) -> None:
    table = build(lists)
    says: Says = table.sets[table.find(name)]
    expected = meant(lists, name)
    assert {say.list: say.effect for say in says} == {n: effect for n, (effect, _) in expected.items()}
    lengths = [expected[say.list][1] for say in says]
    assert lengths == sorted(lengths, reverse=True)


@given(LISTS)
def test_a_name_that_no_rule_is_near_is_found_only_where_a_rule_reaches_it(lists: list[list[Rule]]) -> None:
    table = build(lists)
    for text in ("d", "xa", "ax", "a.d", "d.a.b", "d.d.d.d.d.a", "a.a.a.a.a.a.a"):
        expected = {number: effect for number, (effect, _) in meant(lists, from_text(text)).items()}
        assert {say.list: say.effect for say in table.sets[table.find(from_text(text))]} == expected


@given(LISTS)
def test_lists_that_say_the_same_at_the_same_name_stand_in_their_order(lists: list[list[Rule]]) -> None:
    for name in {from_text(rule.name) for rules in lists for rule in rules}:
        table = build(lists)
        expected = meant(lists, name)
        order = sorted(expected, key=lambda number: (-expected[number][1], number))
        assert [say.list for say in table.sets[table.find(name)]] == order


@given(LISTS)
def test_equal_sets_and_pairs_are_kept_once(lists: list[list[Rule]]) -> None:
    table = build(lists)
    assert len(set(table.sets)) == len(table.sets)
    assert len(set(table.pairs)) == len(table.pairs)
    assert set(table.entries) == {from_text(rule.name) for rules in lists for rule in rules}


@given(LISTS)
def test_counts_are_distinct_names_and_those_in_no_other_list(lists: list[list[Rule]]) -> None:
    table = build(lists)
    sets = [{rule.name for rule in rules} for rules in lists]
    for number, count in enumerate(table.counts):
        others = set().union(*(found for other, found in enumerate(sets) if other != number))
        assert count == (len(sets[number]), len(sets[number] - others))


@given(st.lists(RULE, max_size=8), NAME)
def test_matches_are_the_rules_that_reach_the_name_most_specific_first(
    rules: list[Rule], name: bytes
) -> None:
    found = matches(rules, name)
    assert sorted(found) == sorted(rule for rule in rules if reaches(rule, name))
    assert [len(rule.name) for rule in found] == sorted((len(rule.name) for rule in found), reverse=True)


@pytest.mark.parametrize(
    ("name", "blocked"),
    [
        ("wechat.com", True),
        ("web.wechat.com", True),
        ("a.b.c.wechat.com", True),
        ("notwechat.com", False),
        ("wechat.com.example", False),
        ("com", False),
        (".", False),
        ("exact.example", True),
        ("below.exact.example", False),
        ("only.example", False),
        ("below.only.example", True),
    ],
)
def test_rules_reach_as_far_as_they_say_and_stop_at_labels(name: str, blocked: bool) -> None:
    table = build(
        [
            [
                Rule("wechat.com", Scope.SUBTREE, Effect.BLOCK, 1),
                Rule("exact.example", Scope.EXACT, Effect.BLOCK, 2),
                Rule("only.example", Scope.BELOW, Effect.BLOCK, 3),
            ]
        ]
    )
    assert (table.find(from_text(name)) != NO_SET) is blocked


def test_the_empty_table_finds_nothing() -> None:
    assert EMPTY.find(from_text("a.example")) == NO_SET
    assert EMPTY.sets[NO_SET] == ()
