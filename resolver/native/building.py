"""The heavy steps of a build in native code, and the arrays that they need; the same comes of them.

`main` builds with them.
"""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

from resolver.core.errors import TableFault
from resolver.core.keys import KEY_BITS, Secret
from resolver.core.lists.bulk import Odd, Scanned, Shape
from resolver.core.lists.rules import Rules
from resolver.core.steps import (
    KINDS_A_RUN,
    MAX_PAIRS,
    TEXTS_A_RUN,
    Ask,
    Column,
    Filled,
    Run,
    Slots,
    Steps,
    Words,
    make_words,
)
from resolver.edge import builder

Buffer = Any
"""Bytes, an array or a memoryview; Python has no name for it before 3.12."""
SHAPES = ("domains", "hosts", "wildcards", "adblock")
"""The formats of usual lines, in the order of `enum lines_shape`."""
_ODD = len(Odd._fields)
MAX_KINDS = 256
"""Most kinds of rules in a list whose words are made here."""


class Inheritance(Protocol):
    """`struct build_inheritance`."""

    def inherit(self, names: Buffer, kinds: Buffer, first: int, /) -> tuple[int, int] | None:
        """Go on with a list; return the set and the combination that are asked for, None at its end."""

    def answer(self, origin: int, below: int, /) -> None:
        """Answer what was asked last."""

    def covered(self) -> list[tuple[int, int, int]]:
        """Return sets, rules, and how often a rule stood at a name that took over the set."""


class Api(Protocol):
    """What native code offers, as `list_lines.h` and `table_build.h` have it.

    The arrays to be written are given. ValueError stands for BAD_INPUT, MemoryError for NO_MEMORY,
    OverflowError, with the words for it, for CROWDED and TOO_MANY.
    """

    def lines_scan(
        self, shape: int, data: bytes, first: int, names: Buffer, lines: Buffer, odd: Buffer, /
    ) -> tuple[int, int, int]:
        """Return how many bytes of names, names and odd lines there are."""

    def build_keys(self, names: Buffer, prime: int, factor: int, keys: Buffer, dots: Buffer, /) -> None:
        """Compute the keys of some names, as many as there is room for."""

    def build_words(self, keys: Buffer, kinds: Buffer, first: int, words: Buffer, spare: Buffer, /) -> int:
        """Return how many words there are."""

    def build_fill(
        self,
        runs: Sequence[tuple[int, Buffer]],
        rules: int,
        slots: Buffer,
        bits: int,
        filled: tuple[Buffer, Buffer, Buffer, Buffer],
        /,
    ) -> tuple[int, int, int]:
        """Return how many combinations and names there are, and the longest probe.

        `filled` is parents, rules, used and repeats.
        """

    def inheritance(
        self, prime: int, factor: int, slots: Buffer, bits: int, combinations: int, /
    ) -> Inheritance:
        """Begin to inherit."""


def main() -> None:
    """Serve one build, as `edge/builder.py` does."""
    builder.main(steps())


def steps() -> Steps:
    """Return the steps of this process. Raises ImportError where native code cannot run."""
    from resolver.native import _native  # noqa: PLC0415 - may not be built

    return native_steps(_native)


def native_steps(api: Api) -> Steps:
    """Return the steps that native code takes."""
    made = _NativeSteps(api)
    return Steps(made.scan, made.words, made.fill, made.inherit)


class _NativeSteps:
    def __init__(self, api: Api) -> None:
        self._api = api

    def scan(self, shape: Shape, data: bytes, first: int) -> Scanned:
        """Return what lines say that look as a shape does."""
        most = len(data)  # lines; to count them takes longer than to reserve memory that is not touched
        names, lines, odd = bytearray(most), _zeros("I", most), _zeros("I", most * _ODD)
        size, found, others = self._api.lines_scan(SHAPES.index(shape.format), data, first, names, lines, odd)
        numbers = iter(odd[: others * _ODD].tolist())
        strange = [Odd(*one) for one in zip(*[numbers] * _ODD, strict=True)]
        return Scanned(memoryview(names)[:size], array("I", lines[:found].tobytes()), strange)

    def words(self, rules: Rules, secret: Secret) -> Words:
        """Return the words of a list."""
        if len(rules.kinds) > MAX_KINDS:
            return make_words(rules, secret)  # in one pass; here it would be one for each sixteen kinds
        names, view, kinds = rules.names, memoryview(rules.names), memoryview(rules.kind_of)
        dots, runs = bytearray(256), []
        begin = at = 0
        while begin < len(names):
            end = names.find(b"\n", begin + TEXTS_A_RUN) + 1 or len(names)
            count = names.count(b"\n", begin, end) + (names[end - 1] != 0x0A)
            keys, spare = _zeros("Q", count), _zeros("Q", count)
            self._api.build_keys(view[begin:end], *secret, keys, dots)
            for first in range(0, len(rules.kinds), KINDS_A_RUN):
                words = _zeros("Q", count)
                made = self._api.build_words(keys, kinds[at : at + count], first, words, spare)
                if made:
                    runs.append(Run(first, array("Q", words[:made].tobytes())))
            begin, at = end, at + count
        return Words(tuple(runs), sum([2 << count for count, seen in enumerate(dots) if seen]))

    def fill(self, runs: Iterable[Run], rules: int, slots: Slots) -> Filled:
        """Give every name a slot. Raises TableFault."""
        given = [(run.first, run.words) for run in runs]
        room = max(rules, min(rules + sum([len(words) for _, words in given]), MAX_PAIRS))
        parents, joined = _zeros("I", room), _zeros("I", room)
        used, repeats = _zeros("Q", room), _zeros("Q", room)
        try:
            count, names, worst = self._api.build_fill(
                given, rules, slots.words, KEY_BITS - slots.shift, (parents, joined, used, repeats)
            )
        except OverflowError as exc:
            raise TableFault(str(exc)) from exc
        combinations: list[tuple[int, ...]] = [(rule,) for rule in range(rules)]
        for number in range(rules, count):
            combinations.append((*combinations[parents[number]], joined[number]))
        return Filled(names, worst, combinations, used[:count].tolist(), repeats[:rules].tolist())

    def inherit(
        self, columns: Iterable[Column], slots: Slots, secret: Secret, combinations: int, ask: Ask
    ) -> Mapping[tuple[int, int], int]:
        """Let every name take over what its parents hold below them. Raises TableFault."""
        made = self._api.inheritance(*secret, slots.words, KEY_BITS - slots.shift, combinations)
        for rules, first in columns:
            while asked := made.inherit(rules.names, rules.kind_of, first):
                made.answer(*ask(*asked))
        return {(inherited, rule): times for inherited, rule, times in made.covered()}


def _zeros(kind: Literal["I", "Q"], count: int) -> memoryview:
    """Return numbers that are zero, in memory that takes no room before it is written, and none after use."""
    size = count * array(kind).itemsize
    return memoryview(mmap.mmap(-1, max(size, 1)))[:size].cast(kind)
