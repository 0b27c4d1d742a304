"""From the rules of all lists to the slots of a table.

Names are known by their keys alone, so a build takes eight bytes a name and no objects. Each list's rules
become sorted *words* (key and rule kind); the words of all lists, merged in the order of their keys, fill the
slots from left to right. Then every name takes over what its parents hold below them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from operator import methodcaller, or_
from typing import NamedTuple

from resolver.core.errors import TableFault
from resolver.core.keys import KEY_BITS, Secret
from resolver.core.lists.rule import Scope
from resolver.core.lists.rules import Kind, Resolution, Rules
from resolver.core.sets import Says, merge

PAIR_BITS = 20
"""A slot holds the low bits of a key and, in so many bits below them, the number of a pair."""
MAX_PAIRS = (1 << PAIR_BITS) - 1
TAG_MASK = (1 << 64 - PAIR_BITS) - 1
"""The bits of a key that a slot holds; the others follow from its place."""
MAX_PROBE = 256
"""Most slots from a name's place to its slot. Among millions of names, with a load of 5/8, the worst is some
140 away and the mean less than one."""
MIN_SLOT_BITS = 6
NO_SET = 0
"""The number of the empty set: no list has a say."""

_KINDS_A_RUN = 16
_CODE_BITS = 4
_IDENT_BITS = 24
_WORD = (1 << 64) - 1
_DOTS = methodcaller("count", b".")
_TEXTS, _TEXTS_A_RUN = 1 << 18, 1 << 22
"""Bytes of names that are split into objects at a time, and those of one run."""
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


class Part(NamedTuple):
    """One list to compile. `words` are those for the secret at hand."""

    rules: Rules
    words: Words
    resolution: Resolution = Resolution.STRONGEST


class Count(NamedTuple):
    """How many names a list has; how many of them no other list has, it has twice, it covers itself above."""

    names: int
    own: int
    duplicates: int = 0
    covered: int = 0


class Compiled(NamedTuple):
    """What the slots mean. A pair is (set for the name itself, set for what is below).

    Bit n of `depths` says that names of n labels are there, of `depths_above` that names below such are met.
    """

    depths: int
    depths_above: int
    names: int
    longest_probe: int
    pairs: tuple[tuple[int, int], ...]
    sets: tuple[Says, ...]
    counts: tuple[Count, ...]


def make_words(rules: Rules, secret: Secret) -> Words:
    """Return the words of a list."""
    prime, factor = secret
    read = int.from_bytes
    dots: set[int] = set()
    runs: list[Run] = []
    at = 0
    for texts in _split(rules.names, _TEXTS_A_RUN):
        kinds = rules.kind_of[at : at + len(texts)]
        at += len(texts)
        dots.update(map(_DOTS, texts))
        keys = [read(text, "little") * factor % prime << _CODE_BITS for text in texts]
        runs += _runs(keys, kinds)
    return Words(tuple(runs), sum([2 << count for count in dots]))


def _runs(keys: Sequence[int], kinds: Sequence[int]) -> list[Run]:
    """Return some rules as runs, one for each sixteen kinds; in one pass, whatever the number of kinds."""
    if max(kinds, default=0) < _KINDS_A_RUN:  # as in nearly every list
        return [Run(0, array("Q", sorted(map(or_, keys, kinds))))] if keys else []
    words: defaultdict[int, list[int]] = defaultdict(list)
    for key, kind in zip(keys, kinds, strict=True):
        words[kind // _KINDS_A_RUN].append(key | kind % _KINDS_A_RUN)
    return [Run(part * _KINDS_A_RUN, array("Q", sorted(words[part]))) for part in sorted(words)]


def slot_bits(names: int) -> int:
    """Return how many slots there are for so many names, as the power of two: a load of at most 5/8."""
    return max((names * 8 // 5).bit_length(), MIN_SLOT_BITS)


def compile_slots(parts: Sequence[Part], secret: Secret, allocate: Callable[[int], memoryview]) -> Compiled:
    """Fill the slots that `allocate(number of 8-byte slots)` gives, all zero.

    Raises TableFault when names crowd, as they may for one secret in thousands, or say too many things.
    """
    bits = slot_bits(sum([len(part.rules) for part in parts]))
    slots = allocate((1 << bits) + MAX_PROBE)
    build = _Build(parts, secret, slots, KEY_BITS - bits)
    build.fill()
    if build.reaches_below:
        build.inherit()
    return build.compiled()


class _Build:
    """One build. A *combination* is the rules at one name; a pair's *origin*, what it came from."""

    def __init__(self, parts: Sequence[Part], secret: Secret, slots: memoryview, shift: int) -> None:
        self._parts, self._secret, self._slots, self._shift = parts, secret, slots, shift
        self._resolutions = [part.resolution for part in parts]
        self._told = [(number, kind) for number, part in enumerate(parts) for kind in part.rules.kinds]
        self._combinations: list[tuple[int, ...]] = [(ident,) for ident in range(len(self._told))]
        self._joined: dict[tuple[int, int], int] = {}
        self._used = [0] * len(self._told)
        self._repeats: Counter[int] = Counter()
        self._covered: Counter[tuple[int, int]] = Counter()
        self._sets: list[Says] = [()]
        self._set_numbers: dict[Says, int] = {(): NO_SET}
        self._origins: list[tuple[int, int]] = []
        self._origin_numbers: dict[tuple[int, int], int] = {}
        self._moved: dict[tuple[int, int], int] = {}
        self._pairs: list[tuple[int, int]] = []
        self._below: dict[bytes, int] = {b"": NO_SET}
        self._names = self._longest_probe = 0
        self.reaches_below = any(kind.scope & Scope.BELOW for _, kind in self._told)

    def fill(self) -> None:
        """Give every name a slot; for now it says the combination there."""
        slots, shift, used = self._slots, self._shift, self._used
        last, at, worst, names = -1, -1, 0, 0
        for words in self._merged():
            for word in words:
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
                    slots[at] = (key << PAIR_BITS | ident + 1) & _WORD
                else:
                    known = (slots[at] & MAX_PAIRS) - 1
                    joined = self._join(known, ident)
                    used[known] -= 1
                    used[joined] += 1
                    slots[at] += joined - known
        self._names, self._longest_probe = names, worst
        for combination in range(len(self._combinations)):
            self._origin(NO_SET, combination)

    def inherit(self) -> None:
        """Let every name take over what its parents hold below them."""
        below, find = self._below, self._below_name
        for part, first in zip(self._parts, self._first_idents(), strict=True):
            at = 0
            for texts in _split(part.rules.names):
                for place, text in enumerate(texts, at):
                    parent = text.partition(b".")[2]
                    inherited = below.get(parent)
                    if inherited is None:
                        inherited = find(parent)
                    if inherited:
                        self._take_over(self._slot(text), inherited)
                        self._covered[inherited, first + part.rules.kind_of[place]] += 1
                at += len(texts)

    def compiled(self) -> Compiled:
        """Return what the slots mean now."""
        for origin in self._origins[len(self._pairs) :]:
            self._pairs.append(self._pair(*origin))
        depths = 0
        for part in self._parts:
            depths |= part.words.depths
        return Compiled(
            depths,
            depths if self.reaches_below else 0,
            self._names,
            self._longest_probe,
            tuple(self._pairs),
            tuple(self._sets),
            self._counts(),
        )

    def _merged(self) -> Iterator[list[int]]:
        """Yield the words of all lists in the order of their keys, as `key << 24 | place in told`."""
        runs = [
            (first + run.first, run.words)
            for part, first in zip(self._parts, self._first_idents(), strict=True)
            for run in part.words.runs
        ]
        starts = [0] * len(runs)
        for step in range(1, _RANGES + 1):
            bound = (step << KEY_BITS) // _RANGES << _CODE_BITS
            words: list[int] = []
            for number, (first, run) in enumerate(runs):
                end = bisect_left(run, bound, starts[number])
                words += [(word >> 4) << 24 | first + (word & 15) for word in run[starts[number] : end]]
                starts[number] = end
            if len(runs) > 1:
                words.sort()  # finds the sorted runs, and merges them
            yield words

    def _first_idents(self) -> list[int]:
        """Return the place in `told` of each list's first kind."""
        firsts, first = [], 0
        for part in self._parts:
            firsts.append(first)
            first += len(part.rules.kinds)
        return firsts

    def _join(self, combination: int, ident: int) -> int:
        """Return the combination with one more rule."""
        if ident in self._combinations[combination]:
            self._repeats[self._told[ident][0]] += 1
            return combination
        number = self._joined.get((combination, ident))
        if number is None:
            number = self._joined[combination, ident] = len(self._combinations)
            self._combinations.append((*self._combinations[combination], ident))
            self._used.append(0)
            if number >= MAX_PAIRS:
                raise TableFault("the lists say too many different things")
        return number

    def _take_over(self, at: int, inherited: int) -> None:
        number = (self._slots[at] & MAX_PAIRS) - 1
        known = self._moved.get((inherited, number))
        if known is None:
            known = self._moved[inherited, number] = self._origin(inherited, self._origins[number][1])
        self._slots[at] += known - number

    def _below_name(self, text: bytes) -> int:
        """Return the set that holds below a name, whether it is in a list or not."""
        known = self._below.get(text)
        if known is not None:
            return known
        inherited = self._below_name(text.partition(b".")[2])
        at = self._slot(text)
        if at >= 0:
            combination = self._origins[(self._slots[at] & MAX_PAIRS) - 1][1]
            inherited = self._pair_of(self._origin(inherited, combination))[1]
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

    def _origin(self, inherited: int, combination: int) -> int:
        """Return the number of the pair that a combination has below a set."""
        origin = inherited, combination
        number = self._origin_numbers.get(origin)
        if number is None:
            number = self._origin_numbers[origin] = len(self._origins)
            self._origins.append(origin)
            if number >= MAX_PAIRS:
                raise TableFault("the lists say too many different things")
        return number

    def _pair_of(self, number: int) -> tuple[int, int]:
        while len(self._pairs) <= number:
            self._pairs.append(self._pair(*self._origins[len(self._pairs)]))
        return self._pairs[number]

    def _pair(self, inherited: int, combination: int) -> tuple[int, int]:
        above = self._sets[inherited]
        told = [self._told[ident] for ident in self._combinations[combination]]
        itself, below = [
            self._set(merge(above, told, scope, self._resolutions)) for scope in (Scope.EXACT, Scope.BELOW)
        ]
        return itself, below

    def _set(self, says: Says) -> int:
        if says not in self._set_numbers:
            self._set_numbers[says] = len(self._sets)
            self._sets.append(says)
        return self._set_numbers[says]

    def _counts(self) -> tuple[Count, ...]:
        names, own, covered = ([0] * len(self._parts) for _ in range(3))
        for idents, used in zip(self._combinations, self._used, strict=True):
            owners = {number for number, kind in map(self._told.__getitem__, idents) if kind.scope}
            for number in owners:
                names[number] += used
                own[number] += used * (len(owners) == 1)
        for (inherited, ident), times in self._covered.items():
            number, kind = self._told[ident]
            covered[number] += times * _adds_nothing(number, kind, self._sets[inherited])
        return tuple([Count(names[n], own[n], self._repeats[n], covered[n]) for n in range(len(self._parts))])


def _adds_nothing(number: int, kind: Kind, above: Says) -> bool:
    """Say whether a rule of a list says only what the list already says there from above."""
    return any(
        say.list == number and (say.effect, say.own, say.when) == (kind.effect, kind.own, kind.when)
        for say in above
    )


def _split(names: bytearray, size: int = _TEXTS) -> Iterator[list[bytes]]:
    """Yield the texts of a column of names, some thousand at a time."""
    at = 0
    while at < len(names):
        end = names.find(b"\n", at + size) + 1 or len(names)
        yield bytes(names[at:end]).splitlines()
        at = end
