"""What goes upstream."""

from __future__ import annotations

import dns.flags
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.questions import PROBE, question, upstream_query
from resolver.core.wire import parse_query
from tests.messages import HOSTS, WIRE_NAMES, opt, parsed, query


@pytest.mark.parametrize("do", [False, True])
@pytest.mark.parametrize("cd", [False, True])
@pytest.mark.parametrize("ad", [False, True])
@pytest.mark.parametrize("edns", [False, True])
def test_questions_upstream_carry_what_was_asked_in_lower_case(
    do: bool, cd: bool, ad: bool, edns: bool
) -> None:
    asked = question(parse_query(query("WwW.Example", 28, opt=opt(do=do))))
    sent = parsed(b"\0\7" + upstream_query(asked, do=do, cd=cd, ad=ad, edns=edns))
    assert sent.question[0].to_text() == "www.example. IN AAAA"
    assert sent.id == 7
    assert bool(sent.flags & 0x10) == cd
    assert bool(sent.flags & 0x20) == ad
    assert sent.flags & 0x100
    assert (sent.edns == 0) == edns
    if edns:
        assert (sent.payload, bool(sent.ednsflags & 0x8000)) == (1232, do)


def test_a_probe_is_a_question_too() -> None:
    assert parsed(b"\0\7" + upstream_query(PROBE)).question[0].to_text() == ". IN NS"


@given(st.one_of(WIRE_NAMES, HOSTS.map(str.upper)), st.integers(0, 65535))
def test_a_question_is_the_same_for_whoever_asks_it(name: bytes | str, qtype: int) -> None:
    wire = query(name, qtype)
    asked = parse_query(wire)
    assert question(asked) == wire[12:].lower()[:-4] + wire[-4:]
    assert question(parse_query(query(asked.name, qtype, opt=opt(do=True)))) == question(asked)


def test_nothing_of_a_client_but_its_question_and_flags_goes_upstream() -> None:
    private = b"\0\x08\0\x08\0\1\x18\0\xc0\0\2\1" + b"\0\x0a\0\x08abcdefgh"  # client subnet, cookie
    asked = question(parse_query(query(opt=opt(payload=4096, options=private), ident=0xBEEF)))
    message = parsed(b"\0\7" + upstream_query(asked))
    assert (message.options, message.payload) == ((), 1232)
    assert message.flags == dns.flags.RD
