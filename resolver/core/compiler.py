"""From the rules of all lists to the slots of a table.

Names are known by their keys alone, so a build takes eight bytes a name and no objects. Each list's rules
become sorted *words* (key and rule kind); the words of all lists, merged in the order of their keys, fill the
slots from left to right. Then every name takes over what its parents hold below them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from resolver.core.errors import TableFault
from resolver.core.keys import KEY_BITS, Secret
from resolver.core.lists.rule import Scope
from resolver.core.lists.rules import Kind, Resolution, Rules
from resolver.core.sets import Says, merge
from resolver.core.steps import MAX_PAIRS, MAX_PROBE, NO_SET, PYTHON, Column, Run, Slots, Steps, Words

MIN_SLOT_BITS = 6


class Part(NamedTuple):
    """One list to compile. `words` are those for the secret at hand."""

    rules: Rules
    words: Words
    resolution: Resolution = Resolution.STRONGEST


class Count(NamedTuple):
    """How many names a list has; how many of them no other list has, it has twice, it covers itself above."""

    names: int
    own: int
    duplicates: int = 0
    covered: int = 0


class Compiled(NamedTuple):
    """What the slots mean. A pair is (set for the name itself, set for what is below).

    Bit n of `depths` says that names of n labels are there, of `depths_above` that names below such are met.
    """

    depths: int
    depths_above: int
    names: int
    longest_probe: int
    pairs: tuple[tuple[int, int], ...]
    sets: tuple[Says, ...]
    counts: tuple[Count, ...]


def slot_bits(names: int) -> int:
    """Return how many slots there are for so many names, as the power of two: a load of at most 5/8."""
    return max((names * 8 // 5).bit_length(), MIN_SLOT_BITS)


def compile_slots(
    parts: Sequence[Part], secret: Secret, allocate: Callable[[int], memoryview], steps: Steps = PYTHON
) -> Compiled:
    """Fill the slots that `allocate(number of 8-byte slots)` gives, all zero.

    Raises TableFault when names crowd, as they may for one secret in thousands, or say too many things.
    """
    bits = slot_bits(sum([len(part.rules) for part in parts]))
    slots = Slots(allocate((1 << bits) + MAX_PROBE), KEY_BITS - bits)
    build = _Build(parts, secret, slots)
    build.fill(steps)
    if build.reaches_below:
        build.inherit(steps)
    return build.compiled()


class _Build:
    """One build. A pair's *origin* is what it came from: a set above, and a combination."""

    def __init__(self, parts: Sequence[Part], secret: Secret, slots: Slots) -> None:
        self._parts, self._secret, self._slots = parts, secret, slots
        self._resolutions = [part.resolution for part in parts]
        self._told = [(number, kind) for number, part in enumerate(parts) for kind in part.rules.kinds]
        self._covered: Mapping[tuple[int, int], int] = {}
        self._sets: list[Says] = [()]
        self._set_numbers: dict[Says, int] = {(): NO_SET}
        self._origins: list[tuple[int, int]] = []
        self._origin_numbers: dict[tuple[int, int], int] = {}
        self._pairs: list[tuple[int, int]] = []
        self.reaches_below = any(kind.scope & Scope.BELOW for _, kind in self._told)

    def fill(self, steps: Steps) -> None:
        """Give every name a slot; for now it says the combination there."""
        runs = [
            Run(first + run.first, run.words)
            for part, first in zip(self._parts, self._first_idents(), strict=True)
            for run in part.words.runs
        ]
        self._filled = steps.fill(runs, len(self._told), self._slots)
        for combination in range(len(self._filled.combinations)):
            self._origin(NO_SET, combination)

    def inherit(self, steps: Steps) -> None:
        """Let every name take over what its parents hold below them."""
        columns = [
            Column(part.rules, first) for part, first in zip(self._parts, self._first_idents(), strict=True)
        ]
        self._covered = steps.inherit(columns, self._slots, self._secret, len(self._origins), self._ask)

    def compiled(self) -> Compiled:
        """Return what the slots mean now."""
        for origin in self._origins[len(self._pairs) :]:
            self._pairs.append(self._pair(*origin))
        depths = 0
        for part in self._parts:
            depths |= part.words.depths
        return Compiled(
            depths,
            depths if self.reaches_below else 0,
            self._filled.names,
            self._filled.longest_probe,
            tuple(self._pairs),
            tuple(self._sets),
            self._counts(),
        )

    def _first_idents(self) -> list[int]:
        """Return the place in `told` of each list's first kind."""
        firsts, first = [], 0
        for part in self._parts:
            firsts.append(first)
            first += len(part.rules.kinds)
        return firsts

    def _ask(self, inherited: int, combination: int) -> tuple[int, int]:
        """Return the number of the pair that a combination has below a set, and what then holds below."""
        number = self._origin(inherited, combination)
        return number, self._pair_of(number)[1]

    def _origin(self, inherited: int, combination: int) -> int:
        """Return the number of the pair that a combination has below a set."""
        origin = inherited, combination
        number = self._origin_numbers.get(origin)
        if number is None:
            number = self._origin_numbers[origin] = len(self._origins)
            self._origins.append(origin)
            if number >= MAX_PAIRS:
                raise TableFault("the lists say too many different things")
        return number

    def _pair_of(self, number: int) -> tuple[int, int]:
        while len(self._pairs) <= number:
            self._pairs.append(self._pair(*self._origins[len(self._pairs)]))
        return self._pairs[number]

    def _pair(self, inherited: int, combination: int) -> tuple[int, int]:
        above = self._sets[inherited]
        told = [self._told[ident] for ident in self._filled.combinations[combination]]
        itself, below = [
            self._set(merge(above, told, scope, self._resolutions)) for scope in (Scope.EXACT, Scope.BELOW)
        ]
        return itself, below

    def _set(self, says: Says) -> int:
        if says not in self._set_numbers:
            self._set_numbers[says] = len(self._sets)
            self._sets.append(says)
        return self._set_numbers[says]

    def _counts(self) -> tuple[Count, ...]:
        names, own, covered, repeats = ([0] * len(self._parts) for _ in range(4))
        for idents, used in zip(self._filled.combinations, self._filled.used, strict=True):
            owners = {number for number, kind in map(self._told.__getitem__, idents) if kind.scope}
            for number in owners:
                names[number] += used
                own[number] += used * (len(owners) == 1)
        for (number, _), times in zip(self._told, self._filled.repeats, strict=True):
            repeats[number] += times
        for (inherited, ident), times in self._covered.items():
            number, kind = self._told[ident]
            covered[number] += times * _adds_nothing(number, kind, self._sets[inherited])
        return tuple([Count(names[n], own[n], repeats[n], covered[n]) for n in range(len(self._parts))])


def _adds_nothing(number: int, kind: Kind, above: Says) -> bool:
    """Say whether a rule of a list says only what the list already says there from above."""
    return any(
        say.list == number and (say.effect, say.own, say.when) == (kind.effect, kind.own, kind.when)
        for say in above
    )
