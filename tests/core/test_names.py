"""Canonical names: text to wire and back."""

from __future__ import annotations

import dns.exception
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core import names
from resolver.core.errors import NameFault
from tests.messages import HOSTS, WIRE_NAMES


@given(WIRE_NAMES)
def test_every_name_survives_text_and_back(name: bytes) -> None:
    assert names.from_text(names.to_text(name)) == name.lower()


@given(HOSTS)
def test_host_names_are_as_dnspython_writes_them(host: str) -> None:
    assert names.from_text(host) == dns.name.from_text(host.lower()).to_wire()
    assert names.to_text(names.from_text(host)) == host


@given(WIRE_NAMES)
def test_names_of_any_bytes_are_as_dnspython_writes_and_reads_them(name: bytes) -> None:
    second, _ = dns.name.from_wire(name, 0)
    assert names.from_text(second.to_text()) == name.lower()
    assert names.to_text(name) == second.to_text(omit_final_dot=True)


@given(WIRE_NAMES, WIRE_NAMES)
def test_what_is_above_and_within_is_as_dnspython_has_it(name: bytes, other: bytes) -> None:
    name, other = name.lower(), other.lower()
    second, above = dns.name.from_wire(name, 0)[0], []
    while second != dns.name.root:
        second = second.parent()
        above.append(second.to_wire())
    assert list(names.parents(name)) == above
    assert list(names.labels(name)) == list(dns.name.from_wire(name, 0)[0].labels[:-1])
    for parent in (name, other, *names.parents(name)):
        within = dns.name.from_wire(name, 0)[0].is_subdomain(dns.name.from_wire(parent, 0)[0])
        assert names.is_within(name, parent) == within


@given(st.text(st.sampled_from('aA1.\\-_ 029@;"'), min_size=1).filter(lambda text: text != "@"))
def test_text_with_dots_and_escapes_is_read_as_dnspython_reads_it(text: str) -> None:
    """A lone @ is the origin of a zone file there, and a name here."""
    try:
        second = dns.name.from_text(text).canonicalize().to_wire()
    except dns.exception.DNSException:
        with pytest.raises(NameFault):
            names.from_text(text)
    else:
        assert names.from_text(text) == second


@given(st.text())
def test_any_text_is_a_name_or_a_fault(text: str) -> None:
    try:
        name = names.from_text(text)
    except NameFault:
        return
    assert len(name) <= 255
    assert b"".join([bytes([len(label)]) + label for label in names.labels(name)]) + b"\0" == name
    assert name == name.lower()


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        (".", b"\0"),
        ("Example.", b"\7example\0"),
        ("_dns.example", b"\4_dns\7example\0"),
        ("a\\.b.example", b"\3a.b\7example\0"),
        ("a\\032b", b"\3a b\0"),
        ("a\\;b", b"\3a;b\0"),
        ("a\\255", b"\2a\xff\0"),
        ("bücher.example", b"\x0dxn--bcher-kva\7example\0"),
        ("BÜCHER。example", b"\x0dxn--bcher-kva\7example\0"),
        ("faß.example", b"\6xn--fa-hia\7example\0".replace(b"\6xn", b"\x0axn")),
    ],
)
def test_names_as_people_write_them(text: str, wire: bytes) -> None:
    assert names.from_text(text) == wire


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a..b",
        ".a",
        "a" * 64,
        ".".join(["a" * 60] * 5),
        "a\\",
        "a\\1",
        "a\\256",
        "a\\999",
        "ü" * 70,
        "\u200d.x",
        "a.ü..b",
    ],
)
def test_what_is_no_name_is_a_fault(text: str) -> None:
    with pytest.raises(NameFault):
        names.from_text(text)


def test_odd_bytes_are_shown_as_escapes() -> None:
    assert names.to_text(b"\5a.b\\\xff\1 \0") == "a\\.b\\\\\\255.\\032"
    assert names.to_text(b"\0") == "."
    assert names.to_text(b"\4 !~\x7f\0") == "\\032!~\\127"


def test_the_longest_names_and_labels_pass_and_one_byte_more_is_a_fault() -> None:
    assert len(names.from_text(".".join(["a" * 63] * 3 + ["a" * 61]))) == 255
    with pytest.raises(NameFault, match="over 255"):
        names.from_text(".".join(["a" * 63] * 3 + ["a" * 62]))
    assert names.from_text("\\000" * 63) == b"\x3f" + bytes(63) + b"\0"
    with pytest.raises(NameFault, match="over 63"):
        names.from_text("\\000" * 64)


def test_parents_are_the_nearest_first_and_the_root_last() -> None:
    assert list(names.parents(b"\1a\1b\1c\0")) == [b"\1b\1c\0", b"\1c\0", b"\0"]
    assert list(names.parents(b"\0")) == []


def test_a_shared_ending_of_a_label_is_not_within() -> None:
    wechat = names.from_text("wechat.com")
    assert names.is_within(wechat, wechat)
    assert names.is_within(names.from_text("web.wechat.com"), wechat)
    assert not names.is_within(names.from_text("notwechat.com"), wechat)
    assert not names.is_within(names.from_text("com"), wechat)
