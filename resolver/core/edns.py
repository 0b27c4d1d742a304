"""Reading the EDNS record of a message (RFC 6891), in time linear in its length. Only WireError is raised."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import NamedTuple

from resolver.core.errors import WireError

MAX_OPTIONS = 64
"""Most EDNS options in a message; clients send one or two, and two dozen are defined."""
_FIXED = struct.Struct(">HHIH")


class Edns(NamedTuple):
    """What an OPT record says: payload size in bytes, version, the DO bit, extended RCODE bits, options."""

    payload: int
    version: int
    do: bool
    extended_rcode: int
    options: tuple[tuple[int, bytes], ...]


def parse_opt(record: bytes) -> Edns:
    """Read one whole OPT record (RFC 6891, section 6.1); of another version no options. Raises WireError."""
    if record[:3] != b"\0\0\x29" or len(record) < 11:
        raise WireError("bad OPT record")
    _, payload, flags, length = _FIXED.unpack_from(record, 1)
    if 11 + length != len(record):
        raise WireError("OPT record of a wrong length")
    options: list[tuple[int, bytes]] = []
    at = 11
    while at < len(record) and not flags & 0xFF0000:
        if len(options) == MAX_OPTIONS:
            raise WireError("too many EDNS options")
        if at + 4 > len(record):
            raise WireError("EDNS option cut short")
        code, size = struct.unpack_from(">HH", record, at)
        at += 4 + size
        if at > len(record):
            raise WireError("EDNS option cut short")
        options.append((code, record[at - size : at]))
    return Edns(payload, flags >> 16 & 0xFF, bool(flags & 0x8000), flags >> 24, tuple(options))


_remembered = lru_cache(maxsize=1024)(parse_opt)
"""Clients send the same few records over and over."""
_LONGEST_REMEMBERED = 256
"""In bytes: a thousand long records would be memory that a client can take from us."""


def read_opt(record: bytes) -> Edns:
    """Read one whole OPT record as `parse_opt` does; the usual ones are remembered."""
    return _remembered(record) if len(record) <= _LONGEST_REMEMBERED else parse_opt(record)
