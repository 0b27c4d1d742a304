"""Configuration of unbound as lists use it: `local-zone: "name" type` and `local-data: "record"`.

No other key is taken: a list never sets one. A reader sees one line, so what a zone means only together
with data on another line is judged without that data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from resolver.core.lists.data import is_null, read_data
from resolver.core.lists.line import Bad, Ignored, Quiet, Said, is_comment, judge_name
from resolver.core.lists.rule import Action, Effect, Own, Rule, Scope, When
from resolver.core.names import from_text

_EXACT, _SUBTREE = Scope.EXACT, Scope.SUBTREE
_BLOCK, _ALLOW = Effect.BLOCK, Effect.ALLOW
_A, _AAAA = 1, 28
_NULL, _NODATA, _REFUSED, _DROP = map(Own, (Action.NULL, Action.NODATA, Action.REFUSED, Action.DROP))
_TRUNCATED = Own(Action.TCP_ONLY)

_Kind = tuple[Effect, Own | None, When | None]
_KINDS: Mapping[str, _Kind | None] = MappingProxyType(
    {
        "always_nxdomain": (_BLOCK, None, None),
        "static": (_BLOCK, None, None),  # NXDOMAIN, but NODATA for the name itself and for names above data
        "redirect": (_BLOCK, None, None),  # lists have null addresses for it, on lines of their own
        "inform_redirect": (_BLOCK, None, None),
        "always_null": (_BLOCK, _NULL, None),
        "always_nodata": (_BLOCK, _NODATA, None),
        "refuse": (_BLOCK, _REFUSED, None),
        "always_refuse": (_BLOCK, _REFUSED, None),
        "deny": (_BLOCK, _DROP, None),
        "inform_deny": (_BLOCK, _DROP, None),
        "always_deny": (_BLOCK, _DROP, None),
        "truncate": (_BLOCK, _TRUNCATED, None),
        "block_a": (_BLOCK, _NODATA, When(frozenset([_A]))),
        "block_aaaa": (_BLOCK, _NODATA, When(frozenset([_AAAA]))),
        "always_transparent": (_ALLOW, None, None),
        # a place for local-data, or for a line in the log: an exception only by where it stands
        "transparent": None,
        "typetransparent": None,
        "inform": None,
        "nodefault": None,
        "noview": None,
        "ipset": None,
    }
)
"""What each type of zone asks for, None where that is not a block."""

_ZONE = re.compile(r'local-zone:[ \t]*+"([^"]*+)"[ \t]++([a-z_]++)').fullmatch
_NULL_RECORD = re.compile(
    r"local-data:[ \t]*+([\"'])([^ \t\"']++)[ \t]++(?:IN[ \t]++)?(?:A[ \t]++0\.0\.0\.0|AAAA[ \t]++::)\1"
).fullmatch
_KEY = re.compile(r"[ \t]*+([a-z][a-z0-9-]*+):").match
_VALUE = re.compile(r"[ \t]*+(?:\"([^\"]*+)\"|'([^']*+)'|(?!#)([^ \t\"']++))").match
_END = re.compile(r"[ \t]*+(?:#.*+)?", re.DOTALL).fullmatch
_FIELD = re.compile(r'[ \t]*+(?:("(?:[^"\\]|\\.)*+")|(?!;)((?:[^ \t";\\]|\\.)++))', re.DOTALL).match
_END_OF_RECORD = re.compile(r"[ \t]*+(?:;.*+)?", re.DOTALL).fullmatch
_TTL = re.compile(r"(?:[0-9]++[smhdw]?+)++", re.ASCII | re.IGNORECASE).fullmatch
_MAX_TEXT = 254
"""Longest name of a target as text, the root dot included; a longer one would take IDNA its time."""


def read_unbound(line: str, number: int, match: Scope) -> Sequence[Said]:
    """Return what a line of an unbound file says, a value for each `local-zone` and `local-data`.

    `match` is for bare names, of which such a file has none.
    """
    if usual := _ZONE(line):
        return (_read_zone(usual[1], usual[2], number),)
    if usual := _NULL_RECORD(line):
        said = judge_name(usual[2], _EXACT, number)
        return (
            said._replace(own=_NULL) if type(said) is Rule else said,
        )  # as the rest, in a third of the time
    if is_comment(line):
        return (Quiet.COMMENT,)
    return _read_statements(line, number)


def _read_statements(line: str, number: int) -> Sequence[Said]:
    """Read a line of any number of keys with their values."""
    said: list[Said] = []
    at = 0
    while not _END(line, at):
        key = _KEY(line, at)
        if key is None:
            return [*said, Bad("no key of unbound, which ends in a colon")]
        at = key.end()
        if key[1] not in ("local-zone", "local-data"):
            said.append(Ignored("option"))
            if key[1] != "server":
                break  # what follows is its value
            continue
        first = _VALUE(line, at)
        second = _VALUE(line, first.end()) if first and key[1] == "local-zone" else first
        if first is None or second is None:
            return [*said, Bad(f"{key[1]} lacks a value or a closing quote")]
        at = second.end()
        text = first[first.lastindex or 0]
        if key[1] == "local-data":
            said.append(_read_record(text, number))
        else:
            said.append(_read_zone(text, second[second.lastindex or 0], number))
    return said


def _read_zone(name: str, kind: str, number: int) -> Said:
    if kind not in _KINDS:
        return Bad("no type of zone")
    asked = _KINDS[kind]
    if asked is None:
        return Ignored("transparent")
    effect, own, when = asked
    said = judge_name(name, _SUBTREE, number, effect)
    return said if own is None or type(said) is not Rule else said._replace(own=own, when=when)


def _read_record(text: str, number: int) -> Said:
    """Read a record as zone files have it: name, TTL and class in either order or not at all, type, data."""
    fields = _split(text)
    if fields is None:
        return Bad("a quote without an end in a record")
    name, rest = fields[:1], fields[1:]
    ttl = in_class = False
    while rest and ((not ttl and _TTL(rest[0])) or (not in_class and rest[0].upper() == "IN")):
        ttl, in_class = ttl or rest[0].upper() != "IN", in_class or rest[0].upper() == "IN"
        del rest[0]
    if not name or not rest:
        return Bad("a record without a type")
    kind = rest[0].upper()
    try:
        record = read_data(kind, rest[1:], _target)
    except ValueError:  # too few fields, too many, or none of the type's kind
        return Bad(f"no data of a record of type {kind}")
    if record is None:
        return Ignored("record")
    own = _NULL if is_null(*record) else Own(Action.DATA, (record,))
    said = judge_name(name[0], _EXACT, number)
    return said._replace(own=own) if type(said) is Rule else said


def _split(text: str) -> list[str] | None:
    """Return the fields of a record, quoted ones with their quotes; None where a quote does not end."""
    fields, at = [], 0
    while not _END_OF_RECORD(text, at):
        field = _FIELD(text, at)
        if field is None:
            return None
        fields.append(field[field.lastindex or 0])
        at = field.end()
    return fields


def _target(text: str) -> bytes:
    """Return a name that data leads to. A `*` there is for RPZ, and means nothing of the kind here."""
    if len(text) > _MAX_TEXT or text.startswith("*"):
        raise ValueError(text)
    return from_text(text)
