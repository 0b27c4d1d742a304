"""The examples in docs/lists.md: a list in a fenced block, then a block with what comes of it."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from resolver.core.errors import ListRefused
from resolver.core.lists.formats import FORMATS
from resolver.core.lists.parsed import ParsedList
from resolver.core.lists.reader import LINE_READERS, parse_list
from resolver.core.lists.record import RECORD_KEYS
from resolver.core.lists.rule import Effect, Scope
from resolver.core.names import from_text
from resolver.core.patterns import Patterns
from resolver.core.reasons import make_reason, structured
from resolver.core.wire import SDE
from tests.core.lists.said import says
from tests.tables import build

PAGE = (Path(__file__).parent.parent / "docs" / "lists.md").read_text("utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w[^\n]*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
PAIRS = [(one, two) for one, two in pairwise(BLOCKS) if one[0].split()[0] in FORMATS]


def parse(block: tuple[str, str]) -> ParsedList:
    format, *match = block[0].split()
    return parse_list(
        block[1].encode(), "my-list.txt", format=format, match=Scope.SUBTREE if match else Scope.EXACT
    )


def verdict(parsed: ParsedList, text: str) -> str:
    """Judge a name by one list, as the table of all lists has it."""
    table = build([parsed.rules], [parsed.tally.resolution])
    effects = [say.effect for say in table.sets[table.find(from_text(text))]]
    return "blocked" if effects and not Effect(max(effects)).allows else "open"


def outcome(block: tuple[str, str], kind: str, expected: str) -> str:
    if kind == "verdicts":
        parsed = parse(block)
        assert parsed.mistakes == ()
        rows = [line.split() for line in expected.splitlines()]
        return "".join(f"{name} {verdict(parsed, name)}\n" for name, _ in rows)
    if kind == "mistakes":
        return "".join(f"{mistake}\n" for mistake in parse(block).mistakes)
    with pytest.raises(ListRefused) as caught:
        parse(block)
    return f"{caught.value}\n"


@pytest.mark.parametrize(("block", "result"), PAIRS)
def test_an_example_means_what_the_page_says(block: tuple[str, str], result: tuple[str, str]) -> None:
    kind, expected = result
    assert outcome(block, kind, expected) == re.sub(" {2,}", " ", expected)


def test_rules_that_are_left_out_are_counted_as_the_page_says() -> None:
    tables = [text for kind, text in BLOCKS if kind == "ignored"]
    rows = [re.split(" {2,}", line) for table in tables for line in table.splitlines()]
    assert len(rows) == 15
    assert [says(LINE_READERS[format], line) for format, line, _ in rows] == [
        f"ignored {row[2]}" for row in rows
    ]


def test_a_pattern_is_found_where_the_page_says() -> None:
    (table,) = [text for kind, text in BLOCKS if kind == "patterns"]
    rows = [line.split() for line in table.splitlines()]
    assert len(rows) == 12
    for line, name, expected in rows:
        parsed = parse_list(f"{line}\n".encode(), "x", format="adblock")
        found = Patterns([(0, pattern) for pattern in parsed.patterns]).find(name)
        assert ("found" if found else "-", len(parsed.patterns)) == (expected, 1), line


def test_records_that_are_left_out_are_counted_as_the_page_says() -> None:
    (table,) = [text for kind, text in BLOCKS if kind == "ignored-records"]
    rows = [re.split(" {2,}(?=[a-z ]+$)", line) for line in table.splitlines()]
    assert len(rows) == 5
    for record, kind in rows:
        parsed = parse_list(f"{record}\n".encode(), "x", format="rpz")
        assert (len(parsed.rules), dict(parsed.tally.ignored)) == (0, {kind: 1})


def test_every_block_of_the_page_is_run_and_every_format_has_one() -> None:
    kinds = Counter(kind.split()[0] for kind, _ in BLOCKS)
    assert set(kinds) == {
        *FORMATS,
        "verdicts",
        "mistakes",
        "refused",
        "ignored",
        "ignored-records",
        "patterns",
        "console",
    }
    assert kinds["verdicts"] + kinds["mistakes"] + kinds["refused"] == len(PAIRS)
    assert PAGE.count("```") == 2 * len(BLOCKS)


def test_what_dig_shows_is_what_the_first_record_of_the_page_comes_to() -> None:
    (shown,) = [text for kind, text in BLOCKS if kind == "console"]
    record = parse(next(block for block in BLOCKS if block[0] == "annotated")).record
    assert record is not None
    assert f"; EDE: 15 (Blocked): ({structured(make_reason(record))[0]})\n" in shown
    assert f"+ednsopt={SDE}\n" in shown


def test_every_key_of_a_record_is_explained() -> None:
    section = PAGE.partition("| key of `record` |")[2].partition("\n\n")[0]
    assert all(f"`{key}`" in section for key in RECORD_KEYS)
