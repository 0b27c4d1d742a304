"""Conditions, triggers, shadow: one claim at a time."""

from __future__ import annotations

import gc
import weakref
from ipaddress import ip_address, ip_network

import pytest

from resolver.core import policy as p
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Action, Effect, Own, Rule, Scope, Side, Trigger, When
from resolver.core.names import from_text
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList, Verdict
from resolver.core.replies import AnswerMode
from tests.tables import build

BLOCK, ALLOW = Effect.BLOCK, Effect.ALLOW
CLIENTS = When(clients=(ip_network("192.0.2.0/24"),), but_clients=(ip_network("192.0.2.7/32"),))


def made(*lists: tuple[PolicyList, list[Rule]]) -> Policy:
    every = frozenset(range(len(lists)))
    groups = [Group("default", (), every, AnswerMode.NXDOMAIN)]
    return Policy(
        build([rules for _, rules in lists]), [known for known, _ in lists], groups, AnswerSettings()
    )


def known(name: str = "ads", **settings: object) -> PolicyList:
    return PolicyList(name, Record(name.title()), **settings)  # type: ignore[arg-type]


def rule(effect: Effect = BLOCK, own: Own | None = None, when: When | None = None) -> Rule:
    return Rule("ads.example", Scope.SUBTREE, effect, 1, "", own, when)


def decided(policy: Policy, qtype: int = 1, client: str = "192.0.2.1", name: str = "ads.example") -> Verdict:
    return policy.profile_for(ip_address(client)).decide(from_text(name), qtype)


@pytest.mark.parametrize(("client", "blocked"), [("192.0.2.1", True), ("192.0.2.7", False), ("::1", False)])
def test_a_client_that_must_not_match_wins(client: str, blocked: bool) -> None:
    assert decided(made((known(), [rule(when=CLIENTS)])), client=client).blocks is blocked


@pytest.mark.parametrize(("qtype", "blocked"), [(1, False), (28, True), (65, False)])
def test_a_rule_for_a_type_leaves_the_others(qtype: int, blocked: bool) -> None:
    policy = made((known(), [rule(when=When(types=frozenset([28])))]))
    assert decided(policy, qtype).blocks is blocked


@pytest.mark.parametrize(("qtype", "blocked"), [(1, True), (28, False), (65, True)])
def test_a_rule_for_all_types_but_one_leaves_that_one(qtype: int, blocked: bool) -> None:
    policy = made((known(), [rule(when=When(but_types=frozenset([28])))]))
    assert decided(policy, qtype).blocks is blocked


def test_an_exception_for_one_type_frees_that_type() -> None:
    policy = made((known(), [rule(), rule(ALLOW, when=When(types=frozenset([28])))]))
    assert [decided(policy, qtype).blocks for qtype in (1, 28)] == [True, False]


def test_a_name_without_conditions_is_not_unusual() -> None:
    profile = made((known(), [rule()])).profile_for(ip_address("192.0.2.1"))
    assert not profile.find(from_text("ads.example")).unusual
    assert not profile.find(from_text("www.example")).unusual


def test_types_that_no_rule_names_share_a_verdict() -> None:
    policy = made((known(), [rule(when=When(types=frozenset([28])))]))
    assert decided(policy, 1) is decided(policy, 16)


def test_clients_share_a_profile_where_they_meet_the_same_conditions() -> None:
    policy = made((known(), [rule(when=CLIENTS)]))
    one, two, other, far = (
        policy.profile_for(ip_address(text)) for text in ("192.0.2.1", "192.0.2.2", "192.0.2.7", "::1")
    )
    assert one is two
    assert other is far
    assert one is not other


def test_profiles_are_bounded_and_their_keys_never_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(p, "MAX_PROFILES", 4)
    rules = [rule(when=When(clients=(ip_network(f"192.0.2.{number}/32"),))) for number in range(20)]
    policy = made((known(), rules))
    keys = [policy.profile_for(ip_address(f"192.0.2.{number}")).key for number in range(20)]
    assert len(set(keys)) == 20
    assert len(policy._profiles) <= 4


# --- triggers about the client ------------------------------------------------------------------------------


def trigger(network: str, effect: Effect = BLOCK, own: Own | None = None) -> Trigger:
    return Trigger(ip_network(network), Side.CLIENT, effect, 1, own)


@pytest.mark.parametrize("side", list(Side))
def test_of_triggers_that_a_list_repeats_only_the_first_counts(side: Side) -> None:
    repeated = [
        Trigger(ip_network("192.0.2.0/24"), side, effect, line, Own(action))
        for line, action in ((1, Action.REFUSED), (2, Action.NULL), (3, Action.NULL))
        for effect in (BLOCK, Effect.IMPORTANT_BLOCK)
    ]
    found = p._networks([known(triggers=tuple(repeated)), known("other", triggers=tuple(repeated))], side)
    assert found.find(ip_address("192.0.2.1").packed) == [
        (0, repeated[0]),
        (0, repeated[1]),
        (1, repeated[0]),
        (1, repeated[1]),
    ]


def test_a_blocked_client_is_blocked_for_every_name() -> None:
    policy = made((known(triggers=(trigger("192.0.2.0/24", own=Own(Action.REFUSED)),)), []))
    for name in ("ads.example", "www.example", "."):
        found = decided(policy, name=name)
        assert found.answer is not None
        assert found.answer.mode is AnswerMode.REFUSED
        assert not decided(policy, name=name, client="::1").blocks


def test_a_client_that_is_let_through_is_so_for_every_name_of_every_list() -> None:
    policy = made((known(), [rule()]), (known("pass", triggers=(trigger("192.0.2.7/32", ALLOW),)), []))
    assert decided(policy).blocks
    assert not decided(policy, client="192.0.2.7").blocks


def test_an_important_block_beats_a_client_that_is_let_through() -> None:
    allowed = known("pass", triggers=(trigger("192.0.2.7/32", ALLOW),))
    assert decided(made((known(), [rule(Effect.IMPORTANT_BLOCK)]), (allowed, [])), client="192.0.2.7").blocks


def test_what_a_list_says_of_the_client_is_all_that_it_says_to_it() -> None:
    policy = made((known(triggers=(trigger("192.0.2.7/32"),)), [rule(ALLOW)]))
    assert decided(policy, client="192.0.2.7").blocks
    assert not decided(policy).blocks


def test_within_a_list_the_narrowest_network_of_the_client_counts() -> None:
    triggers = trigger("192.0.2.0/24", ALLOW), trigger("192.0.2.7/32")
    policy = made((known(triggers=triggers), []))
    assert decided(policy, client="192.0.2.7").blocks
    assert decided(policy).effect is ALLOW


def test_triggers_of_a_list_that_is_not_in_the_groups_of_the_client_do_not_count() -> None:
    lists = [known(triggers=(trigger("0.0.0.0/0"),))]
    policy = Policy(build([[]]), lists, [], AnswerSettings())
    assert not decided(policy).blocks


# --- lists in shadow ----------------------------------------------------------------------------------------


def test_a_list_in_shadow_blocks_nothing_and_is_noted() -> None:
    found = decided(made((known(shadow=True), [rule()])))
    assert (found.blocks, found.list, found.effect) == (False, None, None)
    assert found.shadow is not None
    assert (found.shadow.list.name, found.shadow.group, found.shadow.blocks) == ("ads", "default", True)


def test_a_list_in_shadow_that_changes_nothing_is_not_noted() -> None:
    trial = known("trial", shadow=True)
    assert decided(made((known(), [rule()]), (trial, [rule()]))).shadow is None
    assert decided(made((known(), [rule(ALLOW)]), (trial, [rule()]))).shadow is None
    assert decided(made((known(), []), (trial, [rule(ALLOW)]))).shadow is None


def test_an_exception_in_shadow_is_noted_and_the_name_stays_blocked() -> None:
    found = decided(made((known(), [rule()]), (known("trial", shadow=True), [rule(ALLOW)])))
    assert found.blocks
    assert found.shadow is not None
    assert not found.shadow.blocks


def test_of_several_lists_in_shadow_the_strongest_is_noted() -> None:
    one, two = known("one", shadow=True), known("two", shadow=True)
    found = decided(made((one, [rule()]), (two, [rule(Effect.IMPORTANT_BLOCK)])))
    assert found.shadow is not None
    assert found.shadow.list is two


# --- memory -------------------------------------------------------------------------------------------------


def test_a_policy_goes_when_it_is_replaced_without_waiting_for_the_garbage_collector() -> None:
    only = Rule("www.example", Scope.EXACT, BLOCK, 1, when=When(types=frozenset([28])))
    policy = made((known(triggers=(trigger("192.0.2.7/32"),)), [rule(when=CLIENTS), only]))
    profile = policy.profile_for(ip_address("192.0.2.1"))
    for name in ("ads.example", "www.example"):
        profile.decide(from_text(name), 28)
    gone = weakref.ref(policy)
    gc.collect()
    gc.disable()
    try:
        del policy, profile
        assert gone() is None
        assert gc.collect() == 0  # nor is anything of it in a cycle
    finally:
        gc.enable()
