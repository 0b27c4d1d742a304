from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.config import quantities as q
from resolver.config.quantities import Endpoint


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30),
        ("5m", 300),
        ("2h", 7200),
        ("1d", 86400),
        ("1w", 604800),
        ("1h 30m", 5400),
        ("1.5s", 1.5),
        ("2 h", None),
        ("off", 0),
        ("0", 0),
        ("", None),
        ("30", None),
        ("-1s", None),
        ("1e3", None),
        ("1e3s", None),
        ("12:30:45", None),
        ("\u0663s", None),
        ("s", None),
        ("1s,", None),
        ("99999999999s", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    if seconds is None:
        with pytest.raises(ValueError, match="write it as 500ms, 30s, 5m, 2h or 1d"):
            q.duration_s(text)
    else:
        assert q.duration_s(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64MiB", 64 << 20),
        ("512KiB", 512 << 10),
        ("1GiB", 1 << 30),
        ("12B", 12),
        ("1048576", 1 << 20),
        ("64 MiB", 64 << 20),
        ("64MB", None),
        ("64mib", None),
        ("1.5GiB", None),
        ("1e6", None),
        ("\u0663MiB", None),
        ("", None),
    ],
)
def test_sizes(text: str, size: int | None) -> None:
    if size is None:
        with pytest.raises(ValueError, match="write it as 512KiB, 64MiB or 1GiB"):
            q.size_bytes(text)
    else:
        assert q.size_bytes(text) == size


@pytest.mark.parametrize(
    ("text", "rate"), [("1000/s", 1000), ("1 / s", 1), ("off", None), ("0/s", -1), ("5/m", -1), ("5", -1)]
)
def test_rates(text: str, rate: int | None) -> None:
    if rate == -1:
        with pytest.raises(ValueError, match="write it as 1000/s, or off"):
            q.rate_per_s(text)
    else:
        assert q.rate_per_s(text) == rate


@given(st.integers(0, 10**9))
def test_a_duration_is_the_same_after_it_was_written_and_read(milliseconds: int) -> None:
    assert q.duration_s(q.duration_text(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)


@given(st.integers(0, 1 << 40))
def test_a_size_is_the_same_after_it_was_written_and_read(size: int) -> None:
    assert q.size_bytes(q.size_text(size)) == size


@given(
    st.ip_addresses().filter(lambda address: getattr(address, "ipv4_mapped", None) is None),
    st.integers(0, 65535),
)
def test_an_endpoint_is_the_same_after_it_was_written_and_read(
    host: IPv4Address | IPv6Address, port: int
) -> None:
    assert q.endpoint(str(Endpoint(str(host), port))) == (str(host), port)


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_a_network_is_the_same_after_it_was_written_and_read(address: IPv4Address, prefix: int) -> None:
    network = ip_network((address, prefix), strict=False)
    assert q.network(str(network)) == network


@pytest.mark.parametrize(
    ("text", "port", "found"),
    [
        ("192.0.2.1:53", None, ("192.0.2.1", 53)),
        ("192.0.2.1:0", None, ("192.0.2.1", 0)),
        ("192.0.2.1", 53, ("192.0.2.1", 53)),
        ("[2001:db8::1]:5353", None, ("2001:db8::1", 5353)),
        ("[2001:DB8:0:0::1]", 53, ("2001:db8::1", 53)),
        ("[::]:53", None, ("::", 53)),
    ],
)
def test_endpoints(text: str, port: int | None, found: tuple[str, int]) -> None:
    assert q.endpoint(text, port) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("192.0.2.1", "'192.0.2.1' lacks a port; write 192.0.2.1:PORT"),
        ("[2001:db8::1]", "'[2001:db8::1]' lacks a port; write [2001:db8::1]:PORT"),
        (
            "2001:db8::1",
            "'2001:db8::1' is no address with a port; put an IPv6 address in brackets: [2001:db8::1]:53",
        ),
        (
            "::1:5335",
            "'::1:5335' is no address with a port; put an IPv6 address in brackets:"
            " [::1]:5335 or [::1:5335]:53",
        ),
        ("8053", "'8053' is no address with a port; write it as 127.0.0.1:8053"),
        ("192.0.2.1:53:53", "'192.0.2.1:53:53' is no address with a port"),
        ("[192.0.2.1]:53", "'[192.0.2.1]:53': brackets are for IPv6 addresses, and only for these"),
        ("192.0.2.1:65536", "port 65536 is over 65535"),
        ("192.0.2.1:\u0663", "'192.0.2.1:\u0663' is no address with a port"),
        ("localhost:53", "'localhost' is no IP address"),
        ("192.0.2.01:53", "'192.0.2.01' is no IP address"),
        (":53", "'' is no IP address"),
        ("[fe80::1%eth0]:53", "'[fe80::1%eth0]:53': an address of one interface only is not taken yet"),
        ("[::ffff:192.0.2.1]:53", "'[::ffff:192.0.2.1]:53': write a mapped address as IPv4: 192.0.2.1"),
        ("x" * 99 + ":1", repr("x" * 77 + "...") + " is no IP address"),
    ],
)
def test_what_is_no_endpoint_is_refused_with_what_to_do(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        q.endpoint(text)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("192.0.2.1/24", "'192.0.2.1/24' has host bits set: is 192.0.2.0/24 meant, or 192.0.2.1?"),
        ("2001:db8::1/32", "'2001:db8::1/32' has host bits set: is 2001:db8::/32 meant, or 2001:db8::1?"),
        ("192.0.2.0/33", "'192.0.2.0/33' is no address and no network as 192.0.2.0/24"),
        ("private", "'private' is no address and no network as 192.0.2.0/24"),
        ("192.0.2.0/", "'192.0.2.0/' is no address and no network as 192.0.2.0/24"),
        (
            "::ffff:192.0.2.7",
            "'::ffff:192.0.2.7': clients with mapped addresses count as IPv4: write 192.0.2.7",
        ),
    ],
)
def test_what_is_no_network_is_refused_with_what_to_do(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        q.network(text)
    assert str(caught.value) == said


def test_a_network_can_be_one_address() -> None:
    assert q.network("192.0.2.7") == ip_network("192.0.2.7/32")
    assert q.network("2001:db8::7") == ip_network("2001:db8::7/128")


@given(st.text())
def test_reading_raises_nothing_but_value_errors(text: str) -> None:
    for read in (q.duration_s, q.size_bytes, q.rate_per_s, q.address, q.network, q.endpoint):
        try:
            read(text)
        except ValueError as exc:
            said = str(exc)
        else:
            continue
        assert "\n" not in said
