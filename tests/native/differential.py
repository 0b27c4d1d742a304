"""`make native-differential`: what is answered natively, a million times, beside what Python answers.

Messages of the corpus (valid, mutated, random) are asked by clients of several profiles, over UDP and TCP,
while time passes: answers of all kinds come into both caches, age and expire, fail, go stale, are flushed,
and policies are replaced. What is answered natively has to be what Python answers, byte for byte; all else is
handed over.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator
from ipaddress import ip_network

from resolver.core.lists.record import Record
from resolver.core.lists.rule import Effect, Side, Trigger
from resolver.core.policy import Policy, PolicyList
from resolver.core.replies import extended_error
from resolver.core.source import Source
from resolver.core.wire import parse_query
from tests.messages import opt, query, record
from tests.native.both import CLIENTS, FREE, GROUPS, LISTS, POLICY, RULES, SETTINGS, Both
from tests.native.corpus import NAMES, OPTS, messages, remembered
from tests.tables import build

PIECE = 20_000
"""After so many messages all begins anew."""
EVENT, FRESH = 5, 600
"""Once in so many messages something happens; so many answers are known at the beginning."""
AGAIN = 0.2
"""How often something is asked that was answered lately."""
SELF = b"\xc0\x0c"
TYPES = [*[1] * 6, *[28] * 3, 16, 16, 15, 65, 2, 4711]
TTLS = [0, 1, 5, 30, 60, 60, 300, 300, 3600, 86400, 86400, 0x80000000]
TARGETS = [
    b"\4free\7example\0",
    b"\3www\6policy\7example\0",
    b"\6shadow\7example\0",
    b"\7allowed\6policy\7example\0",
]
HANDED = ("answered natively", "handed over")


def judging(generation: int) -> Policy:
    """Return a policy that looks at the addresses in answers too."""
    trigger = Trigger(ip_network("203.0.113.0/24"), Side.ANSWER, Effect.BLOCK, 1)
    judged = PolicyList("addresses", Record("Addresses"), triggers=(trigger,))
    return Policy(build([*RULES, []]), [*LISTS, judged], GROUPS, SETTINGS, generation)


class Walk:
    """A service that is asked, in both forms, while time passes."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.both = Both(POLICY if seed % 3 else judging(1))
        self.now, self._generation = 0.0, 1
        self._events: list[Callable[[], None]] = [*[self._learn] * 400, *[self._wait] * 40, *[self._fail] * 8]
        self._events += [self._forget, self._replace]
        self.counts: Counter[str] = Counter()
        self._learned: deque[bytes] = deque(maxlen=FRESH)
        self._fill()

    def ask(self, wire: bytes) -> None:
        """Ask both, as some client, this or what was learned lately; something may happen before."""
        rng = self.rng
        if rng.random() < 1 / EVENT:
            rng.choice(self._events)()
        if rng.random() < AGAIN:
            wire = self._again()
        stream = rng.random() < 0.2
        client = FREE if rng.random() < 0.5 else rng.choice(CLIENTS)
        found = self.both.ask(wire, client, self.now, stream=stream)
        self.counts[HANDED[found is None]] += 1
        if found is not None:
            self.counts["truncated"] += found[2] >> 1 & 1
            self.counts["over TCP"] += stream
            self.counts["blocked" if self.both.answered_by is Source.BLOCKED else "from the cache"] += 1
            self.counts["with a cookie"] += b"\0\x0a\0\x18" in found[12:]

    def _fill(self) -> None:
        for _ in range(FRESH):
            self._learn()

    def _again(self) -> bytes:
        """Return a question that was learned lately, with an OPT record of its own making."""
        rng, asked = self.rng, parse_query(self.rng.choice(self._learned))
        opts = rng.choice(
            [one for one in [*OPTS, *[remembered(rng)] * 9] if (one[7:8] == b"\x80") is asked.do]
        )
        head = asked.wire[:3] + bytes([asked.wire[3] | 0x20 * (rng.random() < 0.3)])
        return head + b"\0\1\0\0\0\0\0" + bytes([bool(opts)]) + asked.wire[12 : asked.end] + opts

    def _question(self) -> bytes:
        rng = self.rng
        flags = 0x0100 | 0x10 * (rng.random() < 0.2)
        return query(rng.choice(NAMES), rng.choice(TYPES), flags=flags, opt=rng.choice([b"", opt(do=True)]))

    def _learn(self) -> None:
        rng, wire = self.rng, self._question()
        ttl, count = rng.choice(TTLS), rng.choice([0, 0, 1, 1, 2, 5, 33])
        plain = rng.random() < 0.7
        soa = [record(SELF, 6, rng.choice(TTLS), b"\0\0" + bytes(16) + b"\0\0\x0e\x10")] * (
            rng.random() < 0.8
        )
        answers = [self._record(ttl, plain) for _ in range(count)]
        errors = opt(options=extended_error(rng.choice([3, 22]), "x" * rng.choice([0, 20, 400])))
        flags = 0x8180 | 0x20 * (rng.random() < 0.5) | rng.choice([0, 0, 0, 3])
        additional = [errors] * (rng.random() < 0.3)
        self._learned.append(wire)
        self.both.learn(wire, answers, soa, additional, now=self.now, flags=flags)

    def _record(self, ttl: int, plain: bool) -> bytes:
        rng = self.rng
        kind = rng.choice(["a", "a", "aaaa", "text"] if plain else ["a", "a", "alias", "bound"])
        if kind == "a":
            return record(SELF, 1, ttl, rng.choice([b"\xc0\0\2\1", b"\xcb\0\x71\7"]))
        if kind == "aaaa":
            return record(SELF, 28, ttl, bytes(16))
        if kind == "text":
            return record(SELF, 16, ttl, b"\x7f" + bytes(127))
        if kind == "alias":
            return record(SELF, 5, ttl, rng.choice(TARGETS))
        return record(SELF, 65, ttl, b"\0\1" + rng.choice([b"\0", *TARGETS]))

    def _wait(self) -> None:
        self.now += self.rng.choice([0.001, 0.9, 1.0, 1.0, 2.5, 5.0, 29.0])

    def _fail(self) -> None:
        self.both.fail(self._question(), self.rng.choice([b"", extended_error(22, "no answer")]), self.now)

    def _forget(self) -> None:
        """Flush, or let everything grow old; then learn anew."""
        if self.rng.random() < 0.5:
            self.both.flush()
        else:
            self.now += self.rng.choice([59.5, 3700.0, 90_000.0])
        self._fill()

    def _replace(self) -> None:
        self._generation += 1
        rules = judging(self._generation)
        other = Policy(POLICY.table, LISTS, GROUPS, SETTINGS, self._generation)
        self.both.put_in_force(self.rng.choice([rules, other]))


def walk(seed: int, count: int) -> Counter[str]:
    """Ask so many messages; return how many were answered natively, and what they were."""
    counts: Counter[str] = Counter()
    for number, piece in enumerate(_pieces(count)):
        walking = Walk(seed + number)
        for wire in messages(seed + number, piece):
            walking.ask(wire)
        counts += walking.counts
    return counts


def _pieces(count: int) -> Iterator[int]:
    for begun in range(0, count, PIECE):
        yield min(PIECE, count - begun)


def main() -> None:
    """Ask, and print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    counts = walk(given.seed, given.count)
    print(f"{given.count:,} messages, no difference")
    for name, count in counts.most_common():
        print(f"{count:>12,}  {name}")


if __name__ == "__main__":
    main()
