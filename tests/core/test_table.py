"""The compiled table against the plain meaning of the rules."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core import names
from resolver.core.compiler import Count
from resolver.core.errors import TableFault
from resolver.core.keys import Secret
from resolver.core.lists.rule import Action, Effect, Own, Rule, Scope, When
from resolver.core.lists.rules import Kind, Resolution, Rules, collect
from resolver.core.names import from_text, to_text
from resolver.core.sets import Says
from resolver.core.steps import MAX_PROBE, NO_SET, make_words
from resolver.core.table import EMPTY, SLOTS_AT, Table, header, meaning, open_table
from resolver.core.table import build as build_table
from tests.tables import build

pytestmark = pytest.mark.usefixtures("on_both")
LABEL = st.sampled_from(["a", "b", "c"])
TEXT = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
NAME = st.one_of(TEXT, st.just(".")).map(from_text)
OWN = st.sampled_from([None, Own(Action.NULL), Own(Action.DATA, ((1, b"\xc0\0\2\1"),))])
RULE = st.builds(
    Rule,
    TEXT,
    st.sampled_from(list(Scope)),
    st.sampled_from(list(Effect)),
    st.integers(1, 99),
    st.just(""),
    OWN,
    st.none(),
)
LISTS = st.lists(st.lists(RULE, max_size=6), max_size=3)
WAYS = st.lists(st.sampled_from(list(Resolution)), min_size=3, max_size=3)


def reaches(rule: Rule, name: bytes) -> bool:
    apex = from_text(rule.name)
    if apex == name:
        return bool(rule.scope & Scope.EXACT)
    return bool(rule.scope & Scope.BELOW) and names.is_within(name, apex)


def counting(rules: list[Rule], name: bytes, way: Resolution) -> list[Rule]:
    """Return the rules of a list that count for a name, by the rule of its format."""
    reaching = [rule for rule in rules if reaches(rule, name)]
    if way is Resolution.STRONGEST:
        return reaching
    nearby = reaching if way is Resolution.CLOSEST else rules
    for apex in (name, *names.parents(name)):
        if any(rule.name == to_text(apex) for rule in nearby):
            there = [rule for rule in reaching if rule.name == to_text(apex)]
            wildcards = [rule for rule in there if rule.scope is Scope.BELOW]
            return wildcards if wildcards and apex != name and way is Resolution.CLOSEST else there
    return []


def meant(lists: list[list[Rule]], name: bytes, ways: list[Resolution]) -> dict[int, tuple[Effect, int]]:
    """Return what each list says: its strongest effect, and the length of the longest name that says so."""
    found = {}
    for number, rules in enumerate(lists):
        said = [(rule.effect, len(rule.name)) for rule in counting(rules, name, ways[number])]
        if said:
            found[number] = max(said)
    return found


@given(LISTS, NAME, WAYS)
def test_a_lookup_finds_what_the_rules_mean(
    lists: list[list[Rule]], name: bytes, ways: list[Resolution]
) -> None:
    table = build(lists, ways[: len(lists)])
    says: Says = table.sets[table.find(name)]
    expected = meant(lists, name, ways)
    assert {say.list: say.effect for say in says} == {n: effect for n, (effect, _) in expected.items()}
    lengths = [expected[say.list][1] for say in says]
    assert lengths == sorted(lengths, reverse=True)
    assert table.find(name) == table.find(name)


@given(LISTS, NAME)
def test_the_answer_that_is_asked_for_is_that_of_a_rule_that_decides(
    lists: list[list[Rule]], name: bytes
) -> None:
    table = build(lists)
    for say in table.sets[table.find(name)]:
        assert any(
            rule.effect == say.effect and rule.own == say.own and reaches(rule, name)
            for rule in lists[say.list]
        )


@given(LISTS)
def test_a_name_that_no_rule_is_near_is_found_only_where_a_rule_reaches_it(lists: list[list[Rule]]) -> None:
    table = build(lists)
    ways = [Resolution.STRONGEST] * 3
    for text in (
        "d",
        "xa",
        "ax",
        "a.d",
        "d.a.b",
        "d.d.d.d.d.a",
        "a.a.a.a.a.a.a",
        "a\\.a.a",
        "a\\000",
        "a.a\\000",
    ):
        expected = {number: effect for number, (effect, _) in meant(lists, from_text(text), ways).items()}
        assert {say.list: say.effect for say in table.sets[table.find(from_text(text))]} == expected


@given(LISTS)
def test_lists_that_say_the_same_at_the_same_name_stand_in_their_order(lists: list[list[Rule]]) -> None:
    for name in {from_text(rule.name) for rules in lists for rule in rules}:
        table = build(lists)
        expected = meant(lists, name, [Resolution.STRONGEST] * 3)
        order = sorted(expected, key=lambda number: (-expected[number][1], number))
        assert [say.list for say in table.sets[table.find(name)]] == order


@given(LISTS)
def test_equal_sets_are_kept_once(lists: list[list[Rule]]) -> None:
    table = build(lists)
    assert len(set(table.sets)) == len(table.sets)
    assert table.made.names == len({rule.name for rules in lists for rule in rules})


@given(LISTS)
def test_counts_are_names_those_in_no_other_list_repeats_and_those_that_add_nothing(
    lists: list[list[Rule]],
) -> None:
    table = build(lists)
    sets = [{rule.name for rule in rules if rule.scope} for rules in lists]
    for number, count in enumerate(table.counts):
        others = set().union(*(found for other, found in enumerate(sets) if other != number))
        assert count[:2] == (len(sets[number]), len(sets[number] - others))
        plain = [(rule.name, rule.scope, rule.effect, rule.own) for rule in lists[number]]
        assert count.duplicates == len(plain) - len(set(plain))


def test_a_name_that_its_own_list_covers_from_above_is_counted() -> None:
    rules = [
        Rule(text, Scope.SUBTREE, Effect.BLOCK, 1) for text in ("ads.example", "a.ads.example", "b.example")
    ]
    assert build([rules, rules[1:2]]).counts == (Count(3, 2, 0, 1), Count(1, 0, 0, 0))


@given(st.lists(TEXT, unique=True, max_size=40), st.integers(17, 60))
def test_a_list_may_ask_for_many_different_answers(texts: list[str], kinds: int) -> None:
    rules = [
        Rule(text, Scope.EXACT, Effect.BLOCK, 1, "", Own(Action.DATA, ((1, bytes([place % kinds])),)))
        for place, text in enumerate(texts)
    ]
    table = build([rules])
    for rule in rules:
        assert [say.own for say in table.sets[table.find(from_text(rule.name))]] == [rule.own]


def test_conditional_words_stand_beside_the_unconditional_one_of_their_list() -> None:
    narrow = When(types=frozenset([28]))
    rules = [
        Rule("ads.example", Scope.SUBTREE, Effect.BLOCK, 1),
        Rule("a.ads.example", Scope.SUBTREE, Effect.ALLOW, 2, when=narrow),
    ]
    table = build([rules])
    says = table.sets[table.find(from_text("x.a.ads.example"))]
    assert [(say.effect, say.when) for say in says] == [(Effect.ALLOW, narrow), (Effect.BLOCK, None)]


def written(table: Table) -> bytes:
    """Return the file of a table."""
    return whole(table.secret, table.slots, meaning(table.made, {"built": 1}))


def whole(secret: Secret, slots: memoryview, said: bytes) -> bytes:
    """Return a file whose checksums are right, whatever it says."""
    return header(secret, slots, said).ljust(SLOTS_AT, b"\0") + bytes(slots) + said


@given(LISTS, NAME)
def test_a_table_that_was_written_says_the_same_when_it_is_opened(
    lists: list[list[Rule]], name: bytes
) -> None:
    table = build(lists)
    opened = open_table(written(table))
    assert opened.sets[opened.find(name)] == table.sets[table.find(name)]
    assert opened.made == table.made
    assert opened.extra == {"built": 1}


TABLE = build([[Rule("ads.example", Scope.SUBTREE, Effect.BLOCK, 1)]])
SAID = meaning(TABLE.made, {"built": 1})
FILE = written(TABLE)


@pytest.mark.parametrize("at", [*range(104), *range(SLOTS_AT, len(FILE), 97), len(FILE) - 1])
def test_a_file_with_one_wrong_byte_is_refused(at: int) -> None:
    damaged = bytearray(FILE)
    damaged[at] ^= 0x40
    with pytest.raises(TableFault):
        open_table(bytes(damaged))


@given(st.integers(0, len(FILE) - 1))
def test_a_file_that_was_cut_off_is_refused(size: int) -> None:
    with pytest.raises(TableFault):
        open_table(FILE[:size])


@given(st.binary(max_size=200))
def test_what_is_no_table_is_refused(data: bytes) -> None:
    with pytest.raises(TableFault):
        open_table(data.ljust(SLOTS_AT + 1, b"\0"))
    with pytest.raises(TableFault):
        open_table(FILE + data + b"x")


@pytest.mark.parametrize(
    "said",
    [
        b"{",
        b"[]",
        b"[" * 100_000 + b"]" * 100_000,
        SAID.replace(b'"pairs"', b'"others"'),
        SAID.replace(b'"pairs":[[', b'"pairs":[[2,'),
        SAID.replace(b'"pairs":[[1,', b'"pairs":[[2,'),
        SAID.replace(b'"sets":[[],[[0,0]', b'"sets":[[],[[0,9]'),
        SAID.replace(b'"depths":["', b'"depths":["x'),
    ],
)
def test_a_whole_file_that_says_what_no_build_does_is_refused(said: bytes) -> None:
    assert said != SAID
    with pytest.raises(TableFault, match="cannot read"):
        open_table(whole(TABLE.secret, TABLE.slots, said))


@pytest.mark.parametrize(
    ("secret", "slots"),
    [
        (Secret(0, 1), bytes(TABLE.slots)),
        (TABLE.secret, b""),
        (TABLE.secret, bytes(TABLE.slots)[8:]),
        (TABLE.secret, bytes(8 * (1 + MAX_PROBE))),
    ],
)
def test_a_whole_file_whose_names_nobody_could_look_up_is_refused(secret: Secret, slots: bytes) -> None:
    with pytest.raises(TableFault, match="of a wrong size"):
        open_table(whole(secret, memoryview(slots), SAID))


def test_words_are_made_in_one_pass_whatever_the_number_of_kinds() -> None:
    """One pass a sixteen kinds would take a minute for these."""
    count = 65_000
    kinds = tuple([Kind(Scope.EXACT, Effect.BLOCK, None, When(types=frozenset([at]))) for at in range(count)])
    names = bytearray("".join([f"n{at}.example\n" for at in range(count)] * 4), "ascii")
    rules = Rules(names, array("I", range(4 * count)), array("H", [*range(count)] * 4), kinds)
    runs = make_words(rules, Secret((1 << 60) - 93, 12345)).runs
    assert [run.first for run in runs] == list(range(0, count, 16))
    assert sum([len(run.words) for run in runs]) == 4 * count
    assert all(list(run.words) == sorted(run.words) for run in runs)


def test_names_that_crowd_at_one_place_are_refused() -> None:
    """As for names that were made with the secret at hand."""
    rules = [Rule(f"a{number}.example", Scope.EXACT, Effect.BLOCK, 1) for number in range(MAX_PROBE + 2)]
    with pytest.raises(TableFault, match="crowd"):
        build_table([collect(rules)], Secret((1 << 48) - 59, 1))


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
