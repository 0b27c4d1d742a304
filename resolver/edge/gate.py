"""How many connections may come: a bound for each client, and one for all together."""

from __future__ import annotations

import math

from resolver.core.clients import MAX_KNOWN, Bucket, network_of, parse_address

RATE, RATE_EACH = 100, 20
"""Most connections a second, in all and of one IPv4 address or IPv6 /64. A page needs one or two."""
LOOPBACK = ("127.", "::/64")
"""How the networks of loopback begin."""


class Gate:
    """Lets connections in. It is one for all listeners of the page: what a client may have, it has once."""

    def __init__(self, rate: float = RATE, each: float = RATE_EACH) -> None:
        self._all, self._each = Bucket(rate), each
        self._buckets: dict[str, Bucket] = {}

    def admits(self, network: str, now: float) -> bool:
        """Say whether one more may come from a network. `now` is monotonic seconds.

        Loopback has no bound of its own: what comes from there stands for many.
        """
        bucket = self._buckets.get(network)
        if bucket is None:
            if len(self._buckets) >= MAX_KNOWN:
                self._buckets.clear()
            rate = math.inf if network.startswith(LOOPBACK) else self._each
            bucket = self._buckets[network] = Bucket(rate)
        return bucket.take(now) and self._all.take(now)


def network(peer: object) -> str:
    """Return what a peer counts for, of its address as sockets give it; empty for what has none."""
    return network_of(parse_address(str(peer[0]))) if isinstance(peer, tuple) and peer else ""
