"""The answer cache in C beside a plain model of it, step by step: one shard by SIEVE, and many."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from resolver.core.cache import MAX_SPARED
from tests.native.caching import BASE, Known, Library, NativeCache, charge, charge_of

KEYS = st.integers(0, 40).map(lambda number: b"key%d" % number)
SIZES = st.sampled_from([0, 1, 50, 51, 200, 3000, 20_000, 65_535])
OWN = 56
"""What the cache takes besides its shards, in bytes."""


def slots_of(limit: int) -> int:
    slots = 16
    while slots < limit // 256:
        slots *= 2
    return charge(8 * slots)


class Model:
    """One shard: a queue from the oldest to the newest, and the place of the hand in it."""

    def __init__(self, limit: int) -> None:
        self.queue: list[bytes] = []
        self.known: dict[bytes, Known] = {}
        self.visited: dict[bytes, bool] = {}
        self.hand = self.evictions = 0
        self.limit_to(limit)

    def limit_to(self, limit: int) -> None:
        self.limit = max(limit - charge(OWN), 4096)
        self.base = BASE + slots_of(self.limit)
        self.make_room(0)

    @property
    def size(self) -> int:
        return self.base + sum([charge_of(key, one) for key, one in self.known.items()])

    def put(self, key: bytes, one: Known) -> bool:
        again = self.drop(key)
        size = charge_of(key, one)
        if self.base + size > self.limit:
            return False
        self.make_room(size)
        self.queue.append(key)
        self.known[key], self.visited[key] = one, again
        return True

    def drop(self, key: bytes) -> bool:
        if key not in self.known:
            return False
        at = self.queue.index(key)
        del self.queue[at], self.known[key], self.visited[key]
        self.hand -= at < self.hand
        self.hand %= len(self.queue) or 1  # behind the newest it begins again, whatever comes then
        return True

    def make_room(self, size: int) -> None:
        while self.queue and self.size + size > self.limit:
            spared = 0
            while self.visited[self.queue[self.hand]] and spared < MAX_SPARED:
                self.visited[self.queue[self.hand]] = False
                self.hand = (self.hand + 1) % len(self.queue)
                spared += 1
            self.drop(self.queue[self.hand])
            self.evictions += 1

    def flush(self) -> None:
        self.queue, self.known, self.visited, self.hand = [], {}, {}, 0


class OneShard(RuleBasedStateMachine):
    """Everything that a shard does, beside the model."""

    library: Library

    def __init__(self) -> None:
        super().__init__()
        self.cache, self.model = NativeCache(self.library, 40_000), Model(40_000)
        self.generation = 0

    @rule(key=KEYS, size=SIZES, ttls=st.integers(0, 3))
    def put(self, key: bytes, size: int, ttls: int) -> None:
        one = Known(bytes(size), (0,) * ttls if size > 4 else ())
        assert bool(self.cache.put(key, one)) == self.model.put(key, one)

    @rule(key=KEYS, ago=st.integers(1, 2))
    def put_of_another_generation(self, key: bytes, ago: int) -> None:
        assert self.cache.put(key, Known(b"old"), self.generation + 2**64 - ago & 2**64 - 1) == 0

    @rule(key=KEYS)
    def hit(self, key: bytes) -> None:
        known = self.model.known.get(key)
        assert self.cache.hit(key) == (known is not None)
        if known is not None:
            self.model.known[key] = known._replace(hits=known.hits + 1)
            self.model.visited[key] = True

    @rule(key=KEYS)
    def drop(self, key: bytes) -> None:
        assert self.cache.drop(key) == self.model.drop(key)

    @rule(limit=st.integers(0, 100_000))
    def resize(self, limit: int) -> None:
        assert self.cache.resize(limit)
        self.model.limit_to(limit)

    @rule()
    def flush(self) -> None:
        self.generation += 1
        assert self.cache.flush() == self.generation
        self.model.flush()

    @invariant()
    def the_same_is_known(self) -> None:
        assert dict(self.cache.entries()) == self.model.known
        for key, one in self.model.known.items():
            assert self.cache.get(key) == one

    @invariant()
    def the_same_is_counted_and_the_limit_holds(self) -> None:
        counters = self.cache.count()
        assert (counters.entries, counters.evictions) == (len(self.model.known), self.model.evictions)
        assert counters.bytes == charge(OWN) + self.model.size <= self.cache.limit

    def teardown(self) -> None:
        self.cache.close()


class ManyShards(RuleBasedStateMachine):
    """Many shards: what is known is what was put last, and the limit holds."""

    library: Library

    def __init__(self) -> None:
        super().__init__()
        self.cache = NativeCache(self.library, 100_000, 16)
        self.last: dict[bytes, Known] = {}

    @rule(key=KEYS, size=SIZES)
    def put(self, key: bytes, size: int) -> None:
        self.last[key] = Known(bytes(size))
        if self.cache.put(key, self.last[key]):
            assert self.cache.get(key) == self.last[key]
        else:
            assert self.cache.get(key) is None

    @rule(key=KEYS)
    def drop(self, key: bytes) -> None:
        self.cache.drop(key)
        self.last.pop(key, None)

    @rule(limit=st.integers(0, 1 << 20))
    def resize(self, limit: int) -> None:
        assert self.cache.resize(limit)

    @rule()
    def flush(self) -> None:
        self.cache.flush()
        self.last.clear()

    @invariant()
    def only_what_was_put_last_is_known_and_the_limit_holds(self) -> None:
        kept, counters = self.cache.entries(), self.cache.count()
        assert len(kept) == counters.entries
        assert set(kept) <= set(self.last.items())
        assert counters.bytes <= self.cache.limit

    def teardown(self) -> None:
        self.cache.close()


@pytest.mark.parametrize("machine", [OneShard, ManyShards])
def test_it_does_what_a_plain_model_does(
    library: Library, machine: type[OneShard | ManyShards], tmp_path: Path
) -> None:
    machine.library = library
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=60))
