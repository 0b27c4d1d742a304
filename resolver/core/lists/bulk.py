"""The usual lines of large lists, a few thousand at a time: one call of a regular expression reads them all.

What it does not know, comments and mistakes included, is left to the format's reader, line by line.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType
from typing import NamedTuple

from resolver.core.lists.rule import Effect, Scope
from resolver.core.lists.rules import Kind

_PIECE = 1 << 18
"""Bytes that are read at a time."""
BLANKS = b" \t\r\n"
"""What may stand around a line and in one that says nothing."""
_SAMPLE = 4096
"""Bytes at the beginning of a piece that say what most of its lines look like."""


class Shape(NamedTuple):
    """How a line looks that says nothing but a name; `scope` is None where the list's `match` decides."""

    format: str
    find: re.Pattern[bytes]
    scope: Scope | None


def _shape(format: str, before: bytes, after: bytes, scope: Scope | None) -> Shape:
    name = rb"((?!localhost\.)(?:[a-z0-9_-]{1,63}+\.)++(?![0-9]++" + after + rb"\r?\n)[a-z0-9_-]{1,63}+)"
    length = rb"(?=[^\r\n]{1,%d}\r?\n)" % (253 + len(after.replace(b"\\", b"")))
    return Shape(format, re.compile(before + length + name + after + rb"\r?\n|[^\n]*+\n"), scope)


_BARE = _shape("domains", b"", b"", None)
_HOSTS = _shape("hosts", rb"(?:0\.0\.0\.0|127\.0\.0\.1|::1?)[ \t]++", b"", Scope.EXACT)
_WILDCARD = _shape("wildcards", rb"\*\.", b"", Scope.SUBTREE)
_ADBLOCK = _shape("adblock", rb"\|\|", rb"\^", Scope.SUBTREE)

SHAPES: Mapping[str, tuple[Shape, ...]] = MappingProxyType(
    {
        "auto": (_BARE, _HOSTS, _WILDCARD, _ADBLOCK),
        "hosts": (_HOSTS,),
        "domains": (_BARE,),
        "wildcards": (_WILDCARD, _BARE),
        "adblock": (_ADBLOCK, _BARE),
    }
)
"""By format. Every line that a shape takes, the format's reader would read alike."""


class Odd(NamedTuple):
    """A line that its format's reader must look at: its number, and where it is in the data.

    `names` and `size` are how many names, and how many bytes of them, come before it.
    """

    number: int
    start: int
    end: int
    names: int
    size: int


class Scanned(NamedTuple):
    """What some lines say: canonical texts, each with a line feed behind it, their lines, and odd lines."""

    names: bytes | memoryview
    lines: array[int]
    odd: Sequence[Odd]


Scan = Callable[[Shape, bytes, int], Scanned]
"""(shape, data, number of the first line) -> what the lines say. The data ends in a line feed."""


class Piece(NamedTuple):
    """Some lines that were scanned; all names in them are of one kind."""

    format: str
    scanned: Scanned
    kind: Kind
    data: bytes


def read_pieces(data: bytes, format: str, match: Scope, scan: Scan) -> Iterator[Piece]:
    """Yield the lines of a list in order, with the names of those that are as most of them are.

    Pieces that are blank throughout are left out.
    """
    shapes = SHAPES.get(format, ())
    at, first = 3 if data.startswith(b"\xef\xbb\xbf") else 0, 1
    while at < len(data):
        end = data.find(b"\n", at + _PIECE) + 1 or len(data)
        piece = data[at:end] if data[end - 1] == 0x0A else data[at:end] + b"\n"
        lines = piece.count(b"\n")
        if piece.strip(BLANKS):
            shape = max(shapes, key=lambda shape: _hits(shape, piece), default=None)
            scanned = _scanned([b""] * lines, piece, first) if shape is None else scan(shape, piece, first)
            scope = (shape and shape.scope) or match
            yield Piece(shape.format if shape else format, scanned, Kind(scope, Effect.BLOCK), piece)
        at, first = end, first + lines


def scan_lines(shape: Shape, data: bytes, first: int) -> Scanned:
    """Return what lines say that look as a shape does."""
    return _scanned(shape.find.findall(data), data, first)


def _scanned(found: list[bytes], data: bytes, first: int) -> Scanned:
    """Return what lines say of which each has a name or nothing."""
    if b"" not in found:
        return Scanned(b"\n".join(found) + b"\n", array("I", range(first, first + len(found))), ())
    starts = [0, *accumulate([len(raw) + 1 for raw in data.split(b"\n")])]
    lines, odd = array("I"), []
    at = size = 0
    for place in [place for place, name in enumerate(found) if not name]:
        size += sum(map(len, found[at:place])) + place - at
        lines.extend(range(first + at, first + place))
        odd.append(Odd(first + place, starts[place], starts[place + 1] - 1, len(lines), size))
        at = place + 1
    lines.extend(range(first + at, first + len(found)))
    names = [name for name in found if name]
    return Scanned(b"\n".join(names) + b"\n" * bool(names), lines, odd)


def _hits(shape: Shape, piece: bytes) -> int:
    """Return how many of the first lines of a piece have a shape."""
    sample = piece[: piece.find(b"\n", _SAMPLE) + 1 or len(piece)] if len(piece) > _SAMPLE else piece
    return sum(map(bool, shape.find.findall(sample)))
