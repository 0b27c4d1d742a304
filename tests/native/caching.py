"""The native answer cache, called through ctypes."""

from __future__ import annotations

import ctypes as ct
import os
import struct
from collections.abc import Iterable
from ctypes import c_bool, c_double, c_size_t, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any, NamedTuple

from resolver.core.cache import Entry
from resolver.core.wire import Query
from tests.native.compiled import NATIVE, compile_c

SOURCES = sorted(NATIVE.glob("cache*.c"))
BASE, ENTRY = 128, 112
"""Bytes of a shard and of an entry without what follows it, on a machine of 64 bits."""
COPY_MAX = 1 << 17
FLAGS = os.environ.get("NXWHY_NATIVE_FLAGS", "").split()
"""More flags for the compiler: those of the sanitizers, whose library is then preloaded."""
ANSWERED, UNKNOWN, HAND_OVER = range(3)


def fields(kind: Any, names: str) -> Any:
    """Return fields of a struct, all of one kind."""
    return [(name, kind) for name in names.split()]


class Key(ct.Structure):
    _fields_ = (("hash", c_uint64), ("bytes", ct.c_char_p), ("size", c_size_t))


class Answer(ct.Structure):
    _fields_ = (
        fields(c_double, "stored expires refresh_at stale_until retry_at")
        + fields(c_uint64, "serial")
        + fields(c_uint32, "hits failures")
        + fields(c_uint16, "answers authorities additional")
        + fields(c_uint8, "rcode")
        + fields(c_bool, "authentic")
        + fields(c_uint8, "cleared_room cleared_count")
        + fields(c_void_p, "body")
        + fields(c_size_t, "body_size")
        + fields(c_void_p, "ttls")
        + fields(c_size_t, "ttl_count")
        + fields(c_void_p, "options")
        + fields(c_size_t, "options_size")
        + fields(c_void_p, "aliases")
        + fields(c_size_t, "aliases_size")
        + fields(c_void_p, "cleared")
    )


class Asked(ct.Structure):
    _fields_ = fields(ct.c_char_p, "wire") + fields(c_size_t, "end limit") + fields(c_bool, "edns dnssec_ok")
    _fields_ += fields(ct.c_char_p, "cookie") + fields(c_size_t, "cookie_size")


class Asker(ct.Structure):
    _fields_ = (("now", c_double), ("profile", c_uint64), ("judges_addresses", c_bool))


class Given(ct.Structure):
    _fields_ = (("size", c_size_t), ("failed", c_bool))


class Counters(ct.Structure):
    _fields_ = fields(c_uint64, "entries bytes hits misses evictions")


Visit = ct.CFUNCTYPE(None, c_void_p, ct.POINTER(c_uint8), c_size_t, ct.POINTER(Answer))


class Known(NamedTuple):
    """What a cache holds of one answer."""

    body: bytes
    ttls: tuple[int, ...] = ()
    options: bytes = b""
    aliases: bytes = b""
    cleared: tuple[int, ...] = ()
    counts: tuple[int, int, int] = (0, 0, 0)
    rcode: int = 0
    authentic: bool = False
    failures: int = 0
    stored: float = 0.0
    expires: float = 60.0
    refresh_at: float = float("inf")
    stale_until: float = 0.0
    retry_at: float = 0.0
    cleared_room: int = 0
    hits: int = 0

    @property
    def size(self) -> int:
        """Bytes behind the entry, but for its key."""
        data = len(self.body) + len(self.options) + len(self.aliases)
        return data + 2 * len(self.ttls) + 8 * self.cleared_room


def charge(size: int) -> int:
    """Return what malloc takes for so many bytes."""
    return 32 if size <= 24 else (size + 23) // 16 * 16


def charge_of(key: bytes, known: Known) -> int:
    """Return what the cache counts for an entry."""
    return charge(ENTRY + len(key) + known.size)


def known_of(entry: Entry) -> Known:
    """Return what the native cache would hold of an entry of the Python one."""
    ttls = tuple([at for at, _ in entry._ttls])
    assert [entry._body[at : at + 4] for at in ttls] == [ttl.to_bytes(4, "big") for _, ttl in entry._ttls]
    answers, authorities, additional = struct.unpack(">2x3H", entry._counts)
    return Known(
        entry._body,
        ttls,
        entry._options,
        b"".join(entry.aliases),
        entry.cleared,
        (answers, authorities, additional),
        entry.rcode,
        entry.authentic,
        entry.failures,
        entry.stored,
        entry.expires,
        entry.refresh_at,
        entry.stale_until,
        entry.retry_at,
        8 if entry.aliases else 0,
    )


def asked_of(query: Query) -> Asked:
    """Return what the native cache needs of a query."""
    return Asked(
        query.wire, query.end, query.limit, query.edns is not None, query.do, query.cookie, len(query.cookie)
    )


def packed(known: Known) -> tuple[Answer, list[object]]:
    """Return a struct, and what has to live as long as it does."""
    ttls = struct.pack(f"={len(known.ttls)}H", *known.ttls)
    cleared = struct.pack(f"={len(known.cleared)}Q", *known.cleared)
    parts = [known.body, ttls, known.options, known.aliases, cleared]
    body, offsets, options, aliases, profiles = [ct.create_string_buffer(part, len(part)) for part in parts]
    made = Answer(
        known.stored,
        known.expires,
        known.refresh_at,
        known.stale_until,
        known.retry_at,
        0,
        known.hits,
        known.failures,
        *known.counts,
        known.rcode,
        known.authentic,
        known.cleared_room,
        len(known.cleared),
        *(ct.addressof(body), len(known.body), ct.addressof(offsets), len(known.ttls)),
        *(ct.addressof(options), len(known.options), ct.addressof(aliases), len(known.aliases)),
        ct.addressof(profiles),
    )
    return made, [body, offsets, options, aliases, profiles]


def unpacked(answer: Answer) -> Known:
    """Return what a struct leads to."""
    return Known(
        ct.string_at(answer.body, answer.body_size),
        struct.unpack(f"={answer.ttl_count}H", ct.string_at(answer.ttls, 2 * answer.ttl_count)),
        ct.string_at(answer.options, answer.options_size),
        ct.string_at(answer.aliases, answer.aliases_size),
        struct.unpack(f"={answer.cleared_count}Q", ct.string_at(answer.cleared, 8 * answer.cleared_count)),
        (answer.answers, answer.authorities, answer.additional),
        *[getattr(answer, field) for field in Known._fields[6:]],
    )


class Library:
    """The functions of cache.h."""

    def __init__(self, path: Path) -> None:
        self.c = c = ct.CDLL(str(path))
        signatures: Any = (
            ("cache_create", c_void_p, c_size_t, ct.c_uint, ct.c_char_p),
            ("cache_destroy", None, c_void_p),
            ("cache_key", Key, c_void_p, ct.c_char_p, c_size_t),
            ("cache_prefetch", None, c_void_p, Key),
            ("cache_prefetch_entry", None, c_void_p, Key),
            ("cache_reply", ct.c_int, c_void_p, Key, *map(ct.POINTER, (Asked, Asker)), c_void_p, c_void_p),
            ("cache_copy", c_bool, c_void_p, Key, ct.POINTER(Answer), c_void_p),
            ("cache_put", c_uint64, c_void_p, Key, ct.POINTER(Answer), c_uint64),
            ("cache_drop", c_bool, c_void_p, Key),
            ("cache_note_hit", c_bool, c_void_p, Key, c_uint64),
            ("cache_note_cleared", c_bool, c_void_p, Key, c_uint64, c_uint64),
            ("cache_note_refresh", c_bool, c_void_p, Key, c_uint64),
            ("cache_note_retry", c_bool, c_void_p, Key, c_uint64, c_double),
            ("cache_resize", c_bool, c_void_p, c_size_t),
            ("cache_limit", c_size_t, c_void_p),
            ("cache_flush", c_uint64, c_void_p),
            ("cache_generation", c_uint64, c_void_p),
            ("cache_walk", c_uint64, c_void_p, c_uint64, Visit, c_void_p),
            ("cache_count", Counters, c_void_p),
            ("cache_write_reply", c_size_t, ct.POINTER(Answer), ct.POINTER(Asked), c_double, c_void_p),
            ("cache_write_stale_reply", c_size_t, ct.POINTER(Answer), ct.POINTER(Asked), c_void_p),
        )
        for name, result, *arguments in signatures:
            function = getattr(c, name)
            function.restype, function.argtypes = result, arguments

    def reply(self, known: Known, query: Query, now: float) -> bytes:
        """Return cache_write_reply's reply."""
        answer, _held = packed(known)
        out = ct.create_string_buffer(query.limit)
        size = self.c.cache_write_reply(answer, asked_of(query), now, out)
        return out.raw[:size]

    def stale_reply(self, known: Known, query: Query) -> bytes:
        """Return cache_write_stale_reply's reply."""
        answer, _held = packed(known)
        out = ct.create_string_buffer(query.limit)
        size = self.c.cache_write_stale_reply(answer, asked_of(query), out)
        return out.raw[:size]


class NativeCache:
    """A cache in C."""

    def __init__(self, library: Library, limit: int, shards: int = 1, seed: bytes = bytes(16)) -> None:
        self.c = library.c
        self.cache = self.c.cache_create(limit, shards, seed)
        assert self.cache
        self.room = (c_uint64 * (COPY_MAX // 8))()

    def close(self) -> None:
        """Free it."""
        self.c.cache_destroy(self.cache)

    def key(self, key: bytes) -> Key:
        """Return a key with its hash."""
        made: Key = self.c.cache_key(self.cache, key, len(key))
        return made

    def put(self, key: bytes, known: Known, generation: int | None = None) -> int:
        """Keep an answer; of the present generation unless another is given."""
        answer, _held = packed(known)
        if generation is None:
            generation = self.c.cache_generation(self.cache)
        serial: int = self.c.cache_put(self.cache, self.key(key), answer, generation)
        return serial

    def get(self, key: bytes) -> Known | None:
        """Return a copy of what is kept."""
        found = self.copy(key)
        return None if found is None else found[0]

    def copy(self, key: bytes) -> tuple[Known, int] | None:
        """Return a copy of what is kept, and its serial number."""
        answer = Answer()
        if not self.c.cache_copy(self.cache, self.key(key), answer, self.room):
            return None
        return unpacked(answer), answer.serial

    def reply(
        self, key: bytes, query: Query, now: float, profile: int = 0, *, judges: bool = False
    ) -> tuple[int, bytes, bool]:
        """Return how it went, the reply, and whether it is the memory of a failure."""
        out, given = ct.create_string_buffer(query.limit), Given()
        asker = Asker(now, profile, judges)
        found = self.c.cache_reply(self.cache, self.key(key), asked_of(query), asker, out, ct.byref(given))
        return found, out.raw[: given.size], given.failed

    def drop(self, key: bytes) -> bool:
        """Forget one entry."""
        return bool(self.c.cache_drop(self.cache, self.key(key)))

    def hit(self, key: bytes, serial: int = 0) -> bool:
        """Note a hit."""
        return bool(self.c.cache_note_hit(self.cache, self.key(key), serial))

    def resize(self, limit: int) -> bool:
        """Set another limit."""
        return bool(self.c.cache_resize(self.cache, limit))

    def flush(self) -> int:
        """Forget everything."""
        generation: int = self.c.cache_flush(self.cache)
        return generation

    @property
    def limit(self) -> int:
        """The limit in bytes."""
        limit: int = self.c.cache_limit(self.cache)
        return limit

    def count(self) -> Counters:
        """Return the counters."""
        counters: Counters = self.c.cache_count(self.cache)
        return counters

    def steps(self) -> Iterable[list[tuple[bytes, Known]]]:
        """Walk; yield what each step showed."""
        found: list[tuple[bytes, Known]] = []

        def note(_: object, key: Any, size: int, answer: Any) -> None:
            found.append((ct.string_at(key, size), unpacked(answer.contents)))

        visit = Visit(note)
        at = self.c.cache_walk(self.cache, 0, visit, None)
        yield found.copy()
        while at:
            found.clear()
            at = self.c.cache_walk(self.cache, at, visit, None)
            yield found.copy()

    def entries(self) -> list[tuple[bytes, Known]]:
        """Return all entries."""
        return [entry for step in self.steps() for entry in step]


def build_library(folder: Path) -> Library:
    """Compile the cache, and open it."""
    return Library(compile_c(folder / "cache.so", SOURCES, "-O2", "-fPIC", "-shared", *FLAGS))
