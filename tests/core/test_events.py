from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.events import Fate, Judged, Shown, client_text, judged, kept_network, kept_of
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Effect
from resolver.core.policy import Group, PolicyList, Shadow, Verdict
from resolver.core.replies import AnswerMode, Blocked
from tests.messages import packed

ADS, TRIAL = PolicyList("ads", Record("Ads")), PolicyList("trial", Record("Trial"), shadow=True)
BLOCKED = Verdict(Effect.BLOCK, ADS, "lab", Blocked(AnswerMode.NXDOMAIN, ADS.reason(), 30))
ALLOWED = Verdict(Effect.ALLOW, ADS, "lab")
SHADOW = Shadow(TRIAL, "default", Effect.BLOCK)
GROUPS = [Group(name, (), frozenset(), AnswerMode.NXDOMAIN) for name in ("first", "second")]


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (Verdict(), Judged(Fate.OPEN, "", "first")),
        (BLOCKED, Judged(Fate.BLOCKED, "ads", "lab")),
        (ALLOWED, Judged(Fate.ALLOWED, "ads", "lab")),
        (Verdict(shadow=SHADOW), Judged(Fate.SHADOW, "trial", "default")),
        (ALLOWED.shadowed(SHADOW), Judged(Fate.SHADOW, "trial", "default")),
        (BLOCKED.shadowed(Shadow(TRIAL, "default", Effect.ALLOW)), Judged(Fate.BLOCKED, "ads", "lab")),
        (Verdict(shadow=Shadow(TRIAL, "default", Effect.ALLOW)), Judged(Fate.OPEN, "", "first")),
    ],
)
def test_what_is_noted_is_the_list_that_decided_or_would_have(verdict: Verdict, said: Judged) -> None:
    assert judged(verdict, GROUPS) == said


def test_a_client_that_may_not_ask_is_in_no_group() -> None:
    assert judged(Verdict(), ()).group == ""


@pytest.mark.parametrize(
    ("address", "shown", "text"),
    [
        ("192.0.2.77", Shown.FULL, "192.0.2.77"),
        ("::ffff:192.0.2.77", Shown.FULL, "192.0.2.77"),
        ("2001:db8:1:2::3", Shown.FULL, "2001:db8:1:2::3"),
        ("192.0.2.77", Shown.NETWORK, "192.0.2.0/24"),
        ("::ffff:192.0.2.77", Shown.NETWORK, "192.0.2.0/24"),
        ("2001:db8:1:2::3", Shown.NETWORK, "2001:db8:1::/48"),
        ("192.0.2.77", Shown.NONE, ""),
        ("2001:db8:1:2::3", Shown.NONE, ""),
    ],
)
def test_of_a_client_is_kept_what_the_owner_says(address: str, shown: Shown, text: str) -> None:
    assert client_text(kept_of(packed(address), shown), shown) == text


@given(st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=1))
def test_clients_of_one_network_cannot_be_told_apart(address: bytes, other: bytes) -> None:
    assert kept_of(address, Shown.NETWORK) == kept_of(address[:3] + other, Shown.NETWORK)
    long, beside = b"\x20\1" + address + bytes(10), b"\x20\1" + address + other * 10
    assert kept_of(long, Shown.NETWORK) == kept_of(beside, Shown.NETWORK)


@pytest.mark.parametrize(
    ("network", "shown", "asked"),
    [
        ("192.0.2.7/32", Shown.FULL, "192.0.2.7/32"),
        ("192.0.2.7/32", Shown.NETWORK, "192.0.2.0/24"),
        ("192.0.0.0/16", Shown.NETWORK, "192.0.0.0/16"),
        ("2001:db8::1/128", Shown.NETWORK, "2001:db8::/48"),
    ],
)
def test_who_asks_for_a_client_gets_the_least_that_holds_it(network: str, shown: Shown, asked: str) -> None:
    assert kept_network(ip_network(network), shown) == ip_network(asked)


def test_an_empty_client_is_no_address() -> None:
    assert client_text(b"", Shown.FULL) == ""
    assert client_text(ip_address("192.0.2.1").packed, Shown.FULL) == "192.0.2.1"
