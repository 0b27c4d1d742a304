"""Reading answers: what a forwarder has to know of them."""

from __future__ import annotations

import struct

import pytest

from resolver.core.errors import WireError
from resolver.core.retries import Next, judge
from resolver.core.wire import MAX_RECORDS, SERVFAIL, Answer, parse_answer
from tests.messages import answer, opt, query, record

QUESTION = query()[12:]


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


def test_svcb_and_https_targets_are_aliases_but_not_the_owner_itself() -> None:
    """RFC 9460, appendix D: figure 2 (alias form), figure 3 (`.`), figure 6 (a target and parameters)."""
    answers = [
        record(b"\xc0\x0c", 65, 60, b"\0\0\3foo\7example\3com\0"),
        record(b"\xc0\x0c", 65, 60, b"\0\1\0"),
        record(b"\xc0\x0c", 64, 60, b"\0\1\3bar\7example\3com\0\0\3\0\2\0\x35"),
    ]
    found = parse_answer(answer(QUESTION, answers), QUESTION)
    assert found is not None
    assert found.aliases == (
        b"\3foo\7example\3com\0",
        b"\3bar\7example\3com\0",
    )


LONG = (b"\x3f" + b"a" * 63) * 3 + b"\x39" + b"a" * 57 + b"\0"
DNAME = record(b"\7Example\0", 39, 60, b"\5There\4test\0")
MAPPED = b"\3www\5there\4test\0"


@pytest.mark.parametrize(
    ("records", "aliases"),
    [
        pytest.param([DNAME], [MAPPED], id="below"),
        pytest.param([DNAME, record(b"\xc0\x0c", 5, 60, MAPPED)], [MAPPED], id="with its CNAME"),
        pytest.param([record(b"\xc0\x0c", 5, 60, MAPPED), DNAME], [MAPPED], id="behind its CNAME"),
        pytest.param([record(b"\xc0\x0c", 39, 60, MAPPED)], [], id="at the name asked"),
        pytest.param([record(b"\2ww\7example\0", 39, 60, MAPPED)], [], id="elsewhere"),
        pytest.param([record(b"\1w\7example\0", 39, 60, MAPPED)], [], id="where a label ends alike"),
        pytest.param([record(b"\0", 39, 60, b"\1t\0")], [b"\3www\7example\1t\0"], id="at the root"),
        pytest.param([record(b"\7example\0", 39, 60, b"\0")], [b"\3www\0"], id="to the root"),
        pytest.param([record(b"\7example\0", 39, 60, LONG)], [b"\3www" + LONG], id="to the longest"),
        pytest.param([record(b"\7example\0", 39, 60, b"\1a" + LONG)], [], id="beyond the longest"),
        pytest.param(
            [record(b"\xc0\x0c", 5, 60, b"\1a\1b\0"), record(b"\1b\0", 39, 60, b"\1c\0")],
            [b"\1a\1b\0", b"\1a\1c\0"],
            id="behind a CNAME",
        ),
        pytest.param(
            [DNAME, record(b"\4test\0", 39, 60, b"\1c\0")], [MAPPED, b"\3www\5there\1c\0"], id="twice"
        ),
    ],
)
def test_a_dname_leads_to_the_name_that_it_makes_of_the_one_asked_and_not_to_its_target(
    records: list[bytes], aliases: list[bytes]
) -> None:
    """RFC 6672, section 2.2; table 1."""
    found = parse_answer(answer(QUESTION, records), QUESTION)
    assert found is not None
    assert list(dict.fromkeys(found.aliases)) == aliases


SOA = b"\2ns\xc0\x10\1h\xc0\x10" + struct.pack(">5I", 1, 2, 3, 4, 120)


def test_the_negative_ttl_is_the_lesser_of_the_ttl_and_the_minimum_of_the_soa() -> None:
    behind = [record(b"\xc0\x10", 1, 60, b"abcd")]
    for ttl, expected in ((60, 60), (600, 120)):
        soa = record(b"\xc0\x10", 6, ttl, SOA)
        found = parse_answer(answer(QUESTION, authority=[soa], additional=behind), QUESTION)
        assert found is not None
        assert found.negative_ttl == expected


@pytest.mark.parametrize("sections", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.5, 0.25, 0.25)])
def test_an_answer_of_more_records_than_we_read_is_a_failure_of_its_server(
    sections: tuple[float, float, float],
) -> None:
    def found(records: int) -> Answer | None:
        parts = [[record(b"\xc0\x0c", 1, 60, b"abcd")] * int(records * part) for part in sections]
        return parse_answer(answer(QUESTION, *parts), QUESTION)

    kept, refused = found(MAX_RECORDS), found(MAX_RECORDS + 4)
    assert kept is not None
    assert refused is not None
    assert (kept.rcode, sum(kept.counts)) == (0, MAX_RECORDS)
    assert (refused.rcode, refused.body, refused.ttls) == (SERVFAIL, b"", ())
    for over_tcp in (False, True):
        assert judge(refused, over_tcp=over_tcp, with_edns=True) is Next.ASK_ANOTHER


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


def test_a_truncated_answer_may_be_cut_anywhere_and_gives_its_rcode_alone() -> None:
    wire = answer(QUESTION, [record(b"\xc0\x0c", 1, 60, b"abcd")], flags=0x83A3)
    for cut in range(12 + len(QUESTION), len(wire)):
        found = parse_answer(wire[:cut], QUESTION)
        assert found == Answer(3, True, False, None, b"", (0, 0, 0), (), 0, None, ())


def bare(flags: int, counts: bytes = bytes(8), more: bytes = b"") -> bytes:
    """Return an answer that does not repeat the question."""
    return b"\x12\x34" + struct.pack(">H", flags) + counts + more


NS = record(b"\xc0\x10", 2, 60, b"\2ns\xc0\x10")
GLUE = record(b"\2ns\xc0\x10", 1, 60, b"abcd")


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        pytest.param(answer(QUESTION, [], [NS], [GLUE], flags=0x8100), Next.ASK_ANOTHER, id="referral"),
        pytest.param(answer(QUESTION, [], [NS], [opt()], flags=0x8000), Next.ASK_ANOTHER, id="with EDNS"),
        pytest.param(answer(QUESTION, [], [NS], flags=0x8180), Next.TAKE, id="recursion available"),
        pytest.param(answer(QUESTION, [], [NS], flags=0x8500), Next.TAKE, id="authoritative"),
        pytest.param(answer(QUESTION, [GLUE], [NS], flags=0x8100), Next.TAKE, id="records"),
        pytest.param(
            answer(QUESTION, [], [NS, record(b"\xc0\x10", 6, 60, SOA)], flags=0x8100), Next.TAKE, id="SOA"
        ),
        pytest.param(answer(QUESTION, [], [], [NS], flags=0x8100), Next.TAKE, id="additional"),
        pytest.param(answer(QUESTION, flags=0x8100), Next.TAKE, id="empty"),
        pytest.param(answer(QUESTION, [], [NS], flags=0x8103), Next.TAKE, id="no such name"),
    ],
)
def test_a_referral_from_a_server_that_does_not_recurse_is_no_answer(wire: bytes, expected: Next) -> None:
    found = parse_answer(wire, QUESTION)
    assert found is not None
    assert judge(found, over_tcp=False, with_edns=True) is expected


@pytest.mark.parametrize("rcode", [1, 2, 4, 5])
@pytest.mark.parametrize("flags", [0x8000, 0x8180, 0x83A0])
def test_an_error_without_a_question_is_an_error_and_nothing_to_take(rcode: int, flags: int) -> None:
    found = parse_answer(bare(flags | rcode), QUESTION)
    assert found == Answer(rcode, False, False, None, b"", (0, 0, 0), (), 0, None, ())
    for over_tcp, with_edns in ((False, True), (True, True), (False, False)):
        expected = Next.ASK_WITHOUT_EDNS if with_edns and rcode in (1, 4) else Next.ASK_ANOTHER
        assert judge(found, over_tcp=over_tcp, with_edns=with_edns) is expected


@pytest.mark.parametrize(("rcode", "extended"), [(1, 0), (2, 0), (4, 0), (5, 0), (16, 1)])
def test_a_bare_error_may_have_an_opt_record(rcode: int, extended: int) -> None:
    opt = b"\0\0\x29\x04\xd0" + bytes([extended]) + b"\0\0\0\0\0"
    found = parse_answer(bare(0x8180 | rcode & 15, bytes(7) + b"\1", opt), QUESTION)
    assert found is not None
    assert (found.rcode, found.edns is not None, found.body) == (rcode, True, b"")
    expected = Next.ASK_WITHOUT_EDNS if rcode == 16 else Next.ASK_ANOTHER
    assert judge(found, over_tcp=False, with_edns=True) is expected
    assert parse_answer(bare(0x8180, bytes(7) + b"\1", opt.replace(b"\1", b"\0")), QUESTION) is None
    for broken in (opt[:-1], opt + b"\0"):
        with pytest.raises(WireError):
            parse_answer(bare(0x8180 | rcode & 15, bytes(7) + b"\1", broken), QUESTION)


@pytest.mark.parametrize(
    "wire",
    [
        *[bare(0x8180 | rcode) for rcode in (0, 3, *range(6, 16))],
        bare(0x0102),
        bare(0xA182),
        bare(0x8182, more=b"\0"),
        *[bare(0x8182, bytes(at) + b"\1" + bytes(7 - at)) for at in range(8)],
    ],
)
def test_without_a_question_nothing_but_a_bare_error_is_an_answer(wire: bytes) -> None:
    assert parse_answer(wire, QUESTION) is None


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
        answer(QUESTION, [record(b"\xc0\x0c", 39, 60, b"\1a\0")] * 65),
        answer(QUESTION, authority=[record(b"\xc0\x0c", 6, 60, SOA[:-1])]),
        answer(QUESTION)[:6] + b"\0\1\0\0\0\0" + QUESTION,
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
