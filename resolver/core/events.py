"""What is kept of a query where the owner has a journal of queries, and how much of its client."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from resolver.core.networks import Network
from resolver.core.policy import Group, Verdict
from resolver.core.source import Source

NO_ANSWER = -1
"""Stands for the response code where there was no answer: a list drops the query."""
V4_PREFIX, V6_PREFIX = 24, 48
"""What is left of addresses where only networks are kept, in bits."""
_MAPPED = bytes(10) + b"\xff\xff"


class Fate(StrEnum):
    """What the lists said of a name."""

    BLOCKED = "blocked"
    SHADOW = "shadow"
    """It went through, and a list in shadow would have blocked it."""
    ALLOWED = "allowed"
    OPEN = "open"
    """No list has a say."""


class Judged(NamedTuple):
    """What the lists said of a name, which of them, and the group that it counts for.

    Where none has a say the list is empty, and the group is the first of the client's; a client that may not
    ask has none.
    """

    fate: Fate
    list: str
    group: str


class QueryEvent(NamedTuple):
    """One query and what became of it.

    `time` is when it came, in Unix seconds; `took`, how long the answer took, in seconds. `client` is an
    address in network order, that of a network, or empty: see `Shown`. `via` is the blocked name or address
    that the answer led to, where that is not the name asked.
    """

    time: float
    client: bytes
    name: bytes
    qtype: int
    protocol: str
    judged: Judged
    via: str
    source: Source
    rcode: int
    took: float


class Shown(StrEnum):
    """What is kept of clients."""

    FULL = "full"
    NETWORK = "network"
    NONE = "none"


def judged(verdict: Verdict, groups: Sequence[Group]) -> Judged:
    """Return what a verdict says that was settled for a client of these groups."""
    shadow = verdict.shadow
    if verdict.list is not None and verdict.blocks:
        return Judged(Fate.BLOCKED, verdict.list.name, verdict.group)
    if shadow is not None and shadow.blocks:
        return Judged(Fate.SHADOW, shadow.list.name, shadow.group)
    if verdict.list is not None:
        return Judged(Fate.ALLOWED, verdict.list.name, verdict.group)
    return Judged(Fate.OPEN, "", groups[0].name if groups else "")


def kept_of(address: bytes, shown: Shown) -> bytes:
    """Return what is kept of a client's address, both in network order; `::ffff:192.0.2.1` is 192.0.2.1."""
    if len(address) == 16 and address.startswith(_MAPPED):
        address = address[12:]
    if shown is Shown.FULL:
        return address
    if shown is Shown.NONE:
        return b""
    kept = (V4_PREFIX if len(address) == 4 else V6_PREFIX) // 8
    return address[:kept] + bytes(len(address) - kept)


def client_text(client: bytes, shown: Shown) -> str:
    """Return a client of an event as text: an address, a network, or nothing."""
    if not client:
        return ""
    if shown is Shown.FULL:
        return str(ip_address(client))
    return str(ip_network((client, V4_PREFIX if len(client) == 4 else V6_PREFIX)))


def kept_network(network: Network, shown: Shown) -> Network:
    """Return the least network around one that can be told from others by what is kept of clients."""
    prefix = V4_PREFIX if network.version == 4 else V6_PREFIX
    if shown is Shown.FULL or network.prefixlen <= prefix:
        return network
    return network.supernet(new_prefix=prefix)
