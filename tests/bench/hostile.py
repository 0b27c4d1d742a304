"""What costs most of what a stranger or a broken file may send us.

The tests count steps of Python, which no machine changes; here is also what C takes within one of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from resolver import ask
from resolver.config import load
from resolver.config.reader import MAX_NODES
from resolver.core.errors import ResolverError
from resolver.core.lists.document import compose
from resolver.core.lists.expression import is_found, parse_expression
from resolver.core.lists.reader import LINE_READERS, parse_list
from resolver.core.lists.rule import Effect, Pattern, Scope
from resolver.core.patterns import Patterns
from resolver.core.wire import MAX_RECORDS, parse_answer, parse_query
from tests.bench.step import Step
from tests.config.hostile import DEEPER, MISTAKEN, crowded, mistaken
from tests.hostile import HOSTILE, QUESTION, pointing
from tests.hostile_lists import BLANKS, COUNTED, EXPRESSIONS, LINES, LONGEST, NEARLY, WORST

MISTAKES = 4000


def hostile() -> Iterator[Step]:
    """Yield what is measured; the goals of what comes from the network are for each message."""
    for name, wire in HOSTILE.items():
        yield _step(name, partial(_read_message, wire), 5000)
    shown = partial(ask.render, pointing(MAX_RECORDS), QUESTION)
    yield _step("an answer to show, a record", shown, 50, MAX_RECORDS)
    yield from _lists()
    yield from _expressions()
    for deeper in DEEPER:
        yield _step(f"deep {deeper!r}", partial(compose, deeper * 500_000, 3, MAX_NODES), 5000)
    yield _step("a configuration with too much in it", partial(_load, crowded(500_000)), 1_000_000)
    for line in MISTAKEN:
        text = mistaken(line, "x{}", MISTAKES)
        yield _step(f"a mistake, {line.format('')}", partial(_load, text), 50, MISTAKES)


def _lists() -> Iterator[Step]:
    for format, lines in LINES.items():
        for line in lines:
            text = line.of(LONGEST)
            read = partial(LINE_READERS[format], text, 1, Scope.EXACT)
            goal_us = 10 if "ü" in line.again else 2  # IDNA takes its time
            yield _step(f"{format}, a byte, {line}", read, goal_us, len(text.encode()))
    for blank in BLANKS:
        data = blank * ((32 << 20) // len(blank)) + b"*\n"
        yield _step(f"32 MiB of {blank!r}", partial(parse_list, data, "bench"), 1_000_000)


def _expressions() -> Iterator[Step]:
    counts = partial(LINE_READERS["adblock"], f"/{COUNTED * 33}/", 1, Scope.EXACT)
    yield _step("an expression of counts", counts, 20_000)
    for text in EXPRESSIONS:
        yield _step(f"search for {text}", partial(is_found, parse_expression(text), "a" * 200 + "b"), 40_000)
    for regex in WORST:
        patterns = Patterns([(0, Pattern(regex, regex, Effect.BLOCK, 1))], use_re2=False)
        yield _step(f"search with re, a name, {regex}", partial(_search, patterns), 1000, len(NEARLY))


def _step(name: str, call: Callable[[], object], goal_us: float, each: int = 1) -> Step:
    def refused_or_not() -> None:
        with contextlib.suppress(ResolverError):
            call()

    return Step(f"hostile: {name}", refused_or_not, 1, each, goal_us)


def _read_message(wire: bytes) -> None:
    with contextlib.suppress(ResolverError):
        parse_query(wire)
    parse_answer(wire, QUESTION)


def _search(patterns: Patterns) -> None:
    for name in NEARLY:
        patterns.find(name)


def _load(text: str) -> None:
    load(text, "bench", folder=Path("/"), environment={})
