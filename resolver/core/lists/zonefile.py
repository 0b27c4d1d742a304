"""What zone files are written in (RFC 1035, section 5.1): fields of a line, types, names and origins."""

from __future__ import annotations

import re

from resolver.core.errors import NameFault
from resolver.core.names import from_text, to_text

MAX_TEXT = 253
"""Longest name as text, without the root dot."""

_TYPE_NAMES = """
    A AAAA AFSDB APL CAA CDNSKEY CDS CERT CNAME CSYNC DHCID DLV DNAME DNSKEY DS EUI48 EUI64 HINFO HIP
    HTTPS IPSECKEY ISDN KEY KX LOC MB MG MINFO MR MX NAPTR NS NSAP NSEC NSEC3 NSEC3PARAM OPENPGPKEY PTR
    PX RP RRSIG RT SIG SMIMEA SOA SPF SRV SSHFP SVCB TLSA TXT URI WKS X25 ZONEMD
"""
_TYPES = frozenset(_TYPE_NAMES.split())
"""Types that a zone file may hold."""

_FIELD = re.compile(
    r'[ \t]*+(?:([()])|("(?:[^"\\]|\\.)*+"|(?:[^ \t;()"\\]|\\.)++)(?=[ \t;()]|\Z))', re.DOTALL
).match
_END = re.compile(r"[ \t]*+(?:;.*+)?", re.DOTALL).fullmatch
is_ttl = re.compile(r"(?:[0-9]{1,10}+[smhdw]?+)++", re.ASCII | re.IGNORECASE).fullmatch
_GENERIC_TYPE = re.compile(r"TYPE[0-9]{1,5}", re.ASCII).fullmatch


class ZoneFault(Exception):
    """Why a record cannot be taken."""


def split_fields(line: str, depth: int) -> tuple[list[str], int] | str:
    """Return a line's fields and how many parentheses are open behind it, or why it has none."""
    fields, at = [], 0
    while not _END(line, at):
        field = _FIELD(line, at)
        if field is None:
            return "a quote or a backslash that is not closed"
        at = field.end()
        if field[2] is not None:
            fields.append(field[2])
        else:
            depth += 1 if field[1] == "(" else -1
            if depth < 0:
                return "a parenthesis that was not open"
    return fields, depth


def type_of(fields: list[str]) -> str:
    """Take TTL, class and type from the front of a record; return the type, empty if there is none."""
    ttl = in_class = False
    while fields and ((not ttl and is_ttl(fields[0])) or (not in_class and fields[0].upper() == "IN")):
        ttl, in_class = ttl or fields[0].upper() != "IN", in_class or fields[0].upper() == "IN"
        del fields[0]
    kind = fields.pop(0).upper() if fields else ""
    return kind if kind in _TYPES or _GENERIC_TYPE(kind) else ""


def full_name(text: str, origin: str | None) -> str:
    """Return a name in full: lowercase, with its root dot; relative only where the origin is."""
    if text == "@":
        text = origin or ""
        if origin is None:
            raise ZoneFault("relative to an origin that could not be read")
        return text
    if text.startswith('"'):
        raise ZoneFault("a name in quotes")
    plain = text.lower()
    if "\\" in text or not text.isascii():
        plain = _unescaped(text)
    if plain.endswith("."):
        return plain
    if origin is None:
        raise ZoneFault("relative to an origin that could not be read")
    return f"{plain}.{origin}" if origin not in ("", ".") else plain + origin


def _unescaped(text: str) -> str:
    """Return a name without needless escapes and U-labels."""
    stem = text[:-1].rstrip("\\") if text.endswith(".") else ""
    absolute = text.endswith(".") and (len(text) - 1 - len(stem)) % 2 == 0
    if len(text) > MAX_TEXT + 1 and not text.isascii():  # before IDNA, which takes its time
        raise ZoneFault(f"a name over {MAX_TEXT} characters")
    try:
        plain = to_text(from_text(text))
    except NameFault as fault:
        raise ZoneFault("not UTF-8" if re.search("[\udc80-\udcff]", text) else str(fault)[:200]) from fault
    return plain + "." if absolute and plain != "." else plain


def checked_origin(origin: str) -> str:
    """Return an origin. Raises ZoneFault if no name can be below it."""
    try:
        from_text(origin)
    except NameFault as fault:
        raise ZoneFault(str(fault)[:200]) from fault
    return origin
