"""The addresses in the records of an answer."""

from __future__ import annotations

from ipaddress import ip_address

import dns.rdata
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.answers import read_addresses
from resolver.core.cache import Ageing, from_answer
from resolver.core.errors import WireError
from resolver.core.wire import parse_answer
from tests.messages import answer, query, record

NAME = b"\xc0\x0c"


def found(records: list[bytes], additional: list[bytes] | None = None, qtype: int = 1) -> list[str]:
    question = query(qtype=qtype)[12:]
    parsed = parse_answer(answer(question, records, [], additional or []), question)
    assert parsed is not None
    return [str(ip_address(packed)) for packed in from_answer(parsed, Ageing(), 0).addresses()]


def https(text: str) -> bytes:
    return dns.rdata.from_text("IN", "HTTPS", text).to_wire() or b""


def test_the_addresses_of_an_answer_are_read_each_once() -> None:
    four, six = b"\xc0\0\2\1", ip_address("2001:db8::1").packed
    given = [record(NAME, 1, 60, four), record(NAME, 28, 60, six), record(NAME, 1, 60, four)]
    assert found(given) == ["192.0.2.1", "2001:db8::1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 . ipv4hint=192.0.2.1,192.0.2.2", ["192.0.2.1", "192.0.2.2"]),
        ('1 svc.example. alpn="h2,h3" port=8443 ipv6hint=2001:db8::1', ["2001:db8::1"]),
        ("1 . ipv4hint=192.0.2.1 ipv6hint=2001:db8::1", ["192.0.2.1", "2001:db8::1"]),
        ("0 svc.example.", []),
        ("1 . alpn=h2", []),
    ],
)
def test_the_hints_of_https_records_are_addresses(text: str, expected: list[str]) -> None:
    assert found([record(NAME, 65, 60, https(text))], qtype=65) == expected


def test_records_of_other_sections_types_and_sizes_hold_no_address() -> None:
    four = b"\xc0\0\2\1"
    assert (
        found([record(NAME, 16, 60, four), record(NAME, 1, 60, four + b"\0")], [record(NAME, 1, 60, four)])
        == []
    )


@given(st.lists(st.tuples(st.sampled_from([1, 28, 64, 65, 5]), st.binary(max_size=60)), max_size=4))
def test_whatever_the_data_only_whole_addresses_come_out(records: list[tuple[int, bytes]]) -> None:
    question = query(qtype=65)[12:]
    try:
        parsed = parse_answer(
            answer(question, [record(NAME, rtype, 60, data) for rtype, data in records]), question
        )
    except WireError:
        return
    assert parsed is not None
    addresses = read_addresses(parsed.body, [at - 4 for at, _ in parsed.ttls])
    assert {len(address) for address in addresses} <= {4, 16}
