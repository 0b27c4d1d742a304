"""docs/architecture.md and docs/decisions/ speak of the code that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from resolver import engines
from resolver.core import clients, wire
from resolver.edge import fetch_request, fetching, http, service, stream
from tests.servers import ROOT

DOCS = ROOT / "docs"
(EVENTS_ROOM,) = map(int, re.findall(r"EVENTS_ROOM = (\d+)", (ROOT / "resolver/native/events.h").read_text()))
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
PAGE = (DOCS / "architecture.md").read_text()


@pytest.mark.parametrize("page", [DOCS / "architecture.md", *DECISIONS], ids=lambda page: page.stem)
def test_every_module_that_is_named_exists(page: Path) -> None:
    named = set(
        re.findall(r"\b(?:(?:core|edge|web|config|observe|tests)/[a-z_/]*\w\.py)\b", page.read_text())
    )
    for name in named:
        assert (ROOT / name).exists() or (ROOT / "resolver" / name).exists(), name
    assert named or page in DECISIONS


def test_every_part_that_is_named_exists_and_no_other() -> None:
    table = PAGE.partition("## Who may import whom\n")[2].partition("\n\nImports point")[0]
    parts = re.findall(r"^    ([a-z]+)(?:, ([a-z]+))?  ", table, re.MULTILINE)
    named = {name for pair in parts for name in pair if name}
    folders = {path.parent.name for path in (ROOT / "resolver").glob("*/__init__.py")}
    assert folders <= named
    for name in named - folders:
        assert (ROOT / "resolver" / f"{name}.py").exists(), name


def test_the_bounds_are_those_of_the_code() -> None:
    rows = dict(
        re.findall(r"^\| ([a-zA-Z][^|]*) \| ([^|]*) \|$", PAGE.partition("## Bounds")[2], re.MULTILINE)
    )
    rows = {
        what: [int(n) for n in re.findall(r"\d+", bound.replace(",", ""))] for what, bound in rows.items()
    }
    deadlines = http.Deadlines()
    expected = {
        "questions in flight, queries that wait for one, for any; as many again for all threads": [
            service.MAX_FLIGHTS,
            service.MAX_WAITERS,
            service.MAX_WAITING,
        ],
        "TCP connections, for one client, idle time": [
            stream.MAX_CONNECTIONS,
            stream.MAX_PER_CLIENT,
            stream.IDLE_S,
        ],
        "refusals to clients that may not ask": [service.REFUSALS_PER_S],
        "cache": [],
        "threads that answer, ring of each": [engines.MAX_THREADS, 1],  # ring.h
        "journal of queries, answers noted by a thread until it takes them": [EVENTS_ROOM],
        "clients and rate buckets remembered": [clients.MAX_KNOWN],
        "records read of one answer, aliases, compression pointers of a name": [
            wire.MAX_RECORDS,
            wire.MAX_ALIASES,
            wire.MAX_POINTERS,
        ],
        "lists fetched at a time, a fetch": [fetching.AT_ONCE, fetch_request.TOTAL_S],
        "HTTP connections, request head, life of a connection": [
            http.MAX_CONNECTIONS,
            http.MAX_HEAD >> 10,
            deadlines.head_s + deadlines.reply_s,
        ],
    }
    assert {what: rows.get(what) for what in expected} == expected
    assert rows.keys() - expected.keys() <= {"what"}


def test_decisions_are_numbered_without_a_gap_and_short() -> None:
    assert [path.name[:4] for path in DECISIONS] == [
        f"{number:04}" for number in range(1, len(DECISIONS) + 1)
    ]
    for number, path in enumerate(DECISIONS, 1):
        text = path.read_text()
        assert text.startswith(f"# {number}. "), path
        assert len(text.splitlines()) < 60, path
