"""Which names are answered here, and which leave for which upstream."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import dns.flags
import dns.message
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core import names
from resolver.core.routes import LocalZone, Routes
from resolver.core.wire import parse_query
from tests.messages import HOSTS, opt, parsed, query

# RFC 6303, section 4; RFC 7793
LOCAL_NETWORKS: list[IPv4Network | IPv6Network] = [
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
        *("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "255.255.255.255/32", "100.64.0.0/10"),
        *("::/128", "::1/128", "fd00::/8", "fe80::/10", "2001:db8::/32"),
    )
]
HERE = Routes()
DS = 43


def answered_here(text: str, routes: Routes = HERE) -> bool:
    return isinstance(routes.find(names.from_text(text)), LocalZone)


def neighbours(network: IPv4Network | IPv6Network) -> list[int]:
    first, last = int(network.network_address), int(network.broadcast_address)
    return [
        number for number in (first - 1, first, last, last + 1) if 0 <= number < 1 << network.max_prefixlen
    ]


@pytest.mark.parametrize("network", LOCAL_NETWORKS, ids=str)
def test_a_locally_served_reverse_zone_ends_where_its_network_does(
    network: IPv4Network | IPv6Network,
) -> None:
    kind = type(network.network_address)
    for address in map(kind, neighbours(network)):
        inside = any(address in one for one in LOCAL_NETWORKS)
        assert answered_here(address.reverse_pointer) is inside, address


@given(st.ip_addresses())
def test_reverse_names_are_answered_here_for_those_networks_and_no_others(address: object) -> None:
    found = ip_address(str(address))
    assert answered_here(found.reverse_pointer) is any(found in network for network in LOCAL_NETWORKS)


@given(HOSTS, st.sampled_from(["invalid", "test", "onion", "local", "alt", "home.arpa", "localhost"]))
def test_a_special_name_is_answered_here_with_all_below_it_and_nothing_that_only_ends_like_it(
    host: str, special: str
) -> None:
    assert answered_here(special)
    assert answered_here(f"{host}.{special}")
    assert not answered_here(f"{special}.example")
    assert not answered_here(f"x{special}")


RECORDS = [
    ("localhost", 1, "127.0.0.1"),
    ("localhost", 28, "::1"),
    ("a.b.localhost", 1, "127.0.0.1"),
    ("A.LocalHost", 28, "::1"),
    ("1.0.0.127.in-addr.arpa", 12, "localhost."),
    ("1." + "0." * 31 + "ip6.arpa", 12, "localhost."),
]


@pytest.mark.parametrize(("name", "qtype", "text"), RECORDS)
def test_localhost_is_loopback_and_back(name: str, qtype: int, text: str) -> None:
    asked = parse_query(query(name, qtype))
    zone = HERE.find(asked.name, asked.qtype)
    assert isinstance(zone, LocalZone)
    message = parsed(zone.shape(asked).reply(asked))
    assert message.flags & dns.flags.AA
    assert [rdata.to_text() for rdata in message.answer[0]] == [text]
    assert message.authority == []


EMPTY = [
    ("localhost", 16, 0, "localhost."),
    ("x.localhost", 65, 0, "localhost."),
    ("onion", 1, 0, "onion."),
    ("a.b.onion", 1, 3, "onion."),
    ("nas.home.arpa", 28, 3, "home.arpa."),
    ("resolver.arpa", 6, 0, "resolver.arpa."),
    ("resolver.arpa", 2, 0, "resolver.arpa."),
    ("x.localhost", 6, 0, "localhost."),
    ("x.localhost", 2, 0, "localhost."),
    ("nas.home.arpa", 6, 3, "home.arpa."),
    ("resolver.arpa", 64, 0, "resolver.arpa."),
    ("_dns.resolver.arpa", 64, 0, "resolver.arpa."),
    ("x.y.resolver.arpa", 1, 0, "resolver.arpa."),
    ("9.9.168.192.in-addr.arpa", 12, 3, "168.192.in-addr.arpa."),
    ("1.0.0.127.in-addr.arpa", 16, 0, "127.in-addr.arpa."),
    ("2.0.0.127.in-addr.arpa", 12, 3, "127.in-addr.arpa."),
    ("1.1.0.0.127.in-addr.arpa", 12, 3, "127.in-addr.arpa."),
]


@pytest.mark.parametrize("edns", [b"", opt(do=True)])
@pytest.mark.parametrize(("name", "qtype", "rcode", "zone"), EMPTY)
def test_what_is_not_there_is_denied_by_the_soa_of_its_zone(
    name: str, qtype: int, rcode: int, zone: str, edns: bytes
) -> None:
    asked = parse_query(query(name, qtype, opt=edns))
    found = HERE.find(asked.name, asked.qtype)
    assert isinstance(found, LocalZone)
    message = parsed(found.shape(asked).reply(asked))
    assert (message.rcode(), message.answer) == (rcode, [])
    assert message.flags & dns.flags.AA
    assert not message.flags & dns.flags.AD
    (soa,) = message.authority
    assert (soa.rdtype, soa.name.to_text(), soa.ttl) == (dns.rdatatype.SOA, zone, soa[0].minimum)


def told(name: str, qtype: int) -> dns.message.Message:
    asked = parse_query(query(name, qtype))
    found = HERE.find(asked.name, asked.qtype)
    assert isinstance(found, LocalZone)
    return parsed(found.shape(asked).reply(asked))


@pytest.mark.parametrize("qtype", [1, 12, 16])
def test_what_stands_above_a_name_that_is_there_is_there_too_and_empty(qtype: int) -> None:
    """RFC 8020: a name that does not exist has nothing below it."""
    for name in ("0.0.127.in-addr.arpa", "0.127.in-addr.arpa", "127.in-addr.arpa"):
        message = told(name, qtype)
        assert (message.rcode(), message.answer) == (0, [])
        assert message.authority[0].name.to_text() == "127.in-addr.arpa."


@pytest.mark.parametrize(
    "name", ["Home.Arpa", "168.192.in-addr.arpa", "1." + "0." * 31 + "ip6.arpa", "onion"]
)
def test_a_local_zone_has_its_soa_and_its_name_server_at_the_apex(name: str) -> None:
    """RFC 6303, section 3: the zone is its own name server."""
    soa, ns = told(name, 6), told(name, 2)
    for message in (soa, ns):
        assert (message.rcode(), message.authority) == (0, [])
        assert message.flags & dns.flags.AA
        assert message.answer[0].name == message.question[0].name
    denied = told(name, 99).authority[0]
    assert denied.to_text().lower() == soa.answer[0].to_text().lower()
    assert ns.answer[0][0].to_text().lower() == f"{name}.".lower()


def test_ds_of_a_delegated_zone_is_for_the_zone_above_to_answer() -> None:
    for name in ("home.arpa", "168.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"):
        assert HERE.find(names.from_text(name), DS) == "default"
        assert isinstance(HERE.find(names.from_text(name), 2), LocalZone)
        assert isinstance(HERE.find(names.from_text(f"a.{name}"), DS), LocalZone)


@pytest.mark.parametrize("name", ["onion", "test", "invalid", "local", "localhost", "resolver.arpa"])
def test_not_even_ds_of_the_other_zones_leaves_the_network(name: str) -> None:
    assert isinstance(HERE.find(names.from_text(name), DS), LocalZone)


def owned(**routes: str) -> Routes:
    return Routes({names.from_text(name): upstream for name, upstream in routes.items()})


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("corp.example", "office"),
        ("a.b.corp.example", "office"),
        ("lab.corp.example", "lab"),
        ("x.lab.corp.example", "lab"),
        ("xcorp.example", "default"),
        ("example", "default"),
        (".", "default"),
        ("1.1.168.192.in-addr.arpa", "office"),
        ("168.192.in-addr.arpa", "office"),
        ("a.test", "lab"),
    ],
)
def test_the_longest_route_of_the_owner_holds_also_over_what_is_answered_here(name: str, found: str) -> None:
    routes = owned(
        **{
            "corp.example": "office",
            "lab.corp.example": "lab",
            "168.192.in-addr.arpa": "office",
            "test": "lab",
        }
    )
    assert routes.find(names.from_text(name)) == found


def test_a_route_below_a_local_zone_leaves_the_rest_of_the_zone_here() -> None:
    routes = owned(**{"lab.test": "lab", ".": "all"})
    assert routes.find(names.from_text("x.lab.test")) == "lab"
    assert answered_here("y.test", routes)
    assert routes.find(names.from_text("free.example")) == "all"
    assert routes.find(names.ROOT) == "all"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("corp.example", "default"),
        ("lab.corp.example", "office"),
        ("x.lab.corp.example", "lab"),
        ("168.192.in-addr.arpa", "default"),
        (".", "all"),
    ],
)
def test_ds_of_a_zone_with_a_route_is_asked_where_the_zone_above_is(name: str, found: str) -> None:
    """RFC 4035, section 4.2: the parent has the DS records of a zone, and the proof that it has none."""
    zones = {"corp.example": "office", "lab.corp.example": "lab", "168.192.in-addr.arpa": "office"}
    routes = owned(**zones, **({".": "all"} if name == "." else {}))
    assert routes.find(names.from_text(name), DS) == found


def test_ds_of_a_zone_with_a_route_below_a_local_zone_is_answered_here() -> None:
    assert isinstance(owned(**{"lab.test": "lab"}).find(names.from_text("lab.test"), DS), LocalZone)


@given(HOSTS, st.lists(HOSTS, max_size=6))
def test_a_name_goes_where_the_nearest_route_above_it_says(name: str, routes: list[str]) -> None:
    made = Routes({names.from_text(f"{route}.example"): route for route in routes})
    asked = names.from_text(f"{name}.example")
    above = [route for route in routes if names.is_within(asked, names.from_text(f"{route}.example"))]
    nearest = max([names.from_text(f"{route}.example") for route in above], key=len, default=None)
    found = made.find(asked)
    assert isinstance(found, str)
    assert found == "default" if nearest is None else names.from_text(f"{found}.example") == nearest
