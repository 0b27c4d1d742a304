"""Whether a new version of a list may replace the one in force: publishers err, and files get torn."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from resolver.core.compiler import Run, Words
from resolver.core.keys import Secret
from resolver.core.lists.parsed import ParsedList
from resolver.core.lists.rule import Pattern, Scope, When
from resolver.core.lists.rules import Rules
from resolver.core.patterns import Patterns
from resolver.core.wire import A

SMALL = 100
"""Lists with fewer rules, before and after, may change as they like: people edit them by hand."""
SOME_NAME = "a-name-that-nobody-has"
"""Stands for what is below a public suffix: a pattern that finds it finds nearly all."""
SHOWN = 3
"""How many names that must stay open a refusal shows."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a list may change at once, and how much of it may be wrong. None: no bound."""

    shrink: float | None = 0.5
    grow: float | None = 3.0
    bad: float | None = 0.5


DEFAULT_BOUNDS = Bounds()


class Protected(NamedTuple):
    """A name that no list may block, and why. With `below`, no list may block all that is below it either."""

    name: str
    why: str
    below: bool = False


class Update(NamedTuple):
    """A new version of a list; `before` is how many rules the one in force has, None: there is none."""

    parsed: ParsedList
    words: Words
    before: int | None = None


def refusal(update: Update, bounds: Bounds, protected: Sequence[Protected], secret: Secret) -> str | None:
    """Return why a version must not come into force, None if it may."""
    size, bad = update.parsed.size, update.parsed.tally.bad
    if bounds.bad is not None and bad > bounds.bad * (bad + size):
        return f"mostly bad lines: {bad:,} of {bad + size:,}; the first: {update.parsed.mistakes[0]}"
    return _jump(size, update.before, bounds) or _hit(update, protected, secret)


def _jump(size: int, before: int | None, bounds: Bounds) -> str | None:
    if before is None or max(size, before) < SMALL:
        return None
    if bounds.shrink is not None and size < before * bounds.shrink:
        return f"shrunk from {before:,} rules to {size:,}"
    if bounds.grow is not None and size > max(before, SMALL) * bounds.grow:
        return f"grown from {before:,} rules to {size:,}"
    return None


def _hit(update: Update, protected: Sequence[Protected], secret: Secret) -> str | None:
    """Return which names that must stay open a list would block."""
    rules, runs = update.parsed.rules, update.words.runs
    found: list[str] = []
    for name, why, below in protected:
        for text, scope in _reach(name, below):
            if _has_key(runs, text, secret) and (line := _blocking_line(rules, text, scope)):
                found.append(f"{name} ({why}), line {line}")
                break
    found += _found_by_patterns(update.parsed.patterns, protected)
    if not found:
        return None
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"would block what must stay open: {'; '.join(found[:SHOWN])}{more}"


def _found_by_patterns(patterns: Sequence[Pattern], protected: Iterable[Protected]) -> Iterator[str]:
    """Yield the names that must stay open and that a pattern blocks, and what is below if that must."""
    blocking = Patterns([(0, one) for one in patterns if not one.effect.allows and not _is_aside(one.when)])
    for name, why, below in protected if len(blocking) else ():
        for _, pattern in blocking.find(f"{SOME_NAME}.{name}" if below else name):
            yield f"{name} ({why}), line {pattern.line}"
            break


def _is_aside(when: When | None) -> bool:
    """Say whether a condition leaves the addresses of names alone, or asks who the client is."""
    if when is None:
        return False
    return bool(when.clients) or (when.types and A not in when.types) or A in when.but_types


def _reach(name: str, below: bool) -> Iterable[tuple[str, Scope]]:
    """Yield where a rule could stand that blocks a name, and how far it would have to reach there."""
    yield name, Scope.SUBTREE if below else Scope.EXACT
    while name := name.partition(".")[2]:
        yield name, Scope.BELOW


def _has_key(runs: Sequence[Run], text: str, secret: Secret) -> bool:
    """Say whether a list may have rules about a name; quick, since there are thousands to ask for."""
    key = int.from_bytes(text.encode("ascii"), "little") * secret.factor % secret.prime
    for _, words in runs:
        at = bisect_left(words, key << 4)
        if at < len(words) and words[at] >> 4 == key:
            return True
    return False


def _blocking_line(rules: Rules, text: str, scope: Scope) -> int | None:
    """Return the line of the first rule about a name that blocks it as far as that."""
    return next(
        (rule.line for rule in rules.about(text) if rule.scope & scope and not rule.effect.allows), None
    )
