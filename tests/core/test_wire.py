"""Reading messages: what is well-formed is read as dnspython reads it, all else is a WireError."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core import wire as w
from resolver.core.edns import Edns, parse_opt
from resolver.core.errors import WireError
from resolver.core.wire import parse_answer, parse_query, read_name
from tests.messages import WIRE_NAMES, answer, opt, query, record

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


@pytest.mark.parametrize("version", [1, 255])
@pytest.mark.parametrize("options", [b"\0", b"\0\3\0\5ab", b"\xff\xf0\0\0" * 65])
def test_options_of_another_version_are_not_read(version: int, options: bytes) -> None:
    """RFC 6891, section 6.1.3: the version is all that may be relied on."""
    found = parse_query(query(opt=opt(version=version, do=True, options=options)))
    assert found.edns == Edns(1232, version, True, 0, ())
    for wrong in (opt(version=version, options=options)[:-1], opt(version=version) + b"\0"):
        with pytest.raises(WireError, match="wrong length"):
            parse_query(query(opt=wrong))


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


def test_flags_of_the_query_are_known() -> None:
    assert parse_query(query(flags=0x0120)).wants_ad
    assert parse_query(query(opt=opt(do=True))).wants_ad
    assert not parse_query(query()).wants_ad
    assert w.MAX_UDP_REPLY == 1232


TYPES = {
    "A": w.A,
    "NS": w.NS,
    "CNAME": w.CNAME,
    "SOA": w.SOA,
    "PTR": w.PTR,
    "HINFO": w.HINFO,
    "MX": w.MX,
    "TXT": w.TXT,
    "AAAA": w.AAAA,
    "DNAME": w.DNAME,
    "OPT": w.OPT,
    "SVCB": w.SVCB,
    "HTTPS": w.HTTPS,
    "NXNAME": w.NXNAME,
    "IXFR": w.IXFR,
    "AXFR": w.AXFR,
    "ANY": w.ANY,
}


@pytest.mark.parametrize(("name", "number"), TYPES.items())
def test_types_have_the_numbers_of_the_registry(name: str, number: int) -> None:
    assert dns.rdatatype.from_text(name) == number


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("NOERROR", w.NOERROR),
        ("FORMERR", w.FORMERR),
        ("SERVFAIL", w.SERVFAIL),
        ("NXDOMAIN", w.NXDOMAIN),
        ("NOTIMP", w.NOTIMP),
        ("REFUSED", w.REFUSED),
        ("YXDOMAIN", w.YXDOMAIN),
        ("BADVERS", w.BADVERS),
    ],
)
def test_rcodes_have_the_numbers_of_the_registry(name: str, number: int) -> None:
    assert dns.rcode.from_text(name) == number


def test_the_option_and_the_class_have_the_numbers_of_the_registry() -> None:
    assert dns.edns.OptionType.EDE.value == w.EDE
    assert dns.rdataclass.IN.value == w.IN
