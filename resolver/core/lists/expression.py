"""Regular expressions about names: only what RE2 and `re` read alike is taken, and written anew.

Names are lowercase ASCII, and all that is asked of an expression is whether it is found in one. So case,
groups and laziness mean nothing here, and what is left is small enough to be looked through: for how long it
may search, and for the text that must be there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from resolver.core.errors import ResolverError

MAX_SIZE = 1000
"""Most characters an expression may stand for with every count written out; RE2 has the same limit."""
MAX_DEPTH = 24
"""Deepest nesting of groups."""
MAX_NAME = 253
"""Longest name as text."""
MANY = MAX_NAME + 1
"""Stands for "any number": no name is longer."""

ALPHABET = frozenset(map(chr, range(0x21, 0x7F)))
"""What the canonical text of a name is made of; odd bytes are there as `\\DDD`."""
_DIGIT = frozenset("0123456789")
_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz")
_WORD = _DIGIT | _LOWER | frozenset("_")
_CLASSES = {
    "d": _DIGIT,
    "D": ALPHABET - _DIGIT,
    "w": _WORD,
    "W": ALPHABET - _WORD,
    "s": frozenset[str](),
    "S": ALPHABET,
}
_NAMED = {
    "[:alpha:]": _LOWER,
    "[:lower:]": _LOWER,
    "[:upper:]": _LOWER,  # case means nothing
    "[:digit:]": _DIGIT,
    "[:alnum:]": _LOWER | _DIGIT,
    "[:word:]": _WORD,
    "[:xdigit:]": _DIGIT | frozenset("abcdef"),
}
_TOO_LARGE = f"stands for more than {MAX_SIZE} characters"
_COUNT = re.compile(r"\{([0-9]{1,4})(?:(,)([0-9]{1,4})?)?\}")
_HEX = re.compile(r"([0-7][0-9A-Fa-f])")
_GROUP = re.compile(r"\?(?:i?:|P?<[A-Za-z_][A-Za-z0-9_]*>)")
_PUNCTUATION = ALPHABET - _WORD - frozenset(map(chr, range(0x41, 0x5B))) | {"_"}


class ExpressionFault(ResolverError):
    """An expression that is broken, or far too large."""


class Unsupported(ResolverError):
    """A part of an expression that is well written, and that RE2 or `re` does not read; says which."""


class Chars(NamedTuple):
    """One character of a set."""

    chars: frozenset[str]


class At(NamedTuple):
    """A place without width: `^`, `$`, `\\b` or `\\B`."""

    place: str


class Seq(NamedTuple):
    """One thing after another."""

    items: tuple[Node, ...]


class Alt(NamedTuple):
    """One thing or another."""

    branches: tuple[Node, ...]


class Repeat(NamedTuple):
    """A thing several times; `most` is MANY for any number."""

    item: Node
    least: int
    most: int


Node = Chars | At | Seq | Alt | Repeat

ANY = Chars(ALPHABET)
START, END = At("^"), At("$")


def parse_expression(text: str) -> Node:
    """Return what an expression says of the canonical text of a name.

    Raises ExpressionFault for one that is broken, Unsupported for one that only other engines read.
    """
    if not text.isascii():
        raise ExpressionFault("a character beyond ASCII, which no name holds")
    node = _Parser(text.removeprefix("(?i)")).parse()
    if _size(node) > MAX_SIZE:
        raise ExpressionFault(_TOO_LARGE)
    return node


def is_found(node: Node, text: str) -> bool:
    """Say whether an expression is found in a text, in a time that no expression makes long."""
    return bool(_reached(node, text, frozenset(range(len(text) + 1))))


def show_expression(node: Node) -> str:
    """Return an expression in the syntax that RE2 and `re` read alike, without captures."""
    if isinstance(node, Chars):
        return _show_chars(node.chars)
    if isinstance(node, At):
        return node.place
    if isinstance(node, Seq):
        return "".join([_show_within(item, Alt) for item in node.items])
    if isinstance(node, Alt):
        return "|".join(map(show_expression, node.branches))
    return _show_within(node.item, Alt, Seq, Repeat, At) + _show_count(node.least, node.most)


def top_items(node: Node) -> tuple[Node, ...]:
    """Return what must be found one after another."""
    return node.items if isinstance(node, Seq) else (node,)


def literals(node: Node) -> list[str]:
    """Return texts that every match holds."""
    found = [""]
    for item in top_items(node):
        if isinstance(item, Chars) and len(item.chars) == 1:
            found[-1] += next(iter(item.chars))
        elif not isinstance(item, At):
            found.append("")
    return [text for text in found if text]


class _Parser:
    """Reads an expression from left to right, and no further once it is too large without its counts."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._depth, self._size = text, 0, 0, 0
        self._last_class = text.rfind(":]")  # to look for one from each place would take long where none is

    def parse(self) -> Node:
        node = self._alternatives()
        if self._at < len(self._text):
            raise ExpressionFault("a bracket that closes nothing")
        return node

    def _alternatives(self) -> Node:
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else Alt(tuple(branches))

    def _sequence(self) -> Node:
        items: list[Node] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            item = self._counted(self._item())
            items += item.items if isinstance(item, Seq) else [item]
        return items[0] if len(items) == 1 else Seq(tuple(items))

    def _counted(self, item: Node) -> Node:
        count = self._count()
        if count is None:
            return item
        if isinstance(item, At):
            raise ExpressionFault("nothing to repeat")
        self._take("?")  # laziness
        if self._text[self._at : self._at + 1] == "+":
            raise Unsupported("possessive")
        if self._count() is not None:
            raise ExpressionFault("a count of a count")
        least, most = count
        if least > most:
            raise ExpressionFault("a count that goes backwards")
        if least > MAX_NAME:
            raise ExpressionFault("longer than any name")
        return Repeat(item, least, min(most, MANY))

    def _count(self) -> tuple[int, int] | None:
        if self._take("*"):
            return 0, MANY
        if self._take("+"):
            return 1, MANY
        if self._take("?"):
            return 0, 1
        found = _COUNT.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        least = int(found[1])
        return least, int(found[3]) if found[3] else MANY if found[2] else least

    def _item(self) -> Node:
        char = self._text[self._at]
        if char in "*+?" or _COUNT.match(self._text, self._at):
            raise ExpressionFault("nothing to repeat")
        self._at += 1
        if char == "(":
            return self._group()
        self._size += 1
        if self._size > MAX_SIZE:
            raise ExpressionFault(_TOO_LARGE)
        if char == "[":
            return self._class()
        if char == "\\":
            return self._escape()
        if char in "^$":
            return At(char)
        return ANY if char == "." else Chars(frozenset(char.lower()))

    def _group(self) -> Node:
        if self._text.startswith("?", self._at):
            found = _GROUP.match(self._text, self._at)
            if found is None:
                raise Unsupported(_group_kind(self._text[self._at + 1 : self._at + 3]))
            self._at = found.end()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionFault(f"more than {MAX_DEPTH} brackets in each other")
        node = self._alternatives()
        self._depth -= 1
        if not self._take(")"):
            raise ExpressionFault("a bracket that nothing closes")
        return node

    def _escape(self) -> Node:
        char = self._next("a backslash at the end")
        if char in _CLASSES:
            return Chars(_CLASSES[char])
        if char in "AzZ":
            return START if char == "A" else END
        if char in "bB":
            return At("\\" + char)
        if char in "123456789":
            raise Unsupported("back-reference")
        return Chars(frozenset(self._escaped(char).lower()))

    def _class(self) -> Node:
        negated = self._take("^")
        chars: set[str] = set()
        first = True
        while first or not self._take("]"):
            first = False
            chars |= self._class_item()
        folded = frozenset("".join(chars).lower()) if chars else frozenset()
        return Chars(ALPHABET - folded if negated else folded)

    def _class_item(self) -> frozenset[str]:
        """Return one character, one range or one class within square brackets, as it was written."""
        if self._text.startswith("[:", self._at) and self._at < self._last_class:
            named = self._text[self._at : self._text.index(":]", self._at) + 2]
            if named not in _NAMED:
                raise Unsupported("class")
            self._at += len(named)
            return _NAMED[named]
        low = self._class_char()
        ranged = self._text[self._at : self._at + 1] == "-" and self._text[self._at + 1 : self._at + 2] != "]"
        if not ranged:
            return frozenset(low) if isinstance(low, str) else low
        self._at += 1
        high = self._class_char()
        if not (isinstance(low, str) and isinstance(high, str)) or low > high:
            raise ExpressionFault("a range without two ends in order")
        return frozenset(map(chr, range(ord(low), ord(high) + 1)))

    def _class_char(self) -> str | frozenset[str]:
        char = self._next("a square bracket that nothing closes")
        if char != "\\":
            return char
        char = self._next("a backslash at the end")
        if char in _CLASSES:
            return _CLASSES[char]
        return self._escaped(char)

    def _escaped(self, char: str) -> str:
        """Return the character that stands behind a backslash, or whose number stands behind `\\x`."""
        if char in _PUNCTUATION:
            return char
        found = _HEX.match(self._text, self._at) if char == "x" else None
        if found is None:
            raise Unsupported("escape")
        self._at = found.end()
        return chr(int(found[1], 16))

    def _next(self, otherwise: str) -> str:
        if self._at >= len(self._text):
            raise ExpressionFault(otherwise)
        self._at += 1
        return self._text[self._at - 1]

    def _take(self, char: str) -> bool:
        found = self._text.startswith(char, self._at)
        self._at += found
        return found


def _group_kind(opening: str) -> str:
    """Say what stands behind `(?`."""
    if opening[:1] in ("=", "!") or opening in ("<=", "<!"):
        return "look-around"
    return {">": "atomic group", "(": "condition", "#": "comment"}.get(opening[:1], "flag")


def _reached(node: Node, text: str, places: frozenset[int]) -> frozenset[int]:
    """Return where a thing may end that begins at one of some places."""
    if isinstance(node, Chars):
        return frozenset([at + 1 for at in places if at < len(text) and text[at] in node.chars])
    if isinstance(node, At):
        return frozenset([at for at in places if _is_at(node.place, text, at)])
    if isinstance(node, Seq):
        for item in node.items:
            places = _reached(item, text, places)
        return places
    if isinstance(node, Alt):
        return frozenset().union(*[_reached(branch, text, places) for branch in node.branches])
    for _ in range(node.least):
        places = _reached(node.item, text, places)
    reached = new = places
    for _ in range(node.most - node.least):
        new = _reached(node.item, text, new) - reached
        if not new:
            break
        reached |= new
    return reached


def _is_at(place: str, text: str, at: int) -> bool:
    if place == "^":
        return at == 0
    if place == "$":
        return at == len(text)
    edge = (text[at - 1 : at] in _WORD) != (text[at : at + 1] in _WORD)
    return edge == (place == r"\b")


def _size(node: Node) -> int:
    """Return how many characters an expression has with every count written out."""
    if isinstance(node, Seq | Alt):
        return sum(map(_size, node.items if isinstance(node, Seq) else node.branches))
    if isinstance(node, Repeat):
        return max(_size(node.item), 1) * max(node.least + 1 if node.most == MANY else node.most, 1)
    return 1


def _show_within(node: Node, *grouped: type) -> str:
    shown = show_expression(node)
    return f"(?:{shown})" if isinstance(node, grouped) else shown


def _show_count(least: int, most: int) -> str:
    usual = {(0, MANY): "*", (1, MANY): "+", (0, 1): "?"}.get((least, most))
    if usual is not None:
        return usual
    if least == most:
        return f"{{{least}}}"
    return f"{{{least},{'' if most == MANY else most}}}"


def _show_chars(chars: frozenset[str]) -> str:
    if chars == ALPHABET:
        return "."
    if len(chars) == 1:
        return _show_char(next(iter(chars)))
    negated = len(chars) > len(ALPHABET) // 2
    shown = _ranges(sorted(ALPHABET - chars if negated else chars & ALPHABET))
    return f"[^{shown}]" if negated else f"[{shown}]" if shown else r"[\x00]"  # which is in no name


def _ranges(chars: Sequence[str]) -> str:
    shown: list[str] = []
    for first, last in _runs(chars):
        if ord(last) - ord(first) < 2:
            shown += map(_show_char, sorted({first, last}))
        else:
            shown.append(f"{_show_char(first)}-{_show_char(last)}")
    return "".join(shown)


def _runs(chars: Iterable[str]) -> list[tuple[str, str]]:
    runs: list[tuple[str, str]] = []
    for char in chars:
        if runs and ord(char) == ord(runs[-1][1]) + 1:
            runs[-1] = runs[-1][0], char
        else:
            runs.append((char, char))
    return runs


def _show_char(char: str) -> str:
    if char in ALPHABET:
        return "\\" + char if char.isascii() and not (char.isalnum() or char == "_") else char
    return f"\\x{ord(char):02x}"
