"""The journal of queries for people and programs: what the server says of it, and what is made of that."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from resolver.config.quantities import duration_text, network
from resolver.core import names
from resolver.core.errors import ControlError, NameFault
from resolver.core.events import NO_ANSWER, Fate, QueryEvent, Shown, client_text, kept_network
from resolver.core.lists.query_types import type_text
from resolver.core.policy import PolicyList
from resolver.core.reasons import brief
from resolver.observe.counters import OTHER, RCODES
from resolver.observe.journal import Journal, Limits, Page, Wanted
from resolver.observe.logs import printable

PAGE = 200
"""Most events in one answer of the server: also of the longest names they stay below what a client takes."""
OFF = "off"
NOTHING_KEPT = "the journal is off, nothing is kept of queries; `journal: {queries: memory}` switches it on"
_CLIENTS = {
    Shown.FULL: "with the addresses of clients",
    Shown.NETWORK: "with the networks of clients (/24, /48)",
    Shown.NONE: "without clients",
}

Ask = Callable[..., Mapping[str, Any]]
"""Asks the running server for a page: `ask(before=7, most=50)`. Raises ControlError."""


def said_of(limits: Limits | None) -> str:
    """Return in words what is kept of queries."""
    if limits is None:
        return OFF
    kept = f"the last {limits.entries:,} queries for up to {duration_text(limits.keep)}"
    return f"on: {kept}, in memory, {_CLIENTS[limits.clients]}"


def answer(journal: Journal, given: Mapping[str, object], lists: Iterable[PolicyList]) -> dict[str, object]:
    """Return one page of what is asked for, with the reasons of the lists in it. Raises ControlError.

    `since` is the number of an event to go on from, `before` that of one to go back from; without both it
    begins with the latest.
    """
    limits = journal.limits
    if limits is None:
        raise ControlError(NOTHING_KEPT)
    wanted = _wanted(given, limits.clients)
    page = _page(journal, given, wanted)
    named = {event.judged.list for event in page.events}
    return {
        "events": [document(event, limits.clients) for event in page.events],
        "reasons": {one.name: brief(one.reason()) for one in lists if one.name in named},
        "number": page.number,
        "done": page.done,
        "end": journal.end,
    }


def document(event: QueryEvent, shown: Shown) -> dict[str, Any]:
    """Return an event by the names of its fields, as JSON has it."""
    said = event.judged
    return {
        "time": event.time,
        "client": client_text(event.client, shown),
        "name": names.to_text(event.name),
        "type": type_text(event.qtype),
        "protocol": event.protocol,
        "group": said.group,
        "verdict": said.fate.value,
        "list": said.list,
        "via": event.via,
        "source": event.source.value,
        "rcode": rcode_text(event.rcode),
        "duration_ms": round(event.took * 1000, 3),
    }


def rcode_text(rcode: int) -> str | None:
    """Return the name of a response code, None where there was no answer."""
    if rcode == NO_ANSWER:
        return None
    return RCODES[rcode] if rcode < len(RCODES) and RCODES[rcode] != OTHER else f"RCODE{rcode}"


def last(ask: Ask, most: int | None) -> tuple[list[dict[str, Any]], int]:
    """Return the last events, the earliest first, and the number of the next. Raises ControlError.

    `most` is how many; None: all.
    """
    found: list[dict[str, Any]] = []
    before: int | None = None
    end = 0
    while True:
        page = ask(before=before, most=PAGE if most is None else most - len(found))
        end = page["end"] if before is None else end
        found += _with_reasons(page)
        before = page["number"]
        if page["done"] or (most is not None and len(found) >= most):
            break
    found.reverse()  # those of one moment stay in the order they came
    return sorted(found, key=lambda event: float(event["time"])), end


def newer(ask: Ask, number: int) -> tuple[list[dict[str, Any]], int]:
    """Return the events from a number on, and the number to go on from. Raises ControlError."""
    found: list[dict[str, Any]] = []
    while True:
        page = ask(since=number)
        found += _with_reasons(page)
        number = page["number"]
        if page["done"]:
            return found, number


def rows(events: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Yield events as people read them: when, who, what, what came of it, why."""
    for event in events:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event["time"]))
        answered = event["rcode"] or "no answer"
        took = f"{event['duration_ms']:.2f} ms"
        yield (
            when,
            event["client"] or "-",
            event["type"],
            event["name"],
            answered,
            took,
            printable(why(event)),
        )


HEAD = ("TIME", "CLIENT", "TYPE", "NAME", "ANSWER", "TOOK", "WHY")
WIDTHS = (19, 15, 4, 24, 8, 9)
"""Least widths, so that what comes later stands below; the last column has none."""
_RIGHT = 5


def lines(found: Sequence[Sequence[str]], least: Sequence[int] = WIDTHS) -> list[str]:
    """Return rows as aligned lines."""
    columns = list(zip(*found, strict=True))[: len(least)]
    widths = [max(width, *map(len, column)) for width, column in zip(least, columns, strict=True)]
    return [
        "  ".join(
            [
                *[
                    cell.rjust(width) if place == _RIGHT else cell.ljust(width)
                    for place, (cell, width) in enumerate(zip(row, widths, strict=False))
                ],
                row[-1],
            ]
        ).rstrip()
        for row in found
    ]


def why(event: Mapping[str, Any]) -> str:
    """Return what came of a query and why: the list that decided, for which group, and its reason."""
    fate = event["verdict"]
    if fate == Fate.OPEN:
        return str(event["source"])
    by = f"list {event['list']}, group {event['group']}"
    if fate == Fate.ALLOWED:
        return f"{event['source']}, allowed by {by}"
    via = f" through {event['via']}" if event["via"] else ""
    reason = f": {event['reason']}" if event.get("reason") else ""
    if fate == Fate.SHADOW:
        return f"{event['source']}, would be blocked by {by} (shadow){reason}"
    return f"blocked by {by}{via}{reason}"


def json_ready(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event with its time as RFC 3339 has it, in UTC."""
    seconds = int(event["time"])
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return {**event, "time": f"{moment}.{int((event['time'] - seconds) * 1000):03d}Z"}


def _with_reasons(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    reasons = page["reasons"]
    return [{**event, "reason": reasons.get(event["list"], "")} for event in page["events"]]


def _page(journal: Journal, given: Mapping[str, object], wanted: Wanted) -> Page:
    before, since, most = (_number(given, key) for key in ("before", "since", "most"))
    most = PAGE if most is None else min(most, PAGE)
    return journal.before(before, wanted, most) if since is None else journal.since(since, wanted, most)


def _number(given: Mapping[str, object], key: str) -> int | None:
    value = given.get(key)
    if value is not None and not isinstance(value, int):
        raise ControlError(f"`{key}` must be a number")
    return value


def _wanted(given: Mapping[str, object], shown: Shown) -> Wanted:
    client, name = given.get("client"), given.get("name")
    if client and shown is Shown.NONE:
        raise ControlError("`journal.clients` is none: the journal does not know clients")
    try:
        within = kept_network(network(str(client)), shown) if client else None
        below = names.from_text(str(name)) if name else None
    except (ValueError, NameFault) as exc:
        raise ControlError(str(exc)) from exc
    return Wanted(within, below, bool(given.get("blocked")))
