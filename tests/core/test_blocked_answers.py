"""Every blocked answer: class x mode x type x EDNS, with tables of what is expected of each."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from ipaddress import IPv4Address, IPv6Address, ip_network

import dns.flags
import dns.rcode
import dns.rdatatype
import pytest

from resolver.core.cache import Ageing, Cache
from resolver.core.engine import Engine, Reply
from resolver.core.lists.record import Harm, ListClass, Record
from resolver.core.lists.rule import Effect, Rule, Scope
from resolver.core.networks import Network
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList
from resolver.core.replies import AnswerMode
from resolver.core.routes import Routes
from tests.messages import errors, opt, packed, parsed, query
from tests.tables import build

SOA = "SOA 30 @ nobody.invalid. 1 3600 1200 604800 30"
"""The record that says how long there is nothing; `@` is the name that was asked for."""
EMPTY: tuple[list[str], list[str]] = ([], [SOA])
RECORDS: dict[str, dict[str, tuple[str, list[str], list[str]]]] = {
    "nxdomain": dict.fromkeys(("A", "AAAA", "HTTPS", "MX", "ANY"), ("NXDOMAIN", *EMPTY)),
    "nodata": dict.fromkeys(("A", "AAAA", "HTTPS", "MX", "ANY"), ("NOERROR", *EMPTY)),
    "notice": {
        "A": ("NOERROR", ["A 30 192.0.2.10"], []),
        "AAAA": ("NOERROR", ["AAAA 30 2001:db8::10"], []),
        **dict.fromkeys(("HTTPS", "MX", "ANY"), ("NOERROR", *EMPTY)),
    },
    "null": {
        "A": ("NOERROR", ["A 30 0.0.0.0"], []),
        "AAAA": ("NOERROR", ["AAAA 30 ::"], []),
        **dict.fromkeys(("HTTPS", "MX", "ANY"), ("NOERROR", *EMPTY)),
    },
    "refused": {kind: ("REFUSED", [], []) for kind in ("A", "AAAA", "HTTPS", "MX", "ANY")},
}
"""RCODE, answer section and authority section by mode and type."""
PLAIN_CODES = {
    "nxdomain": {"policy": 15, "legal": 16, "requested": 17, "security": 15},
    "nodata": {"policy": 15, "legal": 16, "requested": 17, "security": 15},
    "notice": {"policy": 4, "legal": 4, "requested": 4, "security": 4},
    "null": {"policy": 4, "legal": 4, "requested": 4, "security": 4},
    "refused": {"policy": 15, "legal": 16, "requested": 17, "security": 15},
}
STRUCTURED_CODES = {"policy": 15, "legal": 16, "requested": 17, "security": 15}
"""In every mode: who reads structured errors is told of no forged answer."""
PLAIN_TEXTS = {
    "policy": "Chat: Kein Chät im Unterricht; by Schule; since 2026-11-22; ask it@school.example",
    "legal": "Order: By order of a court; by Example School; since 2026-11-22; ask https://school.example/why",
    "requested": "Ads: No ads; by Example School; since 2026-11-22; ask +1-555-0100",
    "security": "Malware; by Example School; since 2026-11-22; ask it@school.example",
}
STRUCTURED_TEXTS = {
    "policy": '{"c":["mailto:it@school.example"],"j":"Chat: Kein Chät im Unterricht; since 2026-11-22",'
    '"s":5,"o":"Schule","l":"de"}',
    "legal": '{"j":"Order: By order of a court; since 2026-11-22; ask https://school.example/why",'
    '"o":"Example School","l":"en"}',
    "requested": '{"c":["tel:+1-555-0100"],"j":"Ads: No ads; since 2026-11-22","s":3,"o":"Example School",'
    '"l":"en"}',
    "security": '{"c":["mailto:it@school.example"],"j":"Malware; since 2026-11-22","s":1,'
    '"o":"Example School","l":"en"}',
}
SHORT_TEXTS = {
    "policy": '{"c":["mailto:it@school.example"],"s":5}',
    "legal": "",
    "requested": '{"c":["tel:+1-555-0100"],"s":3}',
    "security": '{"c":["mailto:it@school.example"],"s":1}',
}
"""What is left of the structured ones without `j` and `o`; of one that would be empty nothing is."""

SINCE, SCHOOL = date(2026, 11, 22), "Example School"
LISTS = [
    PolicyList(
        "policy",
        Record(
            (("en", "Chat"), ("de", "Chat")),
            text=(("en", "No chat in class."), ("de", "Kein Chät im Unterricht.")),
            organisation=(("en", SCHOOL), ("de", "Schule")),
            contact="mailto:it@school.example",
            since=SINCE,
        ),
        languages=("de",),
    ),
    PolicyList(
        "legal",
        Record(
            "Order",
            ListClass.LEGAL,
            "By order of a court.",
            SCHOOL,
            contact="https://school.example/why",
            since=SINCE,
            harm=Harm.PHISHING,
        ),
    ),
    PolicyList(
        "requested",
        Record(
            "Ads",
            ListClass.REQUESTED,
            "No ads.",
            SCHOOL,
            contact="tel:+1-555-0100",
            since=SINCE,
            harm=Harm.SPAM,
        ),
    ),
    PolicyList(
        "security",
        Record(
            "Malware",
            ListClass.SECURITY,
            organisation=SCHOOL,
            contact="mailto:it@school.example",
            since=SINCE,
        ),
    ),
]
SIGNAL, OLDER, OLDEST = b"\xfd\xf7\0\0", b"\0\x0f\0\0", b"\0\x0f\0\2\0\0"
STATES = {
    "none": (b"", None),
    "plain": (opt(), "plain"),
    "plain with DO": (opt(do=True), "plain"),
    "structured": (opt(options=SIGNAL), "structured"),
    "structured with DO": (opt(options=SIGNAL, do=True), "structured"),
    "structured with data, to be ignored": (opt(options=b"\xfd\xf7\0\2en"), "structured"),
    "the older signal": (opt(options=OLDER), "structured"),
    "the older signal of two bytes": (opt(options=OLDEST), "structured"),
    "an extended error that says something": (opt(options=b"\0\x0f\0\2\0\1"), "plain"),
    "small": (opt(payload=512), "plain"),
    "structured and small": (opt(payload=512, options=SIGNAL), "structured"),
}
"""What the client says, and what it is told."""
LONG = ".".join(["x" * 63, "y" * 63, "z" * 63, "w" * 42])
"""In front of a name, so that of a reply of 512 bytes little is left."""


def networks() -> dict[AnswerMode, Network]:
    return {mode: ip_network(f"192.0.2.{16 * number}/28") for number, mode in enumerate(AnswerMode)}


RULES = [[Rule(f"{one.name}.example", Scope.SUBTREE, Effect.BLOCK, 1)] for one in LISTS]
SETTINGS = AnswerSettings(30, (IPv4Address("192.0.2.10"),), (IPv6Address("2001:db8::10"),))
GROUPS = [
    Group(mode.value, (network,), frozenset(range(len(LISTS))), mode) for mode, network in networks().items()
]
POLICY = Policy(build(RULES), LISTS, GROUPS, SETTINGS, generation=1)
ENGINE = Engine(Cache(1 << 20), Ageing(), Routes())


def ask(wire: bytes, mode: str, *, stream: bool = False, policy: Policy = POLICY) -> bytes:
    client = networks()[AnswerMode(mode)].network_address + 1
    reply = ENGINE.handle(wire, policy.profile_for(client), 0.0, stream=stream, address=packed(str(client)))
    assert isinstance(reply, Reply)
    return reply.wire


def shown(name: str, section: list[dns.rrset.RRset]) -> list[str]:
    said = [
        f"{dns.rdatatype.to_text(one.rdtype)} {one.ttl} {rdata.to_text()}" for one in section for rdata in one
    ]
    assert all(one.name.to_text() == name for one in section)
    return [text.replace(f" {name} ", " @ ", 1) for text in said]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", ["A", "AAAA", "HTTPS", "MX", "ANY"])
@pytest.mark.parametrize("mode", RECORDS)
@pytest.mark.parametrize("list_class", PLAIN_TEXTS)
def test_a_blocked_answer_is_what_the_tables_say(list_class: str, mode: str, kind: str, state: str) -> None:
    edns, told = STATES[state]
    name = f"WWW.{list_class}.Example."
    message = parsed(ask(query(name, dns.rdatatype.from_text(kind), opt=edns), mode))
    rcode, answer, authority = RECORDS[mode][kind]
    assert dns.rcode.to_text(message.rcode()) == rcode
    assert dns.flags.to_text(message.flags) == "QR RD RA"
    assert shown(name, message.answer) == answer
    assert shown(name, message.authority) == authority
    assert message.additional == []
    if told is None:
        assert message.edns == -1
    elif told == "plain":
        assert errors(message) == [(PLAIN_CODES[mode][list_class], PLAIN_TEXTS[list_class])]
    else:
        assert errors(message) == [(STRUCTURED_CODES[list_class], STRUCTURED_TEXTS[list_class])]
    if told is not None:
        assert (message.edns, message.payload) == (0, 1232)
        assert bool(message.ednsflags & dns.flags.DO) == ("DO" in state)
        assert [int(option.otype) for option in message.options] == [15]


WORDY = Policy(
    build(RULES),
    [replace(one, record=replace(one.record, text="No chat. " * 20)) for one in LISTS],
    GROUPS,
    SETTINGS,
    generation=2,
)


@pytest.mark.parametrize("mode", RECORDS)
@pytest.mark.parametrize("list_class", PLAIN_TEXTS)
def test_where_room_is_short_texts_go_and_the_answer_stays(list_class: str, mode: str) -> None:
    name = f"{LONG}.{list_class}.example."
    for kind in ("A", "MX"):
        qtype = dns.rdatatype.from_text(kind)
        rcode, answer, authority = RECORDS[mode][kind]
        for options, expected in (
            (b"", (PLAIN_CODES[mode][list_class], "")),
            (SIGNAL, (STRUCTURED_CODES[list_class], SHORT_TEXTS[list_class])),
        ):
            wire = query(name, qtype, opt=opt(payload=512, options=options))
            message = parsed(ask(wire, mode, policy=WORDY))
            assert dns.rcode.to_text(message.rcode()) == rcode
            assert dns.flags.to_text(message.flags) == "QR RD RA"
            assert shown(name, message.answer) == answer
            assert shown(name, message.authority) == authority
            assert errors(message) == [expected]
            whole = parsed(ask(wire, mode, policy=WORDY, stream=True))
            assert "No chat. No chat." in errors(whole)[0][1]


def test_what_is_left_out_first_is_the_text_then_all_but_the_code_then_the_whole_answer() -> None:
    """With ever longer names in front of the one that is blocked, in replies of 512 bytes."""
    record = Record("Chat", text="No chat. " * 10, contact="mailto:it@school.example")
    long = Record("Chat", text="No chat. " * 10, contact="mailto:" + "x" * 160 + "@school.example")
    full = (
        '{"c":["mailto:it@school.example"],"j":"Chat: No chat. No chat. No chat. No chat. No chat. No chat. '
        'No chat. No chat. No chat. No chat. ","s":5,"l":"en"}'
    )
    many = [IPv4Address("192.0.2.10") + number for number in range(15)]
    told = {}
    for label, given, mode, addresses in (
        ("all", record, AnswerMode.NXDOMAIN, many[:1]),
        ("short", record, AnswerMode.NOTICE, many[:6]),
        ("code", long, AnswerMode.NOTICE, many[:3]),
        ("none", record, AnswerMode.NOTICE, many),
    ):
        policy = Policy(
            build([[Rule("chat.example", Scope.SUBTREE, Effect.BLOCK, 1)]]),
            [PolicyList("chat", given)],
            [Group("default", (), frozenset([0]), mode)],
            AnswerSettings(30, tuple(addresses)),
        )
        front = "x.chat.example" if label == "all" else f"{LONG}.chat.example"
        wire = query(front, opt=opt(payload=512, options=SIGNAL))
        reply = ENGINE.handle(wire, policy.profile_for(IPv4Address("192.0.2.1")), 0.0)
        assert isinstance(reply, Reply)
        assert len(reply.wire) <= 512
        message = parsed(reply.wire)
        told[label] = errors(message), bool(message.flags & dns.flags.TC)
    assert told == {
        "all": ([(15, full)], False),
        "short": ([(15, '{"c":["mailto:it@school.example"],"s":5}')], False),
        "code": ([(15, "")], False),
        "none": ([], True),
    }


@pytest.mark.parametrize("text", [*STRUCTURED_TEXTS.values(), *filter(None, SHORT_TEXTS.values())])
def test_a_structured_error_is_what_the_draft_asks_for(text: str) -> None:
    found = json.loads(text)
    assert json.dumps(found, ensure_ascii=False, separators=(",", ":")) == text
    assert set(found) <= set("cjsol")
    assert ("l" in found) == ("j" in found or "o" in found)
    assert any(found.get(key) for key in "cjs")
    assert all(contact.startswith(("tel:", "mailto:")) for contact in found.get("c", ()))
