"""Both caches beside each other: what one keeps the other keeps, and what the engine finds they find."""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from resolver.core.cache import Ageing, Cache, Entry
from resolver.core.engine import Engine, Reply
from resolver.core.policy import NOTHING
from resolver.core.replies import Sections
from resolver.core.routes import Routes
from resolver.core.wire import parse_answer, parse_query
from tests.messages import answer, opt, query, record
from tests.native.caching import (
    ANSWERED,
    BASE,
    EXPIRED,
    HAND_OVER,
    UNKNOWN,
    Library,
    NativeCache,
    charge,
    charge_of,
    known_of,
)

ENTRIES = 100
"""How many there is room for: more than are spared in a row."""
KEYS = st.integers(0, 150).map(lambda number: b"key%03d" % number)
STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "put", "hit", "hit", "hit", "drop", "fill"]), KEYS), max_size=60
)


def entry() -> Entry:
    return Entry(0, Sections(0, 0, bytes(16)), (), 60, 0)


def room_for(entries: int) -> int:
    """Return the limit of a native cache of one shard with room for so many entries of six bytes of key."""
    each, slots = charge_of(b"key000", known_of(entry())), 16
    while slots < (entries * each + BASE) // 256 + 1:
        slots *= 2
    return charge(56) + BASE + charge(8 * slots) + entries * each


@given(STEPS)
def test_both_keep_the_same(library: Library, steps: list[tuple[str, bytes]]) -> None:
    python = Cache(ENTRIES * (entry().size + 6))
    native = NativeCache(library, room_for(ENTRIES))
    try:
        for step, key in [("fill", b""), *steps]:
            for one in [b"key%03d" % number for number in range(ENTRIES)] if step == "fill" else [key]:
                known = python.get(one)
                if step == "drop":
                    assert native.drop(one) == python.drop(one)
                elif step == "hit" or (step == "fill" and known is not None):
                    assert native.hit(one) == (known is not None)
                    if known is not None:
                        known.hits += 1
                else:
                    python.put(one, entry())
                    assert native.put(one, known_of(entry()))
            kept = {one for one, _ in native.entries()}
            assert kept == set(python._entries)
            assert native.count().evictions == python.evictions
    finally:
        native.close()


ASKED = [
    query(name, flags=flags, opt=edns)
    for name in ("a.example", "B.example")
    for flags in (0x100, 0x110)
    for edns in (b"", opt(), opt(do=True))
]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(ASKED), st.sampled_from(["ask", "ask", "answer", "fail"]), st.floats(0, 90)
        ),
        max_size=40,
    )
)
def test_what_is_answered_natively_is_what_the_engine_answers(
    library: Library, steps: list[tuple[bytes, str, float]]
) -> None:
    engine = Engine(Cache(1 << 20), Ageing(), Routes())
    native = NativeCache(library, 1 << 20)
    profile = NOTHING.profile_for(ip_address("192.0.2.1"))
    now = 0.0
    try:
        for wire, what, later in steps:
            asked, now = parse_query(wire), now + later
            if what == "answer":
                records = [record(b"\xc0\x0c", 1, 40 + len(wire), b"\xc0\0\2\1")]
                found = parse_answer(
                    answer(wire[12 : asked.end], records, flags=0x81A0), wire[12 : asked.end]
                )
                assert found is not None
                native.put(asked.key, known_of(engine.accept(asked.key, found, now)))
                continue
            if what == "fail":
                engine.fail(asked.key, b"", now)
                known = engine.cache.get(asked.key)
                assert known is not None
                native.put(asked.key, known_of(known)._replace(hits=known.hits))
                continue
            found_natively, reply, failed = native.reply(asked.key, asked, now, profile.key)
            outcome = engine.handle(wire, profile, now)
            known = engine.cache.get(asked.key)
            if found_natively == UNKNOWN:
                assert known is None
            elif found_natively == EXPIRED:
                assert known is not None
                assert now >= known.expires
            elif found_natively == HAND_OVER:
                assert isinstance(outcome, Reply)
                assert outcome.refresh
                native.c.cache_note_refresh(native.cache, native.key(asked.key), 0)
                native.hit(asked.key)
            else:
                assert found_natively == ANSWERED
                assert isinstance(outcome, Reply)
                assert (reply, False) == (outcome.wire, outcome.refresh)
                assert known is not None
                assert failed == known.failed
    finally:
        native.close()
