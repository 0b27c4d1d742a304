from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.hello import HEAD, UNRECOGNIZED_NAME, record_size, server_name


def hello(name: str | None) -> bytes:
    """Return what a client sends first."""
    context = ssl.create_default_context()
    context.check_hostname = name is not None
    back, there = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(back, there, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return there.read()


@pytest.mark.parametrize("name", ["chat.example", "xn--bcher-kva.example", f"{'a' * 63}.example"])
def test_the_name_that_a_client_asks_for_is_read(name: str) -> None:
    record = hello(name)
    assert record_size(record[:HEAD]) == len(record)
    assert server_name(record) == name


def test_the_name_is_lowercase() -> None:
    assert server_name(hello("CHAT.example").replace(b"chat", b"CHAT")) == "chat.example"


def test_a_client_that_asks_for_no_name_has_none() -> None:
    assert server_name(hello(None)) == ""


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\x16\x03\x01\x00",
        b"GET /",
        b"\x15\x03\x03\x00\x02",
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01@\x01",
        b"\x16\x02\x00\x01\x00",
        b"\x80.\x01\x03\x01",
    ],
    ids=["empty", "short", "http", "alert", "empty record", "too long", "old", "sslv2"],
)
def test_what_begins_no_handshake_has_no_size(head: bytes) -> None:
    assert record_size(head) == 0


@given(st.binary(max_size=2000))
def test_whatever_bytes_come_there_is_a_name_or_none(data: bytes) -> None:
    assert server_name(data).isascii()
    assert 0 <= record_size(data) <= 5 + 16384


@given(st.data())
def test_a_hello_that_is_changed_or_cut_anywhere_is_read_without_an_error(data: st.DataObject) -> None:
    record = bytearray(hello("chat.example"))
    for _ in range(data.draw(st.integers(0, 3))):
        record[data.draw(st.integers(0, len(record) - 1))] = data.draw(st.integers(0, 255))
    assert server_name(bytes(record[: data.draw(st.integers(0, len(record)))])).isascii()


def test_the_alert_is_fatal_and_says_that_the_name_is_unknown() -> None:
    kind, *version, high, low, level, description = UNRECOGNIZED_NAME
    assert (kind, version, high * 256 + low, level, description) == (21, [3, 3], 2, 2, 112)
