"""The answer cache in C: what it keeps, what it answers, how much it takes, what goes first."""

from __future__ import annotations

import ctypes as ct
import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.cache import Ageing, Entry, from_answer, from_failure
from resolver.core.cookies import COOKIE
from resolver.core.replies import extended_error, pack_option
from resolver.core.wire import Query, parse_answer, parse_query
from tests.messages import answer, opt, query, record
from tests.native.caching import (
    ANSWERED,
    EXPIRED,
    HAND_OVER,
    UNKNOWN,
    Key,
    Known,
    Library,
    NativeCache,
    fields,
    known_of,
    packed,
)

QUESTION = query()[12:]
PLAIN = parse_query(query())
KEY = PLAIN.key
ALIAS = b"\3cdn\7example\0"


@contextmanager
def cache_of(library: Library, limit: int = 1 << 20, shards: int = 1) -> Iterator[NativeCache]:
    cache = NativeCache(library, limit, shards, os.urandom(16))
    try:
        yield cache
    finally:
        cache.close()


def known(body: bytes | int = b"", **fields: object) -> Known:
    return Known(bytes(body) if isinstance(body, int) else body, **fields)  # type: ignore[arg-type]


# replies


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    if draw(st.booleans()):
        options = draw(st.sampled_from([b"", extended_error(22), extended_error(23, "x" * 400)]))
        return from_failure(options, draw(st.integers(1, 9)), 1000.0)
    ttls = draw(st.lists(st.integers(0, 0x7FFFFFFF), max_size=70))
    split = draw(st.integers(0, len(ttls)))
    records = [record(b"\xc0\x0c", 1, ttl, b"\xc0\0\2\1") for ttl in ttls]
    texts = [extended_error(6, "x" * size) for size in draw(st.lists(st.integers(0, 300), max_size=3))]
    more = [opt(options=b"".join(texts))] if draw(st.booleans()) else []
    flags = draw(st.sampled_from([0x8180, 0x81A0, 0x8183, 0x81A3, 0x8182]))
    found = parse_answer(answer(QUESTION, records[:split], records[split:], more, flags=flags), QUESTION)
    assert found is not None
    return from_answer(found, Ageing(max_ttl=draw(st.integers(1, 1 << 31))), 1000.0)


@st.composite
def queries(draw: st.DrawFn) -> Query:
    payload = st.one_of(st.integers(0, 1400), st.sampled_from([512, 1232, 65535]))
    edns = st.builds(lambda payload, do: opt(payload=payload, do=do), payload, st.booleans())
    flags = 0x0100 * draw(st.booleans()) | 0x10 * draw(st.booleans()) | 0x20 * draw(st.booleans())
    wire = query(
        draw(st.sampled_from(["www.example", "WwW.ExAmPlE", "."])),
        flags=flags | draw(st.sampled_from([0, 0x40])),
        opt=draw(st.one_of(st.just(b""), edns)),
        ident=draw(st.integers(0, 65535)),
    )
    found = parse_query(wire, stream=draw(st.booleans()))
    if found.edns is not None and draw(st.booleans()):
        found.reply_options = pack_option(COOKIE, bytes(range(24)))
    return found


@given(entries(), queries(), st.lists(st.floats(0, 5e9), min_size=1, max_size=3))
def test_replies_are_those_of_the_python_cache_byte_for_byte(
    library: Library, entry: Entry, asked: Query, elapsed: list[float]
) -> None:
    held = known_of(entry)
    for later in elapsed:
        assert library.reply(held, asked, 1000.0 + later) == entry.reply(asked, 1000.0 + later)
    assert library.stale_reply(held, asked) == entry.stale_reply(asked)


@pytest.mark.parametrize("limit", range(512, 620))
def test_options_go_before_records_do_at_every_limit(library: Library, limit: int) -> None:
    records = [record(b"\xc0\x0c", 1, 60, b"\xc0\0\2\1")] * 33
    found = parse_answer(answer(QUESTION, records, (), [opt(options=extended_error(6, "x" * 30))]), QUESTION)
    assert found is not None
    entry = from_answer(found, Ageing(), 0.0)
    for do, cookie in product((False, True), (b"", pack_option(COOKIE, bytes(24)))):
        asked = parse_query(query(opt=opt(payload=limit, do=do)))
        asked.reply_options = cookie
        assert library.reply(known_of(entry), asked, 7.5) == entry.reply(asked, 7.5)
        assert library.stale_reply(known_of(entry), asked) == entry.stale_reply(asked)


def test_a_clock_read_a_moment_before_the_answer_came_makes_no_ttl_longer(library: Library) -> None:
    held = known(b"\0\0\0\x3c", ttls=(0,), stored=1000.0, expires=1060.0)
    assert library.reply(held, PLAIN, 998.0)[-4:] == b"\0\0\0\x3c"


# answering from the cache


def test_an_answer_is_given_until_it_expires_and_not_then(library: Library) -> None:
    with cache_of(library) as cache:
        cache.put(KEY, known(b"\0\0\0\x3c", ttls=(0,), counts=(1, 0, 0), expires=60.0))
        assert cache.reply(KEY, PLAIN, 59.9)[0] == ANSWERED
        assert cache.reply(KEY, PLAIN, 59.9)[1][-4:] == b"\0\0\0\1"
        assert cache.reply(KEY, PLAIN, 60.0) == (EXPIRED, b"", False)
        assert cache.reply(b"\5other\0\0\1\0\1", PLAIN, 0.0)[0] == UNKNOWN
        counters = cache.count()
        assert (counters.hits, counters.misses) == (2, 2)
        found = cache.get(KEY)
        assert found is not None
        assert found.hits == 2


def test_the_memory_of_a_failure_is_given_and_says_what_it_is(library: Library) -> None:
    entry = from_failure(extended_error(22), 2, 0.0)
    with cache_of(library) as cache:
        cache.put(KEY, known_of(entry))
        asked = parse_query(query(opt=opt()))
        assert cache.reply(KEY, asked, 9.0) == (ANSWERED, entry.reply(asked, 9.0), True)
        assert cache.reply(KEY, asked, 10.0)[0] == EXPIRED


@pytest.mark.parametrize(("aliases", "judges"), [(ALIAS, False), (b"", True), (ALIAS, True)])
def test_what_has_to_be_judged_for_a_profile_is_handed_over_until_it_was(
    library: Library, aliases: bytes, judges: bool
) -> None:
    with cache_of(library) as cache:
        cache.put(KEY, known(b"", aliases=aliases, cleared_room=8))
        assert cache.reply(KEY, PLAIN, 1.0, 7, judges=judges)[0] == HAND_OVER
        copied = cache.copy(KEY)
        assert copied is not None
        assert library.c.cache_note_cleared(cache.cache, cache.key(KEY), copied[1], 7)
        assert cache.reply(KEY, PLAIN, 1.0, 7, judges=judges)[0] == ANSWERED
        assert cache.reply(KEY, PLAIN, 1.0, 8, judges=judges)[0] == HAND_OVER


def test_the_eight_profiles_noted_last_are_remembered(library: Library) -> None:
    with cache_of(library) as cache:
        cache.put(KEY, known(b"", aliases=ALIAS, cleared_room=8))
        for profile in (*range(10), 9, 5):
            library.c.cache_note_cleared(cache.cache, cache.key(KEY), 0, profile)
        found = cache.get(KEY)
        assert found is not None
        assert found.cleared == tuple(range(2, 10))


def test_what_is_popular_is_handed_over_once_it_is_due_to_be_renewed_until_that_is_under_way(
    library: Library,
) -> None:
    with cache_of(library) as cache:
        cache.put(KEY, known(b"", refresh_at=54.0))
        outcomes = [cache.reply(KEY, PLAIN, now)[0] for now in (55.0, 55.0, 54.0, 54.0, 53.9, 54.0)]
        # the third hit is what makes it popular, as in Engine.deliver, and only while it is due
        assert outcomes == [ANSWERED, ANSWERED, HAND_OVER, HAND_OVER, ANSWERED, HAND_OVER]
        assert library.c.cache_note_refresh(cache.cache, cache.key(KEY), 0)
        assert cache.reply(KEY, PLAIN, 59.0)[0] == ANSWERED


def test_a_note_is_of_the_entry_that_it_means(library: Library) -> None:
    with cache_of(library) as cache:
        first = cache.put(KEY, known(b"", aliases=ALIAS, cleared_room=8))
        second = cache.put(KEY, known(b"", aliases=ALIAS, cleared_room=8))
        assert 0 < first < second
        key = cache.key(KEY)
        assert not library.c.cache_note_cleared(cache.cache, key, first, 7)
        assert not library.c.cache_note_refresh(cache.cache, key, first)
        assert not library.c.cache_note_retry(cache.cache, key, first, 30.0)
        assert not cache.hit(KEY, first)
        assert cache.get(KEY) == known(b"", aliases=ALIAS, cleared_room=8)
        assert library.c.cache_note_retry(cache.cache, key, second, 30.0)
        assert cache.hit(KEY, second)
        assert cache.get(KEY) == known(b"", aliases=ALIAS, cleared_room=8, retry_at=30.0, hits=1)
        assert not cache.hit(b"\5other\0\0\1\0\1")


# keeping


@given(
    st.binary(max_size=3000),
    st.integers(0, 5),
    st.binary(max_size=600),
    st.binary(max_size=700),
    st.lists(st.integers(0, 2**64 - 1), max_size=8),
    st.tuples(*[st.integers(0, 65535)] * 3),
    st.integers(0, 15),
    st.booleans(),
    st.floats(allow_nan=False),
)
def test_what_is_put_comes_out_as_it_was(
    library: Library,
    body: bytes,
    ttls: int,
    options: bytes,
    aliases: bytes,
    cleared: list[int],
    counts: tuple[int, int, int],
    rcode: int,
    authentic: bool,
    time: float,
) -> None:
    at = tuple(range(0, min(4 * ttls, len(body) // 4 * 4), 4))
    times = dict.fromkeys(("stored", "expires", "refresh_at", "stale_until", "retry_at"), time)
    one = known(
        body, ttls=at, options=options, aliases=aliases, cleared=tuple(cleared), counts=counts, **times
    )
    one = one._replace(rcode=rcode, authentic=authentic, failures=3, cleared_room=8, hits=2)
    with cache_of(library) as cache:
        cache.put(KEY, one)
        assert cache.get(KEY) == one
        assert cache.entries() == [(KEY, one)]


@pytest.mark.parametrize(
    "ill",
    [
        known(b"\0\0\0", ttls=(0,)),
        known(bytes(65535), ttls=(65532,)),
        known(bytes(4), ttls=(0,) * 1025),
        known(65536),
        known(b"", options=bytes(1025)),
        known(b"", aliases=bytes(64 * 255 + 1)),
        known(b"", rcode=16),
        known(b"", cleared_room=9),
        known(b"", cleared=(1, 2), cleared_room=1),
    ],
)
def test_what_is_not_well_formed_is_refused_and_changes_nothing(library: Library, ill: Known) -> None:
    with cache_of(library) as cache:
        cache.put(KEY, known(b"good"))
        assert cache.put(KEY, ill) == 0
        assert cache.get(KEY) == known(b"good")


@pytest.mark.parametrize("size", [0, 261, 1000])
def test_keys_are_neither_empty_nor_longer_than_they_can_be(library: Library, size: int) -> None:
    with cache_of(library) as cache:
        assert cache.put(bytes(size), known()) == 0
        assert cache.put(bytes(260), known()) > 0


def test_what_is_larger_than_a_shard_is_not_kept_and_nothing_else_goes_but_what_it_replaces(
    library: Library,
) -> None:
    with cache_of(library, 40_000) as cache:
        cache.put(b"other", known(b"small"))
        cache.put(b"large", known(b"small"))
        assert cache.put(b"large", known(50_000)) == 0
        assert [key for key, _ in cache.entries()] == [b"other"]
        assert cache.count().evictions == 0


def test_a_flush_forgets_everything_and_refuses_what_was_asked_for_before_it(library: Library) -> None:
    with cache_of(library, 1 << 22, 4) as cache:
        before, empty = library.c.cache_generation(cache.cache), cache.count().bytes
        for number in range(500):
            cache.put(b"%d" % number, known(100))
        assert cache.flush() == before + 1 == library.c.cache_generation(cache.cache)
        assert (cache.entries(), cache.count().entries, cache.count().bytes) == ([], 0, empty)
        assert cache.put(b"late", known(), before) == 0
        assert cache.put(b"early", known(), before + 2) == 0
        assert cache.put(b"now", known(), before + 1) > 0
        assert [key for key, _ in cache.entries()] == [b"now"]


def test_other_limits_act_at_once_and_keep_what_there_is_room_for(library: Library) -> None:
    with cache_of(library, 1 << 23, 8) as cache:
        for number in range(8000):
            cache.put(b"%d" % number, known(100))
        assert len(cache.entries()) == 8000
        for limit in (1 << 20, 1 << 24, 100_000, 1 << 18):
            assert cache.resize(limit)
            kept = cache.entries()
            assert (cache.limit, cache.count().entries) == (limit, len(kept))
            assert cache.count().bytes <= limit
            assert all(cache.get(key) == one for key, one in kept)
        assert len(kept) > 200


def test_a_limit_without_room_is_raised_to_the_least_that_has(library: Library) -> None:
    with cache_of(library, 10, 4) as cache:
        assert 4 * 4096 <= cache.limit < 5 * 4096
        assert cache.put(KEY, known()) > 0
        assert cache.resize(0)
        assert cache.limit < 5 * 4096
        assert cache.count().bytes <= cache.limit


@pytest.mark.parametrize("shards", [1, 2, 64])
def test_a_walk_shows_every_entry_once_a_few_at_a_time(library: Library, shards: int) -> None:
    with cache_of(library, 1 << 22, shards) as cache:
        put = {b"key %d" % number: known(b"%d" % number) for number in range(3000)}
        for key, one in put.items():
            cache.put(key, one)
        steps = list(cache.steps())
        shown = [entry for step in steps for entry in step]
        assert sorted(shown) == sorted(put.items())
        assert max(map(len, steps)) < 200


def test_what_is_there_all_the_time_is_shown_though_the_cache_changes_under_the_walk(
    library: Library,
) -> None:
    with cache_of(library, 1 << 23, 4) as cache:
        stays = {b"stays %d" % number for number in range(1000)}
        for key in stays:
            cache.put(key, known())
        shown: list[bytes] = []
        limits = [1 << 24, 1 << 22, 1 << 23]
        for number, step in enumerate(cache.steps()):
            shown += [key for key, _ in step]
            cache.put(b"comes %d" % number, known(500))
            cache.drop(b"comes %d" % (number - 7))
            if number % 5 == 0:
                cache.resize(limits[number // 5 % 3])
        assert stays <= set(shown)


# memory


class Mallinfo(ct.Structure):
    _fields_ = fields(
        ct.c_size_t, "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    )


def test_what_it_counts_is_what_malloc_gives(library: Library) -> None:
    libc = ct.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        pytest.skip("this C library does not say what malloc gave")
    libc.mallinfo2.restype = Mallinfo

    def taken() -> int:
        said = libc.mallinfo2()
        return int(said.uordblks + said.hblkhd)

    gc.collect()  # what tests before this one left is not to be given back meanwhile
    before = taken()
    with cache_of(library, 8 << 20, 8) as cache:
        for number in range(60_000):
            key = b"%058d" % number
            made, _held = packed(known(40 + number % 97, ttls=(6,) * (number % 5)))
            library.c.cache_put(cache.cache, cache.key(key), made, 0)
        counted, given = cache.count(), taken() - before
        assert counted.evictions > 10_000
        assert 0.97 * (8 << 20) < counted.bytes <= 8 << 20
        assert given == pytest.approx(
            counted.bytes, rel=0.05
        )  # it gives some pieces whole that are a little too large


def test_a_cache_has_as_many_shards_as_its_limit_is_good_for(library: Library) -> None:
    for limit, bits in ((0, 0), (1 << 20, 0), (2 << 20, 1), (5 << 20, 2), (64 << 20, 6), (1 << 31, 6)):
        with cache_of(library, limit, 0) as cache:
            assert cache.count().bytes >= 128 << bits
            assert cache.put(KEY, known(60_000)) > 0 or limit == 0


# the hash


def test_the_hash_is_siphash_1_3(library: Library) -> None:
    """CPython hashes bytes with it; with PYTHONHASHSEED=0 its key is zero."""
    if sys.hash_info.algorithm != "siphash13":
        pytest.skip("this Python hashes otherwise")
    texts = [bytes(range(size)) for size in range(1, 64)]
    command = [sys.executable, "-c", f"print([hash(text) % 2**64 for text in {texts!r}])"]
    told = subprocess.check_output(command, env={"PYTHONHASHSEED": "0"}, text=True)
    cache = NativeCache(library, 1 << 20, seed=bytes(16))
    assert [cache.key(text).hash for text in texts] == json.loads(told)
    cache.close()


def test_the_hash_depends_on_the_seed(library: Library) -> None:
    one, other = [NativeCache(library, 1 << 20, 1, bytes([number] * 16)) for number in (1, 2)]
    assert one.key(KEY).hash != other.key(KEY).hash
    one.close()
    other.close()


def test_keys_with_one_hash_are_told_apart(library: Library) -> None:
    with cache_of(library) as cache:
        put = {b"%d" % number: known(b"%d" % number) for number in range(20)}
        for text, one in put.items():
            made, _held = packed(one)
            library.c.cache_put(cache.cache, Key(5, text, len(text)), made, 0)
        for text in list(put)[::3]:
            assert library.c.cache_drop(cache.cache, Key(5, text, len(text)))
            del put[text]
        assert sorted(cache.entries()) == sorted(put.items())
