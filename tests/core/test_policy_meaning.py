"""What the compiled policy decides, against what rules, groups and clients mean word by word."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from resolver.core import names
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Effect, Rule, Scope
from resolver.core.names import from_text
from resolver.core.policy import Address, AnswerSettings, Group, Network, Policy, PolicyList
from resolver.core.replies import AnswerMode
from resolver.core.wire import parse_query
from tests.messages import query
from tests.tables import build

TEXT = st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=4).map(".".join)
NAME = st.one_of(TEXT, st.just(".")).map(from_text)
RULE = st.builds(
    Rule,
    TEXT,
    st.sampled_from(list(Scope)),
    st.sampled_from(list(Effect)),
    st.just(1),
    own=st.none(),
    when=st.none(),
)
LISTS = st.lists(st.lists(RULE, max_size=4), min_size=1, max_size=4)
NETWORKS = [
    ip_network(text)
    for text in (
        *("0.0.0.0/0", "192.0.2.0/24", "192.0.2.0/25", "192.0.2.7/32", "198.51.100.0/24"),
        *("::/0", "2001:db8::/32", "2001:db8::/64", "2001:db8::7/128"),
    )
]
CLIENT = st.sampled_from(
    [
        ip_address(text)
        for text in (
            *("192.0.2.7", "192.0.2.8", "192.0.2.200", "198.51.100.1", "203.0.113.1"),
            *("2001:db8::7", "2001:db8::8", "2001:db8:1::7", "::ffff:192.0.2.7", "::ffff:203.0.113.1"),
        )
    ]
)


@st.composite
def groups(draw: st.DrawFn) -> list[Group]:
    found = []
    for name in draw(st.lists(st.sampled_from(["default", "x", "y", "z"]), unique=True)):
        networks = tuple(draw(st.lists(st.sampled_from(NETWORKS), max_size=3, unique=True)))
        lists = draw(st.frozensets(st.integers(0, 3)))
        found.append(Group(name, networks, lists, draw(st.sampled_from(AnswerMode))))
    return found


class Meant(NamedTuple):
    """What a verdict should say."""

    effect: Effect | None
    list: str | None
    group: str
    answer: str | None


def reaches(rule: Rule, name: bytes) -> bool:
    apex = from_text(rule.name)
    return bool(rule.scope & (Scope.EXACT if apex == name else Scope.BELOW)) and names.is_within(name, apex)


def groups_of(client: Address, groups: Sequence[Group]) -> list[Group]:
    """Return the groups that name the client, the narrowest entry first, then in their order."""
    if isinstance(client, IPv6Address) and client.ipv4_mapped:
        client = client.ipv4_mapped
    widths = {}
    for group in groups:
        entries = [network.prefixlen for network in group.networks if in_network(client, network)]
        if entries:
            widths[group.name] = max(entries)
    found = sorted((group for group in groups if group.name in widths), key=lambda group: -widths[group.name])
    default = [group for group in groups if group.name == "default"]
    return found or default or [Group("default", (), frozenset(), AnswerMode.NXDOMAIN)]


def in_network(client: Address, network: Network) -> bool:
    size = network.max_prefixlen - network.prefixlen
    return client.version == network.version and int(client) >> size == int(network.network_address) >> size


def meant(lists: list[list[Rule]], groups: Sequence[Group], client: Address, name: bytes) -> Meant:
    mine = groups_of(client, groups)
    words = [
        (rule.effect, len(rule.name), -number)
        for number, rules in enumerate(lists)
        if any(number in group.lists for group in mine)
        for rule in rules
        if reaches(rule, name)
    ]
    if not words:
        return Meant(None, None, "default", None)
    effect, _, negative = max(words)
    group = next(group for group in mine if -negative in group.lists)
    blocks = effect in (Effect.BLOCK, Effect.IMPORTANT_BLOCK)
    return Meant(effect, f"list {-negative}", group.name, mine[0].answer if blocks else None)


def policy(lists: list[list[Rule]], groups: Sequence[Group]) -> Policy:
    known = [PolicyList(f"list {number}", Record(f"List {number}")) for number in range(4)]
    return Policy(build(lists), known, groups, AnswerSettings())


@given(LISTS, groups(), CLIENT, st.lists(NAME, min_size=1, max_size=4))
def test_a_verdict_is_what_rules_groups_and_clients_mean(
    lists: list[list[Rule]], groups: list[Group], client: Address, asked: list[bytes]
) -> None:
    made = policy(lists, groups)
    for name in asked:
        found = made.decide(name, made.profile_for(client))
        answer = found.answer.mode if found.answer is not None else None
        said = Meant(found.effect, found.list.name if found.list else None, found.group, answer)
        assert said == meant(lists, groups, client, name)
        assert found.blocks == (answer is not None)
        if found.answer is not None:
            assert found.answer.reply(parse_query(query(name)))[3] & 0x0F == found.answer.rcode


@given(LISTS, groups(), CLIENT, CLIENT)
def test_clients_share_a_profile_if_and_only_if_they_are_in_the_same_groups(
    lists: list[list[Rule]], groups: list[Group], one: Address, other: Address
) -> None:
    made = policy(lists, groups)
    same = [group.name for group in groups_of(one, groups)] == [
        group.name for group in groups_of(other, groups)
    ]
    assert (made.profile_for(one) is made.profile_for(other)) == same
    assert (made.profile_for(one).key == made.profile_for(other).key) == same


def test_names_that_are_judged_alike_share_one_verdict_and_one_answer() -> None:
    rules = [Rule(f"a{number}.example", Scope.SUBTREE, Effect.BLOCK, number) for number in range(50)]
    made = policy([rules], [Group("default", (), frozenset([0]), AnswerMode.NXDOMAIN)])
    profile = made.profile_for(ip_address("192.0.2.1"))
    verdicts = {id(profile.decide(from_text(rule.name))) for rule in rules}
    verdicts.add(id(profile.decide(from_text("www.a7.example"))))
    assert len(verdicts) == 1
    assert len(profile.verdicts) == 1


def test_groups_that_answer_alike_share_the_answers_of_a_list() -> None:
    rules = [Rule("ads.example", Scope.SUBTREE, Effect.BLOCK, 1)]
    two = [
        Group("x", (ip_network("192.0.2.0/24"),), frozenset([0]), AnswerMode.NODATA),
        Group("y", (ip_network("198.51.100.0/24"),), frozenset([0]), AnswerMode.NODATA),
        Group("z", (ip_network("203.0.113.0/24"),), frozenset([0]), AnswerMode.REFUSED),
    ]
    made = policy([rules], two)
    first, second, third = (
        made.profile_for(ip_address(text)).decide(from_text("ads.example")).answer
        for text in ("192.0.2.1", "198.51.100.1", "203.0.113.1")
    )
    assert first is second
    assert first is not third
