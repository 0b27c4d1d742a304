"""`nxwhy explain` and `nxwhy lists`: what the server would decide, worked out without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from resolver.config import Config
from resolver.core import names
from resolver.core.errors import NameFault
from resolver.core.explain import Explanation, explain
from resolver.core.lists.rule import Effect, Rule, Scope
from resolver.edge import builder
from resolver.edge.intake import Source, read
from resolver.listing import record_document
from resolver.parts import list_sources, make_policy, make_routes

_REACH = {Scope.EXACT: "this name only", Scope.BELOW: "below it only", Scope.SUBTREE: "with all below it"}


@dataclass(frozen=True, slots=True)
class Trace:
    """An explanation, and the files that its lists come from."""

    found: Explanation
    sources: Mapping[str, Source]
    warnings: tuple[str, ...]

    @property
    def answer(self) -> str:
        """What a client gets."""
        verdict = self.found.verdict
        if verdict.answer is None:
            return self.found.route
        return f"{verdict.answer.mode} (TTL {verdict.answer.ttl} s)"

    def document(self) -> dict[str, object]:
        """Return the trace for programs."""
        found, verdict = self.found, self.found.verdict
        return {
            "name": names.to_text(found.name),
            "client": str(found.address),
            "groups": list(found.groups),
            "lists": [
                {
                    "list": looked.list,
                    "group": looked.group,
                    "rules": [self._rule(looked.list, rule) for rule in looked.rules],
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
                "record": record_document(verdict.list.record),
            },
            "answer": self.answer,
            "warnings": list(self.warnings),
        }

    def text(self) -> str:
        """Return the trace for people."""
        found, verdict = self.found, self.found.verdict
        shown = [
            f"{names.to_text(found.name)} for {found.address}",
            f"  groups      {', '.join(found.groups)}",
        ]
        for looked in found.looked:
            rules = [self._line(looked.list, rule) for rule in looked.rules] or ["no rule reaches the name"]
            shown.append(f"  list        {looked.list} (group {looked.group}): {rules[0]}")
            shown += [f"              {rule}" for rule in rules[1:]]
        if verdict.list is None:
            shown.append("  decided     no list has a say")
        else:
            shown.append(
                f"  decided     {_step(verdict.effect)}: list {verdict.list.name}, group {verdict.group}"
            )
            shown += [f"  {key:<11} {value}" for key, value in record_document(verdict.list.record).items()]
        shown.append(f"  answer      {self.answer}")
        return "\n".join([*shown, *[f"warning: {warning}" for warning in self.warnings]])

    def _line(self, name: str, rule: Rule) -> str:
        at = f"{self.sources[name].path}:{rule.line}"
        note = f" - {rule.note}" if rule.note else ""
        return f"{_step(rule.effect)} {rule.name}, {_REACH[rule.scope]}, {at}{note}"

    def _rule(self, name: str, rule: Rule) -> dict[str, object]:
        return {
            "name": rule.name,
            "scope": rule.scope.name.lower(),
            "effect": rule.effect.name.lower(),
            "file": str(self.sources[name].path),
            "line": rule.line,
            "note": rule.note,
        }


def trace(config: Config, name: str, client: str) -> Trace:
    """Judge a name for a client address as the server would. Raises NameFault."""
    try:
        address = ip_address(client)
    except ValueError:
        raise NameFault(f"not an address: {client!r}") from None
    canonical = names.from_text(name)
    sources = list_sources(config)
    found = [read(source, config.state) for source in sources]
    parsed = {source.name: one.parsed for source, one in zip(sources, found, strict=True) if one.parsed}
    build = builder.compile_read(sources, found)
    policy = make_policy(config, build, 0)
    return Trace(
        explain(canonical, address, policy, parsed, make_routes(config)),
        {source.name: source for source in sources},
        tuple([one.error for one in found if one.error is not None]),
    )


def _step(effect: Effect | None) -> str:
    return "" if effect is None else effect.name.lower().replace("_", " ")
