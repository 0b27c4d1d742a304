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
Tally: TypeAlias = tuple[list[bytes], list[tuple[bytes, bytes, float]], bytes, bytes, int]
"""Requests of each family by type; of each source RCODEs, durations, seconds; blocked, shadow; unsent."""

Waiting: TypeAlias = tuple[bytes, bytes, bytes, int]
"""Message, address it came from, control messages, number of the socket."""
Handed: TypeAlias = tuple[int, int, int, float, bytes | None, list[Waiting]]
"""Why (0 time-out, 1 answer, 2 refused, 3 afresh, 4 late), serial, server, when it was sent, the answer, who
waits."""
Counts: TypeAlias = tuple[int, int, int, int, int, int, bytes, float, bytes, bool]
"""Requests, time-outs, refusals, unsent, stray, wrong; durations by bound, their seconds; round trips;
whether it answered with EDNS."""
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
        self, blocked: int, shadow: int, rcode: int, shapes: tuple[Shape, Shape, Shape] | None, /
    ) -> int: ...
    def note(self, profile: int, number: int, action: int, /) -> bool: ...
    def add_client(self, address: bytes, profile: int, cell: Cell, /) -> bool: ...
    def clear_clients(self) -> None: ...
    def find(self, name: bytes, /) -> int: ...
    def answer(
        self, cache: Cache | None, wire: bytes, address: bytes, now: float, /
    ) -> bytes | tuple[int, int, int]: ...

@final
class Loop:
    def __init__(self, types: bytes, rcodes: int, bounds: bytes) -> None: ...
    def serve(
        self,
        descriptor: int,
        snapshot: Snapshot,
        cache: Cache,
        passes: int,
        misses: Misses = ...,
        socket: int = ...,
        /,
    ) -> list[Left]: ...
    def tally(self) -> Tally: ...

@final
class Misses:
    def __init__(self, loop: Loop, bounds: bytes) -> None: ...
    def fileno(self) -> int: ...
    def open(self, descriptor: int, /) -> int: ...
    def close(self, socket: int, /) -> None: ...
    def set_routes(self, names: bytes, to: bytes, fallback: int, seed: bytes, /) -> None: ...
    def find_route(self, name: bytes, /) -> int: ...
    def set_ageing(
        self, max_ttl: int, negative_ttl: int, stale: float, prefetch: bool, judges_addresses: bool, /
    ) -> None: ...
    def add_server(self, host: bytes, port: int, /) -> int: ...
    def leave_server(self, server: int, /) -> None: ...
    def aim(self, group: int, server: int, patience: float, trust_ad: bool, /) -> None: ...
    def receive(self, snapshot: Snapshot, cache: Cache, /) -> bool: ...
    def expire(self, generation: int, /) -> bool: ...
    def take_handed(self) -> list[Handed]: ...
    def take_counts(self, server: int, /) -> Counts | None: ...
    def count(self) -> tuple[int, int, int, int]:
        """Return questions on their way, queries that wait, keys left to Python, answers given in all."""
    @staticmethod
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
    ) -> Read | bool | None: ...
