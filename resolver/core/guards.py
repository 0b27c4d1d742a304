"""Whether a new version of a list may replace the one in force: publishers err, and files get torn."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import NamedTuple

from resolver.core.keys import Secret
from resolver.core.lists.parsed import ParsedList
from resolver.core.lists.rule import Pattern, Rule, Scope, Side, Trigger, When
from resolver.core.lists.rules import Kind
from resolver.core.networks import Network
from resolver.core.patterns import Patterns
from resolver.core.sets import Say, Says, merge
from resolver.core.steps import Run, Words
from resolver.core.wire import A

SMALL = 100
"""Lists with fewer rules, before and after, may change as they like: people edit them by hand."""
SOME_NAME = "a-name-that-nobody-has"
"""Stands for what is below a public suffix: a pattern that finds it finds nearly all."""
SHOWN = 3
"""How many names that must stay open a refusal shows."""
MOST_V4, MOST_V6 = 2, 16
"""A fetched list must not block this part of all IPv4 or IPv6 addresses: half, a sixteenth (what is in use,
2000::/3, is an eighth)."""
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

_BOTH = (Scope.EXACT, Scope.BELOW)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a list may change at once, and how much of it may be wrong. None: no bound."""

    shrink: float | None = 0.5
    grow: float | None = 3.0
    bad: float | None = 0.5


DEFAULT_BOUNDS = Bounds()


class Protected(NamedTuple):
    """A name that no list may block, and why. With `below`, no list may block all that is below it either.

    With `always` that holds for what is in force too, and not for what is new alone.
    """

    name: str
    why: str
    below: bool = False
    always: bool = False


class Update(NamedTuple):
    """A version of a list; `before` is how many rules the one in force has, None: there is none.

    `fetched` says that it came from somebody else.
    """

    parsed: ParsedList
    words: Words
    before: int | None = None
    fetched: bool = False


class Hit(NamedTuple):
    """A name that must stay open and that a list blocks, and the line that does it."""

    name: str
    why: str
    line: int


def refusal(update: Update, bounds: Bounds, protected: Sequence[Protected], secret: Secret) -> str | None:
    """Return why a version must not come into force, None if it may."""
    size, bad = update.parsed.size, update.parsed.tally.bad
    if bounds.bad is not None and bad > bounds.bad * (bad + size):
        return f"mostly bad lines: {bad:,} of {bad + size:,}; the first: {update.parsed.mistakes[0]}"
    return (
        _jump(size, update.before, bounds)
        or _blocked(hits(update, protected, secret))
        or (_too_wide(update.parsed.triggers) if update.fetched else None)
    )


def hits(update: Update, protected: Iterable[Protected], secret: Secret) -> list[Hit]:
    """Return which names that must stay open a list would block, taken by itself: its exceptions count."""
    patterns = Patterns([(0, one) for one in update.parsed.patterns if not _is_aside(one)])
    found = []
    for one in protected:
        line = _blocking_line(update, one, patterns, secret)
        if line is not None:
            found.append(Hit(one.name, one.why, line))
    return found


def _jump(size: int, before: int | None, bounds: Bounds) -> str | None:
    if before is None or max(size, before) < SMALL:
        return None
    if bounds.shrink is not None and size < before * bounds.shrink:
        return f"shrunk from {before:,} rules to {size:,}"
    if bounds.grow is not None and size > max(before, SMALL) * bounds.grow:
        return f"grown from {before:,} rules to {size:,}"
    return None


def _blocked(found: Sequence[Hit]) -> str | None:
    if not found:
        return None
    shown = "; ".join([f"{name} ({why}), line {line}" for name, why, line in found[:SHOWN]])
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"would block what must stay open: {shown}{more}"


def _too_wide(triggers: Iterable[Trigger]) -> str | None:
    """Return what rules about addresses block that no list from elsewhere has a reason to block."""
    blocking = [one for one in triggers if not one.effect.allows]
    for side, of in ((Side.CLIENT, "clients"), (Side.ANSWER, "addresses in answers")):
        here = [one for one in blocking if one.side is side]
        for version, part in ((4, MOST_V4), (6, MOST_V6)):
            alike = [one for one in here if one.network.version == version]
            if alike and _covered(one.network for one in alike) * part >= 1 << alike[0].network.max_prefixlen:
                widest = min(alike, key=lambda one: one.network.prefixlen)
                return f"would block 1/{part} of all IPv{version} {of} or more, line {widest.line}"
    for one in blocking:
        if one.side is Side.CLIENT and any(map(one.network.overlaps, LOOPBACK)):
            return f"would block this machine itself as a client ({one.network}), line {one.line}"
    return None


def _covered(networks: Iterable[Network]) -> int:
    """Return how many addresses are in networks of one family, each counted once."""
    total = reached = 0
    for first, end in sorted([(int(one[0]), int(one[0]) + one.num_addresses) for one in networks]):
        total += max(end - max(first, reached), 0)
        reached = max(reached, end)
    return total


def _is_aside(pattern: Pattern) -> bool:
    """Say whether a pattern says nothing: it lets through for some alone, or blocks some or no address."""
    return pattern.when is not None and (pattern.effect.allows or _is_narrow(pattern.when))


def _is_narrow(when: When) -> bool:
    """Say whether a condition leaves the addresses of names alone, or asks who the client is."""
    return bool(when.clients) or (when.types and A not in when.types) or A in when.but_types


def _blocking_line(update: Update, one: Protected, patterns: Patterns, secret: Secret) -> int | None:
    """Return the line that blocks a name, None where nothing does, or an exception of the list beats it."""
    about = _rules_about(update, one.name, secret)
    found = patterns.find(f"{SOME_NAME}.{one.name}" if one.below else one.name)
    if not about and not found:
        return None
    resolution = (update.parsed.tally.resolution,)
    for scope in _BOTH if one.below else (Scope.EXACT,):
        says: Says = ()
        for place, rules in enumerate(reversed(about), 1):
            told = [(0, Kind(rule.scope, rule.effect, rule.own, rule.when)) for rule in rules]
            says = merge(says, told, scope if place == len(about) else Scope.BELOW, resolution)
        both = (*says, *[Say(0, pattern.effect, pattern=pattern) for _, pattern in found])
        let = max([say.effect for say in both if say.effect.allows and say.when is None], default=-1)
        for say in both:
            if not say.effect.allows and say.effect > let:
                return say.pattern.line if say.pattern else _line_of(about, say, scope)
    return None


def _rules_about(update: Update, name: str, secret: Secret) -> list[list[Rule]]:
    """Return the rules about a name and about each above it, the nearest first; nothing if there are none."""
    texts = [name]
    while above := texts[-1].partition(".")[2]:
        texts.append(above)
    known = [_has_key(update.words.runs, text, secret) for text in texts]
    if not any(known):
        return []
    rules = update.parsed.rules
    return [rules.about(text) if has else [] for text, has in zip(texts, known, strict=True)]


def _line_of(about: Sequence[Sequence[Rule]], say: Say, scope: Scope) -> int:
    """Return the line of the nearest rule that says this."""
    for rules in about:
        for rule in rules:
            if rule.scope & scope and (rule.effect, rule.when) == (say.effect, say.when):
                return rule.line
        scope = Scope.BELOW
    raise AssertionError(f"{say} was said by nobody")


def _has_key(runs: Sequence[Run], text: str, secret: Secret) -> bool:
    """Say whether a list may have rules about a name; quick, since there are thousands to ask for."""
    key = int.from_bytes(text.encode("ascii"), "little") * secret.factor % secret.prime
    for _, words in runs:
        at = bisect_left(words, key << 4)
        if at < len(words) and words[at] >> 4 == key:
            return True
    return False
