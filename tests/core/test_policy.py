"""Groups, clients, precedence."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.lists.record import Record
from resolver.core.lists.rule import Effect, Rule, Scope
from resolver.core.names import from_text
from resolver.core.policy import NOTHING, PASS, AnswerSettings, Group, Policy, PolicyList, strongest
from resolver.core.replies import AnswerMode
from resolver.core.sets import Say
from tests.tables import build

NX, NODATA, REFUSED = AnswerMode.NXDOMAIN, AnswerMode.NODATA, AnswerMode.REFUSED
LISTS = [PolicyList(name, Record(name.title())) for name in ("ads", "chat", "staff")]
RULES = [
    [Rule("ads.example", Scope.SUBTREE, Effect.BLOCK, 1)],
    [
        Rule("chat.example", Scope.SUBTREE, Effect.BLOCK, 1),
        Rule("ads.example", Scope.SUBTREE, Effect.BLOCK, 2),
    ],
    [Rule("good.ads.example", Scope.EXACT, Effect.ALLOW, 1)],
]


def group(name: str, networks: str, lists: set[int], answer: AnswerMode = NX) -> Group:
    return Group(name, tuple(map(ip_network, networks.split())), frozenset(lists), answer)


POLICY = Policy(
    build(RULES),
    LISTS,
    [
        group("default", "", {0}),
        group("lab", "192.0.2.0/24 2001:db8::/32", {1}, NODATA),
        group("desk", "192.0.2.7 2001:db8::7", {0, 2}, REFUSED),
    ],
    AnswerSettings(),
    generation=3,
)


def decided(name: str, client: str) -> tuple[str | None, str, str | None]:
    verdict = POLICY.decide(from_text(name), POLICY.profile_for(ip_address(client)))
    by = verdict.list.name if verdict.list else None
    return by, verdict.group, verdict.answer.mode if verdict.answer else None


@pytest.mark.parametrize(
    ("name", "client", "expected"),
    [
        ("ads.example", "198.51.100.1", ("ads", "default", NX)),
        ("chat.example", "198.51.100.1", (None, "default", None)),
        ("chat.example", "192.0.2.9", ("chat", "lab", NODATA)),
        ("chat.example", "192.0.2.7", ("chat", "lab", REFUSED)),
        ("www.ads.example", "192.0.2.7", ("ads", "desk", REFUSED)),
        ("good.ads.example", "192.0.2.7", ("staff", "desk", None)),
        ("x.good.ads.example", "192.0.2.7", ("ads", "desk", REFUSED)),
        ("good.ads.example", "192.0.2.9", ("chat", "lab", NODATA)),
        ("chat.example", "2001:db8::9", ("chat", "lab", NODATA)),
        ("chat.example", "2001:db8::7", ("chat", "lab", REFUSED)),
        ("chat.example", "::ffff:192.0.2.9", ("chat", "lab", NODATA)),
        ("other.example", "192.0.2.7", (None, "default", None)),
    ],
)
def test_a_client_has_the_lists_of_all_its_groups_and_the_answer_of_the_narrowest(
    name: str, client: str, expected: tuple[str | None, str, str | None]
) -> None:
    assert decided(name, client) == expected


SAYS = st.lists(
    st.builds(Say, st.integers(0, 5), st.sampled_from(list(Effect))), unique_by=lambda say: say.list
)


@given(SAYS, st.frozensets(st.integers(0, 5)))
def test_the_highest_precedence_decides_and_the_most_specific_within_it(
    says: list[Say], lists: frozenset[int]
) -> None:
    counted = [say for say in says if say.list in lists]
    found = strongest(counted)
    if found is None:
        assert counted == []
    else:
        assert found.effect == max(say.effect for say in counted)
        assert found == next(say for say in counted if say.effect == found.effect)


def test_precedence_is_important_allow_important_block_allow_block() -> None:
    order = sorted(Effect, reverse=True)
    assert order == [Effect.IMPORTANT_ALLOW, Effect.IMPORTANT_BLOCK, Effect.ALLOW, Effect.BLOCK]
    assert [effect.allows for effect in order] == [True, False, True, False]


def test_clients_of_the_same_groups_share_a_profile_and_others_do_not() -> None:
    lab = POLICY.profile_for(ip_address("192.0.2.9"))
    assert POLICY.profile_for(ip_address("192.0.2.10")) is lab
    assert POLICY.profile_for(ip_address("192.0.2.7")) is not lab


def test_profiles_of_different_policies_have_different_keys() -> None:
    later = Policy(build(RULES), LISTS, [group("lab", "192.0.2.0/24", {1})], AnswerSettings(), generation=4)
    keys = [POLICY.profile_for(ip_address(text)).key for text in ("192.0.2.9", "192.0.2.7", "198.51.100.1")]
    assert len({*keys, later.profile_for(ip_address("192.0.2.9")).key}) == 4


def test_without_a_default_group_a_client_of_no_group_is_free() -> None:
    policy = Policy(build(RULES), LISTS, [group("lab", "192.0.2.0/24", {0})], AnswerSettings())
    profile = policy.profile_for(ip_address("198.51.100.1"))
    assert policy.decide(from_text("ads.example"), profile) is profile.verdicts[1]
    assert not profile.decide(from_text("ads.example")).blocks


def test_the_policy_of_nothing_blocks_nothing() -> None:
    assert NOTHING.profile_for(ip_address("192.0.2.1")).decide(from_text("ads.example")) is PASS
