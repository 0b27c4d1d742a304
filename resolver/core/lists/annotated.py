"""The annotated format: a YAML file with the list's record and, beside each name, what it is and what breaks.

    schema: 1
    record: {title: ..., class: policy, ...}
    match: subtree
    names:
    - chat.example
    - {name: cdn.example, match: exact, enabled: false, note: ..., collateral: ..., effect: block}

It is for lists that people write. A wrong name costs that name; a wrong key costs the list, because a switch
that nobody reads is worse than a list that did not load.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

import yaml

from resolver.core.errors import ListRefused, RecordFault
from resolver.core.lists.document import DocumentFault, compose, fields, scalar
from resolver.core.lists.line import Bad, Ignored, Quiet, Said, judge_name
from resolver.core.lists.record import MAX_FIELD, RECORD_KEYS, Record, check_text, record_from_mapping
from resolver.core.lists.rule import Effect, Rule, Scope

MAX_BYTES = 2 << 20
"""Largest file, in bytes: about 25 000 entries with notes. Longer lists are made by programs."""
MAX_NODES = 1 << 18
"""Most keys and values of a file, which is what takes time and memory."""

FILE_KEYS = ("schema", "record", "match", "names")
ENTRY_KEYS = ("name", "match", "enabled", "effect", "note", "collateral")

_MAX_DEPTH = 3  # the file, its names, an entry
_START = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:[ \t]*(?:#[^\n]*)?\r?\n|---[ \t]*\r?\n)*+(?:schema|record|match|names):[ \t\r\n]"
).match
_MATCHES = {"exact": Scope.EXACT, "subtree": Scope.SUBTREE}
_SWITCHES = {"true": True, "false": False}
_EFFECTS = {"block": Effect.BLOCK, "allow": Effect.ALLOW}

T = TypeVar("T")
Values = dict[str, yaml.Node]


class Entry(NamedTuple):
    """One entry of `names`: the line it begins on, its text for messages and what it says."""

    line: int
    text: str
    said: Said


def is_annotated(data: bytes) -> bool:
    """Say whether the first line that is no comment begins an annotated file."""
    return _START(data, 0, MAX_BYTES) is not None


def read_annotated(data: bytes, source: str) -> tuple[Record | None, Iterator[Entry]]:
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
        raise ListRefused(source + fault.place, fault.reason) from fault
    return record, (_read_entry(line, values, match) for line, values in entries)


def _read_file(text: str) -> tuple[Record | None, Scope, list[tuple[int, Values]]]:
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


def _read_record(node: yaml.Node) -> Record:
    parts = fields(node, RECORD_KEYS, "the record")
    try:
        return record_from_mapping({key: scalar(value) for key, value in parts.items()})
    except RecordFault as fault:
        raise DocumentFault(parts.get(fault.field, node).start_mark, f"record: {fault}") from fault


def _values(node: yaml.Node) -> Values:
    """Return an entry's fields; a name by itself is an entry with nothing else."""
    return {"name": node} if isinstance(node, yaml.ScalarNode) else fields(node, ENTRY_KEYS, "an entry")


def _read_entry(line: int, values: Values, match: Scope) -> Entry:
    name = scalar(values["name"]) if "name" in values else None
    if name is None:
        return Entry(line, "", Bad("an entry without a name"))
    try:
        return Entry(line, name, _judge_entry(name, line, values, match))
    except DocumentFault as fault:
        return Entry(line, name, Bad(fault.reason))
    except RecordFault as fault:
        return Entry(line, name, Bad(str(fault)))


def _judge_entry(name: str, line: int, values: Values, match: Scope) -> Said:
    scope = _choice(values, "match", _MATCHES, match)
    effect = _choice(values, "effect", _EFFECTS, Effect.BLOCK)
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
        return said._replace(note=note) if enabled else Ignored("disabled")
    return said


def _choice(values: Values, key: str, choices: Mapping[str, T], default: T) -> T:
    node = values.get(key)
    if node is None:
        return default
    text = scalar(node)
    if text is None or text not in choices:
        raise DocumentFault(node.start_mark, f"`{key}` must be {' or '.join(choices)}")
    return choices[text]
