"""What lists say, as JSON and back: for what is kept in files of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from ipaddress import ip_network
from typing import Any

from resolver.core.lists.record import Harm, ListClass, Record, Status, Step, Texts
from resolver.core.lists.rule import Action, Effect, Own, Pattern, Side, Trigger, When
from resolver.core.sets import Say, Says


def says_to_json(says: Says) -> list[Any]:
    """Return a set as JSON holds it; the usual word of a list is just its number and effect."""
    return [[say.list, say.effect, *_rest(say.own, say.when)] for say in says]


def says_from_json(said: Sequence[Any]) -> Says:
    """Return a set from what JSON held."""
    return tuple([Say(one[0], Effect(one[1]), *_from_rest(one[2:])) for one in said])


def patterns_to_json(patterns: Sequence[Pattern]) -> list[Any]:
    """Return the patterns of a list as JSON holds them."""
    return [
        [one.text, one.regex, one.effect, one.line, one.spared, *_rest(one.own, one.when)] for one in patterns
    ]


def patterns_from_json(said: Sequence[Any]) -> tuple[Pattern, ...]:
    """Return the patterns of a list from what JSON held."""
    return tuple(
        [Pattern(one[0], one[1], Effect(one[2]), one[3], tuple(one[4]), *_from_rest(one[5:])) for one in said]
    )


def record_to_json(record: Record) -> dict[str, Any]:
    """Return a record as JSON holds it."""
    since, review = (day and day.isoformat() for day in (record.since, record.review))
    history = [[step.status, step.day.isoformat(), step.reference, step.note] for step in record.history]
    return {**asdict(record), "since": since, "review": review, "history": history}


def record_from_json(said: Mapping[str, Any]) -> Record:
    """Return a record from what JSON held."""
    dates = {key: said[key] and date.fromisoformat(said[key]) for key in ("since", "review")}
    texts = {key: _texts_from_json(said[key]) for key in ("title", "text", "organisation")}
    steps = [Step(Status(one[0]), date.fromisoformat(one[1]), *one[2:]) for one in said["history"]]
    harm = None if said["harm"] is None else Harm(said["harm"])
    kept = {"list_class": ListClass(said["list_class"]), "history": tuple(steps), "harm": harm}
    return Record(**{**said, **dates, **texts, **kept})


def _texts_from_json(said: Any) -> Texts:
    return said if isinstance(said, str) else tuple([(str(tag), str(text)) for tag, text in said])


def triggers_to_json(triggers: Sequence[Trigger]) -> list[Any]:
    """Return the triggers of a list as JSON holds them."""
    return [[str(one.network), one.side, one.effect, one.line, *_rest(one.own, None)] for one in triggers]


def triggers_from_json(said: Sequence[Any]) -> tuple[Trigger, ...]:
    """Return the triggers of a list from what JSON held."""
    return tuple(
        [
            Trigger(ip_network(one[0]), Side(one[1]), Effect(one[2]), one[3], _from_rest(one[4:])[0])
            for one in said
        ]
    )


def _rest(own: Own | None, when: When | None) -> list[Any]:
    if own is None and when is None:
        return []
    return [
        None if own is None else [own.action, [[kind, data.hex()] for kind, data in own.records]],
        None
        if when is None
        else [sorted(when.types), sorted(when.but_types), *map(_texts, (when.clients, when.but_clients))],
    ]


def _from_rest(said: Sequence[Any]) -> tuple[Own | None, When | None]:
    if not said:
        return None, None
    own, when = said
    return (
        None
        if own is None
        else Own(Action(own[0]), tuple([(kind, bytes.fromhex(data)) for kind, data in own[1]])),
        None
        if when is None
        else When(
            frozenset(when[0]),
            frozenset(when[1]),
            tuple([ip_network(text) for text in when[2]]),
            tuple([ip_network(text) for text in when[3]]),
        ),
    )


def _texts(networks: Sequence[object]) -> list[str]:
    return [str(network) for network in networks]
