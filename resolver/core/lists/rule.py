"""What one line of a list says."""

from __future__ import annotations

from enum import IntEnum
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
    """How far a rule reaches from its name, as bits: the name itself, the names below it, both."""

    EXACT = 1
    BELOW = 2
    SUBTREE = 3


class Rule(NamedTuple):
    """A name, how far it reaches and what happens there; `line` counts from 1."""

    name: bytes
    scope: Scope
    effect: Effect
    line: int
    note: str = ""
