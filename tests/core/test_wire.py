"""Reading messages: what is well-formed is read as dnspython reads it, all else is a WireError."""

from __future__ import annotations

import contextlib
import struct
import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core import names
from resolver.core import wire as w
from resolver.core.errors import WireError
from resolver.core.wire import parse_answer, parse_opt, parse_query, read_name
from tests.messages import HOSTS, WIRE_NAMES, answer, opt, query, record

QUESTION = query()[12:]


def test_a_plain_query_is_read() -> None:
    found = parse_query(query("WWW.Example", 28))
    assert found.name == b"\3www\7example\0"
    assert found.qtype == 28
    assert found.is_internet
    assert found.edns is None
    assert found.limit == 512
    assert not found.do


def test_the_key_tells_do_and_cd_and_type_and_class_apart_and_nothing_else() -> None:
    wires = [
        query(),
        query(flags=0x0110),
        query(opt=opt(do=True)),
        query(opt=opt(do=True), flags=0x0110),
        query(qtype=28),
        query(qclass=3),
        query("other.example"),
    ]
    keys = [parse_query(wire).key for wire in wires]
    assert len(set(keys)) == len(wires)
    for same in (query("wWw.eXample"), query(ident=7), query(flags=0x0000), query(opt=opt(payload=4000))):
        assert parse_query(same).key == keys[0]


@pytest.mark.parametrize(
    ("payload", "limit"), [(0, 512), (511, 512), (512, 512), (700, 700), (1232, 1232), (65535, 1232)]
)
def test_the_reply_limit_is_the_payload_size_between_512_and_1232(payload: int, limit: int) -> None:
    assert parse_query(query(opt=opt(payload=payload))).limit == limit
    assert parse_query(query(opt=opt(payload=payload)), stream=True).limit == 65535


def test_another_bound_on_the_payload_size_may_be_set() -> None:
    assert parse_query(query(opt=opt(payload=4096)), max_udp=4096).limit == 4096


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        (b"", "cut short"),
        (query()[:11], "cut short"),
        (query()[:-1], "cut short"),
        (query()[:14], "cut short"),
        (query() + b"x", "bytes behind"),
        (query(flags=0x8180), "not a standard query"),
        (query(flags=0x2100), "not a standard query"),
        (query(b"\xc0\x0c"), "label"),
        (query(b"\x40" + b"a" * 64 + b"\0"), "label"),
        (query(b"\x80\0"), "label"),
        (query((b"\x3f" + b"a" * 63) * 4 + b"\0"), "over 255"),
        (query()[:4] + b"\0\0" + query()[6:], "not one question"),
        (query()[:4] + b"\0\2" + query()[6:] + QUESTION, "not one question"),
        (query()[:6] + b"\0\1" + query()[8:], "records in a query"),
        (query()[:8] + b"\0\1" + query()[10:], "records in a query"),
        (query(opt=opt())[:-1], "OPT"),
        (query(opt=opt(options=b"\0\3\0\5ab")), "option cut short"),
        (query(opt=opt(options=b"\0\3\0")), "option cut short"),
        (query(opt=opt())[:11] + b"\2" + query(opt=opt())[12:] + opt(), "two OPT"),
        (query(opt=opt())[:11] + b"\2" + query(opt=opt())[12:], "cut short"),
        (query(opt=b"\0\0\x29\x04\xd0\0\0\0\0\xff\xff"), "wrong length"),
        (query(opt=opt(options=b"\xff\xf0\0\0" * 65)), "too many EDNS options"),
        (query(opt=record(b"\0", 16, 0, b"") + b"x"), "bytes behind"),
    ],
)
def test_a_malformed_query_is_refused_and_the_reason_told(wire: bytes, why: str) -> None:
    with pytest.raises(WireError, match=why):
        parse_query(wire)


def test_the_longest_name_is_read_and_one_byte_more_is_not() -> None:
    longest = (b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"a" * 61 + b"\0"
    assert len(longest) == 255
    assert parse_query(query(longest)).name == longest
    with pytest.raises(WireError):
        parse_query(query((b"\x3f" + b"a" * 63) * 3 + b"\x3e" + b"a" * 62 + b"\0"))


def test_other_records_beside_opt_are_passed_over() -> None:
    more = record(b"\0", 250, 0, b"tsig")
    wire = query(opt=opt(do=True) + more)
    wire = wire[:11] + b"\2" + wire[12:]
    assert parse_query(wire).do


def test_unknown_options_are_kept_and_harm_nothing() -> None:
    found = parse_query(query(opt=opt(options=b"\xff\xf0\0\2hi\0\x0a\0\0")))
    assert found.edns is not None
    assert found.edns.options == ((0xFFF0, b"hi"), (10, b""))


def test_long_opt_records_are_not_kept_in_memory() -> None:
    def ask(number: int) -> None:
        options = struct.pack(">HHI", 0xFFF0, 60000, number) + bytes(59996)
        found = parse_query(query(opt=opt(options=options)), stream=True)
        assert found.edns is not None
        assert found.edns.options == ((0xFFF0, options[4:]),)

    ask(0)
    tracemalloc.start()
    try:
        for number in range(1, 40):
            ask(number)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 100_000


@given(WIRE_NAMES, st.integers(0, 65535), st.integers(0, 65535), st.booleans(), st.integers(0, 255))
def test_queries_are_read_as_dnspython_reads_them(
    name: bytes, qtype: int, payload: int, do: bool, version: int
) -> None:
    wire = query(name, qtype, opt=opt(payload=payload, do=do, version=version))
    found = parse_query(wire)
    assert found.name == name.lower()
    assert found.qtype == qtype
    assert found.edns is not None
    assert (found.edns.payload, found.edns.version, found.edns.do) == (payload, version, do)
    other = dns.message.from_wire(wire, question_only=False)
    assert other.question[0].name.to_wire() == name
    assert other.question[0].rdtype == qtype
    assert other.payload == payload


@given(st.binary(max_size=600))
def test_any_bytes_are_a_query_or_a_wire_error(data: bytes) -> None:
    try:
        found = parse_query(data)
    except WireError:
        return
    assert data[12 : found.end].lower().startswith(found.name)


@given(st.binary(max_size=200), st.integers(0, 60), st.integers(0, 255))
def test_a_changed_byte_or_end_of_a_query_raises_nothing_else(tail: bytes, at: int, byte: int) -> None:
    wire = bytearray(query("a.bc.example", opt=opt(options=b"\0\3\0\2ab")))
    wire[at % len(wire)] = byte
    for changed in (bytes(wire), bytes(wire[: at % len(wire)]) + tail):
        with contextlib.suppress(WireError):
            parse_query(changed)


@given(st.binary(max_size=100))
def test_any_bytes_are_an_opt_record_or_a_wire_error(data: bytes) -> None:
    for wire in (data, b"\0\0\x29\x04\xd0\0\0\0\0" + data):
        with contextlib.suppress(WireError):
            parse_opt(wire)


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_an_answer_another_answer_or_a_wire_error(data: bytes, close: bool) -> None:
    wire = answer(QUESTION)[:6] + data[:6] + QUESTION + data[6:] if close else data
    try:
        found = parse_answer(wire, QUESTION)
    except WireError:
        return
    assert found is None or len(found.ttls) == sum(found.counts)


@given(st.binary(max_size=300), st.integers(0, 310))
def test_any_bytes_hold_a_name_or_raise_a_wire_error(data: bytes, at: int) -> None:
    try:
        name, after = read_name(data, at)
    except WireError:
        return
    assert len(name) <= 255
    assert name.endswith(b"\0")
    assert at < after <= len(data)


def test_the_compressed_names_of_rfc_1035_are_read() -> None:
    """Section 4.1.4: F.ISI.ARPA at 20, FOO.F.ISI.ARPA at 40, ARPA at 64, the root at 92."""
    message = bytearray(93)
    message[20:32] = b"\1F\3ISI\4ARPA\0"
    message[40:46] = b"\3FOO\xc0\x14"
    message[64:66] = b"\xc0\x1a"
    wire = bytes(message)
    assert read_name(wire, 20) == (b"\1f\3isi\4arpa\0", 32)
    assert read_name(wire, 40) == (b"\3foo\1f\3isi\4arpa\0", 46)
    assert read_name(wire, 64) == (b"\4arpa\0", 66)
    assert read_name(wire, 92) == (b"\0", 93)


@pytest.mark.parametrize(
    "data",
    [
        b"\xc0\x0c",  # itself
        b"\xc0\x0e\0",  # forward
        b"\1a\xc0\x0c",  # the piece it stands in
        b"\xc0\x00",  # the header
        b"\xc0",
        b"\x40a",
        b"\x80a",
        b"\3ab",
        b"",
    ],
)
def test_a_pointer_or_label_that_leads_nowhere_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        read_name(bytes(12) + data, 12)


def test_two_pointers_that_lead_to_each_other_are_refused() -> None:
    with pytest.raises(WireError):
        read_name(bytes(12) + b"\1a\xc0\x10\1b\xc0\x0c", 12)


def test_chains_of_pointers_are_bounded() -> None:
    chain = b"\1a\0" + b"".join([b"\xc0" + bytes([12 if not n else 13 + 2 * n]) for n in range(40)])
    wire = bytes(12) + chain
    assert read_name(wire, 15 + 2 * 10)[0] == b"\1a\0"
    with pytest.raises(WireError):
        read_name(wire, 15 + 2 * 30)


def test_a_name_that_grows_too_long_by_pointers_is_refused() -> None:
    wire = bytes(12) + (b"\x3f" + b"a" * 63) * 2 + b"\0"
    far = wire + b"\x3f" + b"b" * 63 + b"\x3f" + b"c" * 63 + b"\xc0\x0c"
    with pytest.raises(WireError, match="over 255"):
        read_name(far, len(wire))


def test_an_answer_is_read_with_its_ttls_and_aliases() -> None:
    wire = answer(
        QUESTION,
        [
            record(b"\xc0\x0c", 5, 300, b"\3cdn\xc0\x10"),
            record(b"\xc0\x29", 1, 60, b"\xc0\0\2\1"),
        ],
        additional=[opt(options=b"\0\x0f\0\2\0\3")],
    )
    found = parse_answer(wire, QUESTION)
    assert found is not None
    assert found.counts == (2, 0, 0)
    assert found.aliases == (b"\3cdn\7example\0",)
    assert found.min_ttl == 60
    assert found.edns is not None
    assert found.edns.options == ((15, b"\0\3"),)
    assert [struct.unpack_from(">I", found.body, at)[0] for at, _ in found.ttls] == [300, 60]
    assert opt(options=b"\0\x0f\0\2\0\3") not in found.body


KINDS = st.sampled_from(["A", "AAAA", "CNAME", "MX", "TXT", "NS"])


@given(HOSTS, st.lists(st.tuples(KINDS, st.integers(0, 2**31 - 1))))
def test_answers_are_read_as_dnspython_writes_them(host: str, kinds: list[tuple[str, int]]) -> None:
    data = {
        "A": "192.0.2.1",
        "AAAA": "2001:db8::1",
        "CNAME": "target.example.",
        "MX": f"10 mail.{host}.",
        "TXT": '"text"',
        "NS": f"ns.{host}.",
    }
    made = dns.message.make_query(host + ".", "A", use_edns=0)
    reply = dns.message.make_response(made)
    for number, (kind, ttl) in enumerate(kinds):
        reply.answer.append(dns.rrset.from_text(f"n{number}.{host}.", ttl, "IN", kind, data[kind]))
    wire = reply.to_wire()
    question = names.from_text(host) + b"\0\1\0\1"
    found = parse_answer(wire.replace(host.encode(), host.lower().encode()), question)
    assert found is not None
    assert [ttl for _, ttl in found.ttls] == [ttl for _, ttl in kinds]
    assert len(found.aliases) == sum(kind == "CNAME" for kind, _ in kinds)
    assert found.edns is not None


def test_svcb_and_https_targets_are_aliases_but_not_the_owner_itself() -> None:
    """RFC 9460, appendix D: figure 2 (alias form), figure 3 (`.`), figure 6 (a target and parameters)."""
    answers = [
        record(b"\xc0\x0c", 65, 60, b"\0\0\3foo\7example\3com\0"),
        record(b"\xc0\x0c", 65, 60, b"\0\1\0"),
        record(b"\xc0\x0c", 64, 60, b"\0\1\3bar\7example\3com\0\0\3\0\2\0\x35"),
        record(b"\xc0\x0c", 39, 60, b"\5dname\7example\0"),
    ]
    found = parse_answer(answer(QUESTION, answers), QUESTION)
    assert found is not None
    assert found.aliases == (
        b"\3foo\7example\3com\0",
        b"\3bar\7example\3com\0",
        b"\5dname\7example\0",
    )


SOA = b"\2ns\xc0\x10\1h\xc0\x10" + struct.pack(">5I", 1, 2, 3, 4, 120)


def test_the_negative_ttl_is_the_lesser_of_the_ttl_and_the_minimum_of_the_soa() -> None:
    for ttl, expected in ((60, 60), (600, 120)):
        found = parse_answer(answer(QUESTION, authority=[record(b"\xc0\x10", 6, ttl, SOA)]), QUESTION)
        assert found is not None
        assert found.negative_ttl == expected


def test_a_ttl_with_its_top_bit_set_counts_as_zero() -> None:
    wire = answer(QUESTION, [record(b"\xc0\x0c", 1, 0x80000000, b"abcd")])
    found = parse_answer(wire, QUESTION)
    assert found is not None
    assert found.min_ttl == 0


def test_extended_rcodes_are_put_together() -> None:
    badvers = b"\0" + struct.pack(">HHIH", 41, 1232, 1 << 24, 0)
    found = parse_answer(answer(QUESTION, additional=[badvers]), QUESTION)
    assert found is not None
    assert found.rcode == 16


def test_what_follows_opt_is_cut_off() -> None:
    wire = answer(
        QUESTION,
        [record(b"\xc0\x0c", 1, 60, b"abcd")],
        additional=[record(b"\xc0\x0c", 1, 5, b"aaaa"), opt(), record(b"\xc0\x0c", 1, 60, b"abcd")],
    )
    found = parse_answer(wire, QUESTION)
    assert found is not None
    assert found.counts == (1, 0, 1)
    assert len(found.ttls) == 2


def test_a_truncated_answer_may_be_cut_anywhere() -> None:
    wire = answer(QUESTION, [record(b"\xc0\x0c", 1, 60, b"abcd")], flags=0x8380)
    for cut in range(12 + len(QUESTION), len(wire)):
        found = parse_answer(wire[:cut], QUESTION)
        assert found is not None
        assert found.truncated


@pytest.mark.parametrize(
    "wire",
    [
        query(),
        answer(query("other.example")[12:]),
        answer(query("WWW.example")[12:].replace(b"www", b"WWW")),
        answer(query(qtype=28)[12:]),
        answer(QUESTION, flags=0xA180),
        answer(QUESTION)[:4] + b"\0\0" + answer(QUESTION)[6:],
    ],
)
def test_an_answer_to_another_question_is_none(wire: bytes) -> None:
    assert parse_answer(wire, QUESTION) is None


@pytest.mark.parametrize(
    "wire",
    [
        b"\0" * 11,
        answer(QUESTION, [record(b"\xc0\x0c", 1, 60, b"abcd")])[:-1],
        answer(QUESTION, [record(b"\xc0\x0c", 1, 60, b"abcd")])[:-9],
        answer(QUESTION, [record(b"\xc0\xff", 1, 60, b"abcd")]),
        answer(QUESTION, [record(b"\xc0", 1, 60, b"")]),
        answer(QUESTION, [record(b"\x41a", 1, 60, b"abcd")]),
        answer(QUESTION, [record(b"\3ab", 1, 60, b"")]),
        answer(QUESTION, [record((b"\x3f" + b"a" * 63) * 4 + b"\0", 1, 60, b"abcd")]),
        answer(QUESTION, [record((b"\x3f" + b"a" * 63) * 4 + b"\xc0\x0c", 1, 60, b"abcd")]),
        answer(QUESTION, [opt()]),
        answer(QUESTION, additional=[opt(), opt()]),
        answer(QUESTION, [record(b"\xc0\x0c", 5, 60, b"\1a\0x")]),
        answer(QUESTION, [record(b"\xc0\x0c", 65, 60, b"\0\1\5ab")]),
        answer(QUESTION, [record(b"\xc0\x0c", 5, 60, b"\1a\0")] * 65),
        answer(QUESTION, authority=[record(b"\xc0\x0c", 6, 60, SOA[:-1])]),
        answer(QUESTION)[:6] + b"\xff\xff\0\0\0\0" + QUESTION,
    ],
)
def test_a_malformed_answer_is_refused(wire: bytes) -> None:
    with pytest.raises(WireError):
        parse_answer(wire, QUESTION)


def test_records_of_types_nobody_has_heard_of_pass_untouched() -> None:
    odd = record(b"\xc0\x0c", 64000, 77, bytes(range(200)))
    found = parse_answer(answer(QUESTION, [odd]), QUESTION)
    assert found is not None
    assert found.body == odd


HOSTILE = {
    "labels of one byte": query()[:12] + b"\1a" * 32000,
    "a question and zeros": query() + bytes(65000),
    "records without anything": answer(QUESTION)[:6] + b"\x0f\xff\0\0\0\0" + QUESTION + bytes(65000),
    "options without data": query(opt=b"\0\0\x29\x04\xd0\0\0\0\0\xff\0" + bytes(65280)),
    "owners of one label": answer(QUESTION, [record(b"\1a\0", 16, 1, b"")] * 4096),
    "aliases by pointers": answer(QUESTION, [record(b"\xc0\x0c", 5, 1, b"\xc0\x0c")] * 4000),
}


def steps(read: Callable[[bytes], object], data: bytes) -> int:
    """Return how many lines of Python reading takes, whatever comes of it."""
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with contextlib.suppress(WireError):
            read(data)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("wire", HOSTILE.values(), ids=HOSTILE)
def test_reading_64_kib_takes_steps_in_proportion_to_the_length(wire: bytes) -> None:
    assert len(wire) > 32000

    def read_answer(data: bytes) -> object:
        return parse_answer(data, QUESTION)

    for read in (parse_query, read_answer):
        assert steps(read, wire) <= 2 * len(wire) + 200


def test_dnspython_refuses_what_we_refuse_for_the_same_reason() -> None:
    for wire in (query(b"\xc0\x0c"), query(b"\x41" + b"a" * 65 + b"\0"), query()[:-1]):
        with pytest.raises(WireError):
            parse_query(wire)
        with pytest.raises(dns.exception.DNSException):
            dns.message.from_wire(wire)


def test_flags_of_the_query_are_known() -> None:
    assert parse_query(query(flags=0x0120)).wants_ad
    assert parse_query(query(opt=opt(do=True))).wants_ad
    assert not parse_query(query()).wants_ad
    assert w.MAX_UDP_REPLY == 1232
