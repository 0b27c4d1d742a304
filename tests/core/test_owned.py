"""Answers that a rule asks for itself."""

from __future__ import annotations

import dns.flags
import dns.name
import dns.rdatatype
import pytest
from hypothesis import given

from resolver.core.lists.record import ListClass, Record
from resolver.core.lists.rule import Action, Own
from resolver.core.owned import MAX_DATA, own_answer
from resolver.core.reasons import make_reason
from resolver.core.replies import AnswerMode, Blocked
from resolver.core.wire import parse_query
from tests.messages import WIRE_NAMES, errors, opt, parsed, query, wire_name

RECORD = Record("Court", ListClass.LEGAL, text="An order.")
A, AAAA, CNAME = (1, b"\xc0\0\2\1"), (28, bytes(15) + b"\1"), (5, wire_name("wall.example"))
WILD = (5, b"\1*" + wire_name("garden.example"))


def answer(own: Own) -> Blocked:
    return own_answer(own, make_reason(RECORD), 30)


@pytest.mark.parametrize("action", [Action.NXDOMAIN, Action.NODATA, Action.NULL, Action.REFUSED])
@pytest.mark.parametrize("qtype", [1, 28, 15])
def test_what_groups_can_answer_too_is_answered_as_they_do(action: Action, qtype: int) -> None:
    asked = parse_query(query(qtype=qtype, opt=opt()))
    assert answer(Own(action)).reply(asked) == Blocked(
        AnswerMode(action.value), make_reason(RECORD), 30
    ).reply(asked)


@pytest.mark.parametrize(("qtype", "expected"), [(1, ["192.0.2.1", "192.0.2.2"]), (28, ["::1"])])
def test_records_are_given_for_their_type(qtype: int, expected: list[str]) -> None:
    own = Own(Action.DATA, (A, (1, b"\xc0\0\2\2"), AAAA))
    found = parsed(answer(own).reply(parse_query(query("A.example", qtype, opt=opt()))))
    (rrset,) = found.answer
    assert rrset.name == found.question[0].name
    assert (rrset.ttl, sorted(item.to_text() for item in rrset)) == (30, expected)
    assert errors(found) == [(4, "Court: An order")]


@pytest.mark.parametrize("qtype", [28, 16, 65])
def test_another_type_of_a_name_with_records_is_empty_with_soa(qtype: int) -> None:
    found = parsed(answer(Own(Action.DATA, (A,))).reply(parse_query(query(qtype=qtype))))
    assert (found.rcode(), found.answer) == (0, [])
    assert found.authority[0].rdtype == dns.rdatatype.SOA


def test_any_is_answered_with_all_records() -> None:
    found = parsed(answer(Own(Action.DATA, (A, AAAA))).reply(parse_query(query(qtype=255))))
    assert {int(rrset.rdtype) for rrset in found.answer} == {1, 28}


@pytest.mark.parametrize("qtype", [1, 28, 5, 16, 255])
def test_a_cname_stands_for_every_type(qtype: int) -> None:
    found = parsed(answer(Own(Action.DATA, (A, CNAME))).reply(parse_query(query(qtype=qtype))))
    assert [rrset.to_text() for rrset in found.answer] == ["www.example. 30 IN CNAME wall.example."]


def test_of_several_cnames_there_is_one() -> None:
    own = Own(Action.DATA, (CNAME, (5, wire_name("other.example"))))
    assert len(parsed(answer(own).reply(parse_query(query()))).answer[0]) == 1


@given(WIRE_NAMES)
def test_the_name_asked_takes_the_place_of_a_star_or_the_answer_is_empty(name: bytes) -> None:
    found = parsed(answer(Own(Action.DATA, (WILD,))).reply(parse_query(query(name, opt=opt()))))
    whole = len(name) - 1 + len(WILD[1]) - 2
    assert (found.answer == []) == (whole > 255)
    if found.answer:
        garden = dns.name.from_text("garden.example")
        assert found.answer[0][0].target == found.question[0].name.relativize(dns.name.root) + garden
    else:
        assert found.authority[0].rdtype == dns.rdatatype.SOA


def test_a_question_of_another_class_gets_no_record() -> None:
    for own in (Own(Action.DATA, (CNAME,)), Own(Action.DATA, (A,))):
        assert parsed(answer(own).reply(parse_query(query(qclass=3)))).answer == []


def test_tcp_only_is_empty_and_truncated_and_says_why() -> None:
    found = parsed(answer(Own(Action.TCP_ONLY)).reply(parse_query(query(opt=opt()))))
    assert found.flags & dns.flags.TC
    assert (found.rcode(), found.answer, errors(found)) == (0, [], [(16, "Court: An order")])


@pytest.mark.parametrize(
    "own", [Own(Action.DATA, (A,)), Own(Action.DATA, (CNAME,)), Own(Action.DATA, (WILD,))]
)
def test_the_reason_names_what_an_answer_led_to(own: Own) -> None:
    found = parsed(answer(own).reply(parse_query(query(opt=opt())), "192.0.2.9"))
    assert errors(found) == [(4, "192.0.2.9 (Court: An order)")]
    assert found.answer


def test_records_beyond_the_bound_are_left_out_and_the_answer_is_whole_over_tcp() -> None:
    own = Own(Action.DATA, tuple([(16, bytes([200]) + number.to_bytes(200, "big")) for number in range(400)]))
    wire = answer(own).reply(parse_query(query(qtype=16), stream=True))
    assert len(wire) < MAX_DATA + 200
    assert not parsed(wire).flags & dns.flags.TC
    assert 100 < len(parsed(wire).answer[0]) < 400


def test_a_dropped_name_has_an_answer_that_says_so_and_is_not_given() -> None:
    assert answer(Own(Action.DROP)).mode is Action.DROP
