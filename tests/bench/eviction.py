"""`make bench-eviction`: what part of the queries a cache answers, by which rule of eviction.

Names are asked for by Zipf's law, the k-th most popular one in proportion to k ** -skew, as DNS traffic is.
In the second table a tenth of the queries, in runs, is for names that are asked for once: somebody walks
through a zone, or makes up names. In the third one answers end, and are put anew when they are next asked
for. Everything is made up here, from one seed, and counts entries, not bytes.
"""

from __future__ import annotations

import argparse
import random
from bisect import bisect
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol

NAMES = 20_000
QUERIES = 200_000
SKEWS = (0.7, 0.9, 1.1)
PARTS = (0.01, 0.05, 0.10, 0.25)
"""Entries of the cache, as a part of the names."""
SCAN_EVERY, SCAN_LENGTH = 10_000, 1_000
QPS = 1000
"""Queries a second, where answers end."""
TTLS = (20, 60, 300, 3600)
SPARED = 64
"""Most entries in a row that get another round, as in the real caches."""
SEED = 20_240_601

Names = Sequence[int]


class Rule(Protocol):
    """A cache that knows only names."""

    def __contains__(self, name: int) -> bool: ...

    def hit(self, name: int) -> None:
        """Note that a name that is there was asked for."""

    def put(self, name: int) -> None:
        """Take a name in, or take it anew where it is there already."""


class Lru:
    """What was asked for the longest ago goes."""

    def __init__(self, size: int) -> None:
        self.size, self.queue = size, OrderedDict[int, None]()
        self.hit = self.queue.move_to_end

    def __contains__(self, name: int) -> bool:
        return name in self.queue

    def put(self, name: int) -> None:
        self.queue[name] = None
        self.queue.move_to_end(name)
        if len(self.queue) > self.size:
            self.queue.popitem(last=False)


class Clock:
    """What came the longest ago goes, unless it was asked for since; then it comes anew."""

    def __init__(self, size: int) -> None:
        self.size, self.queue = size, OrderedDict[int, bool]()

    def __contains__(self, name: int) -> bool:
        return name in self.queue

    def hit(self, name: int) -> None:
        self.queue[name] = True

    def put(self, name: int) -> None:
        self.queue.pop(name, None)
        self.queue[name] = False
        if len(self.queue) > self.size:
            for _ in range(SPARED):
                oldest, visited = self.queue.popitem(last=False)
                if not visited:
                    return
                self.queue[oldest] = False
            self.queue.popitem(last=False)


class Sieve:
    """What the hand meets goes, unless it was asked for since it was last met; it stays where it is then.

    The hand goes from the old to the new. `ahead` is what is ahead of it, `passed` what it has passed.
    """

    again = True
    """Whether what is taken anew counts as asked for."""
    spared = SPARED

    def __init__(self, size: int) -> None:
        self.size, self.visited = size, dict[int, bool]()
        self.ahead, self.passed = OrderedDict[int, None](), OrderedDict[int, None]()

    def __contains__(self, name: int) -> bool:
        return name in self.visited

    def hit(self, name: int) -> None:
        self.visited[name] = True

    def put(self, name: int) -> None:
        known = name in self.visited
        if known:
            del (self.ahead if name in self.ahead else self.passed)[name]
            del self.visited[name]
            if not self.ahead:
                self.ahead, self.passed = self.passed, self.ahead
        if len(self.visited) >= self.size:
            self.evict()
        self.ahead[name] = None
        self.visited[name] = known and self.again

    def evict(self) -> None:
        for spared in range(self.spared + 1):
            name, _ = self.ahead.popitem(last=False)
            gone = not self.visited[name] or spared == self.spared
            if gone:
                del self.visited[name]
            else:
                self.visited[name] = False
                self.passed[name] = None
            if not self.ahead:
                self.ahead, self.passed = self.passed, self.ahead
            if gone:
                return


class SieveAnew(Sieve):
    """SIEVE where what is taken anew has to be asked for again to be spared."""

    again = False


class SieveUnbounded(Sieve):
    """SIEVE where the hand goes as far as it must."""

    spared = 1 << 30


class S3Fifo:
    """A small queue for what is new, a main one for what was asked for again, and a memory of what went."""

    def __init__(self, size: int) -> None:
        self.size, self.small_size = size, max(size // 10, 1)
        self.uses = dict[int, int]()
        self.small, self.main, self.gone = (
            OrderedDict[int, None](),
            OrderedDict[int, None](),
            OrderedDict[int, None](),
        )

    def __contains__(self, name: int) -> bool:
        return name in self.uses

    def hit(self, name: int) -> None:
        if self.uses[name] < 3:
            self.uses[name] += 1

    def put(self, name: int) -> None:
        if name in self.uses:
            self.hit(name)  # taken anew where it is
            return
        if len(self.uses) >= self.size:
            self.evict()
        self.uses[name] = 0
        (self.main if name in self.gone else self.small)[name] = None
        self.gone.pop(name, None)

    def evict(self) -> None:
        while len(self.small) >= self.small_size or not self.main:
            name, _ = self.small.popitem(last=False)
            if self.uses[name] > 1:
                self.main[name], self.uses[name] = None, 0
                continue
            del self.uses[name]
            self.gone[name] = None
            if len(self.gone) > self.size - self.small_size:
                self.gone.popitem(last=False)
            return
        while True:
            name, _ = self.main.popitem(last=False)
            if not self.uses[name]:
                del self.uses[name]
                return
            self.main[name] = None
            self.uses[name] -= 1


RULES: dict[str, Callable[[int], Rule]] = {
    "LRU": Lru,
    "CLOCK": Clock,
    "SIEVE": Sieve,
    "S3-FIFO": S3Fifo,
    "SIEVE, anew": SieveAnew,
    "SIEVE, no bound": SieveUnbounded,
}


class Figure(NamedTuple):
    """The part of queries answered, for one trace and size of cache."""

    trace: str
    part: float
    rates: tuple[float, ...]


def zipf(skew: float, rng: random.Random, names: int, queries: int) -> list[int]:
    """Return names asked for, as numbers from 0 on; 0 the most popular."""
    weights = list(accumulate([(rank + 1) ** -skew for rank in range(names)]))
    return [bisect(weights, rng.random() * weights[-1], hi=names - 1) for _ in range(queries)]


def scanned(asked: Names) -> list[int]:
    """Return the same with runs of names in between that are asked for once: the negative numbers."""
    mixed: list[int] = []
    for start in range(0, len(asked), SCAN_EVERY - SCAN_LENGTH):
        mixed += asked[start : start + SCAN_EVERY - SCAN_LENGTH]
        mixed += range(-len(mixed) - SCAN_LENGTH, -len(mixed))
    return mixed


def answered(cache: Rule, asked: Names) -> float:
    """Return the part of the queries for names that come more than once which the cache answers."""
    hits = 0
    for name in asked:
        if name in cache:
            cache.hit(name)
            hits += 1
        else:
            cache.put(name)
    return hits / sum([name >= 0 for name in asked])


def answered_while_good(cache: Rule, asked: Names) -> float:
    """Return the part of the queries answered, where answers end after a while that depends on the name."""
    hits = 0
    ends: dict[int, int] = {}
    for now, name in enumerate(asked):
        if name in cache and now < ends[name]:
            cache.hit(name)
            hits += 1
        else:
            cache.put(name)
            ends[name] = now + QPS * TTLS[name % len(TTLS)]
    return hits / len(asked)


def figures(names: int = NAMES, queries: int = QUERIES) -> Iterator[Figure]:
    """Yield what is measured."""
    for kind, change, count in (
        ("Zipf", list[int], answered),
        ("Zipf and scans", scanned, answered),
        ("Zipf, answers end", list[int], answered_while_good),
    ):
        for skew in SKEWS:
            asked = change(zipf(skew, random.Random(SEED), names, queries))
            for part in PARTS:
                rates = tuple([count(rule(int(names * part)), asked) for rule in RULES.values()])
                yield Figure(f"{kind}, skew {skew}", part, rates)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little, to see that it works")
    few = (500, 5000) if parser.parse_args().quick else (NAMES, QUERIES)
    print(f"{'answered, %':<30}{'cache':>6}" + "".join([f"{rule:>17}" for rule in RULES]))
    for trace, part, rates in figures(*few):
        print(f"{trace:<30}{part:>6.0%}" + "".join([f"{rate * 100:>17.1f}" for rate in rates]))


if __name__ == "__main__":
    main()
