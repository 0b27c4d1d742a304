"""A rule in words, the same for two rules that do the same wherever they stand."""

from __future__ import annotations

from ipaddress import ip_address

from resolver.core.lists.query_types import type_text
from resolver.core.lists.rule import AnyRule, Own, Pattern, Rule, Scope, Side, Trigger

_SIDES = {Side.ANSWER: "in an answer", Side.CLIENT: "of a client"}


def wording(rule: AnyRule) -> str:
    """Return a rule on one line: what it is about, what it does, and what narrows it."""
    effect = [*["important"] * (rule.effect >= 2), *["allow"] * rule.effect.allows]
    return " ".join([_subject(rule), *effect, *_reach(rule), *_answer(rule.own), *_narrowed(rule)])


def _subject(rule: AnyRule) -> str:
    if isinstance(rule, Rule):
        return rule.name
    return rule.text if isinstance(rule, Pattern) else str(rule.network)


def _reach(rule: AnyRule) -> list[str]:
    if isinstance(rule, Rule):
        return [] if rule.scope is Scope.EXACT else [f"({rule.scope.name.lower()})"]
    return ["(expression)"] if isinstance(rule, Pattern) else [f"(address {_SIDES[rule.side]})"]


def _answer(own: Own | None) -> list[str]:
    return [] if own is None else ["answered", own.action, *[_record(*record) for record in own.records]]


def _record(rtype: int, data: bytes) -> str:
    kind = type_text(rtype)
    return f"{kind} {ip_address(data) if kind in ('A', 'AAAA') else data.hex()}"


def _narrowed(rule: AnyRule) -> list[str]:
    found = [f"but not {name}" for name in rule.spared] if isinstance(rule, Pattern) else []
    when = None if isinstance(rule, Trigger) else rule.when
    if when is not None:
        found += [f"for {type_text(number)}" for number in sorted(when.types)]
        found += [f"not for {type_text(number)}" for number in sorted(when.but_types)]
        found += [f"for {network}" for network in when.clients]
        found += [f"not for {network}" for network in when.but_clients]
    return found
