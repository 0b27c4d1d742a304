"""Why a name is blocked or not: every step that led there, for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from resolver.core import names
from resolver.core import wire as w
from resolver.core.identity import ANONYMOUS, Identity
from resolver.core.lists.parsed import ParsedList
from resolver.core.lists.rule import Action, Own, Pattern, Rule, Scope, Side, Trigger, When
from resolver.core.lists.rules import Rules
from resolver.core.networks import Address, Network, Networks
from resolver.core.policy import Policy, PolicyList, Verdict
from resolver.core.routes import Routes
from resolver.core.sets import Say
from resolver.core.verdicts import takes_type


@dataclass(frozen=True, slots=True)
class Looked:
    """A list that counts for the client, and its rules that reach the name, the most specific first.

    `triggers` are its rules about the client's address, the narrowest first; `addresses` is how many it has
    about the addresses in an answer, which only an answer can tell. `patterns` are those found in the name.
    """

    list: str
    group: str
    rules: tuple[Rule, ...]
    triggers: tuple[Trigger, ...] = ()
    addresses: int = 0
    shadow: bool = False
    patterns: tuple[Pattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The trace of one decision. `rule` is the one that decided; `route` where the question would go."""

    name: bytes
    qtype: int
    address: Address
    groups: tuple[str, ...]
    looked: tuple[Looked, ...]
    verdict: Verdict
    rule: Rule | None
    route: str


def explain(
    name: bytes,
    address: Address,
    policy: Policy,
    parsed: Mapping[str, ParsedList],
    routes: Routes,
    qtype: int = w.A,
    identity: Identity = ANONYMOUS,
) -> Explanation:
    """Judge a canonical name, asked for a type over UDP, as the server would, and say how it came about."""
    groups = policy.groups_of(address)
    found: dict[int, tuple[Pattern, ...]] = {}
    for number, pattern in policy.patterns.find(names.to_text(name)):
        found[number] = (*found.get(number, ()), pattern)
    looked = tuple(
        [
            _look(by, group.name, parsed[by.name], name, address, found.get(number, ()))
            for group in groups
            for number, by in enumerate(policy.lists)
            if number in group.lists and by.name in parsed
        ]
    )
    verdict = policy.profile_for(address).decide(name, qtype)
    return Explanation(
        name=name,
        qtype=qtype,
        address=address,
        groups=tuple([group.name for group in groups]),
        looked=looked,
        verdict=verdict,
        rule=None if verdict.say is None else _deciding(looked, verdict.list, verdict.say),
        route=_route(name, qtype, routes, identity),
    )


def applies(when: When | None, address: Address, qtype: int) -> bool:
    """Say whether a condition is met by a client that asks for a type."""
    if when is None:
        return True
    inside = not when.clients or bool(_holding(when.clients, address))
    return takes_type(when, qtype) and inside and not _holding(when.but_clients, address)


def _holding(networks: Iterable[Network], address: Address) -> list[Network]:
    """Return the networks that hold an address, the narrowest first."""
    return Networks([(network, network) for network in networks]).find(address.packed)


def _look(
    by: PolicyList, group: str, parsed: ParsedList, name: bytes, address: Address, found: tuple[Pattern, ...]
) -> Looked:
    clients = [one for one in by.triggers if one.side is Side.CLIENT]
    met = Networks([(one.network, one) for one in clients]).find(address.packed)
    rules = tuple(reaching(parsed.rules, name))
    return Looked(by.name, group, rules, tuple(met), len(by.triggers) - len(clients), by.shadow, found)


def reaching(rules: Rules, name: bytes) -> list[Rule]:
    """Return the rules of one list that reach a canonical name, the most specific first."""
    found = []
    scope = Scope.EXACT
    for above in (name, *names.parents(name)):
        here = [rule for rule in rules.about(names.to_text(above)) if rule.scope & scope]
        found += sorted(here, key=lambda rule: -rule.effect)
        scope = Scope.BELOW
    return found


def _deciding(looked: tuple[Looked, ...], by: PolicyList | None, say: Say) -> Rule | None:
    """Return the rule that said what decided; None where that was no rule about names."""
    if by is None or say.trigger is not None or say.pattern is not None:
        return None
    rules = [rule for look in looked if look.list == by.name for rule in look.rules]
    alike = [rule for rule in rules if (rule.effect, rule.when) == (say.effect, say.when)]
    same = [rule for rule in alike if _action(rule.own) == _action(say.own)]
    return next(iter([*same, *alike]), None)


def _action(own: Own | None) -> Action | None:
    return None if own is None else own.action


def _route(name: bytes, qtype: int, routes: Routes, identity: Identity) -> str:
    if identity.find(name, qtype.to_bytes(2, "big") + w.IN.to_bytes(2, "big")) is not None:
        return "answered here (about this resolver)"
    route = routes.find(name, qtype)
    return f"upstream {route}" if isinstance(route, str) else f"answered here ({names.to_text(route.apex)})"
