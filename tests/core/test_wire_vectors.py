"""Messages byte for byte, as the RFCs have them or as they are made by hand after them."""

from __future__ import annotations

import pytest

from resolver.core.edns import Edns, parse_opt
from resolver.core.names import from_text, to_text
from resolver.core.wire import parse_answer, parse_query
from tests.messages import answer, record

EXAMPLE_COM = "07 65 78 61 6d 70 6c 65 03 63 6f 6d 00"
FOO_EXAMPLE_COM = "03 66 6f 6f" + EXAMPLE_COM
FOO_EXAMPLE_ORG = "03 66 6f 6f 07 65 78 61 6d 70 6c 65 03 6f 72 67 00"
HTTPS_QUESTION = bytes.fromhex(EXAMPLE_COM + "00 41 00 01")


@pytest.mark.parametrize(
    ("rdata", "target"),
    [
        pytest.param("00 00" + FOO_EXAMPLE_COM, "foo.example.com", id="figure 2, AliasMode"),
        pytest.param("00 01 00", None, id="figure 3, the owner itself"),
        pytest.param(
            "00 10" + FOO_EXAMPLE_COM + "00 03 00 02 00 35", "foo.example.com", id="figure 4, a port"
        ),
        pytest.param(
            "00 01" + FOO_EXAMPLE_COM + "02 9b 00 05 68 65 6c 6c 6f",
            "foo.example.com",
            id="figure 5, an unknown key",
        ),
        pytest.param(
            "00 01" + FOO_EXAMPLE_COM + "02 9b 00 09 68 65 6c 6c 6f d2 71 6f 6f",
            "foo.example.com",
            id="figure 6, an unknown key with a byte that is no text",
        ),
        pytest.param(
            "00 01" + FOO_EXAMPLE_COM + "00 06 00 20"
            "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01"
            "20 01 0d b8 00 00 00 00 00 00 00 00 00 53 00 01",
            "foo.example.com",
            id="figure 7, two IPv6 hints",
        ),
        pytest.param(
            "00 01" + EXAMPLE_COM + "00 06 00 10 20 01 0d b8 01 22 03 44 00 00 00 00 c0 00 02 21",
            "example.com",
            id="figure 8, an IPv6 hint",
        ),
        pytest.param(
            "00 10" + FOO_EXAMPLE_ORG + "00 00 00 04 00 01 00 04"
            "00 01 00 09 02 68 32 05 68 33 2d 31 39 00 04 00 04 c0 00 02 01",
            "foo.example.org",
            id="figure 9, mandatory keys",
        ),
        pytest.param(
            "00 10" + FOO_EXAMPLE_ORG + "00 01 00 0c 08 66 5c 6f 6f 2c 62 61 72 02 68 32",
            "foo.example.org",
            id="figure 10, an ALPN value with a comma",
        ),
    ],
)
def test_the_vectors_of_rfc_9460_lead_where_they_say(rdata: str, target: str | None) -> None:
    """Appendix D; the record's owner is example.com, as there."""
    wire = answer(HTTPS_QUESTION, [record(b"\xc0\x0c", 65, 7200, bytes.fromhex(rdata))])
    found = parse_answer(wire, HTTPS_QUESTION)
    assert found is not None
    assert [to_text(alias) for alias in found.aliases] == ([target] if target else [])
    assert found.body.endswith(bytes.fromhex(rdata))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("00 0029 1000 00 00 0000 0000", Edns(4096, 0, False, 0, ())),
        ("00 0029 04d0 00 00 8000 0000", Edns(1232, 0, True, 0, ())),
        ("00 0029 0200 01 00 0000 0000", Edns(512, 0, False, 1, ())),  # BADVERS, RFC 6891 section 9
        ("00 0029 0200 00 05 7fff 0000", Edns(512, 5, False, 0, ())),
        (
            "00 0029 04d0 00 00 0000 000c 000a 0008 2464c4abcf10c957",  # a client cookie, RFC 9018 A.1
            Edns(1232, 0, False, 0, ((10, bytes.fromhex("2464c4abcf10c957")),)),
        ),
        (
            "00 0029 04d0 00 00 8000 000f 000f 0007 0012 6469 6e6f 21 000c 0000",  # RFC 8914, RFC 7830
            Edns(1232, 0, True, 0, ((15, b"\0\x12dino!"), (12, b""))),
        ),
    ],
)
def test_opt_records_are_read_field_by_field(record: str, expected: Edns) -> None:
    assert parse_opt(bytes.fromhex(record)) == expected


def test_a_query_as_resolvers_on_hosts_send_it() -> None:
    """AD set, DO clear, a cookie and the payload size of the flag day."""
    wire = bytes.fromhex(
        "c0de 0120 0001 0000 0000 0001"
        "03 777777 07 6578616d706c65 04 74657374 00 001c 0001"
        "00 0029 04d0 00 00 0000 000c 000a 0008 0102030405060708"
    )
    found = parse_query(wire)
    assert found.name == from_text("www.example.test")
    assert found.qtype == 28
    assert found.wants_ad
    assert not found.do
    assert found.limit == 1232
    assert found.edns == Edns(1232, 0, False, 0, ((10, bytes(range(1, 9))),))


def test_an_answer_with_a_compressed_chain() -> None:
    wire = bytes.fromhex(
        "c0de 8180 0001 0003 0000 0001"
        "03 777777 07 6578616d706c65 04 74657374 00 0001 0001"  # 12: www.example.test, 20 with type, class
        "c00c 0005 0001 0000012c 0006 03 63646e c010"  # cdn.example.test at 46
        "c02e 0005 0001 0000003c 0004 01 61 c02e"  # a.cdn.example.test
        "c040 0001 0001 0000001e 0004 c0000201"
        "00 0029 04d0 00 00 0000 0000"
    )
    found = parse_answer(wire, wire[12:34])
    assert found is not None
    assert [to_text(alias) for alias in found.aliases] == ["cdn.example.test", "a.cdn.example.test"]
    assert found.ttls == ((6, 300), (24, 60), (40, 30))
    assert found.min_ttl == 30
    assert found.counts == (3, 0, 0)
    assert found.negative_ttl is None
    assert found.body == wire[34:-11]


def test_a_name_error_with_the_zone_s_soa() -> None:
    """The form of RFC 2308, section 2.1: type 1 without NS records."""
    wire = bytes.fromhex(
        "c0de 8583 0001 0000 0001 0000"
        "02 616e 07 6578616d706c65 00 0001 0001"  # an.example: 12 to 24, `example` at 15
        "c00f 0006 0001 00000e10 001e"
        "03 6e7331 c00f 01 68 c00f 00000001 00000708 00000384 00093a80 00000384"
    )
    found = parse_answer(wire, wire[12:28])
    assert found is not None
    assert found.rcode == 3
    assert found.negative_ttl == 900
    assert found.min_ttl == 3600
    assert found.counts == (0, 1, 0)
