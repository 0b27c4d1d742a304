"""What rules with answers, conditions and triggers come to, and lists in shadow, against a naive judge."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from resolver.core import names
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Action, Effect, Own, Rule, Scope, Side, Trigger, When
from resolver.core.names import from_text
from resolver.core.policy import Address, AnswerSettings, Group, Policy, PolicyList
from resolver.core.replies import AnswerMode
from tests.tables import build

TEXT = st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=3).map(".".join)
EFFECT = st.sampled_from(Effect)
OWN = st.one_of(
    st.none(),
    st.sampled_from([action for action in Action if action is not Action.DATA]).map(Own),
    st.just(Own(Action.DATA, ((1, b"\xc0\0\2\1"),))),
)
NETWORK = st.sampled_from(
    [ip_network(text) for text in ("192.0.2.0/24", "192.0.2.7/32", "2001:db8::/32", "0.0.0.0/0")]
)
NETWORKS = st.lists(NETWORK, max_size=2, unique=True).map(tuple)
TYPES = st.frozensets(st.sampled_from([1, 28, 65]), max_size=2)
WHEN = st.none() | st.builds(When, TYPES, TYPES, NETWORKS, NETWORKS)
RULE = st.builds(Rule, TEXT, st.sampled_from(Scope), EFFECT, st.just(1), note=st.just(""), own=OWN, when=WHEN)
RULES = st.lists(st.lists(RULE, max_size=4), min_size=1, max_size=4)
TRIGGER = st.builds(Trigger, NETWORK, st.just(Side.CLIENT), EFFECT, st.just(1), OWN)
CLIENT = st.sampled_from([ip_address(text) for text in ("192.0.2.7", "192.0.2.8", "2001:db8::1", "::1")])
QTYPE = st.sampled_from([1, 28, 65, 16])


class Word(NamedTuple):
    """Something that a list says here and now; larger is stronger, `depth` breaks ties."""

    effect: Effect
    depth: int
    list: int
    own: Own | None


@st.composite
def policies(draw: st.DrawFn) -> tuple[list[list[Rule]], list[PolicyList], list[Group]]:
    rules = draw(RULES)
    lists = [
        PolicyList(
            f"list {number}",
            Record(f"List {number}"),
            shadow=draw(st.booleans()),
            triggers=tuple(draw(st.lists(TRIGGER, max_size=2))),
        )
        for number in range(len(rules))
    ]
    chosen = st.frozensets(st.sampled_from(range(len(rules))))
    groups = [
        Group("default", (), draw(chosen), draw(st.sampled_from(AnswerMode))),
        Group("lab", (ip_network("192.0.2.0/24"),), draw(chosen), draw(st.sampled_from(AnswerMode))),
    ]
    return rules, lists, groups


def holds(when: When | None, client: Address, qtype: int) -> bool:
    if when is None:
        return True
    if qtype in when.but_types or any(client in network for network in when.but_clients):
        return False
    inside = not when.clients or any(client in network for network in when.clients)
    return inside and (not when.types or qtype in when.types)


def words(
    number: int, known: PolicyList, rules: Sequence[Rule], name: bytes, client: Address, qtype: int
) -> list[Word]:
    """Return what one list says: what its triggers say of the client, or else what its rules say."""
    told = [one for one in known.triggers if client in one.network]
    if told:
        narrowest = max(one.network.prefixlen for one in told)
        told = [one for one in told if one.network.prefixlen == narrowest]
        return [Word(one.effect, 999, number, one.own) for one in told]
    found = []
    for rule in rules:
        apex = from_text(rule.name)
        here = Scope.EXACT if apex == name else Scope.BELOW
        if rule.scope & here and names.is_within(name, apex) and holds(rule.when, client, qtype):
            found.append(Word(rule.effect, len(rule.name), number, rule.own))
    return found


def best(found: Sequence[Word]) -> list[Word]:
    """Return the words that may be the one that decides."""
    top = max([(word.effect, word.depth) for word in found], default=None)
    return [word for word in found if (word.effect, word.depth) == top]


def passes(found: Sequence[Word]) -> bool:
    return all(word.effect.allows for word in best(found))


def mode(word: Word, group: AnswerMode, known: PolicyList) -> str | None:
    if word.effect.allows:
        return None
    if word.own is None:
        return group.value
    return word.own.action.value


@given(policies(), CLIENT, TEXT, QTYPE)
def test_a_verdict_is_what_a_naive_judge_says(
    made: tuple[list[list[Rule]], list[PolicyList], list[Group]], client: Address, text: str, qtype: int
) -> None:
    rules, lists, groups = made
    name = from_text(text)
    policy = Policy(build(rules), lists, groups, AnswerSettings())
    found = policy.profile_for(client).decide(name, qtype)
    mine = groups[1] if client in ip_network("192.0.2.0/24") else groups[0]
    said = [words(n, lists[n], rules[n], name, client, qtype) for n in sorted(mine.lists)]
    enforced = [word for some in said for word in some if not lists[word.list].shadow]
    possible = best(enforced)
    assert found.unusual <= (found.blocks and found.answer is not None)
    if found.list is None:
        assert not possible
        assert not found.blocks
    else:
        answer = found.answer.mode.value if found.answer else None
        assert (found.effect, lists.index(found.list), answer) in {
            (word.effect, word.list, mode(word, mine.answer, lists[word.list])) for word in possible
        }
        assert (found.group, found.blocks) == (mine.name, not passes(enforced))
    would = {
        some[0].list: best([*enforced, *some])[0].effect
        for some in said
        if some and lists[some[0].list].shadow and passes([*enforced, *some]) is not passes(enforced)
    }
    if found.shadow is None:
        assert not would
    else:
        assert would[lists.index(found.shadow.list)] is found.shadow.effect
        assert found.shadow.effect is max(would.values())
        assert found.shadow.blocks is passes(enforced)
        assert found.shadow.group == mine.name


@given(policies(), CLIENT, CLIENT, TEXT, QTYPE)
def test_clients_who_share_a_profile_are_judged_alike_and_a_profile_stays_what_it_was(
    made: tuple[list[list[Rule]], list[PolicyList], list[Group]],
    one: Address,
    other: Address,
    text: str,
    qtype: int,
) -> None:
    rules, lists, groups = made
    policy = Policy(build(rules), lists, groups, AnswerSettings())
    first, second = policy.profile_for(one), policy.profile_for(other)
    assert policy.profile_for(one) is first
    assert (first is second) == (first.key == second.key)
    if first.standing != second.standing:
        assert first is not second
    name = from_text(text)
    assert first.decide(name, qtype) is first.decide(name, qtype)


@given(policies(), CLIENT, TEXT, QTYPE)
def test_a_stream_changes_only_what_is_for_tcp_alone(
    made: tuple[list[list[Rule]], list[PolicyList], list[Group]], client: Address, text: str, qtype: int
) -> None:
    rules, lists, groups = made
    profile = Policy(build(rules), lists, groups, AnswerSettings()).profile_for(client)
    over_udp = profile.decide(from_text(text), qtype)
    over_tcp = profile.decide(from_text(text), qtype, stream=True)
    if over_udp.answer is not None and over_udp.answer.mode is Action.TCP_ONLY:
        assert (over_tcp.blocks, over_tcp.effect) == (False, None)
    else:
        assert over_tcp is over_udp
