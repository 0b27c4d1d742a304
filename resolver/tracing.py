"""`nxwhy explain` and `nxwhy lists`: what the server would decide, worked out without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from resolver.config import Config
from resolver.core import names, reasons
from resolver.core import wire as w
from resolver.core.errors import NameFault
from resolver.core.explain import Explanation, Looked, applies, explain
from resolver.core.lists.query_types import type_text
from resolver.core.lists.rule import Action, Effect, Own, Pattern, Rule, Scope, Trigger, When
from resolver.edge import builder
from resolver.edge.intake import Source, read
from resolver.engines import make_steps
from resolver.parts import list_sources, make_identity, make_policy, make_routes

_REACH = {Scope.EXACT: "this name only", Scope.BELOW: "below it only", Scope.SUBTREE: "with all below it"}


@dataclass(frozen=True, slots=True)
class Trace:
    """An explanation, and where its lists come from."""

    found: Explanation
    sources: Mapping[str, Source]
    warnings: tuple[str, ...]
    versions: Mapping[str, str]
    """Of the lists that do not have what their source has now: lines are those of the version."""

    @property
    def answer(self) -> str:
        """What a client gets."""
        verdict = self.found.verdict
        if verdict.answer is None:
            return self.found.route
        if verdict.answer.mode is Action.DROP:
            return "none at all"
        if verdict.answer.mode is Action.TCP_ONLY:
            return f"truncated over UDP; over TCP: {self.found.route}"
        asked = verdict.say.own if verdict.say is not None else None
        given = _own_text(asked) if verdict.answer.mode is Action.DATA else verdict.answer.mode
        return f"{given} (TTL {verdict.answer.ttl} s)"

    def document(self) -> dict[str, object]:
        """Return the trace for programs."""
        found, verdict = self.found, self.found.verdict
        return {
            "name": names.to_text(found.name),
            "type": type_text(found.qtype),
            "client": str(found.address),
            "groups": list(found.groups),
            "lists": [
                {
                    "list": looked.list,
                    "group": looked.group,
                    "shadow": looked.shadow,
                    "rules": [self._rule(looked.list, rule) for rule in looked.rules],
                    "patterns": [self._pattern(looked.list, one) for one in looked.patterns],
                    "client_rules": [self._trigger(looked.list, one) for one in looked.triggers],
                    "address_rules": looked.addresses,
                }
                for looked in found.looked
            ],
            "blocked": verdict.blocks,
            "decided_by": None
            if verdict.list is None
            else {
                "list": verdict.list.name,
                "group": verdict.group,
                "step": _step(verdict.effect),
                "rule": self._rule(verdict.list.name, found.rule) if found.rule else None,
                "pattern": self._pattern(verdict.list.name, verdict.say.pattern)
                if verdict.say and verdict.say.pattern
                else None,
                "client_rule": self._trigger(verdict.list.name, verdict.say.trigger)
                if verdict.say and verdict.say.trigger
                else None,
                "record": reasons.document(verdict.list.reason(group=verdict.group)),
            },
            "shadow": None
            if verdict.shadow is None
            else {
                "list": verdict.shadow.list.name,
                "group": verdict.shadow.group,
                "step": _step(verdict.shadow.effect),
            },
            "answer": self.answer,
            "warnings": list(self.warnings),
        }

    def text(self) -> str:
        """Return the trace for people."""
        found, verdict = self.found, self.found.verdict
        shown = [
            f"{names.to_text(found.name)} {type_text(found.qtype)} for {found.address}",
            f"  groups      {', '.join(found.groups)}",
        ]
        for looked in found.looked:
            rules = self._lines(looked)
            shadow = ", in shadow" if looked.shadow else ""
            shown.append(f"  list        {looked.list} (group {looked.group}{shadow}): {rules[0]}")
            shown += [f"              {rule}" for rule in rules[1:]]
        if verdict.list is None:
            shown.append("  decided     no list has a say")
        else:
            shown.append(
                f"  decided     {_step(verdict.effect)}: list {verdict.list.name}, group {verdict.group}"
            )
            shown += [f"  {key:<11} {value}" for key, value in reasons.lines(verdict.list.reason())]
        if verdict.shadow is not None:
            would = "block" if verdict.shadow.blocks else "let through"
            shown.append(f"  shadow      list {verdict.shadow.list.name}, if it were enforced, would {would}")
        shown.append(f"  answer      {self.answer}")
        return "\n".join([*shown, *[f"warning: {warning}" for warning in self.warnings]])

    def _lines(self, looked: Looked) -> list[str]:
        """Return what a list says to the name and to the client."""
        said = [
            f"{_step(one.effect)} the client {one.network}{_asks(one.own)}, {self._at(looked.list, one.line)}"
            for one in looked.triggers
        ]
        said += [self._line(looked.list, rule) for rule in looked.rules]
        said += [
            f"{_step(one.effect)} {one.text}, found in the name{self._condition(one.when)}{_asks(one.own)},"
            f" {self._at(looked.list, one.line)}"
            for one in looked.patterns
        ]
        if looked.addresses:
            said.append(
                f"rules about the addresses in an answer, judged when it is there: {looked.addresses}"
            )
        return said or ["no rule reaches the name"]

    def _line(self, name: str, rule: Rule) -> str:
        note = f" - {rule.note}" if rule.note else ""
        reach = f"{rule.name}, {_REACH[rule.scope]}{self._condition(rule.when)}{_asks(rule.own)}"
        return f"{_step(rule.effect)} {reach}, {self._at(name, rule.line)}{note}"

    def _condition(self, when: When | None) -> str:
        if when is None:
            return ""
        met = applies(when, self.found.address, self.found.qtype)
        return f", {_when_text(when)}{'' if met else ' (not met)'}"

    def _pattern(self, name: str, pattern: Pattern) -> dict[str, object]:
        return {
            "pattern": pattern.text,
            "effect": pattern.effect.name.lower(),
            **self._place(name, pattern.line),
            **self._narrowed(pattern.when),
        } | _own_document(pattern.own)

    def _narrowed(self, when: When | None) -> dict[str, object]:
        if when is None:
            return {}
        return {"when": _when_text(when), "met": applies(when, self.found.address, self.found.qtype)}

    def _at(self, name: str, line: int) -> str:
        version = f" (version {self.versions[name]})" if name in self.versions else ""
        return f"{self.sources[name].shown}:{line}{version}"

    def _place(self, name: str, line: int) -> dict[str, object]:
        version = {"version": self.versions[name]} if name in self.versions else {}
        return {"file": self.sources[name].shown, "line": line, **version}

    def _trigger(self, name: str, trigger: Trigger) -> dict[str, object]:
        return {
            "network": str(trigger.network),
            "effect": trigger.effect.name.lower(),
            **self._place(name, trigger.line),
        } | _own_document(trigger.own)

    def _rule(self, name: str, rule: Rule) -> dict[str, object]:
        return {
            "name": rule.name,
            "scope": rule.scope.name.lower(),
            "effect": rule.effect.name.lower(),
            **self._place(name, rule.line),
            "note": rule.note,
            **self._narrowed(rule.when),
            **_own_document(rule.own),
        }


def trace(config: Config, name: str, client: str, qtype: int = w.A) -> Trace:
    """Judge a name for a client address as the server would. Raises NameFault."""
    try:
        address = ip_address(client)
    except ValueError:
        raise NameFault(f"not an address: {client!r}") from None
    canonical = names.from_text(name)
    sources = list_sources(config)
    steps = make_steps(config.engine)
    found = [read(source, config.state, steps) for source in sources]
    parsed = {source.name: one.parsed for source, one in zip(sources, found, strict=True) if one.parsed}
    build = builder.compile_read(sources, found, steps)
    policy = make_policy(config, build, 0)
    return Trace(
        explain(canonical, address, policy, parsed, make_routes(config), qtype, make_identity(config)),
        {source.name: source for source in sources},
        tuple([one.error for one in found if one.error is not None]),
        {source.name: one.earlier for source, one in zip(sources, found, strict=True) if one.earlier},
    )


def _when_text(when: When) -> str:
    """Return a condition in words."""
    parts = [
        ("only for types", sorted(map(type_text, when.types))),
        ("not for types", sorted(map(type_text, when.but_types))),
        ("only for clients", list(map(str, when.clients))),
        ("not for clients", list(map(str, when.but_clients))),
    ]
    return ", ".join([f"{role} {' '.join(given)}" for role, given in parts if given])


def _asks(own: Own | None) -> str:
    return "" if own is None else f", asks for {_own_text(own)}"


def _own_text(own: Own | None) -> str:
    """Return the answer that a rule asks for."""
    if own is None:
        return ""
    return " ".join([own.action.value, *dict.fromkeys([type_text(rtype) for rtype, _ in own.records])])


def _own_document(own: Own | None) -> dict[str, object]:
    return {} if own is None else {"answer": _own_text(own)}


def _step(effect: Effect | None) -> str:
    return "" if effect is None else effect.name.lower().replace("_", " ")
