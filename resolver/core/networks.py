"""Values by network, found for an address."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Generic, TypeVar

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

T = TypeVar("T")

_MAPPED = bytes(10) + b"\xff\xff"
"""What stands before an IPv4 address that is written as one of IPv6 (RFC 4291, section 2.5.5.2)."""


class Networks(Generic[T]):
    """Networks of any sizes with a value each; a search costs one look for each size that there is."""

    __slots__ = ("_levels",)

    def __init__(self, members: Iterable[tuple[Network, T]]) -> None:
        found: dict[int, dict[int, dict[int, list[T]]]] = {}
        for network, value in members:
            shift = network.max_prefixlen - network.prefixlen
            level = found.setdefault(network.max_prefixlen // 8, {}).setdefault(shift, {})
            level.setdefault(int(network.network_address) >> shift, []).append(value)
        self._levels = {size: sorted(levels.items()) for size, levels in found.items()}

    def __bool__(self) -> bool:
        return bool(self._levels)

    def find(self, packed: bytes) -> list[T]:
        """Return what belongs to the networks of an address in network order, the narrowest first.

        `::ffff:192.0.2.1` is 192.0.2.1.
        """
        if len(packed) == 16 and packed.startswith(_MAPPED):
            packed = packed[12:]
        number = int.from_bytes(packed, "big")
        found: list[T] = []
        for shift, level in self._levels.get(len(packed), ()):
            found += level.get(number >> shift, ())
        return found
