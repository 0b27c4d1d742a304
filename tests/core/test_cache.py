"""Answers we know: how they age, and which go when there is no room."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable

import dns.flags
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core import cache as c
from resolver.core.cache import Ageing, Cache, Entry, from_answer, from_failure
from resolver.core.replies import Sections, extended_error
from resolver.core.wire import Answer, parse_answer, parse_query
from tests.messages import answer, errors, opt, parsed, query, record

QUESTION = query()[12:]
NAME = b"\xc0\x0c"
SOA = NAME + NAME + b"\0\0\0\1" * 4 + (120).to_bytes(4, "big")


def known(*ttls: int, flags: int = 0x81A0, soa: int | None = None, more: bytes = b"") -> Answer:
    answers = [record(NAME, 1, ttl, bytes([192, 0, 2, number])) for number, ttl in enumerate(ttls)]
    authority = [] if soa is None else [record(NAME, 6, soa, SOA)]
    found = parse_answer(answer(QUESTION, answers, authority, [more] if more else [], flags=flags), QUESTION)
    assert found is not None
    return found


def ttls_of(reply: bytes) -> list[int]:
    message = parsed(reply)
    return [rrset.ttl for rrset in [*message.answer, *message.authority]]


PLAIN = parse_query(query())


def test_ttls_age_by_the_second_and_never_below_zero() -> None:
    entry = from_answer(known(300), Ageing(), 1000.0)
    for later, ttl in ((0, 300), (0.9, 300), (1.1, 299), (299, 1), (300, 0), (4000, 0)):
        assert ttls_of(entry.reply(PLAIN, 1000.0 + later)) == [ttl]


@given(
    st.lists(st.integers(0, 0x7FFFFFFF), min_size=1, max_size=8),
    st.integers(1, 604800),
    st.lists(st.floats(0, 700_000), min_size=1, max_size=6),
)
def test_no_client_is_told_more_than_is_left_nor_more_than_the_bound_in_whatever_order_they_ask(
    ttls: list[int], bound: int, asked: list[float]
) -> None:
    entry = from_answer(known(*ttls), Ageing(max_ttl=bound), 1000.0)
    for elapsed in asked:
        left = [max(min(ttl, bound) - int(1000.0 + elapsed - 1000.0), 0) for ttl in ttls]
        message = parse_answer(entry.reply(PLAIN, 1000.0 + elapsed), QUESTION)
        assert message is not None
        assert [ttl for _, ttl in message.ttls] == left


def test_the_ttl_of_opt_is_no_ttl() -> None:
    entry = from_answer(known(60, more=opt(do=True)), Ageing(max_ttl=30), 0)
    reply = parsed(entry.reply(parse_query(query(opt=opt(do=True))), 10))
    assert (reply.ednsflags, reply.edns, reply.payload) == (0x8000, 0, 1232)
    assert reply.answer[0].ttl == 20


def test_an_answer_lives_as_long_as_its_shortest_record() -> None:
    assert from_answer(known(300, 20, 90), Ageing(), 0).ttl == 20


def test_no_answer_lives_or_says_to_live_longer_than_the_bound() -> None:
    entry = from_answer(known(500_000), Ageing(max_ttl=1000), 0)
    assert entry.ttl == 1000
    assert ttls_of(entry.reply(PLAIN, 0)) == [1000]


@pytest.mark.parametrize("ttl", [0x80000000, 0x80000010, 0xFFFFFFFF])
def test_a_ttl_with_the_top_bit_counts_as_zero_and_is_told_as_zero(ttl: int) -> None:
    entry = from_answer(known(300, ttl), Ageing(), 0)
    assert entry.ttl == 0
    assert ttl.to_bytes(4, "big") not in entry.reply(PLAIN, 0)


@pytest.mark.parametrize(("flags", "rcode"), [(0x8180, 0), (0x8183, 3)])
@pytest.mark.parametrize(("soa", "bound", "ttl"), [(60, 3600, 60), (600, 3600, 120), (600, 50, 50)])
def test_a_negative_answer_lives_by_the_soa(flags: int, rcode: int, soa: int, bound: int, ttl: int) -> None:
    entry = from_answer(known(flags=flags, soa=soa), Ageing(negative_ttl=bound), 0)
    assert entry.ttl == ttl
    assert ttls_of(entry.reply(PLAIN, 0)) == [ttl]
    assert parsed(entry.reply(PLAIN, 0)).rcode() == rcode


@pytest.mark.parametrize("flags", [0x8180, 0x8183, 0x8182, 0x8185, 0x8186])
def test_what_does_not_say_how_long_it_holds_is_not_kept(flags: int) -> None:
    assert from_answer(known(flags=flags), Ageing(), 0).ttl == 0


def test_a_name_that_grew_too_long_is_told_and_not_kept() -> None:
    """YXDOMAIN: what a DNAME record makes of the name asked is over 255 bytes (RFC 6672, section 2.2)."""
    entry = from_answer(known(300, flags=0x8186, soa=60), Ageing(), 0)
    assert entry.ttl == 0
    reply = parsed(entry.reply(PLAIN, 0))
    assert (reply.rcode(), ttls_of(entry.reply(PLAIN, 0))) == (dns.rcode.YXDOMAIN, [300, 60])


@pytest.mark.parametrize(("soa", "ttl"), [(None, 0), (60, 60)])
def test_an_alias_to_nothing_lives_by_the_soa_too(soa: int | None, ttl: int) -> None:
    alias = record(NAME, 5, 86400, b"\3cdn\7example\0")
    authority = [] if soa is None else [record(NAME, 6, soa, SOA)]
    found = parse_answer(answer(QUESTION, [alias], authority), QUESTION)
    assert found is not None
    entry = from_answer(found, Ageing(), 0)
    assert entry.ttl == ttl
    assert set(ttls_of(entry.reply(PLAIN, 0))) == {ttl or 86400}


@pytest.mark.parametrize(("ttl", "soa", "kept"), [(600, 3600, 600), (600, 20, 20), (90000, 90000, 7200)])
def test_an_answer_with_records_lives_by_them_though_a_soa_goes_with_it(
    ttl: int, soa: int, kept: int
) -> None:
    """The MINIMUM, 120 here, is for negative answers (RFC 2308, section 4)."""
    entry = from_answer(known(ttl, soa=soa), Ageing(max_ttl=7200, negative_ttl=50), 0)
    assert entry.ttl == kept
    assert ttls_of(entry.reply(PLAIN, 0)) == [min(ttl, 7200), min(soa, 7200)]


@pytest.mark.parametrize("flags", [0x8180, 0x8183])
def test_a_chain_that_ends_nowhere_lives_by_the_soa_and_no_longer_than_a_negative_answer(flags: int) -> None:
    chain = [
        record(NAME, 5, 86400, b"\3cdn\7example\0"),
        record(b"\3cdn\7example\0", 5, 86400, b"\4gone\7example\0"),
    ]
    for soa, bound, ttl in ((60, 3600, 60), (600, 3600, 120), (600, 50, 50)):
        found = parse_answer(answer(QUESTION, chain, [record(NAME, 6, soa, SOA)], flags=flags), QUESTION)
        assert found is not None
        entry = from_answer(found, Ageing(negative_ttl=bound), 0)
        assert entry.ttl == ttl
        assert set(ttls_of(entry.reply(PLAIN, 0))) == {ttl}


@pytest.mark.parametrize("qtype", [5, 65, 99])
def test_an_answer_of_the_type_asked_for_is_kept_whatever_the_type(qtype: int) -> None:
    question = query(qtype=qtype)[12:]
    data = b"\0\1\0" if qtype == 65 else b"\3cdn\7example\0"
    found = parse_answer(answer(question, [record(NAME, qtype, 60, data)]), question)
    assert found is not None
    assert from_answer(found, Ageing(), 0).ttl == 60


def test_ad_is_given_only_to_who_understands_it_and_only_if_authentic() -> None:
    asks = [
        parse_query(query(flags=flags, opt=edns)) for flags, edns in ((0x120, b""), (0x100, opt(do=True)))
    ]
    authentic, plain = from_answer(known(60), Ageing(), 0), from_answer(known(60, flags=0x8180), Ageing(), 0)
    for ask in asks:
        assert parsed(authentic.reply(ask, 0)).flags & dns.flags.AD
        assert not parsed(plain.reply(ask, 0)).flags & dns.flags.AD
    assert not parsed(authentic.reply(PLAIN, 0)).flags & dns.flags.AD


def test_the_case_of_the_question_is_kept() -> None:
    reply = from_answer(known(60), Ageing(), 0).reply(parse_query(query("WwW.eXample")), 0)
    assert reply[12:].startswith(b"\3WwW\7eXample\0")


def test_an_answer_that_does_not_fit_is_truncated_and_keeps_opt() -> None:
    entry = from_answer(known(*[60] * 60), Ageing(), 0)
    for ask, limit in ((PLAIN, 512), (parse_query(query(opt=opt(payload=700))), 700)):
        reply = entry.reply(ask, 0)
        assert len(reply) <= limit
        assert parsed(reply).flags & dns.flags.TC
        assert (parsed(reply).edns == 0) == (ask.edns is not None)
    assert len(parsed(entry.reply(parse_query(query(), stream=True), 0)).answer[0]) == 60


def test_the_extended_errors_of_upstream_are_kept_and_go_before_records_do() -> None:
    entry = from_answer(known(*[60] * 29, more=opt(options=extended_error(6, "x" * 40))), Ageing(), 0)
    ample, tight = parse_query(query(opt=opt(payload=1232))), parse_query(query(opt=opt(payload=512)))
    assert errors(parsed(entry.reply(ample, 0))) == [(6, "x" * 40)]
    assert len(entry.reply(tight, 0)) <= 512
    assert errors(parsed(entry.reply(tight, 0))) == []
    assert not parsed(entry.reply(tight, 0)).flags & dns.flags.TC


def test_too_long_extended_errors_are_not_kept() -> None:
    entry = from_answer(known(60, more=opt(options=extended_error(6, "x" * 900))), Ageing(), 0)
    assert errors(parsed(entry.reply(parse_query(query(opt=opt()), stream=True), 0))) == []


@pytest.mark.parametrize(("flags", "code"), [(0x8180, 3), (0x8183, 19)])
def test_a_stale_answer_says_so_and_has_the_ttl_of_stale_ones(flags: int, code: int) -> None:
    entry = from_answer(known(flags=flags, soa=60), Ageing(stale=100), 0)
    reply = entry.stale_reply(parse_query(query(opt=opt())))
    assert ttls_of(reply) == [30]
    assert errors(parsed(reply)) == [(code, "")]
    assert (entry.expires, entry.stale_until) == (60, 160)


def test_a_stale_answer_is_not_called_authentic_for_what_proved_it_held_no_longer() -> None:
    """RFC 4035, section 5.3.3."""
    entry = from_answer(known(60), Ageing(), 0)
    entry.authentic = True
    for edns in (b"", opt(do=True)):
        asked = parse_query(query(flags=0x0120, opt=edns))
        assert parsed(entry.reply(asked, 5.0)).flags & dns.flags.AD
        assert not parsed(entry.stale_reply(asked)).flags & dns.flags.AD


def test_ttls_are_written_once_a_second_and_for_no_reply_that_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    really = c._with_ttls

    def noted(body: bytes, ttls: Iterable[tuple[int, int]]) -> bytes:
        written.append(body)
        return really(body, ttls)

    monkeypatch.setattr(c, "_with_ttls", noted)
    entry = from_answer(known(*[300] * 80, soa=None), Ageing(), 0)
    whole, cut = parse_query(query(), stream=True), PLAIN
    for asked, replies, expected in ((cut, 9, 0), (whole, 9, 1)):
        for make in (lambda asked: entry.reply(asked, 5.0), entry.stale_reply):
            written.clear()
            made = [parsed(make(asked)) for _ in range(replies)]
            assert len(written) == expected
            assert {bool(one.flags & dns.flags.TC) for one in made} == {asked is cut}
    assert set(ttls_of(entry.stale_reply(whole))) == {30}
    assert set(ttls_of(entry.reply(whole, 7.0))) == {293}


def test_a_failure_is_remembered_from_5_s_to_a_minute_and_says_that_it_is() -> None:
    lives = [from_failure(extended_error(22), times, 0).ttl for times in range(1, 12)]
    assert lives == [5, 10, 20, 40, 60, 60, 60, 60, 60, 60, 60]
    reply = parsed(from_failure(extended_error(22), 1, 0).reply(parse_query(query(opt=opt())), 0))
    assert reply.rcode() == dns.rcode.SERVFAIL
    assert [code for code, _ in errors(reply)] == [22, 13]


def entry_of(size: int) -> Entry:
    return Entry(0, Sections(0, 0, bytes(size)), (), 60, 0)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3000), st.booleans())))
def test_the_cache_never_holds_more_than_its_bytes_and_counts_them_right(
    puts: list[tuple[int, int, bool]],
) -> None:
    cache = Cache(20_000)
    model: dict[bytes, Entry] = {}
    for number, size, hit in puts:
        key, entry = b"key%d" % number, entry_of(size)
        cache.put(key, entry)
        model[key] = entry
        if hit and (found := cache.get(key)) is not None:
            found.hits += 1
        assert cache.bytes <= 20_000
    left = {key: entry for key, entry in model.items() if cache.get(key) is entry}
    assert len(left) == len(cache)
    assert cache.bytes == sum(entry.size + len(key) for key, entry in left.items())


def test_what_is_asked_for_survives_a_scan_of_what_is_asked_once() -> None:
    cache = Cache(100 * 1000)
    for number in range(10):
        cache.put(b"popular%d" % number, entry_of(100))
    for number in range(2000):
        for popular in range(10):
            entry = cache.get(b"popular%d" % popular)
            assert entry is not None
            entry.hits += 1
        cache.put(b"once%d" % number, entry_of(100))
    assert cache.evictions > 1500


def test_room_is_made_without_a_walk_through_a_cache_that_is_all_popular() -> None:
    cache = Cache(1 << 20)
    entries = [entry_of(100) for _ in range((1 << 20) // (entry_of(100).size + 10))]
    for number, entry in enumerate(entries):
        cache.put(b"%010d" % number, entry)
        entry.hits = 1
    assert len(cache) == len(entries) > 1000
    cache.put(b"fresh fish", entry_of(100))
    assert cache.get(b"fresh fish") is not None
    assert sum([entry.hits == entry.seen for entry in entries]) <= 2 * c.MAX_SPARED
    assert len(cache) >= len(entries) - 1


def test_an_entry_that_is_larger_than_the_cache_is_not_kept_and_nothing_goes_but_what_it_replaces() -> None:
    cache = Cache(2000)
    cache.put(b"small", entry_of(100))
    cache.put(b"large", entry_of(200))
    cache.put(b"large", entry_of(2000))
    assert (len(cache), cache.evictions, cache.get(b"large")) == (1, 0, None)
    assert cache.bytes == entry_of(100).size + 5


def asked_for(cache: Cache, keys: str) -> None:
    for key in keys:
        entry = cache.get(key.encode())
        assert entry is not None
        entry.hits += 1


def cache_of_five(keys: str) -> Cache:
    cache = Cache(5 * (entry_of(0).size + 1))
    for key in keys:
        cache.put(key.encode(), entry_of(0))
    return cache


def kept(cache: Cache) -> str:
    return "".join([key for key in "abcdefghijk" if cache.get(key.encode())])


def test_what_was_asked_for_stays_in_its_place_and_what_is_new_goes_first() -> None:
    cache = cache_of_five("abcde")
    asked_for(cache, "abd")
    for key, expected in (("f", "abdef"), ("g", "abdfg"), ("h", "abdgh")):
        cache.put(
            key.encode(), entry_of(0)
        )  # c goes, e, then f: the hand goes on, and comes to a only at the end
        assert kept(cache) == expected


def test_what_was_put_again_was_asked_for_again() -> None:
    cache = cache_of_five("abcde")
    cache.put(b"a", entry_of(0))
    for key in "fghij":
        cache.put(key.encode(), entry_of(0))
    assert kept(cache) == "aghij"


def test_to_be_spared_does_not_make_an_entry_less_popular() -> None:
    cache = cache_of_five("abcde")
    asked_for(cache, "aab")
    cache.put(b"f", entry_of(0))
    assert [entry.hits for entry in map(cache.get, (b"a", b"b")) if entry] == [2, 1]


def test_what_has_left_the_cache_keeps_nothing_of_it_alive() -> None:
    cache = cache_of_five("abcde")
    entries = [cache.get(key.encode()) for key in "abcde"]
    cache.put(b"f", entry_of(0))
    cache.drop(b"b")
    cache.flush()
    assert not [entry for entry in entries if hasattr(entry, "newer") or hasattr(entry, "older")]


def test_a_smaller_bound_and_a_flush_act_at_once() -> None:
    cache = Cache(1 << 20)
    for number in range(100):
        cache.put(b"%d" % number, entry_of(1000))
    cache.resize(50_000)
    assert cache.bytes <= 50_000
    cache.flush()
    assert (len(cache), cache.bytes, cache.get(b"99")) == (0, 0, None)


def test_the_size_of_an_entry_is_about_what_it_takes() -> None:
    answers = [known(60) for _ in range(2000)]
    cache = Cache(1 << 30)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number, found in enumerate(answers):
        fresh = found._replace(body=bytes(bytearray(found.body)))
        cache.put(b"%058d" % number, from_answer(fresh, Ageing(), 0))
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert 0.6 < cache.bytes / taken < 1.8


def test_prefetch_is_due_late_in_the_life_of_an_entry() -> None:
    assert from_answer(known(100), Ageing(), 0).refresh_at == pytest.approx(100 * c.PREFETCH_AT)
    assert from_answer(known(100), Ageing(prefetch=False), 0).refresh_at == float("inf")
