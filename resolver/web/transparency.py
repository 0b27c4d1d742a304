"""The transparency document: which lists a network blocks by, who decided that and why, and since when.

It is for everybody: it holds no name that is on a list, no client, and no place where a list is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from resolver.core import reasons
from resolver.core.lists.record import ListClass, Step
from resolver.core.reasons import Reason
from resolver.web import markup
from resolver.web.markup import shown, value

PAGE, DOCUMENT = "index.html", "transparency.json"
"""The two forms, by the names of their files."""
STYLE = (
    markup.STYLE
    + """
section { margin: 3rem 0 0 }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 0 0 .75rem; overflow-wrap: anywhere }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: start; vertical-align: top; padding: .35rem .75rem .35rem 0; overflow-wrap: anywhere;
  border-bottom: 1px solid var(--line) }
th { color: var(--soft); font-weight: normal }
"""
)
CONTENT_SECURITY_POLICY = markup.content_security_policy(STYLE)
_CLASSES = {
    ListClass.POLICY: "A rule of this network",
    ListClass.LEGAL: "A legal obligation",
    ListClass.REQUESTED: "A filter that was asked for",
    ListClass.SECURITY: "Protection against harm",
}


class Version(NamedTuple):
    """A content of a list that was accepted: when, in Unix seconds, and how many rules it has."""

    time_s: float
    rules: int
    in_force: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A list that counts for somebody. One in `shadow` is counted and decides nothing.

    `publisher` is the host that it is fetched from, if it is; `in_force` is False where nothing of it came
    yet. `versions` are those that are kept, the newest first.
    """

    reason: Reason
    names: int
    own_names: int
    allows: bool = False
    shadow: bool = False
    for_all: bool = True
    in_force: bool = True
    publisher: str = ""
    versions: tuple[Version, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """What a resolver says of what it blocks. Empty strings: not given."""

    lists: tuple[Listed, ...]
    server: str = ""
    organisation: str = ""
    contact: str = ""

    @property
    def changed_s(self) -> float | None:
        """When the content of a list last changed, in Unix seconds."""
        return max([version.time_s for one in self.lists for version in one.versions], default=None)


NOTHING = Statement(())


def files(statement: Statement) -> Mapping[str, bytes]:
    """Return both forms by the names of their files. The same statement makes the same bytes."""
    made = json.dumps(document(statement), indent=1, ensure_ascii=False) + "\n"
    return {PAGE: page(statement).encode(), DOCUMENT: made.encode(errors="backslashreplace")}


def document(statement: Statement) -> dict[str, object]:
    """Return the document for programs."""
    given: dict[str, object] = {
        "schema": 1,
        "server": statement.server,
        "organisation": statement.organisation,
        "contact": statement.contact,
        "changed": _time(statement.changed_s),
    }
    lists = [_list_document(one) for one in statement.lists]
    return {**_given(given), "lists": lists}


def _given(facts: Mapping[str, object]) -> dict[str, object]:
    return {key: said for key, said in facts.items() if said}


def _list_document(one: Listed) -> dict[str, object]:
    given: dict[str, object] = {
        "list": one.reason.list,
        "effect": "allow" if one.allows else "block",
        "mode": "shadow" if one.shadow else "enforced",
        "clients": "all" if one.for_all else "some",
        "publisher": one.publisher,
        "changed": _time(one.versions[0].time_s if one.versions else None),
    }
    record = {key: said for key, said in reasons.document(one.reason).items() if key != "list"}
    versions = [
        {"time": _time(version.time_s), "rules": version.rules, "in_force": version.in_force}
        for version in one.versions
    ]
    return {
        **_given(given),
        "in_force": one.in_force,
        "names": one.names,
        "own_names": one.own_names,
        "record": record,
        "versions": versions,
    }


def page(statement: Statement) -> str:
    """Return the document for people. Every value is escaped; no script, and nothing from elsewhere."""
    named = f", {shown(statement.server)}," if statement.server else ""
    facts = [
        ("organisation", "Operator", statement.organisation),
        ("contact", "Whom to ask", statement.contact),
        ("", "Last change", _day_and_time(statement.changed_s)),
    ]
    sections = "\n".join(map(_section, statement.lists)) or "<p>It has no lists: nothing is blocked.</p>"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>What is blocked here, and why</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        "<h1>What is blocked here, and why</h1>\n"
        f"<p>The DNS resolver of this network{named} blocks by these lists. Each says who decided it, why, "
        "since when, and whom to ask; the names on them are not shown. For programs: "
        f'<a href="{DOCUMENT}">{DOCUMENT}</a>.</p>\n'
        f"{_rows(facts)}\n{sections}\n</main>\n"
        "<footer>Made by the resolver itself, nxwhy, from what is in force.</footer>\n</body>\n</html>\n"
    )


def _section(one: Listed) -> str:
    reason = one.reason
    facts = [
        ("", "Status", _status(one)),
        ("text", "Why", reason.why),
        ("", "Ground", _CLASSES[reason.list_class]),
        ("organisation", "Who decided", reason.organisation),
        ("authority", "By order of", reason.authority),
        ("reference", "Reference", reason.reference),
        ("since", "Since", reason.since.isoformat() if reason.since else ""),
        ("review", "To be reviewed", reason.review.isoformat() if reason.review else ""),
        ("contact", "Whom to ask", reason.contact),
        ("more", "More", reason.more),
        ("", "Names", f"{one.names:,}, of which {one.own_names:,} are on no other list"),
        ("", "Published by", one.publisher),
        ("", "Last change", _day_and_time(one.versions[0].time_s if one.versions else None)),
        ("", "List", reason.list),
    ]
    texts = {"text": reason.language, "organisation": reason.organisation_language}
    return (
        f'<section>\n<h2 dir="auto" lang="{shown(reason.title_language)}">{shown(reason.title)}</h2>\n'
        f"{_rows(facts, texts)}{_history(reason.history)}{_versions(one.versions)}\n</section>"
    )


def _status(one: Listed) -> str:
    does = "lets names through" if one.allows else "blocks"
    if not one.in_force:
        return "named in the configuration; nothing of it is here yet"
    whom = "for everybody" if one.for_all else "for some clients"
    return f"tried out {whom}: counted, decides nothing" if one.shadow else f"in force: {does} {whom}"


def _rows(facts: Iterable[tuple[str, str, str]], languages: Mapping[str, str] | None = None) -> str:
    """Return what is given of (key, label, text); `languages` are those of texts, by key."""
    rows = [
        f'<div><dt>{label}</dt><dd dir="auto"{_language(key, languages or {})}>{value(key, text)}</dd></div>'
        for key, label, text in facts
        if text
    ]
    return "<dl>\n" + "\n".join(rows) + "\n</dl>" if rows else ""


def _language(key: str, languages: Mapping[str, str]) -> str:
    return f' lang="{shown(languages[key])}"' if key in languages else ""


def _history(steps: Iterable[Step]) -> str:
    rows = [(step.day.isoformat(), step.status.value, step.reference, step.note) for step in steps]
    return _table("Register", ("Day", "Status", "Reference", "Note"), rows)


def _versions(versions: Iterable[Version]) -> str:
    rows = [
        (_day_and_time(one.time_s), f"{one.rules:,}", "in force" if one.in_force else "") for one in versions
    ]
    return _table("Versions", ("Since", "Rules", ""), rows)


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    body = "\n".join(
        ["<tr>" + "".join([f'<td dir="auto">{shown(cell)}</td>' for cell in row]) + "</tr>" for row in rows]
    )
    head = "".join([f'<th scope="col">{name}</th>' if name else "<td></td>" for name in heads])
    return f"\n<h3>{title}</h3>\n<table>\n<tr>{head}</tr>\n{body}\n</table>" if body else ""


def _time(seconds: float | None) -> str:
    """Return a time as programs read it (RFC 3339), in UTC; empty for none."""
    return "" if seconds is None else f"{_utc(seconds):%Y-%m-%dT%H:%M:%SZ}"


def _day_and_time(seconds: float | None) -> str:
    return "" if seconds is None else f"{_utc(seconds):%Y-%m-%d %H:%M} UTC"


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
