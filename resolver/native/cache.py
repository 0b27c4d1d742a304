"""The native cache: the answers of core/cache.py, kept where they are given without Python."""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Callable, Iterator

from resolver.core.cache import Entry, Key
from resolver.core.replies import Sections
from resolver.native import _native

CLEARED = 8
"""For how many profiles an entry may remember that it leads to nothing blocked."""
_TTL = struct.Struct(">I")


class NativeEntry(Entry):
    """A copy of an answer. What is noted of it is noted in the cache too, if it is still there."""

    __slots__ = ("_cache", "_cleared", "_hits", "_key", "_refresh_at", "_retry_at", "_serial")

    def __init__(self, cache: _native.Cache, key: bytes, kept: _native.Kept) -> None:
        """`kept` is what the cache says of the entry under `key`."""
        self._serial = 0  # nothing is noted until all is set
        serial, hits, failures, rcode, authentic, answers, authorities, additional = kept[:8]
        body, offsets, options, aliases, cleared = kept[8:13]
        stored, expires, refresh_at, stale_until, retry_at = kept[13:]
        ttls = tuple([(at, _TTL.unpack_from(body, at)[0]) for at in memoryview(offsets).cast("H")])
        sections = Sections(answers, authorities, body, additional)
        super().__init__(rcode, sections, ttls, expires - stored, stored)
        self._options, self.failures, self.authentic = options, failures, authentic
        self.aliases = tuple(_names(aliases))
        self.expires, self.stale_until = expires, stale_until
        self._hits, self._cleared = hits, tuple(memoryview(cleared).cast("Q"))
        self._refresh_at, self._retry_at = refresh_at, retry_at
        self._cache, self._key, self._serial = cache, key, serial

    @classmethod
    def of(cls, entry: Entry, cache: _native.Cache, key: bytes, serial: int) -> NativeEntry:
        """Return what notes what happens to an entry that was just put into the cache."""
        made = cls.__new__(cls)
        made.rcode, made.authentic, made.failures = entry.rcode, entry.authentic, entry.failures
        made._body, made._aged, made._aged_s = entry._body, entry._aged, entry._aged_s
        made._counts, made._counts_edns, made._ttls = entry._counts, entry._counts_edns, entry._ttls
        made._options, made.aliases = entry._options, entry.aliases
        made.stored, made.ttl, made.expires = entry.stored, entry.ttl, entry.expires
        made.stale_until, made.size = entry.stale_until, entry.size
        made._hits, made._cleared = entry.hits, entry.cleared
        made._refresh_at, made._retry_at = entry.refresh_at, entry.retry_at
        made._cache, made._key, made._serial = cache, key, serial
        return made

    @property
    def hits(self) -> int:
        """How often it was given."""
        return self._hits

    @hits.setter
    def hits(self, count: int) -> None:
        self._hits = count
        if self._serial:
            self._cache.note_hit(self._key, self._serial)

    @property
    def cleared(self) -> tuple[int, ...]:
        """The profiles under which it leads to nothing blocked, the latest last."""
        return self._cleared

    @cleared.setter
    def cleared(self, profiles: tuple[int, ...]) -> None:
        self._cleared = profiles
        if self._serial:
            self._cache.note_cleared(self._key, self._serial, profiles[-1])

    @property
    def refresh_at(self) -> float:
        """From when on it is renewed."""
        return self._refresh_at

    @refresh_at.setter
    def refresh_at(self, when: float) -> None:
        self._refresh_at = when
        if self._serial:
            self._cache.note_refresh(self._key, self._serial)

    @property
    def retry_at(self) -> float:
        """Until when it is given although it has expired, without asking again."""
        return self._retry_at

    @retry_at.setter
    def retry_at(self, when: float) -> None:
        self._retry_at = when
        if self._serial:
            self._cache.note_retry(self._key, self._serial, when)


class NativeCache:
    """An AnswerCache. The entries that it gives are copies, which note in it what happens to them."""

    def __init__(self, limit_bytes: int) -> None:
        self.native = _native.Cache(limit_bytes, os.urandom(16))
        self.judges_addresses = False
        """Whether profiles look at addresses too: then every entry has room for those that found it clean."""
        self.forwarded: Callable[[], int] = lambda: 0
        """Says how many queries that found nothing here were answered natively."""
        self._misses = self._hits = 0

    def __len__(self) -> int:
        return self.native.count()[0]

    @property
    def limit_bytes(self) -> int:
        """The bound, in bytes."""
        return self.native.limit_bytes

    @property
    def bytes(self) -> int:
        """What it takes, in bytes."""
        return self.native.count()[1]

    @property
    def hits(self) -> int:
        """Lookups that found an answer: the native ones, and those that Python has counted."""
        return self._hits + self.native.count()[2]

    def count_hit(self) -> None:
        """Count a lookup by Python that found an answer."""
        self._hits += 1

    @property
    def misses(self) -> int:
        """Lookups that found nothing, of queries that then were asked upstream."""
        return self._misses + self.forwarded()

    def count_miss(self) -> None:
        """Count such a lookup by Python."""
        self._misses += 1

    @property
    def evictions(self) -> int:
        """How many entries went for want of room."""
        return self.native.count()[4]

    @property
    def generation(self) -> int:
        """Grows with each flush, so that an answer asked for before it is not kept after it."""
        return self.native.generation

    def get(self, key: Key, /) -> Entry | None:
        """Return what is known under a key, expired or not."""
        kept = self.native.get(key)
        return None if kept is None else NativeEntry(self.native, key, kept)

    def put(self, key: Key, entry: Entry) -> Entry:
        """Keep an entry, in place of the one under the same key; return it as it is kept."""
        room = CLEARED if entry.aliases or self.judges_addresses else 0
        sections = entry.sections
        given = (
            *(entry.failures, entry.rcode, entry.authentic),
            *(sections.answers, sections.authorities, sections.additional, room, sections.tail),
            *(array("H", entry.ttl_offsets).tobytes(), entry.options, b"".join(entry.aliases)),
            *(entry.stored, entry.expires, entry.refresh_at, entry.stale_until, entry.retry_at),
        )
        serial = self.native.put(key, self.native.generation, given)
        return NativeEntry.of(entry, self.native, key, serial) if serial else entry

    def drop(self, key: Key) -> bool:
        """Forget one entry, if it is there; say whether it was."""
        return self.native.drop(key)

    def resize(self, limit_bytes: int) -> None:
        """Set another bound, in bytes."""
        self.native.resize(limit_bytes)

    def flush(self) -> None:
        """Forget everything."""
        self.native.flush()


def _names(together: bytes) -> Iterator[bytes]:
    """Yield canonical names that stand one behind the other."""
    start = at = 0
    while at < len(together):
        if together[at] == 0:
            yield together[start : at + 1]
            start = at + 1
        at += together[at] + 1
