"""What we write, dnspython reads and agrees with."""

from __future__ import annotations

from datetime import date
from ipaddress import IPv4Address, IPv6Address

import dns.edns
import dns.flags
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core import replies
from resolver.core import wire as w
from resolver.core.lists.record import ListClass, Record
from resolver.core.reasons import make_reason
from resolver.core.replies import AnswerMode, Blocked
from resolver.core.wire import parse_query
from tests.messages import WIRE_NAMES, errors, opt, parsed, query

RECORD = Record(
    "Chat", text="No chat in class.", contact="mailto:it@school.example", since=date(2026, 11, 22)
)
V4, V6 = IPv4Address("192.0.2.10"), IPv6Address("2001:db8::10")
CODES = {ListClass.POLICY: 15, ListClass.SECURITY: 15, ListClass.LEGAL: 16, ListClass.REQUESTED: 17}


def blocked(mode: AnswerMode, list_class: ListClass = ListClass.POLICY, ttl: int = 30) -> Blocked:
    return Blocked(mode, make_reason(Record("Chat", list_class, "No chat in class.")), ttl, (V4,), (V6,))


@pytest.mark.parametrize("mode", AnswerMode)
@pytest.mark.parametrize("list_class", ListClass)
@pytest.mark.parametrize("qtype", [1, 28, 65, 64, 15, 16, 255, 64000])
@pytest.mark.parametrize("edns", [b"", opt(), opt(do=True), opt(payload=512)])
def test_a_blocked_answer_is_what_the_table_says(
    mode: AnswerMode, list_class: ListClass, qtype: int, edns: bytes
) -> None:
    wire = query("WeB.Chat.example", qtype, opt=edns)
    found = parsed(blocked(mode, list_class, 77).reply(parse_query(wire)))
    rcode = {AnswerMode.NXDOMAIN: 3, AnswerMode.REFUSED: 5}.get(mode, 0)
    assert found.rcode() == rcode
    assert dns.flags.to_text(found.flags) == "QR RD RA"
    assert (
        found.question[0].to_text()
        == f"WeB.Chat.example. IN {dns.rdatatype.to_text(dns.rdatatype.RdataType.make(qtype))}"
    )
    addresses = {
        (AnswerMode.NOTICE, 1): "192.0.2.10",
        (AnswerMode.NOTICE, 28): "2001:db8::10",
        (AnswerMode.NULL, 1): "0.0.0.0",
        (AnswerMode.NULL, 28): "::",
    }
    expected = addresses.get((mode, qtype))
    if expected is not None:
        assert [rdata.to_text() for rrset in found.answer for rdata in rrset] == [expected]
        assert found.answer[0].ttl == 77
        assert found.authority == []
    elif mode is AnswerMode.REFUSED:
        assert found.answer == found.authority == []
    else:
        (soa,) = found.authority
        assert found.answer == []
        assert soa.rdtype == dns.rdatatype.SOA
        assert (soa.ttl, soa[0].minimum) == (77, 77)
        assert found.question[0].name.is_subdomain(soa.name)
    forged = mode in (AnswerMode.NOTICE, AnswerMode.NULL)
    if edns:
        assert found.edns == 0
        assert found.payload == 1232
        assert bool(found.ednsflags & dns.flags.DO) == (edns == opt(do=True))
        assert errors(found) == [(4 if forged else CODES[list_class], "Chat: No chat in class")]
    else:
        assert found.edns == -1


@pytest.mark.parametrize("flags", [0x0000, 0x0100, 0x0110, 0x0010, 0x0120, 0x05FF, 0x05EE])
def test_rd_and_cd_are_as_asked_and_ad_and_aa_are_clear(flags: int) -> None:
    asked = parse_query(query(flags=flags))
    as_asked = 0x8080 | flags & 0x0110
    replied = {w.SERVFAIL: replies.failure(asked, w.SERVFAIL)}
    for mode in (AnswerMode.NXDOMAIN, AnswerMode.NODATA, AnswerMode.REFUSED):
        replied[blocked(mode).rcode] = blocked(mode).reply(asked)
    for rcode, reply in replied.items():
        assert int.from_bytes(reply[2:4], "big") == as_asked | rcode
    assert int.from_bytes(replies.truncated(asked)[2:4], "big") == as_asked | 0x0200


@given(WIRE_NAMES, st.sampled_from(list(AnswerMode)), st.integers(0, 65535), st.integers(0, 65535))
def test_a_blocked_answer_fits_the_client_and_echoes_the_question(
    name: bytes, mode: AnswerMode, qtype: int, payload: int
) -> None:
    long = Record(
        "T" * 120, text="x" * 900, organisation="o" * 300, contact="mailto:" + "c" * 90 + "@a.example"
    )
    answer = Blocked(mode, make_reason(long), 30, (V4,), (V6,))
    asked = parse_query(query(name, qtype, opt=opt(payload=payload)))
    reply = answer.reply(asked)
    assert len(reply) <= min(max(payload, 512), 1232)
    assert reply[12 : asked.end] == query(name, qtype)[12:]
    assert errors(parsed(reply))[0][0] in {4, 15}


def test_an_alias_is_named_in_the_reason() -> None:
    alias = "tracker.example"
    for mode in AnswerMode:
        for qtype in (1, 16):
            reply = blocked(mode).reply(parse_query(query(qtype=qtype, opt=opt())), alias)
            assert errors(parsed(reply))[0][1] == "tracker.example (Chat: No chat in class)"
    plain = blocked(AnswerMode.NXDOMAIN)
    assert plain.reply(parse_query(query()), alias) == plain.reply(parse_query(query()))


def test_notice_without_an_address_of_a_family_is_empty_with_a_soa() -> None:
    answer = Blocked(AnswerMode.NOTICE, make_reason(RECORD), 30, (V4,), ())
    found = parsed(answer.reply(parse_query(query(qtype=28))))
    assert found.answer == []
    assert found.authority[0].rdtype == dns.rdatatype.SOA


@pytest.mark.parametrize("edns", [b"", opt(payload=512), opt(do=True, payload=1232)])
def test_a_blocked_answer_with_too_many_addresses_is_truncated_over_udp_only(edns: bytes) -> None:
    many = [V4 + number for number in range(80)]
    answer = Blocked(AnswerMode.NOTICE, make_reason(RECORD), 30, many)
    wire = query("A.example", opt=edns)
    asked = parse_query(wire)
    found = parsed(answer.reply(asked))
    assert found.flags & dns.flags.TC
    assert found.question == parsed(wire).question
    assert found.answer == []
    assert (found.edns == 0) == bool(edns)
    assert len(answer.reply(asked)) <= asked.limit
    whole = parsed(answer.reply(parse_query(wire, stream=True)))
    assert not whole.flags & dns.flags.TC
    assert len(whole.answer[0]) == 80


@pytest.mark.parametrize("name", [".", "a.example", "a.much.longer.name.example"])
@pytest.mark.parametrize(
    "texts",
    [
        ["A 192.0.2.1", "A 192.0.2.2"],
        ["MX 10 mail.example.", "MX 20 mail.example.", "MX 30 x.mail.example."],
        ["CNAME x.test."],
        ["PTR localhost."],
        ["SOA ns.example. ns.example. 1 2 3 4 5"],
        ["SRV 0 0 443 ns.example.", "SRV 1 0 443 ns.example."],
        ['TXT "no chat"', "TXT second"],
        ["NS a.ns.example.", "NS b.ns.example."],
    ],
)
def test_authored_records_are_read_as_written_behind_any_question(texts: list[str], name: str) -> None:
    kind = texts[0].split()[0]
    rtype = dns.rdatatype.from_text(kind)
    shape = replies.Shape(w.NOERROR, replies.author(texts, ttl=9, soa=True))
    found = parsed(shape.reply(parse_query(query(name, rtype))))
    expected = dns.rrset.from_text(
        found.question[0].name, 9, "IN", kind, *[t.partition(" ")[2] for t in texts]
    )
    assert found.answer == [expected]
    assert found.answer[0].ttl == 9
    assert found.authority[0].name == found.question[0].name


def test_errors_are_twelve_bytes_with_id_and_opcode() -> None:
    wire = replies.error(query(flags=0x2900), w.NOTIMP)
    assert len(wire) == 12
    found = parsed(wire)
    assert found.id == 0x1234
    assert found.opcode() == 5
    assert found.rcode() == dns.rcode.NOTIMP
    assert found.flags & dns.flags.QR


@pytest.mark.parametrize("flags", [0x0000, 0x0100, 0x0010, 0x0110, 0x07FF & ~0x0110])
def test_a_bare_error_has_rd_and_cd_as_asked(flags: int) -> None:
    """CD is copied into every response (RFC 4035, section 3.2.2)."""
    found = parsed(replies.error(query(flags=flags), w.FORMERR))
    assert found.flags == 0x8080 | flags & 0x0110 | dns.rcode.FORMERR
    assert found.rcode() == dns.rcode.FORMERR


@pytest.mark.parametrize("rcode", [w.SERVFAIL, w.REFUSED, w.BADVERS])
def test_a_failure_says_why_where_the_client_has_edns(rcode: int) -> None:
    text = replies.extended_error(22, "no upstream")
    found = parsed(replies.failure(parse_query(query(opt=opt(do=True))), rcode, text))
    assert found.rcode() == rcode
    assert errors(found) == [(22, "no upstream")]
    assert found.ednsflags & dns.flags.DO
    if rcode < 16:
        assert parsed(replies.failure(parse_query(query()), rcode, text)).edns == -1


@pytest.mark.parametrize("rcode", [w.SERVFAIL, w.BADVERS])
@pytest.mark.parametrize(("over", "kept"), [(-1, True), (0, True), (1, False), (600, False)])
def test_options_are_left_out_of_a_failure_if_they_do_not_fit(rcode: int, over: int, kept: bool) -> None:
    asked = parse_query(query(opt=opt(payload=512, do=True)))
    text = "x" * (512 - 12 - len(query()[12:]) - 11 - 6 + over)
    reply = replies.failure(asked, rcode, replies.extended_error(22, text))
    assert len(reply) <= 512
    found = parsed(reply)
    assert errors(found) == ([(22, text)] if kept else [])
    assert found.rcode() == rcode
    assert found.ednsflags & dns.flags.DO


def test_the_codes_of_extended_errors_are_those_of_the_registry() -> None:
    registered = {
        "BLOCKED": replies.BLOCKED,
        "CENSORED": replies.CENSORED,
        "FILTERED": replies.FILTERED,
        "PROHIBITED": replies.PROHIBITED,
        "FORGED_ANSWER": replies.FORGED,
        "STALE_ANSWER": replies.STALE,
        "STALE_NXDOMAIN_ANSWER": replies.STALE_NXDOMAIN,
        "CACHED_ERROR": replies.CACHED_ERROR,
        "NOT_SUPPORTED": replies.NOT_SUPPORTED,
        "NO_REACHABLE_AUTHORITY": replies.NO_REACHABLE_AUTHORITY,
        "NETWORK_ERROR": replies.NETWORK_ERROR,
    }
    assert {name: dns.edns.EDECode[name].value for name in registered} == registered


def test_a_truncated_reply_has_tc_the_question_and_opt() -> None:
    found = parsed(replies.truncated(parse_query(query("A.example", opt=opt(do=True)))))
    assert found.flags & dns.flags.TC
    assert found.question[0].name.to_text() == "A.example."
    assert found.edns == 0
    assert found.answer == []
