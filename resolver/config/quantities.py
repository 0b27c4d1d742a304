"""Durations, sizes, rates, query types, addresses and networks as owners write them."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

from resolver.core.lists.query_types import type_number
from resolver.core.policy import Network

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) *(ms|s|m|h|d|w)")
_SIZE = re.compile(r"([0-9]{1,15}) *(B|KiB|MiB|GiB|)")
_FACTOR = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) *(%?)")
_RATE = re.compile(r"([0-9]{1,9}) */ *s")


FIRST_OPTION, LAST_OPTION = 16, 65534
"""EDNS options that may be given a meaning: those below have one that we or our clients use."""
LONGEST_COUNT = 9
"""Most digits of a count."""

_PORT = r"(?::([0-9]{1,5}))?"
_BRACKETED = re.compile(r"\[([^\]]*)\]" + _PORT)
_PLAIN = re.compile(r"([^:\[\]]*)" + _PORT)


class Endpoint(NamedTuple):
    """An address and a port to listen on or to ask."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def duration_s(text: str) -> float:
    """Return seconds of `30s`, `5m`, `1h 30m`, `1d`, or `off` (0). Raises ValueError."""
    if text in {"off", "0"}:
        return 0.0
    parts = [_DURATION.fullmatch(part) for part in text.split()]
    if not parts or None in parts:
        raise ValueError(f"{shown(text)} is no duration; write it as 500ms, 30s, 5m, 2h or 1d")
    return float(sum(float(part[1]) * _SECONDS[part[2]] for part in parts if part))


def size_bytes(text: str) -> int:
    """Return bytes of `64MiB`. Raises ValueError."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"{shown(text)} is no size; write it as 512KiB, 64MiB or 1GiB")
    return int(found[1]) * _BYTES[found[2]]


def edns_option(text: str) -> int | None:
    """Return the code of an EDNS option that is not in use otherwise, None for `off`. Raises ValueError."""
    if text == "off":
        return None
    if text.isascii() and text.isdecimal() and len(text) <= 5 and FIRST_OPTION <= int(text) <= LAST_OPTION:
        return int(text)
    raise ValueError(f"must be the number of an EDNS option, {FIRST_OPTION} to {LAST_OPTION}, or off")


def count(text: str) -> int:
    """Return a whole number. Raises ValueError."""
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_COUNT):
        raise ValueError(f"{shown(text)} is no number; write it as 10000")
    return int(text)


def duration_text(seconds: float) -> str:
    """Return a duration as an owner would write it."""
    for unit in ("w", "d", "h", "m", "s"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    return f"{seconds * 1000:.0f}ms" if seconds else "0s"


def size_text(size: int) -> str:
    """Return a size as an owner would write it."""
    unit = next(
        (unit for unit in ("GiB", "MiB", "KiB") if size >= _BYTES[unit] and size % _BYTES[unit] == 0), "B"
    )
    return f"{size // _BYTES[unit]}{unit}"


def factor(text: str) -> float | None:
    """Return a factor of `0.5` or `50%`, None for `off`. Raises ValueError."""
    if text == "off":
        return None
    found = _FACTOR.fullmatch(text)
    if found is None:
        raise ValueError(f"{shown(text)} is no factor; write it as 0.5, 50% or off")
    return float(found[1]) / (100 if found[2] else 1)


def rate_per_s(text: str) -> int | None:
    """Return queries a second of `1000/s`, None for `off`. Raises ValueError."""
    if text == "off":
        return None
    found = _RATE.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise ValueError(f"{shown(text)} is no rate; write it as 1000/s, or off")
    return int(found[1])


def query_type(text: str) -> int:
    """Return the number of a query type. Raises ValueError."""
    number = type_number(text)
    if number is None:
        raise ValueError(f"{shown(text)} is no query type; write it as A, AAAA or TYPE65")
    return number


def address(text: str) -> IPv4Address | IPv6Address:
    """Return an IP address. Raises ValueError."""
    try:
        return ip_address(text)
    except ValueError:
        raise ValueError(f"{shown(text)} is no IP address") from None


def network(text: str) -> Network:
    """Return a network of `192.0.2.0/24` or a single address. Raises ValueError, with what was meant."""
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{shown(text)} is no address and no network as 192.0.2.0/24") from None
    base = text.partition("/")[0]
    if "/" in text and ip_address(base) != found.network_address:
        raise ValueError(f"{shown(text)} has host bits set: is {found} meant, or {base}?")
    mapped = getattr(found.network_address, "ipv4_mapped", None)
    if mapped is not None:
        raise ValueError(f"{shown(text)}: clients with mapped addresses count as IPv4: write {mapped}")
    return found


def endpoint(text: str, default_port: int | None = None) -> Endpoint:
    """Return host and port of `192.0.2.1:53`, `[2001:db8::1]:53` or, with a default, either without port."""
    bracketed = _BRACKETED.fullmatch(text)
    found = bracketed or _PLAIN.fullmatch(text)
    if text.isdecimal():
        raise ValueError(f"{shown(text)} is no address with a port; write it as 127.0.0.1:{text}")
    if found is None:
        hint = f"; put an IPv6 address in brackets: {_bracketed(text)}" if _is_ipv6(text) else ""
        raise ValueError(f"{shown(text)} is no address with a port{hint}")
    host = address(found[1])
    mapped = getattr(host, "ipv4_mapped", None)
    if mapped is not None:
        raise ValueError(f"{shown(text)}: write a mapped address as IPv4: {mapped}")
    if getattr(host, "scope_id", None) is not None:
        raise ValueError(f"{shown(text)}: an address of one interface only is not taken yet")
    if (host.version == 6) != (bracketed is not None):
        raise ValueError(f"{shown(text)}: brackets are for IPv6 addresses, and only for these")
    if found[2] is None and default_port is None:
        raise ValueError(f"{shown(text)} lacks a port; write {text}:PORT")
    port = int(found[2]) if found[2] is not None else default_port or 0
    if port > 65535:
        raise ValueError(f"port {port} is over 65535")
    return Endpoint(str(host), port)


def port(text: str) -> int:
    """Return a port from 1 to 65535. Raises ValueError."""
    if not re.fullmatch("[0-9]{1,5}", text) or not 0 < int(text) <= 65535:
        raise ValueError(f"{shown(text)} is no port: a number from 1 to 65535")
    return int(text)


def shown(text: str) -> str:
    """Return a value as a message repeats it: on one line, and not without end."""
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def _bracketed(text: str) -> str:
    """Return what may be meant by an IPv6 address without brackets: its last digits may be a port."""
    host, _, port = text.rpartition(":")
    whole = f"[{text}]:53"
    return f"[{host}]:{port} or {whole}" if port.isdecimal() and _is_ipv6(host) else whole


def _is_ipv6(text: str) -> bool:
    try:
        return ip_address(text).version == 6
    except ValueError:
        return False
