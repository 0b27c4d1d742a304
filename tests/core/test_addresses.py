"""The addresses of an answer: what dnspython would find, and bounds on what a server can make of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.addresses import MAX_ADDRESSES, addresses
from resolver.core.errors import WireError
from resolver.core.wire import parse_answer
from tests.messages import answer, record, wire_name

QUESTION = b"\5lists\7example\0\0\1\0\1"
OWNER = b"\xc0\x0c"


def found(*records: bytes, question: bytes = QUESTION) -> tuple[str, ...]:
    wire = answer(question, records)
    assert parse_answer(wire, question) is not None
    return addresses(wire, question)


def a(number: int, owner: bytes = OWNER) -> bytes:
    return record(owner, 1, 60, bytes([192, 0, 2, number]))


def alias(owner: bytes, target: str) -> bytes:
    return record(owner, 5, 60, wire_name(target))


def test_addresses_come_in_the_order_of_the_answer() -> None:
    assert found(a(3), a(1), a(2)) == ("192.0.2.3", "192.0.2.1", "192.0.2.2")


def test_only_the_type_asked_for_counts() -> None:
    aaaa = record(OWNER, 28, 60, bytes(15) + b"\1")
    assert found(a(1), aaaa) == ("192.0.2.1",)
    assert found(a(1), aaaa, question=QUESTION[:-4] + b"\0\x1c\0\1") == ("::1",)
    assert found(record(OWNER, 16, 60, b"\1a"), question=QUESTION[:-4] + b"\0\x10\0\1") == ()


def test_aliases_are_followed_whatever_the_order_and_the_case() -> None:
    chain = [
        a(7, wire_name("c.example")),
        alias(wire_name("B.example"), "C.Example"),
        alias(OWNER, "b.EXAMPLE"),
    ]
    assert found(*chain) == found(*reversed(chain)) == ("192.0.2.7",)


def test_addresses_of_other_names_do_not_count() -> None:
    assert found(a(6, wire_name("evil.example")), a(1)) == ("192.0.2.1",)
    assert found(a(6, wire_name("evil.example"))) == ()


def test_records_of_another_class_do_not_count() -> None:
    chaos = bytearray(a(1))
    chaos[len(OWNER) + 3] = 3
    assert found(bytes(chaos)) == ()


def test_a_loop_of_aliases_ends() -> None:
    assert found(alias(OWNER, "b.example"), alias(wire_name("b.example"), "lists.example")) == ()
    assert found(alias(OWNER, "lists.example"), a(1)) == ("192.0.2.1",)


def test_there_are_no_more_than_a_few() -> None:
    assert len(found(*[a(number) for number in range(100)])) == MAX_ADDRESSES


@pytest.mark.parametrize("data", [b"", b"\xc0\0\2", b"\xc0\0\2\1\1"])
def test_an_address_of_a_wrong_length_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        found(record(OWNER, 1, 60, data))


@given(
    st.lists(
        st.sampled_from([a(1), a(2), alias(OWNER, "b.example"), a(3, wire_name("b.example"))]), max_size=5
    ),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6),
)
def test_whatever_the_bytes_only_a_wire_error_comes_out(
    records: list[bytes], changes: list[tuple[int, int]]
) -> None:
    wire = bytearray(answer(QUESTION, records))
    for at, byte in changes:
        wire[at % len(wire)] = byte
    try:
        if (read := parse_answer(bytes(wire), QUESTION)) is not None and not read.truncated:
            addresses(bytes(wire), QUESTION)
    except WireError:
        pass
