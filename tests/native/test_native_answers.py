"""What the native part answers is what Python answers, byte for byte; everything else it hands over."""

from __future__ import annotations

import os
import random
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.messages import opt, packed, query, record
from tests.native.both import CLIENTS, FREE, Both
from tests.native.corpus import ABOUT_US, NAMES, OPTS, TYPES, messages
from tests.twins import needs_native

pytestmark = needs_native
NAME = b"\xc0\x0c"
A = record(NAME, 1, 60, b"\xc0\0\2\1")
SOA = record(NAME, 6, 300, b"\0\0" + bytes(16) + b"\0\0\0\x1e")
ALIAS = record(NAME, 5, 90, b"\4free\7example\0")
MESSAGES = int(os.environ.get("NXWHY_EXAMPLES", "100")) * 200
"""How many messages of the corpus are asked."""
WIRE_NAMES = st.lists(st.binary(min_size=1, max_size=20), max_size=8).map(
    lambda labels: b"".join([bytes([len(label)]) + label for label in labels]) + b"\0"
)


def filled() -> Both:
    """Return both twins with the same answers in their caches."""
    made = Both()
    for opts in (b"", opt(do=True)):
        made.learn(query("known.example", opt=opts), [A, A])
        made.learn(query("known.example", 28, opt=opts), [], [SOA])
        made.learn(query("alias.example", opt=opts), [ALIAS, A])
        made.learn(query("gone.example", opt=opts), [], [SOA], flags=0x8183)
        made.learn(query("long.example", 16, opt=opts), [record(NAME, 16, 60, b"\xff" + bytes(255))] * 4)
        made.learn(query("stale.example", opt=opts), [record(NAME, 1, 1, b"\xc0\0\2\1")])
        made.fail(query("failed.example", opt=opts), b"\0\x0f\0\2\0\x16")
    return made


@cache
def shared() -> Both:
    return filled()


@pytest.mark.parametrize("seed", range(4))
def test_every_message_of_the_corpus_gets_the_same_answer_or_is_handed_over(seed: int) -> None:
    made, rng = filled(), random.Random(seed)
    answered = 0
    for wire in messages(seed, MESSAGES // 4):
        answered += made.ask(wire, rng.choice([*CLIENTS, FREE]), rng.choice([0.0, 3.5, 20.0])) is not None
    assert answered > MESSAGES // 40


@given(
    name=st.one_of(st.sampled_from([*NAMES, *ABOUT_US]), WIRE_NAMES),
    qtype=st.one_of(st.sampled_from(TYPES), st.integers(0, 65535)),
    flags=st.integers(0, 65535),
    opts=st.one_of(st.sampled_from(OPTS), st.binary(max_size=20)),
    client=st.sampled_from([*CLIENTS, FREE]),
    now=st.floats(0, 100),
)
def test_whatever_is_asked_by_whomever_gets_the_same_answer_or_is_handed_over(
    name: str | bytes, qtype: int, flags: int, opts: bytes, client: bytes, now: float
) -> None:
    shared().ask(query(name, qtype, flags=flags, opt=opts), client, now)


@pytest.mark.parametrize("name", ["policy.example", "WWW.legal.example", "security.example"])
@pytest.mark.parametrize("opts", [b"", opt(), opt(do=True), opt(payload=0)])
@pytest.mark.parametrize("qtype", [1, 28, 15])
def test_blocked_names_are_answered_in_every_mode(name: str, opts: bytes, qtype: int) -> None:
    made = Both()
    for client in CLIENTS:
        assert made.ask(query(name, qtype, opt=opts), client) is not None


@pytest.mark.parametrize(
    ("name", "qtype"),
    [
        ("known.example", 1),
        ("known.example", 28),
        ("gone.example", 1),
        ("long.example", 16),
        ("failed.example", 1),
    ],
)
@pytest.mark.parametrize("opts", [b"", opt(do=True)])
def test_cached_answers_are_given(name: str, qtype: int, opts: bytes) -> None:
    assert filled().ask(query(name, qtype, opt=opts), FREE, 2.5) is not None


@pytest.mark.parametrize(
    "wire",
    [
        query("data.example"),
        query("drop.example"),
        query("tcp.example"),
        query("mail.example", 15),
        query("free.example"),
        query("policy.example", opt=opt(version=1)),
        query("policy.example", opt=opt(options=b"\0\x0a\0\x08abcdefgh")),
        query("policy.example", opt=opt(options=b"\0\3\0\0")),
        query("known.example", opt=opt(options=b"\0\3\0\0\0\x0a\0\x08abcdefgh")),
        query("dns.example", 261, flags=0),
        query("_dns.resolver.arpa", 64),
        query("version.bind", 16, qclass=3),
        query("policy.example", flags=0x2100),
        query("policy.example", flags=0x8180),
        query("policy.example")[:-1],
        query("policy.example") + b"\0",
        b"",
        b"\0" * 12,
    ],
)
def test_what_is_not_plain_is_handed_over(wire: bytes) -> None:
    made = filled()
    assert made.ask(query("policy.example"), CLIENTS[0]) is not None
    assert made.ask(wire, CLIENTS[0]) is None


def test_an_answer_with_aliases_is_given_once_python_has_found_them_clean_for_the_client() -> None:
    made = filled()
    assert made.ask(query("alias.example"), FREE) is None
    assert made.ask(query("alias.example"), FREE) is not None
    assert made.ask(query("alias.example"), CLIENTS[0]) is None


def test_a_popular_answer_that_is_due_is_handed_over_once() -> None:
    made = filled()
    for _ in range(3):
        assert made.ask(query("known.example"), FREE, 1.0) is not None
    assert made.ask(query("known.example"), FREE, 59.0) is None
    assert made.ask(query("known.example"), FREE, 59.0) is not None
    assert made.ask(query("known.example"), FREE, 61.0) is None


def test_a_client_that_may_not_ask_is_never_answered() -> None:
    made = filled()
    for _ in range(3):
        found = made.told.snapshot.answer(None, query("policy.example"), packed("198.51.100.1"), 0.0)
        assert found == (2, 0, 0)
        made.told.learn(2, 0, 0, packed("198.51.100.1"))


def test_a_client_over_its_rate_is_handed_over_until_python_grants_more() -> None:
    made = Both(rate=8)
    bucket = made.clients.find(CLIENTS[0])
    assert bucket is not None
    assert made.ask(query("policy.example")) is not None
    bucket.bucket.left = 2
    asked = [made.told.snapshot.answer(None, query("policy.example"), CLIENTS[0], 0.0) for _ in range(3)]
    assert [isinstance(found, bytes) for found in asked] == [True, True, False]
    assert bucket.bucket.left == 0


def test_hits_are_counted_as_in_python() -> None:
    made = filled()
    for name in ("known.example", "alias.example", "known.example", "free.example", "stale.example"):
        made.ask(query(name), FREE, 5.0)
    assert (made.cache.hits, made.cache.misses) == (made.python.cache.hits, made.python.cache.misses)
