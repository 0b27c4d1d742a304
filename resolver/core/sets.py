"""What the lists say at one name, and how that meets what they say above it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from resolver.core.lists.rule import Effect, Own, Pattern, Scope, Trigger, When
from resolver.core.lists.rules import Kind, Resolution


class Say(NamedTuple):
    """What one list, by its number in the build, says.

    `trigger` and `pattern` are the rule where it is about addresses, or is looked for in names.
    """

    list: int
    effect: Effect
    own: Own | None = None
    when: When | None = None
    trigger: Trigger | None = None
    pattern: Pattern | None = None


Says = tuple[Say, ...]
"""What lists say, the most specific rule first."""

Told = tuple[int, Kind]
"""A list's number, and the kind of a rule that it has at a name."""


def said_here(told: Iterable[Told], scope: Scope) -> Says:
    """Return what rules at one name say within a scope: each list's strongest, and the conditional."""
    strongest: dict[int, Say] = {}
    narrowed: list[Say] = []
    for number, kind in told:
        if not kind.scope & scope:
            continue
        say = Say(number, kind.effect, kind.own, kind.when)
        if say.when is not None:
            narrowed.append(say)
        else:
            known = strongest.get(number)
            strongest[number] = say if known is None else _stronger(known, say)
    return (*dict.fromkeys(narrowed), *strongest.values())


def _stronger(one: Say, other: Say) -> Say:
    """Return the stronger word of a list about one name, or one answer with the records of both."""
    if one.effect != other.effect:
        return max(one, other, key=lambda say: say.effect)
    if one.own and other.own and one.own.action is other.own.action:
        records = tuple(dict.fromkeys(one.own.records + other.own.records))
        return one._replace(own=Own(one.own.action, records))
    return one if one.own or not other.own else other


def merge(above: Says, told: Sequence[Told], scope: Scope, resolutions: Sequence[Resolution]) -> Says:
    """Put what is said at a name before what is said above it, each list's words by its own resolution."""
    if scope is Scope.BELOW:
        told = _narrower(told, resolutions)
    here = said_here(told, scope)
    hidden = {say.list for say in here if resolutions[say.list] is not Resolution.STRONGEST}
    hidden |= {number for number, _ in told if resolutions[number] is Resolution.ENCLOSER}
    above = tuple([say for say in above if say.list not in hidden])
    strength = {say.list: say.effect for say in above if say.when is None}
    kept = [say for say in here if say.when or say.effect >= strength.get(say.list, say.effect)]
    replaced = {say.list for say in kept if say.when is None}
    return (*kept, *[say for say in above if say.when or say.list not in replaced])


def _narrower(told: Sequence[Told], resolutions: Sequence[Resolution]) -> Sequence[Told]:
    """Return what counts below a name: where the closest rule counts, `*.name` is closer than `name`."""
    wild = {
        number
        for number, kind in told
        if kind.scope is Scope.BELOW and resolutions[number] is Resolution.CLOSEST
    }
    return [one for one in told if one[0] not in wild or one[1].scope is Scope.BELOW] if wild else told
