"""The heavy steps of a build: columns and numbers in, columns and numbers out.

Each may have a twin in native code that returns the same, bit for bit; a build is given the ones to take.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import methodcaller, or_
from typing import NamedTuple

from resolver.core.errors import TableFault
from resolver.core.keys import KEY_BITS, Secret
from resolver.core.lists.bulk import Scan, scan_lines
from resolver.core.lists.rules import Rules

PAIR_BITS = 20
"""A slot holds the low bits of a key and, in so many bits below them, the number of a pair."""
MAX_PAIRS = (1 << PAIR_BITS) - 1
TAG_MASK = (1 << 64 - PAIR_BITS) - 1
"""The bits of a key that a slot holds; the others follow from its place."""
MAX_PROBE = 256
"""Most slots from a name's place to its slot. Among millions of names, with a load of 5/8, the worst is some
140 away and the mean less than one."""
NO_SET = 0
"""The number of the empty set: no list has a say."""

KINDS_A_RUN = 16
CODE_BITS = 4
_IDENT_BITS = 24
_WORD = (1 << 64) - 1
_DOTS = methodcaller("count", b".")
TEXTS_A_RUN = 1 << 22
"""Bytes of names whose words make a run."""
_TEXTS = 1 << 18
"""Bytes of names that are split into objects at a time."""
_RANGES = 32
"""A merge goes over the keys in so many steps, to bound what is in memory at a time."""
_MAX_MEMO = 1 << 16


class Run(NamedTuple):
    """Some rules of a list as sorted words: `key << 4 | kind - first`."""

    first: int
    words: array[int]


class Words(NamedTuple):
    """The rules of one list, a run for some hundred thousand. Bit n of `depths`: it has names of n labels."""

    runs: tuple[Run, ...]
    depths: int


class Slots(NamedTuple):
    """The slots of a table that is made. A key's place is what `shift` leaves of it."""

    words: memoryview
    shift: int


class Filled(NamedTuple):
    """What came of filling the slots. A *combination* is the rules at one name, by their numbers.

    `used` is how many names have each combination, `repeats` how often each rule was there already.
    """

    names: int
    longest_probe: int
    combinations: list[tuple[int, ...]]
    used: Sequence[int]
    repeats: Sequence[int]


class Column(NamedTuple):
    """The rules of a list, of which the first has the number `first` among those of all lists."""

    rules: Rules
    first: int


Ask = Callable[[int, int], tuple[int, int]]
"""(set, combination) -> the number of the pair that the combination has below the set, and the set that
then holds below its name."""


class Steps(NamedTuple):
    """The steps that a build takes."""

    scan: Scan
    words: Callable[[Rules, Secret], Words]
    fill: Callable[[Iterable[Run], int, Slots], Filled]
    inherit: Callable[[Iterable[Column], Slots, Secret, int, Ask], Mapping[tuple[int, int], int]]


def make_words(rules: Rules, secret: Secret) -> Words:
    """Return the words of a list."""
    prime, factor = secret
    read = int.from_bytes
    dots: set[int] = set()
    runs: list[Run] = []
    at = 0
    for texts in split(rules.names, TEXTS_A_RUN):
        kinds = rules.kind_of[at : at + len(texts)]
        at += len(texts)
        dots.update(map(_DOTS, texts))
        keys = [read(text, "little") * factor % prime << CODE_BITS for text in texts]
        runs += _runs(keys, kinds)
    return Words(tuple(runs), sum([2 << count for count in dots]))


def _runs(keys: Sequence[int], kinds: Sequence[int]) -> list[Run]:
    """Return some rules as runs, one for each sixteen kinds; in one pass, whatever the number of kinds."""
    if max(kinds, default=0) < KINDS_A_RUN:  # as in nearly every list
        return [Run(0, array("Q", sorted(map(or_, keys, kinds))))] if keys else []
    words: defaultdict[int, list[int]] = defaultdict(list)
    for key, kind in zip(keys, kinds, strict=True):
        words[kind // KINDS_A_RUN].append(key | kind % KINDS_A_RUN)
    return [Run(part * KINDS_A_RUN, array("Q", sorted(words[part]))) for part in sorted(words)]


def fill(runs: Iterable[Run], rules: int, slots: Slots) -> Filled:
    """Give every name a slot, all of which are zero; it says the combination there.

    The runs' first numbers are among those of all lists, of which there are `rules`. Raises TableFault.
    """
    words, shift = slots
    joins = _Joins(rules)
    used = joins.used
    last, at, worst, names = -1, -1, 0, 0
    for merged in _merged(tuple(runs)):
        for word in merged:
            key = word >> _IDENT_BITS
            ident = word & 0xFFFFFF
            if key != last:
                last = key
                names += 1
                home = key >> shift
                at += 1
                if at <= home:
                    at = home
                elif at - home > worst:
                    worst = at - home
                    if worst >= MAX_PROBE:
                        raise TableFault("too many names crowd at one place")
                used[ident] += 1
                words[at] = (key << PAIR_BITS | ident + 1) & _WORD
            else:
                known = (words[at] & MAX_PAIRS) - 1
                joined = joins.join(known, ident)
                used[known] -= 1
                used[joined] += 1
                words[at] += joined - known
    return Filled(names, worst, joins.combinations, used, joins.repeats)


class _Joins:
    """The combinations so far."""

    def __init__(self, rules: int) -> None:
        self.combinations: list[tuple[int, ...]] = [(ident,) for ident in range(rules)]
        self.used, self.repeats = [0] * rules, [0] * rules
        self._joined: dict[tuple[int, int], int] = {}

    def join(self, combination: int, ident: int) -> int:
        """Return the combination with one more rule."""
        if ident in self.combinations[combination]:
            self.repeats[ident] += 1
            return combination
        number = self._joined.get((combination, ident))
        if number is None:
            number = self._joined[combination, ident] = len(self.combinations)
            self.combinations.append((*self.combinations[combination], ident))
            self.used.append(0)
            if number >= MAX_PAIRS:
                raise TableFault("the lists say too many different things")
        return number


def _merged(runs: Sequence[Run]) -> Iterator[list[int]]:
    """Yield the words of all lists in the order of their keys, as `key << 24 | number of the rule`."""
    starts = [0] * len(runs)
    for step in range(1, _RANGES + 1):
        bound = (step << KEY_BITS) // _RANGES << CODE_BITS
        words: list[int] = []
        for number, (first, run) in enumerate(runs):
            end = bisect_left(run, bound, starts[number])
            words += [(word >> 4) << 24 | first + (word & 15) for word in run[starts[number] : end]]
            starts[number] = end
        if len(runs) > 1:
            words.sort()  # finds the sorted runs, and merges them
        yield words


def inherit(
    columns: Iterable[Column], slots: Slots, secret: Secret, combinations: int, ask: Ask
) -> Mapping[tuple[int, int], int]:
    """Let every name take over what its parents hold below them: its slot then says a pair.

    Returns how often each rule stood at a name that took over a set, by set and rule.
    """
    heirs = _Heirs(slots, secret, combinations, ask)
    for rules, first in columns:
        at = 0
        for texts in split(rules.names):
            heirs.take(texts, rules.kind_of[at : at + len(texts)], first)
            at += len(texts)
    return heirs.covered


class _Heirs:
    """The names that take over what their parents hold below them."""

    def __init__(self, slots: Slots, secret: Secret, combinations: int, ask: Ask) -> None:
        (self._slots, self._shift), self._secret, self._ask = slots, secret, ask
        self._combinations = list(range(combinations))
        self._answers: dict[tuple[int, int], tuple[int, int]] = {}
        self._below: dict[bytes, int] = {b"": NO_SET}
        self.covered: Counter[tuple[int, int]] = Counter()

    def take(self, texts: Sequence[bytes], kinds: Sequence[int], first: int) -> None:
        """Work out some names of a list."""
        below, find = self._below, self._below_name
        for text, kind in zip(texts, kinds, strict=True):
            parent = text.partition(b".")[2]
            inherited = below.get(parent)
            if inherited is None:
                inherited = find(parent)
            if inherited:
                at = self._slot(text)
                number = (self._slots[at] & MAX_PAIRS) - 1
                self._slots[at] += self._pair(inherited, self._combinations[number])[0] - number
                self.covered[inherited, first + kind] += 1

    def _below_name(self, text: bytes) -> int:
        """Return the set that holds below a name, whether it is in a list or not."""
        known = self._below.get(text)
        if known is not None:
            return known
        inherited = self._below_name(text.partition(b".")[2])
        at = self._slot(text)
        if at >= 0:
            combination = self._combinations[(self._slots[at] & MAX_PAIRS) - 1]
            inherited = self._pair(inherited, combination)[1]
        if len(self._below) >= _MAX_MEMO:
            self._below.clear()
            self._below[b""] = NO_SET
        self._below[text] = inherited
        return inherited

    def _slot(self, text: bytes) -> int:
        """Return the slot of a name, -1 if there is none."""
        key = int.from_bytes(text, "little") * self._secret.factor % self._secret.prime
        at, tag, slots = key >> self._shift, key & TAG_MASK, self._slots
        while word := slots[at]:
            if word >> PAIR_BITS == tag:
                return at
            at += 1
        return -1

    def _pair(self, inherited: int, combination: int) -> tuple[int, int]:
        known = self._answers.get((inherited, combination))
        if known is None:
            known = self._answers[inherited, combination] = self._ask(inherited, combination)
            if known[0] == len(self._combinations):
                self._combinations.append(combination)
        return known


def split(names: bytearray, size: int = _TEXTS) -> Iterator[list[bytes]]:
    """Yield the texts of a column of names, some thousand at a time."""
    at = 0
    while at < len(names):
        end = names.find(b"\n", at + size) + 1 or len(names)
        yield bytes(names[at:end]).splitlines()
        at = end


PYTHON = Steps(scan_lines, make_words, fill, inherit)
"""The steps without native code."""
