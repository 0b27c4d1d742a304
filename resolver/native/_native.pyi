from collections.abc import Sequence
from typing import TypeAlias, final

from typing_extensions import Buffer

Numbers: TypeAlias = tuple[int, int, int, int, bool, int, int, int]
"""Serial, hits, failures, RCODE, authentic; records in answer, authority and additional section."""
Pieces: TypeAlias = tuple[bytes, bytes, bytes, bytes, bytes]
"""Body, offsets of its TTLs (16 bits each), options, aliases, cleared profiles (64 bits each)."""
Times: TypeAlias = tuple[float, float, float, float, float]
"""Stored, expires, refresh_at, stale_until, retry_at."""
Kept: TypeAlias = tuple[*Numbers, *Pieces, *Times]
Given: TypeAlias = tuple[int, int, bool, int, int, int, int, bytes, bytes, bytes, bytes, *Times]
"""An answer as it is put: failures, RCODE, authentic; records in the sections; for how many profiles there
is room; pieces but for the profiles; times."""
Tails: TypeAlias = tuple[bytes, bytes, bytes, bytes, bytes]
"""What stands behind a question without EDNS, with it, with DO; brief; brief with DO."""
Shape: TypeAlias = tuple[bytes, bytes, Tails]
"""Counts, counts with EDNS, tails."""
Left: TypeAlias = tuple[bytes, bytes, bytes, int, int, int]
"""Message, address it came from, control messages, why (1 other, 2 client, 3 unmet), profile, set."""
LeftThere: TypeAlias = tuple[int, *Left, float]
"""What a thread left: the number of its socket, as above, and when it came, in monotonic seconds. From 8 on
`why` is of what was asked upstream (misses.h): 8 who waited, and before them the question (9 time-out,
10 answer, 11 refused, 12 afresh, 13 late): the number of the server, the answer, the generation of the cache,
nothing, `why`, a serial number in two halves, and when it was sent."""
Tally: TypeAlias = tuple[list[bytes], list[tuple[bytes, bytes, float]], bytes, bytes, int, int]
"""Requests of each family by type; of each source RCODEs, durations, seconds; blocked, shadow;
unsent, overload."""

UpstreamCounts: TypeAlias = tuple[bytes, bytes, float, bytes]
"""Requests, time-outs, refusals, unsent, stray, wrong, answers, those with EDNS; durations by bound, their
seconds; the latest round trips, that of number n at n modulo their number."""
Read: TypeAlias = tuple[
    int, bool, int, int, int, bytes, bytes, bytes, bytes, float, float, float, float, bool, bool
]
"""RCODE, authentic; records in the sections; body, offsets of its TTLs, options, aliases; stored, expires,
refresh_at, stale_until; whether it is kept, whether there was EDNS."""

@final
class Cache:
    def __init__(self, limit_bytes: int, seed: bytes, shards: int = 0) -> None: ...
    @property
    def limit_bytes(self) -> int: ...
    @property
    def generation(self) -> int: ...
    def get(self, key: bytes, /) -> Kept | None: ...
    def put(self, key: bytes, generation: int, answer: Given, /) -> int: ...
    def drop(self, key: bytes, /) -> bool: ...
    def note_hit(self, key: bytes, serial: int, /) -> bool: ...
    def note_cleared(self, key: bytes, serial: int, profile: int, /) -> bool: ...
    def note_refresh(self, key: bytes, serial: int, /) -> bool: ...
    def note_retry(self, key: bytes, serial: int, retry_at: float, /) -> bool: ...
    def resize(self, limit_bytes: int, /) -> bool: ...
    def flush(self) -> int: ...
    def count(self) -> tuple[int, int, int, int, int]:
        """Return entries, bytes, hits, misses, evictions."""

@final
class Cell:
    left: float
    """A whole number, or infinite."""

    def take(self) -> bool:
        """Take one from what is left; return whether there was one."""
    def give(self) -> None:
        """Add one to what is left."""

@final
class Snapshot:
    def __init__(
        self,
        slots: Buffer,
        prime: int,
        factor: int,
        depths: bytes,
        depths_above: bytes,
        pairs: Buffer,
        sets: int,
        seed: bytes,
    ) -> None: ...
    def add_profile(self, key: int, judges_addresses: bool, /) -> int: ...
    def add_verdict(
        self, blocked: int, shadow: int, rcode: int, label: int, shapes: tuple[Shape, Shape, Shape] | None, /
    ) -> int: ...
    def note(self, profile: int, number: int, action: int, /) -> bool: ...
    def add_client(self, address: bytes, profile: int, cell: Cell, /) -> bool: ...
    def use_cookies(self, secret: bytes, epoch_s: float, /) -> None:
        """Answer cookies from now on; before anybody else uses it."""

    def find(self, name: bytes, /) -> int: ...
    def answer(
        self, cache: Cache | None, wire: bytes, address: bytes, now: float, stream: bool = False, /
    ) -> bytes | tuple[int, int, int]: ...

Event: TypeAlias = tuple[float, float, int, int, int, int, bytes, bytes]
"""When it came (monotonic seconds), how long it took, label, type, source, RCODE, address, canonical name."""

@final
class Loop:
    def __init__(self, types: bytes, rcodes: int, bounds: bytes) -> None: ...
    def serve(self, descriptor: int, snapshot: Snapshot, cache: Cache, passes: int, /) -> list[Left]: ...
    def tally(self) -> Tally: ...
    def record(self, on: bool, /) -> None:
        """Begin or end to note answers; what was noted until then goes."""

    def events(self, most: int, /) -> list[Event]: ...
    def dropped(self) -> int:
        """Return how many answers there was no room for among the events."""
    def forwarded(self) -> int:
        """Return how many queries were answered by asking upstream."""

@final
class Streams:
    """Answers messages that came over streams, counted by a loop of its own."""

    def __init__(self, loop: Loop) -> None: ...
    def answer(
        self, snapshot: Snapshot, cache: Cache, wire: bytes, address: bytes, v6: bool, /
    ) -> bytes | tuple[int, int, int]: ...

@final
class Inheritance:
    def inherit(self, names: Buffer, kinds: Buffer, first: int, /) -> tuple[int, int] | None: ...
    def answer(self, origin: int, below: int, /) -> None: ...
    def covered(self) -> list[tuple[int, int, int]]: ...

def lines_scan(
    shape: int, data: bytes, first: int, names: Buffer, lines: Buffer, odd: Buffer, /
) -> tuple[int, int, int]: ...
def build_keys(names: Buffer, prime: int, factor: int, keys: Buffer, dots: Buffer, /) -> None: ...
def build_words(keys: Buffer, kinds: Buffer, first: int, words: Buffer, spare: Buffer, /) -> int: ...
def build_fill(
    runs: Sequence[tuple[int, Buffer]],
    rules: int,
    slots: Buffer,
    bits: int,
    filled: tuple[Buffer, Buffer, Buffer, Buffer],
    /,
) -> tuple[int, int, int]: ...
def inheritance(prime: int, factor: int, slots: Buffer, bits: int, combinations: int, /) -> Inheritance: ...
def read_answer(
    wire: bytes,
    question: bytes,
    max_ttl: int,
    negative_ttl: int,
    stale: float,
    prefetch: bool,
    trust_ad: bool,
    now: float,
    /,
) -> Read | bool | None:
    """Return what is kept of an answer; False: not a plain one; None: none to this question."""

@final
class Ways:
    """How unknown names are asked for: by which servers, and how long answers live."""

    def __init__(self, names: bytes, to: bytes, fallback: int, seed: bytes, bounds: bytes) -> None: ...
    def set_ageing(
        self, max_ttl: int, negative_ttl: int, stale: float, prefetch: bool, judges_addresses: bool, /
    ) -> None: ...
    def set_server(self, number: int, serial: int, host: bytes, port: int, /) -> None: ...
    def add_group(self, trust_ad: bool, /) -> None: ...
    def aim(self, group: int, aims: list[tuple[int, float]], /) -> None:
        """Ask any of these servers first, with this patience in seconds; none: Python asks."""
    def find(self, name: bytes, qtype: int, /) -> int: ...

@final
class Thread:
    """Answers on sockets with a loop, which is its alone while it runs."""

    def __init__(self, loop: Loop, questions: int) -> None:
        """`questions`: how many it asks at a time, at most."""
    @property
    def wake(self) -> int:
        """A descriptor that can be read when something is left."""
    @property
    def ended(self) -> bool:
        """Whether it ended by itself."""
    def use(self, snapshot: Snapshot, cache: Cache, ways: Ways, /) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def watch(self, descriptor: int, /) -> int:
        """Return the number of the socket."""
    def rest(self, number: int, /) -> None:
        """Take no more queries from a socket; answers still leave from it."""
    def forget(self, number: int, /) -> None: ...
    def count(self) -> tuple[int, int]:
        """Return questions on their way, and queries that wait for them."""
    def upstream(self, server: int, /) -> UpstreamCounts:
        """Return what was counted of the servers that had a number."""
    def take(self, most: int, /) -> list[LeftThere]: ...
