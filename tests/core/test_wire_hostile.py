"""Messages made to break a parser: each way that broke one before is refused here, or read at its cost."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable

import dns.edns
import dns.exception
import dns.message
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.edns import parse_opt
from resolver.core.errors import WireError
from resolver.core.wire import MAX_POINTERS, parse_answer, parse_query, read_name
from tests.hostile import GROWING, HOSTILE, LONGEST, QUESTION, SELF, chain
from tests.messages import answer, opt, query, record
from tests.steps import grows_as_its_input, steps


def aliased(data: bytes) -> bytes:
    """Return an answer with one alias, whose target is `data` (at byte 41)."""
    return answer(QUESTION, [record(SELF, 5, 60, data)])


TARGET_AT = 12 + len(QUESTION) + 12


def pointer(at: int) -> bytes:
    return struct.pack(">H", 0xC000 | at)


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(pointer(TARGET_AT), id="to itself"),
        pytest.param(b"\1a" + pointer(TARGET_AT), id="to the name it ends"),
        pytest.param(pointer(TARGET_AT + 2) + b"\0", id="forward"),
        pytest.param(pointer(0x3FFF), id="behind the message"),
        pytest.param(pointer(0), id="into the header"),
        pytest.param(pointer(11), id="to the last byte of the header"),
    ],
)
def test_a_pointer_that_does_not_go_back_into_the_body_is_refused(target: bytes) -> None:
    for wire in (aliased(target), answer(QUESTION, [record(target, 1, 60, bytes(4))])):
        with pytest.raises(WireError):
            parse_answer(wire, QUESTION)


@pytest.mark.parametrize("overlap", range(1, 12))
def test_two_pointers_that_lead_to_each_other_through_overlapping_labels_are_refused(overlap: int) -> None:
    """Each points back by its own measure: into the middle of a label that spans the other."""
    label = bytes([62]) + bytes(overlap) + pointer(TARGET_AT) + bytes(60 - overlap)
    data = label + pointer(TARGET_AT + 1 + overlap)
    with pytest.raises(WireError):
        read_name(aliased(data), TARGET_AT)
    with pytest.raises(WireError):
        parse_answer(aliased(data), QUESTION)


@pytest.mark.parametrize("padding", [0, 1, 10])
def test_a_chain_of_pointers_is_followed_so_far_and_no_further(padding: int) -> None:
    found = parse_answer(chain(MAX_POINTERS, padding), QUESTION)
    assert found is not None
    assert len(found.aliases) == MAX_POINTERS
    assert found.aliases[-1] == (bytes([padding]) + b"x" * padding) * (MAX_POINTERS if padding else 0) + (
        b"\3www\7example\0"
    )
    with pytest.raises(WireError, match="go back"):
        parse_answer(chain(MAX_POINTERS + 1, padding), QUESTION)


@pytest.mark.parametrize("first", range(0x40, 0xC0))
def test_reserved_label_types_are_refused_everywhere(first: int) -> None:
    name = bytes([first]) + b"a" * 63 + b"\0"
    with pytest.raises(WireError):
        parse_query(query(name))
    for wire in (aliased(name), answer(QUESTION, [record(name, 1, 60, bytes(4))])):
        with pytest.raises(WireError, match="reserved"):
            parse_answer(wire, QUESTION)


def test_names_of_255_bytes_are_read_and_longer_ones_refused_everywhere() -> None:
    longer = LONGEST[:-1] + b"\1b\0"
    assert len(LONGEST) == 255
    assert parse_query(query(LONGEST)).name == LONGEST
    found = parse_answer(answer(QUESTION, [record(LONGEST, 5, 60, LONGEST)]), QUESTION)
    assert found is not None
    assert found.aliases == (LONGEST,)
    with pytest.raises(WireError, match="over 255"):
        parse_query(query(longer))
    for wire in (aliased(longer), answer(QUESTION, [record(longer, 1, 60, bytes(4))])):
        with pytest.raises(WireError, match="over 255"):
            parse_answer(wire, QUESTION)


@pytest.mark.parametrize("room", [0, 1, 2])
def test_names_that_end_in_a_pointer_have_the_same_limit(room: int) -> None:
    """The question is 13 bytes; what stands before a pointer to it may have 242."""
    label = bytes([55 + room]) + b"b" * (55 + room)
    target = (b"\x3d" + b"a" * 61) * 3 + label + SELF
    if room == 0:
        found = parse_answer(aliased(target), QUESTION)
        assert found is not None
        assert len(found.aliases[0]) == 255
    else:
        with pytest.raises(WireError, match="over 255"):
            parse_answer(aliased(target), QUESTION)


def test_labels_may_hold_any_byte() -> None:
    name = b"\4\xff\xfe\0.\3\x80\x2e\xc0\7example\0"
    assert parse_query(query(name)).name == name
    found = parse_answer(aliased(name), QUESTION)
    assert found is not None
    assert found.aliases == (name,)


def test_a_message_has_one_opt_record_at_most() -> None:
    twice = query(opt=opt() + opt())
    twice = twice[:11] + b"\2" + twice[12:]
    with pytest.raises(WireError, match="two OPT"):
        parse_query(twice)
    with pytest.raises(WireError):
        parse_answer(answer(QUESTION, additional=[opt(), opt()]), QUESTION)
    for answers, authority in (([opt()], []), ([], [opt()])):
        with pytest.raises(WireError, match="none may be"):
            parse_answer(answer(QUESTION, answers, authority), QUESTION)


@pytest.mark.parametrize("options", [b"\0", b"\0\3\0", b"\0\3\0\1", b"\0\3\0\0\0\3\0\5abcd", b"\0\3\xff\xff"])
def test_options_that_do_not_fill_their_record_are_refused(options: bytes) -> None:
    with pytest.raises(WireError, match="option cut short"):
        parse_query(query(opt=opt(options=options)))
    with pytest.raises(WireError, match="option cut short"):
        parse_answer(answer(QUESTION, additional=[opt(options=options)]), QUESTION)
    with pytest.raises(dns.exception.DNSException):
        dns.message.from_wire(query(opt=opt(options=options)))


def test_an_opt_record_that_does_not_belong_to_the_root_is_refused() -> None:
    for owner in (b"\1a\0", SELF):
        with pytest.raises(WireError):
            parse_query(query(opt=owner + opt()[1:]))
        with pytest.raises(WireError):
            parse_answer(answer(QUESTION, additional=[owner + opt()[1:]]), QUESTION)


def test_bytes_behind_the_last_record_are_left_out_of_an_answer_and_refused_in_a_query() -> None:
    wire = answer(QUESTION, [record(SELF, 1, 60, b"abcd")])
    assert parse_answer(wire + b"junk", QUESTION) == parse_answer(wire, QUESTION)
    for asked in (query(), query(opt=opt())):
        for junk in (b"\0", b"junk"):
            with pytest.raises(WireError):
                parse_query(asked + junk)


def test_empty_rdata_passes_in_types_that_we_do_not_read_and_is_refused_in_those_we_do() -> None:
    for rtype in (1, 16, 64000):
        found = parse_answer(answer(QUESTION, [record(SELF, rtype, 60, b"")]), QUESTION)
        assert found is not None
        assert found.ttls == ((6, 60),)
    for rtype in (5, 39, 64, 65):
        for more in (b"", b"\0\1\0\0\0\0\0\0\0\0\0\0\0\0"):
            wire = answer(QUESTION, [record(SELF, rtype, 60, b"") + more])
            with pytest.raises(WireError):
                parse_answer(wire, QUESTION)
    for data in (b"", b"\0", bytes(21), bytes(23)):
        with pytest.raises(WireError):
            parse_answer(answer(QUESTION, authority=[record(SELF, 6, 60, data)]) + bytes(40), QUESTION)


@pytest.mark.parametrize("questions", [0, 2, 3, 0xFFFF])
def test_a_message_has_one_question(questions: int) -> None:
    count = struct.pack(">H", questions)
    for body in (b"", QUESTION, QUESTION * 2):
        with pytest.raises(WireError):
            parse_query(query()[:4] + count + bytes(6) + body)
        wire = answer(QUESTION)
        assert parse_answer(wire[:4] + count + wire[6:12] + body, QUESTION) is None


@pytest.mark.parametrize("at", range(4, 12))
def test_counts_that_promise_more_than_there_is_are_refused(at: int) -> None:
    wire = bytearray(query(opt=opt()))
    wire[at] += 1
    with pytest.raises(WireError):
        parse_query(bytes(wire))


VALID = (
    query("a.bc.example", opt=opt(options=b"\0\3\0\2ab\0\x0a\0\10cookie88", do=True)),
    query(LONGEST),
    chain(5, 3),
    answer(
        QUESTION,
        [
            record(SELF, 5, 300, b"\3cdn\xc0\x10"),
            record(b"\xc0\x29", 65, 60, b"\0\1\1t\xc0\x10\0\1\0\3\2h2"),
            record(SELF, 39, 9, b"\3new\xc0\x10"),
        ],
        [record(b"\xc0\x10", 6, 600, b"\2ns\xc0\x10\1h\xc0\x10" + struct.pack(">5I", 1, 2, 3, 4, 120))],
        [record(b"\xc0\x29", 1, 60, b"\xc0\0\2\1"), opt(options=b"\0\x0f\0\4\0\3hi")],
    ),
)


@pytest.mark.parametrize("wire", [*VALID, query()])
def test_a_message_that_ends_early_is_refused_wherever_it_ends(wire: bytes) -> None:
    response = bool(wire[2] & 0x80)
    for end in range(len(wire)):
        if response and 12 <= end < 12 + len(QUESTION):
            assert parse_answer(wire[:end], QUESTION) is None  # another question, so far
            continue
        with pytest.raises(WireError):
            parse_answer(wire[:end], QUESTION) if response else parse_query(wire[:end])
    assert parse_answer(wire, QUESTION) if response else parse_query(wire)


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """Draw a valid message with a few changes, up to 64 KiB."""
    wire = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(wire)))
        end = draw(st.integers(at, min(len(wire), at + 30)))
        piece = draw(
            st.one_of(
                st.binary(max_size=4),
                st.integers(12, 200).map(pointer),
                st.just(wire[at:end] * 2),
                st.sampled_from([b"\xff\xff", b"\0\0", b"\x3f", opt()]),
                st.builds(bytes.__mul__, st.binary(min_size=1, max_size=12), st.integers(0, 5000)),
            )
        )
        wire = (wire[:at] + piece + wire[end:])[:65535]
    return wire


@given(broken())
def test_broken_messages_are_read_or_refused_and_nothing_else(wire: bytes) -> None:
    for stream in (False, True):
        with contextlib.suppress(WireError):
            asked = parse_query(wire, stream=stream)
            assert len(asked.name) <= 255
            assert wire[12 : asked.end].lower() == asked.name + asked.kind.lower()
            assert 512 <= asked.limit <= (65535 if stream else 1232)
            assert asked.key.startswith(asked.name)
            assert asked.edns is None or len(asked.edns.options) <= 64
    with contextlib.suppress(WireError):
        found = parse_answer(wire, QUESTION)
        if found is not None and not found.truncated:
            assert found.body in wire
            assert len(found.ttls) == sum(found.counts)
            for at, ttl in found.ttls:
                (stands,) = struct.unpack_from(">I", found.body, at)
                assert ttl == (stands if stands < 1 << 31 else 0)
            assert found.min_ttl == min((ttl for _, ttl in found.ttls), default=0)
            assert all(len(alias) <= 255 and alias == alias.lower() for alias in found.aliases)


@given(st.binary(max_size=40), st.integers(0, 1600), st.binary(max_size=40))
def test_repeated_bytes_up_to_64_kib_are_read_or_refused_and_nothing_else(
    piece: bytes, times: int, tail: bytes
) -> None:
    data = piece * times + tail
    for read in (
        parse_query,
        parse_opt,
        lambda wire: parse_query(query()[:12] + wire),
        lambda wire: parse_answer(wire, QUESTION),
        lambda wire: parse_answer(answer(QUESTION)[:6] + b"\0\5\0\5\0\5" + QUESTION + wire, QUESTION),
        lambda wire: parse_opt(b"\0\0\x29\x04\xd0\0\0\0\0" + struct.pack(">H", len(wire)) + wire),
        lambda wire: read_name(bytes(12) + wire, 12),
    ):
        with contextlib.suppress(WireError):
            read(data[:65000])


def read_as_query_and_answer(data: bytes) -> None:
    for read in (parse_query, lambda wire: parse_answer(wire, QUESTION)):
        with contextlib.suppress(WireError):
            read(data)


@pytest.mark.parametrize("wire", HOSTILE.values(), ids=HOSTILE)
def test_no_message_takes_more_than_four_steps_for_each_byte_of_the_longest(wire: bytes) -> None:
    assert len(wire) <= 65535
    assert steps(lambda: read_as_query_and_answer(wire)) <= 4 * 65535


@pytest.mark.parametrize("make", GROWING)
def test_a_message_takes_no_more_steps_than_its_length_has_it(make: Callable[[int], bytes]) -> None:
    assert len(make(65535)) >= 7.5 * len(make(8192))
    grows_as_its_input(lambda size: read_as_query_and_answer(make(size)), 8192, 65535)


REFUSED = {
    "a pointer in the question": query(b"\1a\xc0\x0c"),
    "a reserved label": query(b"\x41" + b"a" * 65 + b"\0"),
    "a name over 255 bytes": query(b"\1a" * 127 + b"\1b\0"),
    "a query cut short": query()[:-1],
    "a header cut short": query()[:11],
    "bytes behind": query() + b"x",
    "a record cut short": query(opt=opt())[:-1],
    "two OPT records": query()[:11] + b"\2" + query()[12:] + opt() + opt(),
    "an OPT record of a name": query(opt=b"\1a" + opt()),
}


@pytest.mark.parametrize("wire", REFUSED.values(), ids=REFUSED)
def test_dnspython_refuses_it_too(wire: bytes) -> None:
    with pytest.raises(WireError):
        parse_query(wire)
    with pytest.raises(dns.exception.DNSException):
        dns.message.from_wire(wire)
