"""A list's bytes -> its rules, its record and what its lines were."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from resolver.core.errors import ListError, ListRefused
from resolver.core.lists.adblock import read_adblock
from resolver.core.lists.annotated import Recorded, is_annotated, read_annotated
from resolver.core.lists.bulk import BLANKS, Piece, Scan, read_pieces, scan_lines
from resolver.core.lists.dnsmasq import read_dnsmasq
from resolver.core.lists.domains import match_hint, read_domains
from resolver.core.lists.formats import FORMATS
from resolver.core.lists.hosts import read_hosts
from resolver.core.lists.line import (
    Bad,
    Cancel,
    Ignored,
    LineReader,
    Quiet,
    Said,
    is_address,
    without_comment,
)
from resolver.core.lists.parsed import ParsedList, Tally
from resolver.core.lists.rpz import is_rpz, read_rpz
from resolver.core.lists.rule import Action, AnyRule, Effect, Pattern, Rule, Scope, Trigger
from resolver.core.lists.rules import Collector, allowed, empty_non_terminals
from resolver.core.lists.unbound import read_unbound
from resolver.core.lists.wildcards import read_wildcards

MAX_BYTES = 256 << 20
"""Largest list, in bytes, unless the caller says otherwise; the largest public ones have about 100 MB."""
MAX_LINES = 1 << 24
"""Most lines of a list: each takes a few µs where it is none of the usual ones, and large lists have 20 bytes
a line."""
MAX_LINE = 4096
"""Longest line, in bytes, blanks and line end included; a longer one is a mistake unless it is all blank."""
MAX_PATTERNS, MAX_TRIGGERS = 1 << 14, 1 << 18
"""Most patterns and most rules about addresses of a list: objects in the server, of half a kilobyte each.

Public lists have some hundred patterns.
"""
MAX_VALUES = 1 << 18
"""Most names that `denyallow` and most networks that `client` gives, in a whole list."""
MAX_MISTAKES = 20
"""How many bad lines a parsed list keeps to show."""

_SHOWN = 200  # characters of a bad line that we keep
_LONE = re.compile(r"[\ud800-\udfff]")  # what stands for bytes that are no UTF-8
_ADBLOCK = re.compile(r"[|/!\[#]|@@|[^ \t#^$]*+(?:[\^$]|#@?(?:\$\?|[?$%])?#)").match
_CONFIG = re.compile(r"((?:address|local|server)[ \t]*+=[ \t]*+\"?/)|(?:local-zone|local-data|server):").match
_HTML = re.compile(rb"(?:\xef\xbb\xbf)?\s*+<(?:!doctype|html)", re.IGNORECASE).match
_BLANK = re.compile(rb"(?:\xef\xbb\xbf)?\s*+").fullmatch

_RULES = (Rule, Pattern, Trigger)
Other = TypeVar("Other", Pattern, Trigger, Pattern | Trigger)


def recognise(line: str) -> str:
    """Return the format that a line looks like: real files mix them."""
    if is_address(line.partition(" ")[0]):
        return "hosts"
    if config := _CONFIG(line):
        return "dnsmasq" if config[1] else "unbound"
    if _ADBLOCK(line):
        return "adblock"
    text = without_comment(line)
    return "hosts" if " " in text or "\t" in text else "wildcards" if text[:1] == "*" else "domains"


def read_any(line: str, number: int, match: Scope) -> Sequence[Said]:
    """Return what a line says in the format that it looks like."""
    return LINE_READERS[recognise(line)](line, number, match)


LINE_READERS: Mapping[str, LineReader] = MappingProxyType(
    {
        "auto": read_any,
        "hosts": read_hosts,
        "domains": read_domains,
        "wildcards": read_wildcards,
        "adblock": read_adblock,
        "dnsmasq": read_dnsmasq,
        "unbound": read_unbound,
    }
)


def parse_list(
    data: bytes,
    source: str,
    *,
    format: str = "auto",
    match: Scope = Scope.EXACT,
    allow: bool = False,
    trusted: bool = False,
    max_bytes: int = MAX_BYTES,
    scan: Scan = scan_lines,
) -> ParsedList:
    """Return the rules of a list in its order, and what its other lines were.

    `source` is what messages call the list: a path or a URL. `format` is one of FORMATS; "auto" decides
    line by line, but for policy zones and annotated files once. `match` is how far a bare name of a plain
    list reaches; the annotated format says it in the file. With `allow` every rule lets its name through.
    Rules that answer with records of their own are taken from `trusted` lists alone. `scan` reads the usual
    lines. The mistakes of single
    lines are in the result; ListRefused is raised for a list that must not replace a good one, and nothing
    else, whatever the bytes.
    """
    _check_whole(data, source, format, max_bytes)
    reading = _Reading(source, allow=allow, trusted=trusted)
    if format == "annotated" or (format == "auto" and is_annotated(data)):
        recorded, entries = read_annotated(data, source)
        for line, text, said in entries:
            reading.take(line, text, (said,))
        return reading.parsed(_count_lines(data), "annotated", recorded)
    if format == "rpz" or (format == "auto" and is_rpz(data)):
        for line, text, says in read_rpz(data):
            reading.take(line, text, says)
        reading.hide()
        return reading.parsed(_count_lines(data), "rpz")
    for piece in read_pieces(data, format, match, scan):
        reading.take_piece(piece, format, match)
    return reading.parsed(_count_lines(data), format, hint=match_hint(data) if match is Scope.EXACT else "")


class _Reading:
    """One list being read: its rules so far, and what its other lines were."""

    def __init__(self, source: str, *, allow: bool, trusted: bool) -> None:
        self._source, self._allow, self._trusted = source, allow, trusted
        self._rules = Collector(source, allow=allow)
        self._others: list[Pattern | Trigger] = []
        self._sizes: Counter[str] = Counter()
        self._cancels: list[Rule | Pattern] = []
        self._ignored: Counter[str] = Counter()
        self._quiet: Counter[Quiet] = Counter()
        self._formats: Counter[str] = Counter()
        self._mistakes: list[ListError] = []
        self._bad = self._converted = 0

    def take_piece(self, piece: Piece, format: str, match: Scope) -> None:
        """Take lines, in their order, of which most say a name each."""
        names, lines, odd = piece.scanned
        at = begun = 0
        for number, start, end, place, size in odd:
            self._rules.add_many(names[begun:size], lines[at:place], piece.kind)
            at, begun = place, size
            raw = piece.data[start:end]
            if line := raw.strip(BLANKS):
                self._take_line(line, len(raw), number, format, match)
        self._rules.add_many(names[begun:], lines[at:], piece.kind)
        self._formats[piece.format] += len(lines)

    def _take_line(self, stripped: bytes, length: int, number: int, format: str, match: Scope) -> None:
        """Take one line without the blanks around it; `length` is with them, in bytes."""
        if length >= MAX_LINE:
            shown = stripped[:MAX_LINE].decode(errors="replace")
            self.take(number, shown, (Bad(f"a line over {MAX_LINE} bytes"),))
        else:
            line = stripped.decode(errors="surrogateescape")
            looks = recognise(line) if format == "auto" else format
            said = LINE_READERS[looks](line, number, match)
            self._formats[looks] += sum([isinstance(one, Rule) for one in said])
            self.take(number, line, said)

    def take(self, number: int, text: str, said: Sequence[Said]) -> None:
        """Take what one line says."""
        if not text.isascii():
            self._converted += sum([_is_converted(one, text) for one in said])
        for one in said:
            if isinstance(one, _RULES):
                self._take_rule(one)
            elif isinstance(one, Cancel):
                self._cancels.append(one.rule)
            elif isinstance(one, Quiet):
                self._quiet[one] += 1
            elif isinstance(one, Ignored):
                self._ignored[one.kind] += 1
            else:
                self._note(number, text, one)

    def hide(self) -> None:
        """Add the names that are only there because others below them are: they hide wildcards above them."""
        for name in empty_non_terminals(self._rules.rules()):
            self._rules.add(Rule(name, Scope.HIDES, Effect.BLOCK, 0))

    def _take_rule(self, rule: AnyRule) -> None:
        if rule.own and rule.own.action is Action.DATA and not self._trusted:
            self._ignored["redirect"] += 1
            return
        if isinstance(rule, Trigger):
            self._weigh("rules about addresses", 1, MAX_TRIGGERS)
            self._others.append(self._as_allowed(rule))
            return
        if rule.when:
            clients = len(rule.when.clients) + len(rule.when.but_clients)
            self._weigh("values of modifiers", clients, MAX_VALUES)
        if isinstance(rule, Rule):
            self._rules.add(rule)
            return
        self._weigh("patterns", 1, MAX_PATTERNS)
        self._weigh("values of modifiers", len(rule.spared), MAX_VALUES)
        self._others.append(self._as_allowed(rule))

    def _weigh(self, what: str, more: int, most: int) -> None:
        """Raise ListRefused for a list with more of something than the server has room for."""
        self._sizes[what] += more
        if self._sizes[what] > most:
            raise ListRefused(self._source, f"more than {most:,} {what}")

    def _as_allowed(self, rule: Other) -> Other:
        return rule._replace(effect=allowed(rule.effect), own=None) if self._allow else rule

    def _cancel(self) -> int:
        """Take back what `$badfilter` names; return how many rules that were."""
        names = [rule for rule in self._cancels if isinstance(rule, Rule)]
        unwanted = {
            self._as_allowed(rule)._replace(text="", line=0)
            for rule in self._cancels
            if isinstance(rule, Pattern)
        }
        kept = [
            rule
            for rule in self._others
            if isinstance(rule, Trigger) or rule._replace(text="", line=0) not in unwanted
        ]
        removed = len(self._others) - len(kept)
        self._others = kept
        return removed + self._rules.remove(names)

    def parsed(self, lines: int, format: str, recorded: Recorded | None = None, hint: str = "") -> ParsedList:
        """Return what was read; `format` is the one that the file is in, where lines do not have their own.

        Raises ListRefused for a list that holds nothing but mistakes.
        """
        cancelled = self._cancel() if self._cancels else 0
        if self._bad and not (self._rules or self._others or cancelled):
            raise ListRefused(self._source, f"not one rule, {self._bad} bad; the first: {self._mistakes[0]}")
        tally = Tally(
            lines=lines,
            comments=self._quiet[Quiet.COMMENT],
            local=self._quiet[Quiet.LOCAL],
            bad=self._bad,
            cancelled=cancelled,
            converted=self._converted,
            ignored=dict(self._ignored),
            formats=dict(+self._formats) or {format: len(self._rules)},
        )
        return ParsedList(
            self._rules.rules(),
            tally,
            tuple(self._mistakes),
            record=recorded.record if recorded else None,
            places=recorded.places if recorded else {},
            patterns=tuple([rule for rule in self._others if isinstance(rule, Pattern)]),
            triggers=tuple([rule for rule in self._others if isinstance(rule, Trigger)]),
            hint=hint if self._formats["domains"] else "",
        )

    def _note(self, number: int, text: str, mistake: Bad) -> None:
        self._bad += 1
        if self._bad <= MAX_MISTAKES:
            shown = _LONE.sub("\ufffd", text[:_SHOWN])
            self._mistakes.append(ListError(self._source, number, shown, mistake.reason))


def _is_converted(said: Said, text: str) -> bool:
    """Say whether a rule's name stands in its line with letters beyond ASCII, and not as the rule has it."""
    return isinstance(said, Rule) and "xn--" in said.name and said.name not in text.lower()


def _check_whole(data: bytes, source: str, format: str, max_bytes: int) -> None:
    if format not in FORMATS:
        raise ListRefused(source, f"format {format[:40]!r} is not one of {', '.join(FORMATS)}")
    if len(data) > max_bytes:
        raise ListRefused(source, f"{len(data)} bytes, over {max_bytes}")
    if _BLANK(data):
        raise ListRefused(source, "empty")
    if _HTML(data):
        raise ListRefused(source, "a web page, not a list")
    if _count_lines(data) > MAX_LINES:
        raise ListRefused(source, f"more than {MAX_LINES} lines")


def _count_lines(data: bytes) -> int:
    return data.count(b"\n") + (not data.endswith(b"\n"))
