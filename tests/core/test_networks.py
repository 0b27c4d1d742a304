"""Values by network."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.networks import Address, Network, Networks

V4 = st.builds(
    lambda number, size: IPv4Network((number, size), strict=False),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)
V6 = st.builds(
    lambda number, size: IPv6Network((number, size), strict=False),
    st.integers(0, 2**128 - 1),
    st.integers(0, 128),
)


@given(st.lists(V4 | V6, max_size=8), st.data())
def test_an_address_is_found_in_the_networks_that_hold_it_the_narrowest_first(
    networks: list[Network], data: st.DataObject
) -> None:
    drawn: Address = data.draw(st.ip_addresses())
    inside = [network.network_address for network in networks]
    address = data.draw(st.sampled_from([drawn, *inside]))
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    holding = [network for network in networks if address in network]
    found = Networks([(network, network) for network in networks]).find(address.packed)
    assert found == sorted(holding, key=lambda network: -network.prefixlen)


def test_an_ipv4_address_written_as_one_of_ipv6_is_the_ipv4_address() -> None:
    known = Networks([(ip_network("192.0.2.0/24"), "lab"), (ip_network("::/0"), "all")])
    assert known.find(ip_address("::ffff:192.0.2.1").packed) == ["lab"]


@pytest.mark.parametrize("address", [IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")])
def test_nothing_is_found_where_there_is_nothing(address: Address) -> None:
    none: Networks[int] = Networks([])
    assert not none
    assert none.find(address.packed) == []
