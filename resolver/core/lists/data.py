"""The data of records as zone files write it -> its wire form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from types import MappingProxyType

from resolver.core.errors import NameFault

_A, _AAAA = 1, 28
_MAX_STRING = 255
"""Longest character string of a TXT record, in bytes (RFC 1035, section 3.3)."""
_ESCAPE = re.compile(rb"\\(?:([0-9]{3})|(.))", re.DOTALL)

ToName = Callable[[str], bytes]
"""The text of a name in a record's data -> its wire form; raises NameFault or ValueError."""


def read_data(kind: str, fields: Sequence[str], to_name: ToName) -> tuple[int, bytes] | None:
    """Return the number and the data of a record, None for a type that is not read here.

    `kind` is the type in capitals; quoted fields have their quotes. Raises ValueError for other data.
    """
    known = _TYPES.get(kind)
    if known is None:
        return None
    number, read = known
    try:
        return number, read(fields, to_name)
    except NameFault as fault:
        raise ValueError(str(fault)) from fault


def is_null(qtype: int, data: bytes) -> bool:
    """Say whether a record is an address that leads nowhere: a null or loopback one."""
    if qtype not in (_A, _AAAA):
        return False
    address = ip_address(data)
    return address.is_unspecified or address.is_loopback


def _ipv4(fields: Sequence[str], _: ToName) -> bytes:
    (text,) = fields
    return IPv4Address(text).packed


def _ipv6(fields: Sequence[str], _: ToName) -> bytes:
    (text,) = fields
    return IPv6Address("" if "%" in text else text).packed


def _name(fields: Sequence[str], to_name: ToName) -> bytes:
    (target,) = fields
    return to_name(target)


def _mx(fields: Sequence[str], to_name: ToName) -> bytes:
    preference, target = fields
    return _number(preference) + to_name(target)


def _srv(fields: Sequence[str], to_name: ToName) -> bytes:
    priority, weight, port, target = fields
    return _number(priority) + _number(weight) + _number(port) + to_name(target)


def _txt(fields: Sequence[str], _: ToName) -> bytes:
    strings = [_string(field) for field in fields]
    if not strings:
        raise ValueError("no string")
    return b"".join([bytes([len(string)]) + string for string in strings])


_Read = Callable[[Sequence[str], ToName], bytes]
_TYPES: Mapping[str, tuple[int, _Read]] = MappingProxyType(
    {
        "A": (_A, _ipv4),
        "AAAA": (_AAAA, _ipv6),
        "CNAME": (5, _name),
        "PTR": (12, _name),
        "MX": (15, _mx),
        "SRV": (33, _srv),
        "TXT": (16, _txt),
    }
)


def _number(text: str) -> bytes:
    """Return 16 bits. ValueError for any other text."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 0xFFFF):
        raise ValueError(text)
    return int(text).to_bytes(2, "big")


def _string(field: str) -> bytes:
    """Return a character string without its quotes and escapes. ValueError if it is too long."""
    text = field[1:-1] if field.startswith('"') else field
    found = _ESCAPE.sub(_unescape, text.encode(errors="surrogateescape"))
    if len(found) > _MAX_STRING:
        raise ValueError(field)
    return found


def _unescape(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1])]) if found[1] else found[2]  # ValueError over 255
