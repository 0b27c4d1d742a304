"""A list's bytes -> its rules, its record and what its lines were."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from types import MappingProxyType

from resolver.core.errors import ListError, ListRefused
from resolver.core.lists.adblock import read_adblock
from resolver.core.lists.annotated import is_annotated, read_annotated
from resolver.core.lists.dnsmasq import read_dnsmasq
from resolver.core.lists.domains import read_domains
from resolver.core.lists.hosts import read_hosts
from resolver.core.lists.line import (
    Bad,
    Ignored,
    LineReader,
    Quiet,
    Said,
    is_address,
    plain_rule,
    without_comment,
)
from resolver.core.lists.parsed import ParsedList, Tally
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Effect, Pattern, Rule, Scope
from resolver.core.lists.unbound import read_unbound
from resolver.core.lists.wildcards import read_wildcards

MAX_BYTES = 256 << 20
"""Largest list, in bytes, unless the caller says otherwise; the largest public ones have about 100 MB."""
MAX_LINE = 4096
"""Longest line, in bytes, blanks and line end included; a longer one is a mistake and is not read."""
MAX_MISTAKES = 20
"""How many bad lines a parsed list keeps to show."""

_SHOWN = 200  # characters of a bad line that we keep
_LONE = re.compile(r"[\ud800-\udfff]")  # what stands for bytes that are no UTF-8
_ADBLOCK = re.compile(r"[|/!\[#]|@@|[^ \t#^$]*+(?:[\^$]|#@?(?:\$\?|[?$%])?#)").match
_CONFIG = re.compile(r"((?:address|local|server)[ \t]*+=[ \t]*+\"?/)|(?:local-zone|local-data|server):").match
_HTML = re.compile(rb"(?:\xef\xbb\xbf|\s)*+<(?:!doctype|html)", re.IGNORECASE).match
_BLANK = re.compile(rb"(?:\xef\xbb\xbf)?\s*+").fullmatch
_AS_ALLOWED = {Effect.BLOCK: Effect.ALLOW, Effect.IMPORTANT_BLOCK: Effect.IMPORTANT_ALLOW}

Line = tuple[int, str, Sequence[Said]]
"""A line's number, its text for messages and what it says."""


def read_any(line: str, number: int, match: Scope) -> Sequence[Said]:
    """Return what a line says in the format that it looks like: real files mix them."""
    if rule := plain_rule(line, match, number):
        return (rule,)
    if is_address(line.partition(" ")[0]):  # the other usual line of a large list
        return read_hosts(line, number, match)
    if config := _CONFIG(line):
        return (read_dnsmasq if config[1] else read_unbound)(line, number, match)
    if _ADBLOCK(line):
        return read_adblock(line, number, match)
    text = without_comment(line)
    if " " in text or "\t" in text:
        return read_hosts(text, number, match)
    return read_wildcards(text, number, match)


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
FORMATS = (*LINE_READERS, "annotated")
"""Every value that a list's `format` may have."""


def parse_list(
    data: bytes,
    source: str,
    *,
    format: str = "auto",
    match: Scope = Scope.EXACT,
    allow: bool = False,
    max_bytes: int = MAX_BYTES,
) -> ParsedList:
    """Return the rules of a list in its order, without repeats, and what its other lines were.

    `source` is what messages call the list: a path or a URL. `format` is one of FORMATS; "auto" decides
    line by line. `match` is how far a bare name of a plain list reaches; the annotated format says it in the
    file. With `allow` every rule lets its name through. The mistakes of single lines are in the result;
    ListRefused is raised for a list that must not replace a good one, and nothing else, whatever the bytes.
    """
    _check_whole(data, source, format, max_bytes)
    record, lines = _read(data, source, format, match)
    rules: list[Rule] = []
    seen: defaultdict[tuple[object, ...], set[str]] = defaultdict(set)  # names by scope and effect
    ignored: Counter[str] = Counter()
    quiet: Counter[Quiet] = Counter()
    mistakes: list[ListError] = []
    duplicates = bad = 0
    for number, text, said in lines:
        for one in said:
            if isinstance(one, Rule):
                rule = _allowed(one) if allow else one
                names = seen[rule[1:3]]
                if rule.name in names:
                    duplicates += 1
                else:
                    names.add(rule.name)
                    rules.append(rule)
            elif isinstance(one, Pattern):
                ignored["pattern"] += 1  # no table holds one yet
            elif isinstance(one, Quiet):
                quiet[one] += 1
            elif isinstance(one, Ignored):
                ignored[one.kind] += 1
            else:
                bad += 1
                if bad <= MAX_MISTAKES:
                    mistakes.append(ListError(source, number, _LONE.sub("\ufffd", text[:_SHOWN]), one.reason))
    if bad and not rules:
        raise ListRefused(source, f"not one rule, {bad} bad; the first: {mistakes[0]}")
    tally = Tally(
        lines=_count_lines(data),
        comments=quiet[Quiet.COMMENT],
        local=quiet[Quiet.LOCAL],
        duplicates=duplicates,
        bad=bad,
        ignored=dict(ignored),
    )
    return ParsedList(tuple(rules), tally, tuple(mistakes), record)


def _check_whole(data: bytes, source: str, format: str, max_bytes: int) -> None:
    if format not in FORMATS:
        raise ListRefused(source, f"format {format[:40]!r} is not one of {', '.join(FORMATS)}")
    if len(data) > max_bytes:
        raise ListRefused(source, f"{len(data)} bytes, over {max_bytes}")
    if _BLANK(data):
        raise ListRefused(source, "empty")
    if _HTML(data):
        raise ListRefused(source, "a web page, not a list")


def _read(data: bytes, source: str, format: str, match: Scope) -> tuple[Record | None, Iterator[Line]]:
    """Return a list's record and its lines, of the annotated format or of any other."""
    if format == "annotated" or (format == "auto" and is_annotated(data)):
        record, entries = read_annotated(data, source)
        return record, ((line, text, (said,)) for line, text, said in entries)
    return None, _read_lines(data, LINE_READERS[format], match)


def _read_lines(data: bytes, read: LineReader, match: Scope) -> Iterator[Line]:
    """Yield every line that is not blank."""
    lines = BytesIO(data)
    if data.startswith(b"\xef\xbb\xbf"):
        lines.seek(3)
    for number, raw in enumerate(lines, 1):
        if len(raw) > MAX_LINE:
            yield number, raw[:MAX_LINE].decode(errors="replace"), (Bad(f"a line over {MAX_LINE} bytes"),)
        elif line := raw.strip(b" \t\r\n").decode(errors="surrogateescape"):
            yield number, line, read(line, number, match)


def _count_lines(data: bytes) -> int:
    return data.count(b"\n") + (not data.endswith(b"\n"))


def _allowed(rule: Rule) -> Rule:
    return rule._replace(effect=_AS_ALLOWED.get(rule.effect, rule.effect))
