"""Durations, sizes, rates, addresses and networks as owners write them."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

from resolver.core.policy import Network

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(ms|s|m|h|d|w)")
_SIZE = re.compile(r"(\d{1,15})\s*(B|KiB|MiB|GiB|)")
_RATE = re.compile(r"(\d{1,9})\s*/\s*s")


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
        raise ValueError(f"{text!r} is no duration; write it as 500ms, 30s, 5m, 2h or 1d")
    return float(sum(float(part[1]) * _SECONDS[part[2]] for part in parts if part))


def size_bytes(text: str) -> int:
    """Return bytes of `64MiB`. Raises ValueError."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no size; write it as 512KiB, 64MiB or 1GiB")
    return int(found[1]) * _BYTES[found[2]]


def rate_per_s(text: str) -> int | None:
    """Return queries a second of `1000/s`, None for `off`. Raises ValueError."""
    if text == "off":
        return None
    found = _RATE.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise ValueError(f"{text!r} is no rate; write it as 1000/s, or off")
    return int(found[1])


def address(text: str) -> IPv4Address | IPv6Address:
    """Return an IP address. Raises ValueError."""
    try:
        return ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is no IP address") from None


def network(text: str) -> Network:
    """Return a network of `192.0.2.0/24` or a single address. Raises ValueError, with what was meant."""
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is no address and no network as 192.0.2.0/24") from None
    base, _, prefix = text.partition("/")
    if prefix and ip_address(base) != found.network_address:
        raise ValueError(f"{text!r} has host bits set: is {found} meant, or {base}?")
    return found


def endpoint(text: str, default_port: int | None = None) -> Endpoint:
    """Return host and port of `192.0.2.1:53`, `[2001:db8::1]:53` or, with a default, either without port."""
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(\d{1,5}))?", text)
    plain = re.fullmatch(r"([^:\[\]]*)(?::(\d{1,5}))?", text)
    found = bracketed or plain
    if found is None:
        hint = f"; put an IPv6 address in brackets: [{text}]:53" if ":" in text else ""
        raise ValueError(f"{text!r} is no address with a port{hint}")
    host = address(found[1])
    if (host.version == 6) != (bracketed is not None):
        raise ValueError(f"{text!r}: brackets are for IPv6 addresses, and only for these")
    if found[2] is None and default_port is None:
        raise ValueError(f"{text!r} lacks a port; write {text}:53")
    port = int(found[2]) if found[2] is not None else default_port or 0
    if port > 65535:
        raise ValueError(f"port {port} is over 65535")
    return Endpoint(str(host), port)
