"""What a line says, in words: short to write in a table of cases."""

from __future__ import annotations

from collections.abc import Sequence

from resolver.core.lists.line import Bad, Cancel, Ignored, LineReader, Quiet, Said
from resolver.core.lists.parsed import ParsedList
from resolver.core.lists.rule import Effect, Own, Pattern, Rule, Scope, Trigger, When

_SCOPES = {Scope.EXACT: "exact", Scope.BELOW: "below", Scope.SUBTREE: "subtree"}
_EFFECTS = {
    Effect.BLOCK: "",
    Effect.ALLOW: "allow ",
    Effect.IMPORTANT_BLOCK: "important ",
    Effect.IMPORTANT_ALLOW: "important allow ",
}


def shown(said: Said) -> str:
    """Return `exact ads.example`, `allow subtree ok.example`, `comment`, `ignored regex` or `bad`.

    What narrows a rule and the answer it asks for come behind it: `subtree ads.example for 1 as nodata`.
    """
    if isinstance(said, Rule):
        return f"{_EFFECTS[said.effect]}{_SCOPES[said.scope]} {said.name}{_more(said.own, said.when)}"
    if isinstance(said, Pattern):
        spared = f" but {' '.join(said.spared)}" if said.spared else ""
        return f"{_EFFECTS[said.effect]}pattern {said.text}{spared}{_more(said.own, said.when)}"
    if isinstance(said, Cancel):
        return f"cancel {shown(said.rule)}"
    if isinstance(said, Trigger):
        return f"{_EFFECTS[said.effect]}{said.side} {said.network}{_more(said.own, None)}"
    if isinstance(said, Quiet):
        return said.value
    return f"ignored {said.kind}" if isinstance(said, Ignored) else "bad"


def _more(own: Own | None, when: When | None) -> str:
    text = ""
    if when:
        text += f" for {' '.join(map(str, sorted(when.types)))}" if when.types else ""
        text += f" not for {' '.join(map(str, sorted(when.but_types)))}" if when.but_types else ""
        text += f" to {' '.join(map(str, when.clients))}" if when.clients else ""
        text += f" not to {' '.join(map(str, when.but_clients))}" if when.but_clients else ""
    if own:
        text += " as " + " ".join([own.action, *(f"{qtype}:{data.hex()}" for qtype, data in own.records)])
    return text


def says(read: LineReader, line: str, match: Scope = Scope.EXACT) -> str:
    """Return what one line says, several values joined by commas."""
    return ", ".join(shown(said) for said in read(line, 7, match))


def reasons(said: Sequence[Said]) -> list[str]:
    """Return the reasons of the mistakes among some values."""
    return [one.reason for one in said if isinstance(one, Bad)]


def rules(parsed: ParsedList) -> list[str]:
    """Return the rules of a list in its order, in words."""
    return [shown(rule) for rule in parsed.rules]
