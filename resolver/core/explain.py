"""Why a name is blocked or not: every step that led there, for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from resolver.core import names
from resolver.core.lists.parsed import ParsedList
from resolver.core.lists.rule import Rule, Scope
from resolver.core.lists.rules import Rules
from resolver.core.policy import Address, Policy, Verdict
from resolver.core.routes import LocalZone, Routes


@dataclass(frozen=True, slots=True)
class Looked:
    """A list that counts for the client, and its rules that reach the name, the most specific first."""

    list: str
    group: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The trace of one decision. `rule` is the one that decided; `route` where the question would go."""

    name: bytes
    address: Address
    groups: tuple[str, ...]
    looked: tuple[Looked, ...]
    verdict: Verdict
    rule: Rule | None
    route: str


def explain(
    name: bytes, address: Address, policy: Policy, parsed: Mapping[str, ParsedList], routes: Routes
) -> Explanation:
    """Judge a canonical name for a client as the server would, and say how it came about."""
    groups = policy.groups_of(address)
    looked = tuple(
        [
            Looked(by.name, group.name, tuple(reaching(parsed[by.name].rules, name)))
            for group in groups
            for number, by in enumerate(policy.lists)
            if number in group.lists and by.name in parsed
        ]
    )
    verdict = policy.profile_for(address).decide(name)
    return Explanation(
        name=name,
        address=address,
        groups=tuple([group.name for group in groups]),
        looked=looked,
        verdict=verdict,
        rule=_deciding(looked, verdict),
        route=_describe(routes.find(name)),
    )


def reaching(rules: Rules, name: bytes) -> list[Rule]:
    """Return the rules of one list that reach a canonical name, the most specific first."""
    found = []
    scope = Scope.EXACT
    for above in (name, *names.parents(name)):
        here = [rule for rule in rules.about(names.to_text(above)) if rule.scope & scope]
        found += sorted(here, key=lambda rule: -rule.effect)
        scope = Scope.BELOW
    return found


def _deciding(looked: tuple[Looked, ...], verdict: Verdict) -> Rule | None:
    if verdict.list is None:
        return None
    rules = [rule for look in looked if look.list == verdict.list.name for rule in look.rules]
    return next((rule for rule in rules if rule.effect == verdict.effect), None)


def _describe(route: LocalZone | str) -> str:
    return f"upstream {route}" if isinstance(route, str) else f"answered here ({names.to_text(route.apex)})"
