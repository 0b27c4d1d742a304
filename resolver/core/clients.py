"""Who asks: source check, rate, and the profile of each client address."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from resolver.core.networks import Networks
from resolver.core.policy import Address, Network, Policy, Profile

PRIVATE: tuple[Network, ...] = (
    *map(IPv4Network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),  # RFC 1918
    *map(IPv4Network, ("100.64.0.0/10", "169.254.0.0/16")),  # RFC 6598, link-local
    *map(IPv6Network, ("::1/128", "fe80::/10", "fc00::/7")),  # loopback, link-local, RFC 4193
)
"""Networks that no packet from the Internet may come from."""
MAX_KNOWN = 16384
"""Most client addresses and most buckets remembered; beyond, we forget all and learn them anew."""
GRANTS = 4
"""In how many parts a client gets the queries of a second: so much finer is the bound, and dearer."""
V6_PREFIX = 64
"""Clients in one IPv6 network of this size share a rate, since one host may use all its addresses."""


class Bucket:
    """How many queries a client may still send before the clock is looked at.

    It gets its rate in grants, of which so many may begin in any second as make up the rate. So each second
    sees at most the rate and what was left of one grant, and each query costs one subtraction.
    """

    __slots__ = ("_begun", "_grant", "left", "slipped")

    def __init__(self, rate: float) -> None:
        self._grant = rate if math.isinf(rate) else math.ceil(rate / GRANTS)
        self._begun = [-math.inf] * math.ceil(rate / self._grant if self._grant < rate else 1)
        self.left = 0.0
        self.slipped = False

    def take(self, now: float) -> bool:
        """Take one query from what is left, or from the next grant; return whether it may pass."""
        self.left -= 1
        return self.left >= 0 or self.refill(now)

    def refill(self, now: float) -> bool:
        """Begin the next grant if it is due; return whether the query at hand may pass."""
        if now - self._begun[0] < 1.0:
            return False
        del self._begun[0]
        self._begun.append(now)
        self.left = self._grant - 1
        return True


class Client:
    """One client address: what it may, and what holds for it."""

    __slots__ = ("bucket", "profile")

    def __init__(self, profile: Profile, bucket: Bucket) -> None:
        self.profile, self.bucket = profile, bucket


class Clients:
    """The clients of one policy and one access rule; replaced as a whole when either changes."""

    def __init__(
        self,
        policy: Policy,
        networks: Sequence[Network],
        rate: int | None,
        bucket: Callable[[float], Bucket] = Bucket,
    ) -> None:
        """`rate` is in queries a second for each address (IPv6: each /64), None for no bound.

        `bucket` makes one of a rate. Loopback has no bound: what asks from there asks for many, and nobody
        can forge its address.
        """
        self.policy = policy
        self.known: dict[bytes, Client] = {}
        self.forgotten = 0
        """How often all were forgotten."""
        self._networks = Networks([(network, network) for network in networks])
        self._rate = math.inf if rate is None else rate
        self._buckets: dict[str, Bucket] = {}
        self._make_bucket = bucket

    def find(self, packed: bytes) -> Client | None:
        """Return the client at an address in network order, None if it may not ask."""
        known = self.known.get(packed)
        if known is not None:
            return known
        address = unmapped(ip_address(packed))
        if not self.admits(address):
            return None
        if len(self.known) >= MAX_KNOWN:
            self.known.clear()
            self.forgotten += 1
        client = self.known[packed] = Client(self.policy.profile_for(address), self._bucket(address))
        return client

    def admits(self, address: Address) -> bool:
        """Say whether an address may ask at all: one look for each length of prefix, however many networks.

        That matters for those that may not, since they are not remembered: their addresses may be forged.
        """
        return bool(self._networks.find(address.packed))

    def _bucket(self, address: Address) -> Bucket:
        if address.is_loopback:
            return self._make_bucket(math.inf)
        if len(self._buckets) >= MAX_KNOWN:
            self._buckets.clear()
        return self._buckets.setdefault(network_of(address), self._make_bucket(self._rate))


def network_of(address: Address) -> str:
    """Return what tells clients apart that share nothing: an IPv4 address, or the network of an IPv6 one."""
    return str(address) if address.version == 4 else str(ip_network((address, V6_PREFIX), strict=False))


def parse_address(text: str) -> Address:
    """Return an address as sockets give it, without scope; `::ffff:192.0.2.1` is 192.0.2.1."""
    return unmapped(ip_address(text.partition("%")[0]))


def unmapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for (RFC 4291, section 2.5.5.2), or it itself."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
