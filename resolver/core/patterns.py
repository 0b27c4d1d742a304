"""All patterns of all lists, compiled: which of them are found in a name.

With google-re2 they are one automaton, and a name costs about the same whether there are ten or a thousand.
Without it they are tried with `re`, which goes back and tries again: there only such are taken as cannot do
so for long, and a part of the text that must be there decides which are tried at all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

from resolver.core.lists.expression import (
    ANY,
    MANY,
    MAX_NAME,
    START,
    Alt,
    At,
    Chars,
    ExpressionFault,
    Node,
    Repeat,
    Seq,
    Unsupported,
    literals,
    parse_expression,
    show_expression,
    top_items,
)
from resolver.core.lists.rule import Pattern

HAS_RE2 = find_spec("re2") is not None
"""Whether google-re2 is installed (`pip install nxwhy[regex]`)."""

MAX_FILTERED = 4096
"""Most expressions that are tried with `re` because a part of the name asks for it; each takes some 100 µs to
compile and a few kilobytes to keep."""
MAX_UNFILTERED = 128
"""Most expressions that are tried with `re` on every name; each costs every new name about 0.4 µs."""
MAX_STEPS = 1 << 17
"""Most steps that `re` may need to give up on the worst name: some milliseconds."""
MAX_SHARED_STEPS, MAX_ALL_STEPS = 1 << 20, 1 << 24
"""Most steps of all expressions that one part of a name asks for, or every name, and of all there are.

Each may be within bounds, and thousands of them hold up every query.
"""
MAX_KEYS = 32
"""Most texts of which one must be there, for one expression."""

NEEDS_RE2 = "needs google-re2: pip install 'nxwhy[regex]'"
TOO_LARGE = "too large for google-re2"

_RE2_MEMORY = 64 << 20
"""Most bytes that one automaton keeps of what it has seen; it takes them only as it needs them."""
_GRAM = 3
_GAP = Repeat(ANY, 0, MANY)
_BOUNDARY = Alt((START, Chars(frozenset("."))))
"""How the beginning of a label is written: `(?:^|\\.)`."""

Listed = tuple[int, Pattern]
"""A pattern and the number of its list."""


class Refused(NamedTuple):
    """A pattern that is not applied, and why."""

    list: int
    pattern: Pattern
    reason: str


class Patterns:
    """Patterns that are ready to be looked for. `refused` are those that are not."""

    __slots__ = ("_listed", "_search", "_spared", "refused")

    def __init__(self, listed: Iterable[Listed], *, use_re2: bool = HAS_RE2) -> None:
        """Compile patterns; the sequence decides the order of what is found."""
        taken: list[Listed] = []
        nodes: list[Node] = []
        refused: list[Refused] = []
        for number, pattern in listed:
            try:
                nodes.append(_trim(parse_expression(pattern.regex)))
                taken.append((number, pattern))
            except (ExpressionFault, Unsupported) as exc:
                refused.append(Refused(number, pattern, str(exc)))
        search = _Re2Search(nodes) if use_re2 and nodes else _ReSearch(nodes)
        reason = TOO_LARGE if use_re2 else NEEDS_RE2
        refused += [Refused(*taken[place], reason) for place in search.refused]
        self._search: Callable[[str], list[int]] = search.find
        self._listed = taken
        self._spared = {
            place: frozenset(pattern.spared) for place, (_, pattern) in enumerate(taken) if pattern.spared
        }
        self.refused = tuple(refused)

    def __len__(self) -> int:
        return len(self._listed)

    def find(self, text: str) -> Sequence[Listed]:
        """Return the patterns that a name meets, in their order; `text` is its canonical text."""
        if not self._listed:
            return ()
        return [
            self._listed[place]
            for place in self._search(text)
            if place not in self._spared or self._spared[place].isdisjoint(_ancestry(text))
        ]


def _ancestry(text: str) -> list[str]:
    """Return a name and all that is above it, as text. An escaped dot does no harm: no list spares one."""
    labels = text.split(".")
    return [".".join(labels[at:]) for at in range(len(labels))]


def _trim(node: Node) -> Node:
    """Leave out "any text" at the ends, which says nothing where an expression may stand anywhere."""
    items = list(top_items(node))
    while items and items[0] == _GAP:
        del items[0]
    while items and items[-1] == _GAP:
        del items[-1]
    return items[0] if len(items) == 1 else Seq(tuple(items))


class _Re2Search:
    """Expressions as automata of RE2."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.refused: list[int] = []
        self._sets: list[tuple[Any, list[int]]] = []
        self._add([(place, show_expression(node)) for place, node in enumerate(nodes)])

    def find(self, text: str) -> list[int]:
        found: list[int] = []
        for compiled, places in self._sets:
            found += [places[index] for index in compiled.Match(text) or ()]
        found.sort()
        return found

    def _add(self, shown: list[tuple[int, str]]) -> None:
        """Compile expressions together, in halves where they are too many for one automaton.

        An automaton that lacks memory finds nothing and does not say so, but for the sentinel.
        """
        import re2  # noqa: PLC0415  # takes 3 MiB, and most have no expressions

        options = re2.Options()
        options.log_errors = False
        options.max_mem = _RE2_MEMORY
        options.never_capture = True
        compiled, places = re2.Set.SearchSet(options), []
        for place, text in shown:
            try:
                compiled.Add(text)
                places.append(place)
            except re2.error:
                self.refused.append(place)
        sentinel = compiled.Add("^$")  # no name is empty
        if not places:
            return
        try:
            compiled.Compile()
            works = sentinel in (compiled.Match("") or ())
        except re2.error:
            works = False
        if works:
            self._sets.append((compiled, places))
        elif len(places) == 1:
            self.refused += places
        else:
            kept = [one for one in shown if one[0] in set(places)]
            self._add(kept[: len(kept) // 2])
            self._add(kept[len(kept) // 2 :])


class _ReSearch:
    """Expressions tried with `re`, those that have a part in common with the name, and those without one."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.refused: list[int] = []
        self._tries: list[tuple[int, Callable[[str], object]]] = []
        self._by_gram: defaultdict[str, list[int]] = defaultdict(list)
        self._always: list[int] = []
        self._all_steps = 0.0
        self._steps: defaultdict[str, float] = defaultdict(float)  # by gram; "": of those tried on every name
        for place, node in enumerate(nodes):
            shown = bounded_expression(node)
            grams = self._grams(node)
            if shown is None or not self._has_room(grams, worst_steps(node)):
                self.refused.append(place)
                continue
            for gram in grams:
                self._by_gram[gram].append(len(self._tries))
            if not grams:
                self._always.append(len(self._tries))
            self._tries.append((place, re.compile(shown).search))

    def find(self, text: str) -> list[int]:
        chosen = self._always
        by_gram = self._by_gram
        if by_gram:
            grams = {text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1)}
            chosen = [index for gram in grams & by_gram.keys() for index in by_gram[gram]] + chosen
        return sorted({place for place, search in map(self._tries.__getitem__, chosen) if search(text)})

    def _has_room(self, grams: set[str], steps: float) -> bool:
        """Return whether one more expression may be tried, and take it into account if so."""
        tried = len(self._always)
        if len(self._tries) - tried >= MAX_FILTERED if grams else tried >= MAX_UNFILTERED:
            return False
        shared = max([self._steps[gram] for gram in grams or ("",)])
        if shared + steps > MAX_SHARED_STEPS or self._all_steps + steps > MAX_ALL_STEPS:
            return False
        self._all_steps += steps
        for gram in grams or ("",):
            self._steps[gram] += steps
        return True

    def _grams(self, node: Node) -> set[str]:
        """Return texts of three characters, little used, of which every match holds one; empty: not known."""
        return {
            min(_grams_of(text), key=lambda gram: len(self._by_gram.get(gram, ()))) for text in keys(node)
        }


def _grams_of(text: str) -> list[str]:
    return [text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1)]


def keys(node: Node) -> list[str]:
    """Return texts of three characters or more of which every match holds at least one; empty: not known."""
    longest = max(literals(node), key=len, default="")
    if len(longest) >= _GRAM:
        return [longest]
    for item in top_items(node):
        found: list[str] = []
        if isinstance(item, Alt):
            parts = [keys(branch) for branch in item.branches]
            found = [text for part in parts for text in part] if all(parts) else []
        elif isinstance(item, Repeat) and item.least:
            found = keys(item.item)
        if 0 < len(found) <= MAX_KEYS:
            return found
    return []


def bounded_expression(node: Node) -> str | None:
    """Return an expression for `re` that comes to an end soon on every name, None if it might not.

    "Any text" between parts of fixed length needs no second try: where the first place of a part does not
    lead on, no later one does. So these are written as atomic groups.
    """
    if worst_steps(node) > MAX_STEPS:
        return None
    firsts, last = _split_at_gaps(node)
    if not firsts:
        return show_expression(node)
    shown = [f"(?>.*?{show_expression(Seq(part))})" for part in firsts]
    return f"^{''.join(shown)}.*?{show_expression(Seq(last))}"


def worst_steps(node: Node) -> float:
    """Return in how many ways `bounded_expression` may be tried on a name before it is given up."""
    firsts, last = _split_at_gaps(node)
    starts = 1 if not firsts and top_items(node)[:1] == (START,) else MANY
    return _ways(Seq(last)) * starts


def _split_at_gaps(node: Node) -> tuple[list[tuple[Node, ...]], tuple[Node, ...]]:
    """Return the parts that stand before "any text" if all have a fixed length, and what is behind them."""
    parts: list[list[Node]] = [[]]
    for item in top_items(node):
        if item == _GAP:
            parts.append([])
        else:
            parts[-1].append(item)
    *firsts, last = map(tuple, parts)
    return (firsts, last) if all(map(_is_fixed, firsts)) else ([], top_items(node))


def _is_fixed(items: Sequence[Node]) -> bool:
    """Say whether the first place where some items are found is also where they end first."""
    rest = items[1:] if items[:1] == (_BOUNDARY,) else items
    return all(isinstance(item, Chars | At) for item in rest)


def _ways(node: Node) -> float:
    """Return in how many ways an expression may be tried at one place; no bound for counts in counts."""
    if isinstance(node, Alt):
        return sum(map(_ways, node.branches))
    if isinstance(node, Seq):
        ways: float = 1
        for item in node.items:
            ways *= _ways(item)
        return ways
    if not isinstance(node, Repeat):
        return 1
    inner = _ways(node.item)
    if node.most <= 1:
        return 1 + inner
    if inner > 1 or _may_be_empty(node.item):
        return float("inf")
    return min(node.most, MAX_NAME) - node.least + 1


def _may_be_empty(node: Node) -> bool:
    if isinstance(node, Alt):
        return any(map(_may_be_empty, node.branches))
    if isinstance(node, Seq):
        return all(map(_may_be_empty, node.items))
    if isinstance(node, Repeat):
        return node.least == 0 or _may_be_empty(node.item)
    return isinstance(node, At)
