"""Response policy zones: a zone file whose owners say what is asked and whose records say what happens.

    $TTL 300
    @ SOA localhost. root.localhost. 1 3600 600 86400 300
      NS localhost.
    ads.example     CNAME .
    *.ads.example   CNAME .
    ok.ads.example  CNAME rpz-passthru.

Read as draft-vixie-dnsop-dns-rpz has it. A bad line costs itself and what it continues over, never the list,
and whatever could be meant for another name than it says is a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from resolver.core.lists.data import is_null, read_data
from resolver.core.lists.line import Bad, Ignored, Quiet, Said
from resolver.core.lists.rpz_owner import rule_of
from resolver.core.lists.rule import Action, Effect, Own, Rule, Scope, Trigger
from resolver.core.lists.zonefile import (
    MAX_TEXT,
    ZoneFault,
    checked_origin,
    full_name,
    is_ttl,
    split_fields,
    type_of,
)
from resolver.core.names import from_text

MAX_LINE = 4096
"""Longest line, in bytes; a longer one is a mistake and is not read."""
MAX_LINES = 64
"""Most lines of one record in parentheses."""
MAX_RETRIES = 100
"""How often lines are read again because a record in parentheses before them had no end, or no sense.

After that no record may take more than a line, so that a list of nothing but parentheses costs no more.
"""
MAX_RECORDS = 64
"""Most records of one name."""

_HEAD = 1 << 16
"""Bytes at the beginning of a list that say whether it is a policy zone."""
_EXACT, _BELOW = Scope.EXACT, Scope.BELOW
_BLOCK, _ALLOW = Effect.BLOCK, Effect.ALLOW
_NXDOMAIN, _NULL = Own(Action.NXDOMAIN), Own(Action.NULL)
_CNAME = 5

_Verdict = tuple[Effect, Own | None]
_ACTIONS: Mapping[str, _Verdict] = MappingProxyType(
    {
        ".": (_BLOCK, _NXDOMAIN),
        "*.": (_BLOCK, Own(Action.NODATA)),
        "rpz-passthru.": (_ALLOW, None),
        "rpz-drop.": (_BLOCK, Own(Action.DROP)),
        "rpz-tcp-only.": (_BLOCK, Own(Action.TCP_ONLY)),
    }
)
"""What a CNAME record asks for, by the name that it leads to. Any other leads there."""
_BLOCKED = _ACTIONS["."]

_USUAL = re.compile(
    rb"((\*\.)?+((?!localhost\.)(?:[a-z0-9_-]{1,63}+\.)++(?!rpz-|[0-9]++[ \t])[a-z0-9_-]{1,63}+)[ \t]{1,64}+"
    rb"(?:[0-9]{1,9}+[ \t]{1,64}+)?+(?:IN[ \t]{1,64}+)?+CNAME[ \t]{1,64}+\.)"
    rb"[ \t]{0,64}+(?:;[^\n]{0,999}+)?\r?(?:\n|\Z)"
).match
"""The two lines that nearly every public list consists of; all they say is said by `_Zone._read_record`."""
_ACTION = re.compile(r"rpz-[^.]*+\.?", re.IGNORECASE).fullmatch

_BEGINS = re.compile(
    rb"^(?:\$(?:TTL|ORIGIN)[ \t]|[^ \t\r\n;]*+[ \t]++(?:[0-9]++[smhdw]?+[ \t]++|IN[ \t]++){0,2}+SOA[ \t])",
    re.IGNORECASE | re.MULTILINE,
).search
_ASKS = re.compile(
    rb"^[^ \t\r\n;\"]++[ \t]++(?:[0-9]++[smhdw]?+[ \t]++|IN[ \t]++){0,2}+CNAME[ \t]++"
    rb"(?:\*?\.|rpz-(?:passthru|drop|tcp-only)\.)[ \t]*+(?:;|\r?$)",
    re.IGNORECASE | re.MULTILINE,
).search

Line = tuple[int, str, Sequence[Said]]
"""A line's number, its text for messages and what it says."""


def is_rpz(data: bytes) -> bool:
    """Say whether a list begins as a zone file does and holds a rule that only policy zones have."""
    head = data[:_HEAD].removeprefix(b"\xef\xbb\xbf")
    return _BEGINS(head) is not None and _ASKS(head) is not None


def read_rpz(data: bytes) -> Iterator[Line]:
    """Yield what the lines of a policy zone say, in order, whatever the bytes.

    Records of one name that stand together are one rule, which has the number of the first. The zone's own
    records and directives say nothing.
    """
    return _Zone(data).read()


class _Entry(NamedTuple):
    """One record or directive: its fields, quoted ones with their quotes, and how many lines it has.

    `end` is where the next one begins.
    """

    fields: list[str]
    end: int
    lines: int
    fault: str = ""


class _Zone:
    """One zone file being read.

    Full names end in a dot. Those without one are relative to a zone whose name the file does not say. An
    owner is kept without the zone's name, as its rule has it.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._retries = MAX_RETRIES
        self._apex: str | None = None  # not known yet; empty: the file does not say it
        self._origin: str | None = ""  # None: could not be read
        self._owner: str | None = None  # of the last record; None: could not be read
        self._lost = False  # whether a line was left out that may have had an owner
        self._asked: _Verdict | None = None  # by the owner's CNAME record
        self._own: list[tuple[int, bytes]] = []  # the owner's other records
        self._waiting: tuple[int, str, Rule | Trigger] | None = None  # for more of them

    def read(self) -> Iterator[Line]:
        """Yield what each record or directive says."""
        data, number = self._data, 1
        at = 3 if data.startswith(b"\xef\xbb\xbf") else 0
        while at < len(data):
            usual = _USUAL(data, at)
            if usual and (rule := self._usual_rule(usual[2], usual[3], number)):
                if self._waiting:
                    yield self._finish(self._waiting)
                yield number, usual[1].decode("ascii"), (rule,)
                at, number = usual.end(), number + 1
                continue
            entry = self._read_entry(at)
            first = data.find(b"\n", at, entry.end) + 1 or len(data)
            text = data[at : min(first, at + MAX_LINE)].strip(b" \t\r\n").decode(errors="surrogateescape")
            lines = list(self._read_fields(entry, data[at] in b" \t", number, text))
            yield from lines
            if entry.lines > 1 and any(isinstance(one, Bad) for _, _, said in lines for one in said):
                self._retries -= 1
                self._lost = True
                at, number = first, number + 1  # it may have taken good lines for its own
            else:
                at, number = entry.end, number + entry.lines
        yield from self._leave(None)

    def _usual_rule(self, wildcard: bytes, name: bytes, number: int) -> Rule | None:
        """Return the rule of a usual line and take its owner, None where it has to be read like any other."""
        if self._apex is None or self._apex != self._origin:
            return None
        text = name.decode("ascii")
        owner = "*." + text if wildcard else text
        if owner == self._owner or len(text) > MAX_TEXT:
            return None
        self._owner, self._asked, self._lost = owner, _BLOCKED, False
        return Rule(text, _BELOW if wildcard else _EXACT, _BLOCK, number, "", _NXDOMAIN)

    def _read_entry(self, at: int) -> _Entry:
        """Return the fields that begin at a line and go on while a parenthesis is open.

        With a fault it is that line alone.
        """
        data, fields, depth, start, first = self._data, [], 0, at, 0
        for lines in range(1, MAX_LINES + 1):
            end = data.find(b"\n", at) + 1 or len(data)
            first = first or end
            if end - at > MAX_LINE:
                return _Entry([], first, 1, f"a line over {MAX_LINE} bytes")
            found = split_fields(data[at:end].rstrip(b"\r\n").decode(errors="surrogateescape"), depth)
            if isinstance(found, str):
                self._retries -= start != at
                return _Entry([], first, 1, found)
            more, depth = found
            fields += more
            if not depth:
                return _Entry(fields, end, lines)
            at = end
            if at == len(data) or self._retries <= 0:
                break
        self._retries -= 1
        return _Entry([], first, 1, "a parenthesis without an end")

    def _read_fields(self, entry: _Entry, blank: bool, number: int, text: str) -> Iterator[Line]:
        """Yield what an entry says; `blank` if its first line begins with one, in place of an owner."""
        fields = entry.fields
        try:
            if entry.fault:
                self._lost = True
                if text[:7].upper() == "$ORIGIN":
                    self._origin = None  # it may have been meant to be another one
                raise ZoneFault(entry.fault)
            if fields and fields[0].startswith("$") and not blank:
                said = self._read_directive(fields[0].upper(), fields[1:])
                if said:
                    yield number, text, (said,)
            elif fields:
                yield from self._read_record(fields, blank, number, text)
            elif text.startswith(";"):
                yield number, text, (Quiet.COMMENT,)
        except ZoneFault as fault:
            yield number, text, (Bad(str(fault)),)

    def _read_directive(self, kind: str, fields: Sequence[str]) -> Said | None:
        if kind == "$ORIGIN":
            origin, self._origin = self._origin, None  # names are for no other one, if this cannot be read
            if len(fields) != 1:
                raise ZoneFault("$ORIGIN needs one name")
            self._origin = checked_origin(full_name(fields[0], origin))
            return None
        if kind == "$TTL":
            return None if len(fields) == 1 and is_ttl(fields[0]) else Bad("$TTL needs one time")
        if kind == "$GENERATE":
            return Ignored("generate")
        return Bad("a list reads no other file" if kind == "$INCLUDE" else "no directive of a zone file")

    def _read_record(self, fields: Sequence[str], blank: bool, number: int, text: str) -> Iterator[Line]:
        name = None if blank else fields[0]
        rest = list(fields if blank else fields[1:])
        kind = type_of(rest)
        if kind and self._apex is None:
            self._apex = self._name_zone(name, kind)
        if name is not None:
            self._lost = False
            owner = self._name_owner(name)
        else:
            owner = None if self._lost else self._owner
        if owner != self._owner:
            yield from self._leave(owner)
        if not kind:
            raise ZoneFault("a record without a type that there is")
        if owner is None:
            raise ZoneFault(self._why(name))
        if not owner and kind != "CNAME":  # the zone's own records
            if kind == "SOA" and len(rest) != 7:
                raise ZoneFault("no data of a record of type SOA")
        elif kind == "SOA":
            raise ZoneFault("a SOA record below the zone's name")
        else:
            yield from self._read_rule(owner, kind, rest, number, text)

    def _name_zone(self, name: str | None, kind: str) -> str | None:
        """Return the zone's name: that of its SOA record, else the origin of its first record."""
        if kind != "SOA" or name is None or self._origin is None:
            return self._origin if self._origin is None or self._origin.endswith(".") else ""
        full = full_name(name, self._origin)
        return full if full.endswith(".") else ""

    def _name_owner(self, name: str) -> str | None:
        """Return an owner as its rule has it, empty for the zone itself, None if it cannot be taken."""
        apex = self._apex
        try:
            full = full_name(name, self._origin)
        except ZoneFault:
            return None
        if apex is None or (not apex and full.endswith(".")):
            return None
        if apex in ("", "."):
            return full.removesuffix(".")
        return "" if full == apex else full[: -len(apex) - 1] if full.endswith("." + apex) else None

    def _why(self, name: str | None) -> str:
        """Say why an owner could not be taken."""
        if name is None:
            return "no name, nor one before it that could be read"
        full_name(name, self._origin)
        return "out of zone"

    def _read_rule(
        self, owner: str, kind: str, fields: Sequence[str], number: int, text: str
    ) -> Iterator[Line]:
        verdict: _Verdict | None = None
        if kind == "CNAME" and len(fields) == 1:
            target = full_name(fields[0], self._origin)
            own_name = target == owner + "." and not owner.startswith("*.")  # the old style of rpz-passthru
            verdict = (_ALLOW, None) if own_name else _ACTIONS.get(target)
            if verdict is None and _ACTION(fields[0]):
                raise ZoneFault("no action of a policy zone")
        if verdict:
            if self._own or self._asked not in (None, verdict):
                raise ZoneFault("a CNAME record beside others of its name")
            said = rule_of(owner, number, *verdict)
            if isinstance(said, Rule | Trigger):
                self._asked = verdict
            yield number, text, (said,)
            return
        try:
            record = read_data(kind, fields, self._to_name)
        except ValueError as exc:
            raise ZoneFault(f"no data of a record of type {kind}") from exc
        if record is None:
            yield number, text, (Ignored("record type"),)
            return
        self._check_beside(record)
        if self._waiting is None:
            said = rule_of(owner, number, _BLOCK, None)
            if not isinstance(said, Rule | Trigger):
                yield number, text, (said,)
                return
            self._waiting = (number, text, said)
        if record not in self._own:
            self._own.append(record)

    def _check_beside(self, record: tuple[int, bytes]) -> None:
        own = self._own
        if self._asked or (own and record not in own and _CNAME in (record[0], own[0][0])):
            raise ZoneFault("a CNAME record beside others of its name")
        if len(own) >= MAX_RECORDS:
            raise ZoneFault(f"more than {MAX_RECORDS} records of one name")

    def _leave(self, owner: str | None) -> Iterator[Line]:
        """Be done with an owner's records, and begin with those of another one."""
        if self._waiting:
            yield self._finish(self._waiting)
        self._owner, self._asked, self._own = owner, None, []

    def _finish(self, waiting: tuple[int, str, Rule | Trigger]) -> Line:
        """Return the rule for an owner with records."""
        number, text, rule = waiting
        null = all(is_null(*record) for record in self._own)
        own = _NULL if null else Own(Action.DATA, tuple(self._own))
        self._waiting, self._own = None, []
        return number, text, (rule._replace(own=own),)

    def _to_name(self, text: str) -> bytes:
        full = full_name(text, self._origin)
        if not full.endswith("."):
            raise ZoneFault("a target relative to a zone whose name the file does not say")
        return from_text(full)
