"""The usual lines of large lists, a few thousand at a time: one call of a regular expression reads them all.

What it does not know, comments and mistakes included, is left to the format's reader, line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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


class Piece(NamedTuple):
    """Some lines, of which the first has the number `first`.

    `names` has one entry a line: a name's canonical text, or nothing where the line's reader must look.
    """

    first: int
    format: str
    names: list[bytes]
    kind: Kind
    data: bytes


def read_pieces(data: bytes, format: str, match: Scope) -> Iterator[Piece]:
    """Yield the lines of a list in order, with the names of those that are as most of them are.

    Pieces that are blank throughout are left out.
    """
    shapes = SHAPES.get(format, ())
    at, first = 3 if data.startswith(b"\xef\xbb\xbf") else 0, 1
    while at < len(data):
        end = data.find(b"\n", at + _PIECE) + 1 or len(data)
        piece = data[at:end] if data[end - 1] == 0x0A else data[at:end] + b"\n"
        if not piece.strip(BLANKS):
            at, first = end, first + piece.count(b"\n")
            continue
        shape = max(shapes, key=lambda shape: _hits(shape, piece), default=None)
        names = [b""] * piece.count(b"\n") if shape is None else shape.find.findall(piece)
        scope = (shape and shape.scope) or match
        yield Piece(first, shape.format if shape else format, names, Kind(scope, Effect.BLOCK), piece)
        at, first = end, first + len(names)


def _hits(shape: Shape, piece: bytes) -> int:
    """Return how many of the first lines of a piece have a shape."""
    sample = piece[: piece.find(b"\n", _SAMPLE) + 1 or len(piece)] if len(piece) > _SAMPLE else piece
    return sum(map(bool, shape.find.findall(sample)))
