"""Messages for tests, built by hand and by dnspython."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import ip_address

import dns.message
import dns.name
from hypothesis import strategies as st

OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"


def wire_name(text: str) -> bytes:
    """Return a name in wire form, its case kept."""
    labels = dns.name.from_text(text).labels
    return b"".join([bytes([len(label)]) + label for label in labels])


def packed(address: str) -> bytes:
    """Return an address in network order."""
    return ip_address(address).packed


def query(
    name: str | bytes = "www.example",
    qtype: int = 1,
    *,
    qclass: int = 1,
    flags: int = 0x0100,
    opt: bytes = b"",
    ident: int = 0x1234,
) -> bytes:
    """Return a query; `name` as text, its case kept, or in wire form."""
    wire = wire_name(name) if isinstance(name, str) else name
    head = struct.pack(">6H", ident, flags, 1, 0, 0, 1 if opt else 0)
    return head + wire + struct.pack(">2H", qtype, qclass) + opt


def opt(*, payload: int = 1232, do: bool = False, version: int = 0, options: bytes = b"") -> bytes:
    """Return an OPT record."""
    flags = version << 16 | (0x8000 if do else 0)
    return b"\0" + struct.pack(">HHIH", 41, payload, flags, len(options)) + options


def record(owner: bytes, rtype: int, ttl: int, data: bytes) -> bytes:
    """Return one record of class IN."""
    return owner + struct.pack(">HHIH", rtype, 1, ttl, len(data)) + data


def answer(
    question: bytes,
    answers: Sequence[bytes] = (),
    authority: Sequence[bytes] = (),
    additional: Sequence[bytes] = (),
    *,
    flags: int = 0x8180,
    ident: int = 0x1234,
) -> bytes:
    """Return an answer to a question (name, type, class) with records as they are."""
    head = struct.pack(">6H", ident, flags, 1, len(answers), len(authority), len(additional))
    return head + question + b"".join([*answers, *authority, *additional])


def parsed(wire: bytes) -> dns.message.Message:
    """Return what dnspython makes of a message."""
    return dns.message.from_wire(wire)


def errors(message: dns.message.Message) -> list[tuple[int, str]]:
    """Return the extended errors of a message: (code, text)."""
    return [(int(option.code), option.text or "") for option in message.options if int(option.otype) == 15]


LABELS = st.binary(min_size=1, max_size=63)
WIRE_NAMES = (
    st.lists(LABELS, max_size=8)
    .map(lambda labels: b"".join([bytes([len(label)]) + label for label in labels]) + b"\0")
    .filter(lambda name: len(name) <= 255)
)
HOST_LABELS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=12)
HOSTS = st.lists(HOST_LABELS, min_size=1, max_size=5).map(".".join)
