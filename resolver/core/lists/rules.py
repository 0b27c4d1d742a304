"""The rules of one list about names, in columns: a million of them take some 25 MB and no objects."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from resolver.core.errors import ListRefused
from resolver.core.lists.rule import Effect, Own, Rule, Scope, When

MAX_KINDS = 1 << 16
"""Most different combinations of reach, effect, answer and condition in one list."""

_AS_ALLOWED = {Effect.BLOCK: Effect.ALLOW, Effect.IMPORTANT_BLOCK: Effect.IMPORTANT_ALLOW}


class Resolution(StrEnum):
    """Which of a list's own rules count for a name, by the rule of its format."""

    STRONGEST = "strongest"
    """The highest effect of all that reach the name (adblock; lists that only block)."""
    CLOSEST = "closest"
    """Those of the nearest name that has any (dnsmasq, unbound)."""
    ENCLOSER = "encloser"
    """As CLOSEST, and a name without a wildcard of its own hides those above it (RPZ, RFC 4592)."""


def allowed(effect: Effect) -> Effect:
    """Return what an effect is in a list whose every rule lets its name through."""
    return _AS_ALLOWED.get(effect, effect)


class Kind(NamedTuple):
    """What many rules of a list share."""

    scope: Scope
    effect: Effect
    own: Own | None = None
    when: When | None = None

    def allowed(self) -> Kind:
        """Return what this is in a list whose every rule lets its name through."""
        return Kind(self.scope, allowed(self.effect), None, self.when)


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules in the order of their list, repeats included. Nobody changes the columns.

    `names` holds canonical texts, each ended by a newline; `lines` and `kind_of` have a number for each.
    """

    names: bytearray = field(default_factory=bytearray)
    lines: array[int] = field(default_factory=lambda: array("I"))
    kind_of: array[int] = field(default_factory=lambda: array("H"))
    kinds: tuple[Kind, ...] = ()
    notes: Mapping[int, str] = field(default_factory=dict)
    """By place in the list."""

    def __len__(self) -> int:
        return len(self.lines)

    def __iter__(self) -> Iterator[Rule]:
        return map(self._rule, range(len(self)), self.names.decode("ascii").split("\n"))

    def about(self, text: str) -> list[Rule]:
        """Return the rules about exactly one name, in their order."""
        ended = text.encode("ascii") + b"\n"
        found: list[Rule] = []
        place = counted = at = 0
        while (at := self.names.find(ended, at)) >= 0:
            if at == 0 or self.names[at - 1] == 0x0A:
                place += self.names.count(b"\n", counted, at)
                counted = at
                found.append(self._rule(place, text))
            at += len(ended)
        return found

    def _rule(self, place: int, text: str) -> Rule:
        scope, effect, own, when = self.kinds[self.kind_of[place]]
        return Rule(text, scope, effect, self.lines[place], self.notes.get(place, ""), own, when)


class Collector:
    """Gathers the rules of one list."""

    def __init__(self, source: str, *, allow: bool = False) -> None:
        """With `allow` every rule lets its name through."""
        self._source, self._allow = source, allow
        self._names = bytearray()
        self._lines, self._kind_of = array("I"), array("H")
        self._kinds: dict[Kind, int] = {}
        self._numbers: dict[Kind, int] = {}
        self._notes: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, rule: Rule) -> None:
        """Take one rule. Raises ListRefused for a list that asks for too many different things."""
        name, scope, effect, line, note, own, when = rule
        if note:
            self._notes[len(self._lines)] = note
        self._names += name.encode("ascii") + b"\n"
        self._lines.append(line)
        self._kind_of.append(self._number(Kind(scope, effect, own, when)))

    def add_many(self, names: bytes | memoryview, lines: array[int], kind: Kind) -> None:
        """Take canonical texts of one kind, each ended by a newline, with their lines."""
        if lines:
            self._names += names
            self._lines.extend(lines)
            self._kind_of.extend(array("H", [self._number(kind)]) * len(lines))

    def remove(self, rules: Iterable[Rule]) -> int:
        """Take back what is the same as one of some rules but for its line; return how many that were."""
        unwanted: dict[bytes, set[int]] = {}
        for name, scope, effect, _, _, own, when in rules:
            kind = Kind(scope, effect, own, when)
            number = self._kinds.get(kind.allowed() if self._allow else kind)
            if number is not None:
                unwanted.setdefault(name.encode("ascii"), set()).add(number)
        if not unwanted:
            return 0
        names = bytes(self._names).split(b"\n")[:-1]
        kept = [
            place
            for place, name in enumerate(names)
            if name not in unwanted or self._kind_of[place] not in unwanted[name]
        ]
        self._names = bytearray(b"".join([names[place] + b"\n" for place in kept]))
        self._lines = array("I", [self._lines[place] for place in kept])
        self._kind_of = array("H", [self._kind_of[place] for place in kept])
        self._notes = {at: self._notes[place] for at, place in enumerate(kept) if place in self._notes}
        return len(names) - len(kept)

    def rules(self) -> Rules:
        """Return what was gathered."""
        return Rules(self._names, self._lines, self._kind_of, tuple(self._kinds), self._notes)

    def _number(self, kind: Kind) -> int:
        number = self._numbers.get(kind)
        if number is None:
            made = kind.allowed() if self._allow else kind
            number = self._numbers[kind] = self._kinds.setdefault(made, len(self._kinds))
            if number >= MAX_KINDS:
                raise ListRefused(self._source, f"asks for more than {MAX_KINDS} different answers")
        return number


def collect(rules: Iterable[Rule]) -> Rules:
    """Return rules in columns."""
    collector = Collector("rules")
    for rule in rules:
        collector.add(rule)
    return collector.rules()


def empty_non_terminals(rules: Rules) -> list[str]:
    """Return the names between a rule's name and a wildcard above it that have no rule of their own.

    In a zone such a name is there, so no wildcard above it reaches it or what is below it (RFC 4592, section
    2.2.2).
    """
    owners, wildcards = set(), set()
    for rule in rules:
        owners.add(rule.name)
        if rule.scope & Scope.BELOW:
            wildcards.add(rule.name)
    found: dict[str, None] = {}
    for name in owners if wildcards else ():
        between = []
        above = name.partition(".")[2]
        while above and above not in owners:
            between.append(above)
            above = above.partition(".")[2]
        while above and above not in wildcards:
            above = above.partition(".")[2]
        if above:
            found.update(dict.fromkeys(between))
    return sorted(found)
