"""Answers that we know: ageing, negative and failed ones, stale ones, eviction.

The cache is bounded in bytes. Eviction is SIEVE: a hand goes through the entries from the oldest to the
newest and round again; the first that was not asked for since it was last looked at goes, the others stay
where they are. A hit costs one increment. Where many in a row were asked for, one of them goes all the same,
so that no query waits for a walk through the whole cache.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from resolver.core import wire as w
from resolver.core.answers import read_addresses
from resolver.core.replies import (
    CACHED_ERROR,
    HEADS,
    HEADS_AD,
    OPT_DO,
    OPT_PLAIN,
    STALE,
    STALE_NXDOMAIN,
    Sections,
    extended_error,
    opt,
    pack_option,
    truncated,
    unforged,
)
from resolver.core.wire import Answer, Query

STALE_TTL = 30
"""TTL of stale records in seconds (RFC 8767, section 4)."""
RECHECK_S = 30.0
"""How long after a failure a stale answer is given without asking again (RFC 8767, section 5)."""
FIRST_FAILURE_S, LONGEST_FAILURE_S = 5.0, 60.0
"""How long a failure is remembered: doubling between these. RFC 9520, section 3.2,
allows up to 300 s, but what outlives an outage makes it longer."""
POPULAR = 3
"""An entry asked for this often in its life is asked for again shortly before it expires."""
PREFETCH_AT = 0.9
"""The part of its life after which a popular entry is renewed."""
MAX_KEPT_OPTIONS = 512
"""Most bytes of extended errors kept from one answer."""
MAX_SPARED = 64
"""Most entries that are spared in a row; beyond, the next one goes whether it was asked for or not."""
ENTRY_OVERHEAD = 640
"""What an entry takes in CPython besides its bytes, measured with tracemalloc."""

_TTL = struct.Struct(">I")
_STALE = -1
"""In place of the age of a body: its TTLs are those of stale records."""


class Ageing(NamedTuple):
    """How long answers live, in seconds."""

    max_ttl: int = 86400
    negative_ttl: int = 3600
    stale: int = 86400
    prefetch: bool = True


class Entry:
    """One answer, ready to be put behind any query for it."""

    __slots__ = (
        "_aged",
        "_aged_s",
        "_body",
        "_counts",
        "_counts_edns",
        "_options",
        "_ttls",
        "aliases",
        "authentic",
        "cleared",
        "expires",
        "failures",
        "hits",
        "key",
        "newer",
        "older",
        "rcode",
        "refresh_at",
        "retry_at",
        "seen",
        "size",
        "stale_until",
        "stored",
        "ttl",
    )

    key: bytes
    newer: Entry
    older: Entry
    """Its key and its neighbours while it is in a cache."""

    def __init__(
        self, rcode: int, sections: Sections, ttls: tuple[tuple[int, int], ...], ttl: float, now: float
    ) -> None:
        """`ttls` are (offset in the tail, seconds); `ttl` is how long the entry is good, in seconds."""
        self.rcode = rcode
        self._body = self._aged = sections.tail
        self._aged_s = 0
        self._counts, self._counts_edns = sections.counts(0), sections.counts(1)
        self._ttls = ttls
        self._options = b""
        self.authentic = False
        self.aliases: tuple[bytes, ...] = ()
        self.cleared: tuple[int, ...] = ()
        self.stored, self.ttl, self.expires = now, ttl, now + ttl
        self.stale_until = self.retry_at = 0.0
        self.refresh_at = float("inf")
        self.hits = self.failures = self.seen = 0
        self.size = ENTRY_OVERHEAD + 2 * len(sections.tail) + 120 * len(ttls)

    @property
    def failed(self) -> bool:
        """Whether this is the memory of a failure and not an answer."""
        return self.failures > 0

    @property
    def sections(self) -> Sections:
        """The records, TTLs as they were when the answer came."""
        answers, authorities, additional = struct.unpack(">3H", self._counts[2:])
        return Sections(answers, authorities, self._body, additional)

    @property
    def ttl_offsets(self) -> list[int]:
        """Where the TTLs stand in the tail of the sections."""
        return [at for at, _ in self._ttls]

    @property
    def options(self) -> bytes:
        """The extended errors that are given along, packed."""
        return self._options

    def addresses(self) -> tuple[bytes, ...]:
        """Return the addresses that the answer leads to, in network order; read anew at each call."""
        answers = int.from_bytes(self._counts[2:4], "big")
        return read_addresses(self._body, [at - 4 for at, _ in self._ttls[:answers]])

    def reply(self, query: Query, now: float) -> bytes:
        """Return the answer to a query for it, TTLs aged to `now`; truncated where the limit asks for it."""
        elapsed_s = int(now - self.stored)
        if elapsed_s != self._aged_s and query.end + len(self._body) <= query.limit:  # else it is truncated
            self._aged, self._aged_s = self._age(elapsed_s), elapsed_s
        return self._put_together(query, self._aged, self._options, self.authentic)

    def stale_reply(self, query: Query) -> bytes:
        """Return the answer with the TTL of stale records and the extended error that says so.

        It is not called authentic: what proved it holds no longer than its TTL (RFC 4035, section 5.3.3).
        """
        if self._aged_s != _STALE and query.end + len(self._body) <= query.limit:
            self._aged = _with_ttls(self._body, [(at, STALE_TTL) for at, _ in self._ttls])
            self._aged_s = _STALE
        code = STALE_NXDOMAIN if self.rcode == w.NXDOMAIN else STALE
        return self._put_together(query, self._aged, self._options + extended_error(code), False)

    def _age(self, elapsed_s: int) -> bytes:
        """Return the body with the seconds since it came taken from every TTL, never below zero."""
        return _with_ttls(self._body, [(at, max(ttl - elapsed_s, 0)) for at, ttl in self._ttls])

    def _put_together(self, query: Query, body: bytes, options: bytes, authentic: bool) -> bytes:
        wire = query.wire
        heads = HEADS_AD if authentic and query.wants_ad else HEADS
        head = wire[:2] + heads[self.rcode][wire[2] & 1 | wire[3] & 0x10]
        edns = query.edns
        if edns is None:
            reply = head + self._counts + wire[12 : query.end] + body
        elif options or query.reply_options:
            options = unforged(options) if query.structured else options
            record = opt(options + query.reply_options, do=edns.do)
            reply = head + self._counts_edns + wire[12 : query.end] + body + record
        else:
            reply = (
                head + self._counts_edns + wire[12 : query.end] + body + (OPT_DO if edns.do else OPT_PLAIN)
            )
        if len(reply) <= query.limit:
            return reply
        if options and edns:
            return self._put_together(query, body, b"", authentic)
        return truncated(query, self.rcode)


def from_answer(answer: Answer, ageing: Ageing, now: float) -> Entry:
    """Return an entry for an answer from upstream. One that may not be cached expires at once."""
    ttl = lifetime(answer, ageing)
    cap = ageing.max_ttl if answer.negative_ttl is None or not denies(answer) else ttl
    body, ttls = answer.body, answer.ttls
    # a TTL of 0 may stand in the bytes as one with the top bit set (RFC 2181, section 8)
    if not answer.min_ttl or max([seconds for _, seconds in ttls], default=0) > cap:
        ttls = tuple([(at, min(seconds, cap)) for at, seconds in ttls])
        body = _with_ttls(body, ttls)
    entry = Entry(answer.rcode, Sections(*answer.counts[:2], body, answer.counts[2]), ttls, ttl, now)
    entry.authentic = answer.authentic
    entry.aliases = answer.aliases
    entry._options = kept_errors(answer)
    entry.size += len(entry._options) + sum([64 + len(alias) for alias in answer.aliases])
    entry.stale_until = entry.expires + ageing.stale
    if ageing.prefetch and ttl > 1:
        entry.refresh_at = now + PREFETCH_AT * ttl
    return entry


def from_failure(options: bytes, failures: int, now: float) -> Entry:
    """Return the memory of a failure, the `failures`th in a row (RFC 9520)."""
    ttl = min(FIRST_FAILURE_S * 2 ** min(failures - 1, 16), LONGEST_FAILURE_S)
    entry = Entry(w.SERVFAIL, Sections(0, 0, b""), (), ttl, now)
    entry.failures = failures
    entry._options = options + extended_error(CACHED_ERROR)
    return entry


def _with_ttls(body: bytes, ttls: Iterable[tuple[int, int]]) -> bytes:
    changed = bytearray(body)
    for at, seconds in ttls:
        _TTL.pack_into(changed, at, seconds)
    return bytes(changed)


def lifetime(answer: Answer, ageing: Ageing) -> int:
    """Return how long an answer may be kept, in seconds (RFC 2308, section 5; RFC 8767, section 4).

    A negative answer without a SOA record says nothing of how long it holds and is not kept, nor are the
    aliases that led to it.
    """
    if answer.rcode not in (w.NOERROR, w.NXDOMAIN):
        return 0
    if not denies(answer):
        return min(answer.min_ttl, ageing.max_ttl)
    if answer.negative_ttl is None:
        return 0
    return min(answer.min_ttl, answer.negative_ttl, ageing.negative_ttl)


def denies(answer: Answer) -> bool:
    """Say whether an answer is that there is no such name or record, if only at the end of its aliases."""
    return answer.rcode == w.NXDOMAIN or (answer.rcode == w.NOERROR and answer.empty)


def kept_errors(answer: Answer) -> bytes:
    """Return the extended errors of an answer, packed as options, for our own reply."""
    if answer.edns is None:
        return b""
    options = b"".join([pack_option(code, data) for code, data in answer.edns.options if code == w.EDE])
    return options if len(options) <= MAX_KEPT_OPTIONS else b""


Key = bytes
"""Of an answer: Query.key."""


class AnswerCache(Protocol):
    """What the engine needs of a cache: Cache, or the native one in its place."""

    def __len__(self) -> int: ...

    @property
    def hits(self) -> int:
        """Lookups that found an answer."""

    def count_hit(self) -> None:
        """Count a lookup that found an answer."""

    @property
    def misses(self) -> int:
        """Lookups that found nothing, of queries that then were asked upstream."""

    def count_miss(self) -> None:
        """Count such a lookup."""

    @property
    def limit_bytes(self) -> int:
        """The bound, in bytes."""

    @property
    def bytes(self) -> int:
        """What it takes, in bytes."""

    @property
    def evictions(self) -> int:
        """How many entries went for want of room."""

    @property
    def generation(self) -> int:
        """Grows with each flush, so that an answer asked for before it is not kept after it."""

    def get(self, key: Key, /) -> Entry | None:
        """Return what is known under a key, expired or not."""

    def put(self, key: Key, entry: Entry) -> Entry:
        """Keep an entry, in place of the one under the same key; return it as it is kept."""

    def drop(self, key: Key) -> bool:
        """Forget one entry, if it is there; say whether it was."""

    def resize(self, limit_bytes: int) -> None:
        """Set another bound, in bytes."""

    def flush(self) -> None:
        """Forget everything."""


class Cache:
    """Entries by key, bounded in bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._entries: dict[bytes, Entry] = {}
        self.get = self._entries.get  # the call that every query makes
        self._ends = Entry(0, Sections(0, 0, b""), (), 0, 0)  # between the newest and the oldest
        self._ends.newer = self._ends.older = self._hand = self._ends
        self.limit_bytes = limit_bytes
        self.bytes = self.hits = self.misses = self.evictions = 0
        self.generation = 0
        """Grows with each flush, so that an answer asked for before it is not kept after it."""

    def __len__(self) -> int:
        return len(self._entries)

    def count_hit(self) -> None:
        """Count a lookup that found an answer."""
        self.hits += 1

    def count_miss(self) -> None:
        """Count a lookup that found nothing, of a query that then is asked upstream."""
        self.misses += 1

    def put(self, key: bytes, entry: Entry) -> Entry:
        """Keep an entry, in place of the one under the same key; others go until there is room. Return it.

        One that is larger than the cache is not kept.
        """
        again = self.drop(key)
        size = entry.size + len(key)
        if size > self.limit_bytes:
            return entry
        self._make_room(size)
        self._entries[key] = entry
        self.bytes += size
        entry.key, entry.seen = key, -1 if again else entry.hits  # put again: it was asked for again
        entry.newer, entry.older = self._ends, self._ends.older
        entry.older.newer = self._ends.older = entry
        return entry

    def drop(self, key: bytes) -> bool:
        """Forget one entry, if it is there; say whether it was."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return False
        self.bytes -= entry.size + len(key)
        if self._hand is entry:
            self._hand = entry.newer
        entry.newer.older, entry.older.newer = entry.older, entry.newer
        del entry.newer, entry.older  # no cycle is left, nor a neighbour kept
        return True

    def resize(self, limit_bytes: int) -> None:
        """Set another bound, in bytes."""
        self.limit_bytes = limit_bytes
        self._make_room(0)

    def flush(self) -> None:
        """Forget everything."""
        for entry in self._entries.values():
            del entry.newer, entry.older
        self._entries.clear()
        self._ends.newer = self._ends.older = self._hand = self._ends
        self.bytes = 0
        self.generation += 1

    def _make_room(self, size: int) -> None:
        while self._entries and self.bytes + size > self.limit_bytes:
            self._evict()

    def _evict(self) -> None:
        entry = self._next(self._hand)
        for _ in range(MAX_SPARED):
            if entry.hits == entry.seen:
                break
            entry.seen = entry.hits
            entry = self._next(entry.newer)
        self._hand = entry.newer
        self.drop(entry.key)
        self.evictions += 1

    def _next(self, place: Entry) -> Entry:
        return place if place is not self._ends else place.newer
