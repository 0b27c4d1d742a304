"""Who may ask, and how much."""

from __future__ import annotations

import math
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resolver.core import clients as c
from resolver.core.clients import PRIVATE, Clients, network_of, parse_address
from resolver.core.policy import NOTHING
from tests.messages import packed


def clients(rate: int | None = 3) -> Clients:
    return Clients(NOTHING, PRIVATE, rate)


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_only_addresses_of_the_private_networks_may_ask(address: IPv4Address | IPv6Address) -> None:
    found = clients().find(packed(str(address)))
    plain = parse_address(str(address))
    assert (found is not None) == any(plain in network for network in PRIVATE)


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("172.31.255.255", True),
        ("172.32.0.0", False),
        ("100.64.0.1", True),
        ("100.128.0.1", False),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("2001:db8::1", False),
        ("::ffff:10.0.0.1", True),
        ("::ffff:198.51.100.1", False),
        ("198.51.100.1", False),
    ],
)
def test_private_networks_are_loopback_rfc_1918_cgnat_link_local_and_ula(text: str, may: bool) -> None:
    assert (clients().find(packed(text)) is not None) is may


def test_a_client_is_known_by_then_and_the_same() -> None:
    known = clients()
    assert known.find(packed("10.0.0.1")) is known.find(packed("10.0.0.1")) is known.known[packed("10.0.0.1")]


def take(known: Clients, text: str, now: float) -> bool:
    client = known.find(packed(text))
    assert client is not None
    return client.bucket.take(now)


def test_a_client_has_its_rate_and_a_new_one_each_second() -> None:
    known = clients(rate=3)
    assert [take(known, "10.0.0.1", 0.0) for _ in range(5)] == [True] * 3 + [False] * 2
    assert [take(known, "10.0.0.1", 1.0) for _ in range(4)] == [True, True, True, False]
    assert take(known, "10.0.0.2", 1.0)


def test_a_client_that_saves_its_rate_up_gets_a_quarter_more_in_a_second_at_most() -> None:
    known = clients(rate=1000)
    assert take(known, "10.0.0.1", 0.0)
    passed = [take(known, "10.0.0.1", 9.9 + number / 10_000) for number in range(9_000)]
    assert sum(passed) <= 1250


def test_addresses_of_one_ipv6_network_share_a_rate() -> None:
    known = clients(rate=1)
    one, two, other = (known.find(packed(text)) for text in ("fd00::1", "fd00::2", "fd00:0:0:1::1"))
    assert one is not None
    assert two is not None
    assert other is not None
    assert one.bucket is two.bucket is not other.bucket


@pytest.mark.parametrize("text", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_has_no_bound(text: str) -> None:
    known = clients(rate=1)
    assert all(take(known, text, 0.0) for _ in range(10_000))


def test_without_a_rate_nobody_has_a_bound() -> None:
    known = clients(rate=None)
    assert all(take(known, "10.0.0.1", 0.0) for _ in range(10_000))


def test_memory_is_bounded_whatever_addresses_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c, "MAX_KNOWN", 50)
    known = clients()
    for number in range(1000):
        known.find(packed(str(ip_address("10.0.0.0") + number)))
        known.find(packed(str(ip_address("198.51.100.0") + number)))
    assert len(known.known) <= 50
    assert len(known._buckets) <= 50


def test_other_networks_may_be_let_in() -> None:
    known = Clients(NOTHING, (ip_network("2001:db8::/32"),), None)
    assert known.find(packed("2001:db8::1")) is not None
    assert known.find(packed("127.0.0.1")) is None


NETWORKS = st.lists(
    st.one_of(
        st.tuples(st.ip_addresses(v=4), st.integers(0, 32)),
        st.tuples(st.ip_addresses(v=6), st.integers(0, 128)),
    ).map(lambda found: ip_network(f"{found[0]}/{found[1]}", strict=False)),
    max_size=5,
)


@given(NETWORKS, st.data())
def test_who_may_ask_is_who_is_in_a_network_and_ipv4_stays_ipv4_over_ipv6(
    networks: list[IPv4Network | IPv6Network], data: st.DataObject
) -> None:
    near = [
        st.integers(int(network.network_address), int(network.broadcast_address)).map(
            type(network.network_address)
        )
        for network in networks
    ]
    address = data.draw(st.one_of(*near, st.ip_addresses(v=4), st.ip_addresses(v=6)))
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped is not None
    known = Clients(NOTHING, networks, None)
    if not mapped:
        inside = any(address in network for network in networks)
        assert (known.find(packed(str(address))) is not None) is inside
    if isinstance(address, IPv4Address):
        assert (known.find(packed(f"::ffff:{address}")) is not None) is inside


@given(
    st.integers(1, 20),
    st.lists(st.floats(0, 0.7), min_size=1, max_size=150),
)
@example(8, [0.0] * 9 + [0.9] * 3 + [0.0] * 40)
def test_in_no_second_does_a_client_get_more_than_its_rate_and_a_part_and_a_slow_one_is_never_held_back(
    rate: int, gaps: list[float]
) -> None:
    known, now, passed = clients(rate), 1000.0, []
    for gap in gaps:
        now += gap
        if take(known, "10.0.0.1", now):
            passed.append(now)
        else:
            assert len([then for then in passed if then > now - 1.0]) >= rate  # it had its share
    part = math.ceil(rate / c.GRANTS)
    most = math.ceil(rate / part) * part + part - 1
    for then in passed:
        assert len([other for other in passed if then <= other < then + 1.0]) <= most


def test_clients_of_one_group_share_a_profile_and_not_a_rate() -> None:
    known = clients()
    one, two = known.find(packed("10.0.0.1")), known.find(packed("10.0.0.2"))
    assert one is not None
    assert two is not None
    assert one.profile is two.profile
    assert one.bucket is not two.bucket


def test_who_was_forgotten_gets_its_bucket_back_while_buckets_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(c, "MAX_KNOWN", 10)
    known = clients(rate=1)
    first = known.find(packed("fd00::1"))
    assert first is not None
    for number in range(2, 30):
        known.find(packed(f"fd00::{number:x}"))  # one network: so many addresses, one bucket
    again = known.find(packed("fd00::1"))
    assert again is not None
    assert again is not first
    assert again.bucket is first.bucket


def test_who_may_ask_is_found_among_thousands_of_networks() -> None:
    networks = [IPv4Network((number << 8, 24)) for number in range(20_000)]
    many = Clients(NOTHING, networks, None)
    assert not many.admits(IPv4Address("203.0.113.9"))
    assert many.admits(IPv4Address(19_999 << 8))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_clients_are_told_apart_by_address_or_network(one: str, other: str, same: bool) -> None:
    assert (network_of(parse_address(one)) == network_of(parse_address(other))) is same
