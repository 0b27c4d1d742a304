"""The annotated format: a YAML file with the list's record and, beside each name, what it is and what breaks.

    schema: 1
    record: {title: ..., class: policy, ...}
    match: subtree
    names:
    - chat.example
    - {name: cdn.example, match: exact, enabled: false, note: ..., collateral: ...}
    - {name: ask.example, effect: block, answer: nodata}

It is for lists that people write. A wrong name costs that name; a wrong key costs the list, because a switch
that nobody reads is worse than a list that did not load.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

import yaml

from resolver.core.errors import ListRefused, RecordFault, RecordRefused
from resolver.core.lists.document import KEY, DocumentFault, Mark, Marks, compose, fields, plain, scalar
from resolver.core.lists.line import Bad, Ignored, Quiet, Said, judge_name
from resolver.core.lists.record import MAX_FIELD, Record
from resolver.core.lists.record_reader import check_text, record_from_mapping
from resolver.core.lists.rule import Action, Effect, Own, Rule, Scope

MAX_BYTES = 2 << 20
"""Largest file, in bytes: about 25 000 entries with notes. Longer lists are made by programs."""
MAX_NODES = 1 << 18
"""Most keys and values of a file, which is what takes time and memory."""

FILE_KEYS = ("schema", "record", "match", "names")
ENTRY_KEYS = ("name", "match", "enabled", "effect", "answer", "note", "collateral")

_MAX_DEPTH = 4  # the file, its record, the history of that, a step
_START = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:[ \t]*(?:#[^\n]*)?\r?\n|---[ \t]*\r?\n)*+(?:schema|record|match|names):[ \t\r\n]"
).match
_MATCHES = {"exact": Scope.EXACT, "subtree": Scope.SUBTREE}
_SWITCHES = {"true": True, "false": False}
_EFFECTS = {"block": Effect.BLOCK, "allow": Effect.ALLOW}
_ANSWERS = {
    one.value: Own(one) for one in (Action.NXDOMAIN, Action.NODATA, Action.NULL, Action.REFUSED, Action.DROP)
}

T = TypeVar("T")
Values = dict[str, yaml.Node]


class Recorded(NamedTuple):
    """A record, and where it and its parts stand: (line, column) from 1, by the names of its fields."""

    record: Record
    places: Mapping[str, tuple[int, int]]


class Entry(NamedTuple):
    """One entry of `names`: the line it begins on, its text for messages and what it says."""

    line: int
    text: str
    said: Said


def is_annotated(data: bytes) -> bool:
    """Say whether the first line that is no comment begins an annotated file."""
    return _START(data, 0, MAX_BYTES) is not None


def read_annotated(data: bytes, source: str) -> tuple[Recorded | None, Iterator[Entry]]:
    """Return a file's record, if it has one, and its entries in order.

    Raises ListRefused for a file that is not built as the format says, before the first entry comes out.
    """
    if len(data) > MAX_BYTES:
        raise ListRefused(source, f"{len(data)} bytes, over {MAX_BYTES} for the annotated format")
    try:
        record, match, entries = _read_file(data.decode("utf-8-sig"))
    except UnicodeDecodeError as exc:
        raise ListRefused(source, f"not UTF-8 at byte {exc.start}") from exc
    except DocumentFault as fault:
        said = () if fault.mark is None else (_said(source, fault.mark, fault.reason),)
        raise ListRefused(source, str(fault), said) from fault
    except _RecordFaults as found:
        raise ListRefused(source, "its record cannot be taken", found.said(source)) from found
    return record, (_read_entry(line, values, match) for line, values in entries)


class _RecordFaults(Exception):
    """What is wrong with a record, and where its parts stand."""

    def __init__(self, refused: RecordRefused, marks: Marks) -> None:
        super().__init__(str(refused))
        self._refused, self._marks = refused, marks

    def said(self, source: str) -> tuple[str, ...]:
        """Return each fault with its place."""
        return tuple([_said(source, self._mark(one), f"record.{one}") for one in self._refused.faults])

    def _mark(self, fault: RecordFault) -> Mark:
        """Return where a fault stands: at its key or value, or at the nearest thing around it."""
        place = (*fault.place, KEY) if fault.of_key else fault.place
        while place not in self._marks:
            place = place[:-1]
        return self._marks[place]


def _said(source: str, mark: Mark, reason: str) -> str:
    return f"{source}:{mark.line + 1}:{mark.column + 1}: {reason}"


def _read_file(text: str) -> tuple[Recorded | None, Scope, list[tuple[int, Values]]]:
    root = compose(text, _MAX_DEPTH, MAX_NODES)
    if root is None:
        raise DocumentFault(None, "holds no `names` list")
    parts = fields(root, FILE_KEYS, "the file")
    _choice(parts, "schema", {"1": 1}, 1)
    names = parts.get("names")
    if not isinstance(names, yaml.SequenceNode):
        raise DocumentFault((names or root).start_mark, "holds no `names` list")
    record = _read_record(parts["record"]) if "record" in parts else None
    match = _choice(parts, "match", _MATCHES, Scope.SUBTREE)
    return record, match, [(node.start_mark.line + 1, _values(node)) for node in names.value]


def _read_record(node: yaml.Node) -> Recorded:
    if not isinstance(node, yaml.MappingNode):
        raise DocumentFault(node.start_mark, "the record must be a mapping")
    marks: Marks = {}
    found = plain(node, (), marks)
    try:
        record = record_from_mapping(found if isinstance(found, dict) else {})
    except RecordRefused as refused:
        raise _RecordFaults(refused, marks) from refused
    places = {str(place[0]) if place else "": mark for place, mark in marks.items() if len(place) < 2}
    return Recorded(record, {name: (mark.line + 1, mark.column + 1) for name, mark in places.items()})


def _values(node: yaml.Node) -> Values:
    """Return an entry's fields; a name by itself is an entry with nothing else."""
    return {"name": node} if isinstance(node, yaml.ScalarNode) else fields(node, ENTRY_KEYS, "an entry")


def _read_entry(line: int, values: Values, match: Scope) -> Entry:
    name = ""
    try:
        name = (scalar(values["name"]) if "name" in values else None) or ""
        if not name:
            return Entry(line, "", Bad("an entry without a name"))
        return Entry(line, name, _judge_entry(name, line, values, match))
    except DocumentFault as fault:
        return Entry(line, name, Bad(fault.reason))
    except RecordFault as fault:
        return Entry(line, name, Bad(str(fault)))


def _judge_entry(name: str, line: int, values: Values, match: Scope) -> Said:
    scope = _choice(values, "match", _MATCHES, match)
    effect = _choice(values, "effect", _EFFECTS, Effect.BLOCK)
    own = _choice(values, "answer", _ANSWERS, None)
    if own is not None and effect.allows:
        raise DocumentFault(values["answer"].start_mark, "`answer` is for names that are blocked")
    enabled = _choice(values, "enabled", _SWITCHES, True)
    note, _ = (
        check_text(key, scalar(values[key]) if key in values else None, MAX_FIELD)
        for key in ("note", "collateral")
    )
    said = judge_name(name, scope, line, effect)
    if isinstance(said, Quiet):
        return Bad("a name of the machine itself")
    if isinstance(said, Ignored):
        return Bad("an address, not a name")
    if isinstance(said, Rule):
        return said._replace(note=note, own=own) if enabled else Ignored("disabled")
    return said


def _choice(values: Values, key: str, choices: Mapping[str, T], default: T) -> T:
    node = values.get(key)
    if node is None:
        return default
    text = scalar(node) or node.value  # `null` is an answer
    if text not in choices:
        raise DocumentFault(node.start_mark, f"`{key}` must be {' or '.join(choices)}")
    return choices[text]
