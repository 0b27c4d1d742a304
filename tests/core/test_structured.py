"""Structured errors (draft-ietf-dnsop-structured-dns-error): who gets them, and what is in them."""

from __future__ import annotations

import json
from datetime import date
from ipaddress import ip_address

import dns.flags
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.cache import Ageing, Cache
from resolver.core.cookies import COOKIE, Cookies
from resolver.core.engine import Engine, Forward, Reply, shortened
from resolver.core.lists.record import Harm, ListClass, Record
from resolver.core.lists.rule import Action, Effect, Own, Rule, Scope
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList
from resolver.core.reasons import MAX_ORGANISATION, Reason, make_reason, structured
from resolver.core.replies import AnswerMode, extended_error, failure, pack_option, unforged
from resolver.core.routes import Routes
from resolver.core.wire import SDE, parse_answer, parse_query
from tests.messages import answer, errors, opt, parsed, query, record
from tests.tables import build

ADS = PolicyList("ads", Record("Ads", text="No ads.", contact="mailto:it@corp.example"))
RULES = [
    Rule("ads.example", Scope.SUBTREE, Effect.BLOCK, 1),
    Rule("data.example", Scope.EXACT, Effect.BLOCK, 2, own=Own(Action.DATA, ((1, b"\xc0\0\2\7"),))),
    Rule("alias.example", Scope.EXACT, Effect.BLOCK, 3, own=Own(Action.DATA, ((5, b"\4wall\7example\0"),))),
    Rule(
        "wild.example", Scope.SUBTREE, Effect.BLOCK, 4, own=Own(Action.DATA, ((5, b"\1*\4wall\7example\0"),))
    ),
    Rule("tcp.example", Scope.EXACT, Effect.BLOCK, 5, own=Own(Action.TCP_ONLY)),
]
POLICY = Policy(
    build([RULES]), [ADS], [Group("default", (), frozenset([0]), AnswerMode.NULL)], AnswerSettings()
)
PROFILE = POLICY.profile_for(ip_address("192.0.2.1"))
HOME = bytes(4)
SIGNAL = pack_option(SDE, b"")
POINTER = b"\xc0\x0c"
ADS_TOLD = '{"c":["mailto:it@corp.example"],"j":"Ads: No ads","s":5,"l":"en"}'


def engine(signal: int | None = SDE) -> Engine:
    return Engine(Cache(1 << 20), Ageing(), Routes(), Cookies(bytes(16)), signal=signal)


def told(wire: bytes, on: Engine | None = None) -> list[tuple[int, str]]:
    found = (on or engine()).handle(wire, PROFILE, 0.0, address=HOME)
    assert isinstance(found, Reply)
    return errors(parsed(found.wire))


def asking(name: str = "ads.example", options: bytes = SIGNAL, qtype: int = 1) -> bytes:
    return query(name, qtype, opt=opt(options=options))


def test_the_option_that_asks_is_the_one_that_is_set() -> None:
    assert told(asking()) == [(15, ADS_TOLD)]
    assert told(asking(), engine(65001)) == [(4, "Ads: No ads; ask it@corp.example")]
    assert told(asking(options=pack_option(65001, b"")), engine(65001)) == [(15, ADS_TOLD)]


@pytest.mark.parametrize("options", [SIGNAL, b"\0\x0f\0\0", b"\0\x0f\0\2\0\0"])
def test_where_it_is_off_nobody_gets_one(options: bytes) -> None:
    assert told(asking(options=options), engine(None)) == [(4, "Ads: No ads; ask it@corp.example")]


def test_a_cookie_beside_the_signal_is_answered_too() -> None:
    wire = asking(options=SIGNAL + pack_option(COOKIE, b"c" * 8))
    found = engine().handle(wire, PROFILE, 0.0, address=HOME)
    assert isinstance(found, Reply)
    message = parsed(found.wire)
    assert errors(message) == [(15, ADS_TOLD)]
    assert [int(option.otype) for option in message.options] == [15, 10]


@pytest.mark.parametrize("name", ["data.example", "alias.example", "x.wild.example"])
@pytest.mark.parametrize("qtype", [1, 16])
def test_an_answer_of_a_rules_own_is_told_of_too(name: str, qtype: int) -> None:
    assert told(asking(name, qtype=qtype)) == [(15, ADS_TOLD)]
    assert told(asking(name, b"", qtype)) == [(4, "Ads: No ads; ask it@corp.example")]
    plain = parsed(bytes_of(asking(name, b"", qtype)))
    assert parsed(bytes_of(asking(name, qtype=qtype))).answer == plain.answer


def bytes_of(wire: bytes) -> bytes:
    found = engine().handle(wire, PROFILE, 0.0)
    assert isinstance(found, Reply)
    return found.wire


def test_a_client_that_is_sent_to_tcp_is_told_why() -> None:
    message = parsed(bytes_of(asking("tcp.example")))
    assert message.flags & dns.flags.TC
    assert errors(message) == [(15, ADS_TOLD)]


def test_what_an_answer_led_to_is_in_the_justification() -> None:
    on, wire = engine(), asking("www.example")
    alias = record(POINTER, 5, 60, b"\1x\3ads\7example\0")
    address = record(b"\1x\3ads\7example\0", 1, 60, b"\xc0\0\2\1")
    found = parse_answer(answer(wire[12:29], [alias, address]), wire[12:29])
    assert found is not None
    on.accept(parse_query(wire).key, found, 0.0)
    ((code, text),) = told(wire, on)
    assert (code, json.loads(text)["j"]) == (15, "x.ads.example (Ads: No ads)")


def test_a_query_that_waits_for_upstream_keeps_what_it_asked_for() -> None:
    wire = query("www.example", opt=opt(options=SIGNAL + pack_option(65001, bytes(300))))
    found = engine().handle(wire, PROFILE, 0.0)
    assert isinstance(found, Forward)
    assert found.query.structured
    assert shortened(found.query).structured


FORGED, FILTERED = extended_error(4, "here"), extended_error(17, "there")


def test_no_forged_answer_of_an_upstream_server_is_passed_on() -> None:
    on, wire = engine(), query("www.example", opt=opt())
    upstream = answer(wire[12:29], [record(POINTER, 1, 60, bytes(4))], [], [opt(options=FORGED + FILTERED)])
    found = parse_answer(upstream, wire[12:29])
    assert found is not None
    on.accept(parse_query(wire).key, found, 0.0)
    assert told(wire, on) == [(4, "here"), (17, "there")]
    assert told(asking("www.example"), on) == [(17, "there")]
    asked = parse_query(asking("www.example"))
    on.take_options(asked, HOME, 0.0)
    assert errors(parsed(failure(asked, 2, FORGED + FILTERED))) == [(17, "there")]


@given(st.lists(st.tuples(st.sampled_from([3, 4, 15, 0x0400]), st.text(max_size=9)), max_size=4))
def test_only_forged_answers_are_taken_out(said: list[tuple[int, str]]) -> None:
    kept = b"".join([extended_error(code, text) for code, text in said if code != 4])
    assert unforged(b"".join([extended_error(code, text) for code, text in said])) == kept


TEXT = st.text(max_size=300)
REASONS = st.builds(
    Record,
    TEXT.filter(bool),
    st.sampled_from(ListClass),
    TEXT,
    organisation=TEXT,
    contact=st.sampled_from(["", "mailto:a@b.example", "tel:110", "https://corp.example"]),
    since=st.none() | st.just(date(2026, 11, 22)),
    harm=st.none() | st.sampled_from(Harm),
).map(make_reason)
SUBS: dict[str, set[int | None]] = {
    "policy": {1, 2, 3, 4, 5},
    "security": {1, 2, 3, 4},
    "requested": {1, 2, 3, 4, None},
    "legal": {None},
}


@given(REASONS)
def test_every_structured_error_is_one_that_the_draft_allows(reason: Reason) -> None:
    texts = structured(reason)
    assert 1 <= len(texts) <= 2
    for text in texts:
        found = json.loads(text)
        assert json.dumps(found, ensure_ascii=False, separators=(",", ":")) == text
        assert set(found) <= set("cjsol")
        assert ("l" in found) == ("j" in found or "o" in found)
        assert all(found.values())
        assert found.get("s") in SUBS[reason.list_class]
        assert len(found.get("o", "").encode()) <= MAX_ORGANISATION
    full, short = json.loads(texts[0]), json.loads(texts[-1])
    if len(texts) == 2:
        assert short == {key: value for key, value in full.items() if key in "cs"}
    else:
        assert not {"c", "s"} & set(full)
