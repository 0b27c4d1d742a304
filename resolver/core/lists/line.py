"""What one line of a list can say, and how a name in it is judged.

A line reader is a pure function from one line to what the line says. What a format does not take is a value
too: `Bad` is a mistake to show, `Ignored` a rule that we know and leave out, `Quiet` nothing to speak of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum
from ipaddress import ip_address
from typing import NamedTuple

from resolver.core.errors import NameFault
from resolver.core.lists.rule import Effect, Pattern, Rule, Scope, Trigger
from resolver.core.names import from_text, to_text


class Ignored(NamedTuple):
    """A rule that is well written and not taken; `kind` is the word it is counted under."""

    kind: str


class Bad(NamedTuple):
    """A mistake."""

    reason: str


class Cancel(NamedTuple):
    """Takes back every rule of the list that is the same but for its line, before it and after it."""

    rule: Rule | Pattern


class Quiet(Enum):
    """What gives no rule and needs no word about it."""

    COMMENT = "comment"
    LOCAL = "local"
    """A name that hosts files give to the machine itself."""


Said = Rule | Pattern | Trigger | Cancel | Ignored | Bad | Quiet

LineReader = Callable[[str, int, Scope], Sequence[Said]]
"""(line, number, match) -> what it says. The line has no blanks around it and is not empty; `match` is how
far a bare name reaches. Bytes that are no UTF-8 arrive as lone surrogates."""

LOCAL_NAMES = frozenset(
    [
        "localhost",
        "localhost.localdomain",
        "local",
        "broadcasthost",
        "ip6-localhost",
        "ip6-loopback",
        "ip6-localnet",
        "ip6-mcastprefix",
        "ip6-allnodes",
        "ip6-allrouters",
        "ip6-allhosts",
    ]
)

_BLOCK = Effect.BLOCK  # an attribute of an enum costs more than a name
_NULL_ADDRESSES = frozenset(["0.0.0.0", "127.0.0.1", "::", "::1"])
_PLAIN_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}+\.)++(?![0-9]++\Z)[a-z0-9_-]{1,63}+").fullmatch
_MAX_TEXT = 253
"""Longest name as text, without the root dot: 255 bytes of wire form less the first length and the root."""

_COSMETIC = re.compile(r"[^ \t#]++#@?(?:\$\?|[?$%])?#|#@?(?:\$\?|[?$%])?#[^ \t#]").match

_REASONS = [
    (re.compile(r"[\ud800-\udfff]"), "not UTF-8"),
    (re.compile(r"[\0-\x08\x0a-\x1f\x7f]"), "a control character"),
    (re.compile(r"\*"), "a wildcard where none can be taken"),
    (re.compile(r"[/?]"), "a URL, not a name"),
    (re.compile(r"@"), "a mail address, not a name"),
    (re.compile(r":"), "a port or an address, not a name"),
    (re.compile(r"[ \t]"), "more than one name"),
    (re.compile(r"\A\.?\Z"), "no name"),
    (re.compile(r"\A\.|\.\."), "an empty label"),
    (re.compile(r"[^.]{64}"), "a label over 63 bytes"),
    (re.compile(r"(?s:.){253}[^.]"), "a name over 253 characters"),
    (re.compile(r"\A[^.]*\.?\Z"), "a single label"),
    (re.compile(r"\.[0-9]+\.?\Z"), "ends in a number, as no name does"),
    (re.compile(r"(?![A-Za-z0-9._-])[\0-\x7f]"), "a character that no host name holds"),
]


def judge_name(text: str, scope: Scope, number: int, effect: Effect = _BLOCK) -> Said:
    """Return the rule that a list's author means by a name, or why there is none.

    Takes any case, a root dot, underscores and U-labels. Refuses whatever could reach further than was meant:
    a wildcard, a single label, the root.
    """
    return plain_rule(text, scope, number, effect) or _judge_odd_name(text, scope, number, effect)


def plain_rule(text: str, scope: Scope, number: int, effect: Effect = _BLOCK) -> Rule | None:
    """Return the rule for a name in lowercase ASCII without a root dot, None for any other text.

    Nearly every line of a large list ends here.
    """
    if _PLAIN_NAME(text) and len(text) <= _MAX_TEXT and text not in LOCAL_NAMES:
        return Rule(text, scope, effect, number)
    return None


def is_address(text: str) -> bool:
    """Say whether a text is an IPv4 or IPv6 address, with a scope id or without."""
    if text in _NULL_ADDRESSES:
        return True
    if ":" not in text and not text[-1:].isdigit():  # spares most names an exception
        return False
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_comment(line: str) -> bool:
    """Say whether a whole line is a comment or a header in one of the ways that lists use."""
    return line[0] in "#!;["


def is_cosmetic(line: str) -> bool:
    """Say whether a line hides a part of a web page (`a.example##.banner`): never a rule about a name."""
    return "#" in line and _COSMETIC(line) is not None


def without_comment(line: str) -> str:
    """Return a line up to its `#`, which needs no blank in front of it."""
    return line.partition("#")[0].rstrip(" \t") if "#" in line else line


def _judge_odd_name(text: str, scope: Scope, number: int, effect: Effect) -> Said:
    """Do what `judge_name` does for every text that is not plainly a lowercase ASCII name."""
    if len(text) > _MAX_TEXT + 1:  # the root dot; before IDNA, which takes its time over long labels
        return Bad(_reason(text[: _MAX_TEXT + 2]))
    if is_address(text):
        return Ignored("address")
    if text.isascii():
        plain = text.lower().removesuffix(".")
    else:
        try:
            plain = to_text(from_text(text))
        except NameFault as fault:
            return Bad(_reason(text) or str(fault)[:200])
    if plain in LOCAL_NAMES:
        return Quiet.LOCAL
    return plain_rule(plain, scope, number, effect) or Bad(_reason(text) or _reason(plain) or "no host name")


def _reason(text: str) -> str:
    """Say in a few words what is wrong with a name, empty when none of the usual mistakes is."""
    return next((reason for pattern, reason in _REASONS if pattern.search(text)), "")
