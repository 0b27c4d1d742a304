"""All names of all lists, compiled: build once, find fast.

A *set* says for each list that has a say on a name what it says, the most specific rule first. Each name
carries two set numbers: what holds for the name itself, and what holds below it. The builder lets every name
take over what its parents hold below them, so a lookup that goes from the longest parent to the shortest is
over at its first hit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from resolver.core import names
from resolver.core.lists.rule import Effect, Rule, Scope

NO_SET = 0
"""The number of the empty set: no list has a say."""


class Say(NamedTuple):
    """What one list, by its number in the build, says."""

    list: int
    effect: Effect


Says = tuple[Say, ...]


class Count(NamedTuple):
    """How many names one list has, and how many of them are in no other list."""

    names: int
    own: int


@dataclass(frozen=True, slots=True)
class Table:
    """An immutable table; plain values all through, so that it can cross from process to process."""

    entries: dict[bytes, int]
    """Canonical name -> number of its pair."""
    pairs: tuple[tuple[int, int], ...]
    """(set for the name itself, set for what is below)."""
    sets: tuple[Says, ...]
    counts: tuple[Count, ...]
    """By list."""

    def find(self, name: bytes) -> int:
        """Return the number of the set that holds for a canonical name, NO_SET if no list has a say."""
        get = self.entries.get
        pair = get(name)
        if pair is not None:
            return self.pairs[pair][0]
        at, length = 0, name[0]
        while length:
            at += length + 1
            pair = get(name[at:])
            if pair is not None:
                return self.pairs[pair][1]
            length = name[at]
        return NO_SET


EMPTY = Table({}, (), ((),), ())


def build(lists: Sequence[Iterable[Rule]]) -> Table:
    """Compile the rules of all lists; a list is known by its place in `lists`."""
    said, counts = _gather(lists)
    builder = _Builder()
    for name in sorted(said, key=len):
        builder.add(name, said[name])
    return Table(builder.entries, tuple(builder.pairs), tuple(builder.sets), counts)


def matches(rules: Iterable[Rule], name: bytes) -> list[Rule]:
    """Return the rules of one list that reach a canonical name, the most specific first (for people)."""
    text = names.to_text(name)
    above = {names.to_text(parent) for parent in names.parents(name)}
    found = [
        rule
        for rule in rules
        if (rule.name == text and rule.scope & Scope.EXACT)
        or (rule.name in above and rule.scope & Scope.BELOW)
    ]
    return sorted(found, key=lambda rule: (-len(rule.name), -rule.effect))


_Packed = tuple[int, ...]
"""What the lists say at one name: `list number << 4 | effect << 2 | scope` each, since there are millions."""


def _gather(lists: Sequence[Iterable[Rule]]) -> tuple[dict[bytes, _Packed], tuple[Count, ...]]:
    """Bring the rules of all lists together by name, and count."""
    said: dict[bytes, _Packed] = {}
    for number, rules in enumerate(lists):
        for name, scope, effect, *_ in rules:
            rule = (number << 4 | effect << 2 | scope,)
            wire = names.from_text(name)
            known = said.get(wire)
            said[wire] = rule if known is None else known + rule
    counts = [[0, 0] for _ in lists]
    for packed in said.values():
        owners = {rule >> 4 for rule in packed}
        for number in owners:
            counts[number][0] += 1
            counts[number][1] += len(owners) == 1
    return said, tuple([Count(*count) for count in counts])


class _Builder:
    """Works the sets out. Names come shortest first, so every parent is known before its children."""

    def __init__(self) -> None:
        self.entries: dict[bytes, int] = {}
        self.pairs: list[tuple[int, int]] = []
        self.sets: list[Says] = [()]
        self._set_numbers: dict[Says, int] = {(): NO_SET}
        self._pair_numbers: dict[tuple[int, int], int] = {}
        self._known: dict[tuple[int, _Packed], int] = {}

    def add(self, name: bytes, packed: _Packed) -> None:
        key = self._inherited(name), packed
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = self._pair(*key)
        self.entries[name] = number

    def _inherited(self, name: bytes) -> int:
        """Return the set that the nearest parent holds below itself."""
        for parent in names.parents(name):
            number = self.entries.get(parent)
            if number is not None:
                return self.pairs[number][1]
        return NO_SET

    def _pair(self, inherited: int, packed: _Packed) -> int:
        above = self.sets[inherited]
        itself, below = [
            self._set(_merge(above, _says(packed, scope))) for scope in (Scope.EXACT, Scope.BELOW)
        ]
        pair = itself, below
        if pair not in self._pair_numbers:
            self._pair_numbers[pair] = len(self.pairs)
            self.pairs.append(pair)
        return self._pair_numbers[pair]

    def _set(self, says: Says) -> int:
        if says not in self._set_numbers:
            self._set_numbers[says] = len(self.sets)
            self.sets.append(says)
        return self._set_numbers[says]


def _says(packed: _Packed, scope: Scope) -> dict[int, Effect]:
    """Return what each list says within a scope; a list that says two things says the stronger."""
    found: dict[int, Effect] = {}
    for rule in packed:
        number, effect = rule >> 4, Effect(rule >> 2 & 3)
        if rule & scope:
            found[number] = max(effect, found.get(number, effect))
    return found


def _merge(above: Says, own: dict[int, Effect]) -> Says:
    """Put what is said here before what is said above, a list's stronger word replacing its weaker."""
    strongest = {say.list: say.effect for say in above}
    here = [Say(number, effect) for number, effect in own.items() if effect >= strongest.get(number, effect)]
    replaced = {say.list for say in here}
    return (*here, *[say for say in above if say.list not in replaced])
