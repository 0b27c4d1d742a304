"""What one line of a list asks for."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple


class Effect(IntEnum):
    """What a rule does to a name. The number is the precedence among lists: higher wins."""

    BLOCK = 0
    ALLOW = 1
    IMPORTANT_BLOCK = 2
    IMPORTANT_ALLOW = 3

    @property
    def allows(self) -> bool:
        """Whether the name goes through when this effect decides."""
        return self in (Effect.ALLOW, Effect.IMPORTANT_ALLOW)


class Scope(IntEnum):
    """How far a rule reaches from its name, as bits: the name itself, the names below it, both.

    HIDES reaches nothing: the name is there, and so hides the wildcards above it (RFC 4592, section 2.2.2).
    """

    HIDES = 0
    EXACT = 1
    BELOW = 2
    SUBTREE = 3


class Action(StrEnum):
    """What a blocking rule asks to be answered, where its format lets it ask."""

    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    NULL = "null"
    """0.0.0.0 and ::, nothing for other types."""
    REFUSED = "refused"
    DROP = "drop"
    TCP_ONLY = "tcp-only"
    """Truncated over UDP; over TCP the name goes through."""
    DATA = "data"
    """Records of the rule's own: a redirect, taken only from lists that the owner trusts."""


class Own(NamedTuple):
    """An answer that a rule asks for. `records` is for DATA: (type, data in wire form without compression).

    A name with records has no others: a type that is not among them gets an empty answer. A CNAME whose data
    begins with the label `*` puts the name that was asked in the place of the `*` (RPZ).
    """

    action: Action
    records: tuple[tuple[int, bytes], ...] = ()


class When(NamedTuple):
    """What narrows a rule: query types by number, clients by network. Empty: any."""

    types: frozenset[int] = frozenset()
    but_types: frozenset[int] = frozenset()
    clients: tuple[IPv4Network | IPv6Network, ...] = ()
    but_clients: tuple[IPv4Network | IPv6Network, ...] = ()


class Rule(NamedTuple):
    """A name, how far it reaches and what happens there; `line` counts from 1.

    The name is text in its canonical form: lowercase ASCII, A-labels, no root dot, only what host names and
    underscores need, so that no label holds a dot.
    """

    name: str
    scope: Scope
    effect: Effect
    line: int
    note: str = ""
    own: Own | None = None
    when: When | None = None


class Pattern(NamedTuple):
    """A rule that no table holds: `regex` is searched for in the canonical text of a name.

    The expression is in the syntax that both RE2 and `re` read. Names in `spared`, and what is below them,
    are left out.
    """

    text: str
    regex: str
    effect: Effect
    line: int
    spared: tuple[str, ...] = ()
    own: Own | None = None
    when: When | None = None


class Side(StrEnum):
    """Whose address a trigger looks at."""

    ANSWER = "answer"
    CLIENT = "client"


class Trigger(NamedTuple):
    """A rule about addresses: of the records in an answer, or of the client that asks."""

    network: IPv4Network | IPv6Network
    side: Side
    effect: Effect
    line: int
    own: Own | None = None


AnyRule = Rule | Pattern | Trigger
