from __future__ import annotations

import pytest

from resolver.core.guards import DEFAULT_BOUNDS, Hit, Protected, Update, hits, refusal
from resolver.core.lists.reader import parse_list
from resolver.core.steps import make_words
from tests.tables import SECRET

ZONE = "$TTL 60\n@ SOA a. b. 1 1 1 1 1\nads.example CNAME .\n"
NAME = Protected("mail.corp.example", "the owner says so")


def update(text: str, format: str = "auto", *, fetched: bool = True) -> Update:
    parsed = parse_list(text.encode(), "list", format=format)
    return Update(parsed, make_words(parsed.rules, SECRET), fetched=fetched)


def said(text: str, *, fetched: bool = True) -> str | None:
    """Return what is said against a policy zone with some more records."""
    return refusal(update(ZONE + text, "rpz", fetched=fetched), DEFAULT_BOUNDS, (), SECRET)


HALVES = "1.0.0.0.0.rpz-client-ip CNAME .\n1.0.0.0.128.rpz-client-ip CNAME .\n"
QUARTERS = "2.0.0.0.0.rpz-ip CNAME .\n2.0.0.0.192.rpz-ip CNAME .\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HALVES, "would block 1/2 of all IPv4 clients or more, line 4"),
        ("1.0.0.0.128.rpz-ip CNAME *.\n", "would block 1/2 of all IPv4 addresses in answers or more, line 4"),
        (QUARTERS, "would block 1/2 of all IPv4 addresses in answers or more, line 4"),
        ("4.zz.2000.rpz-ip CNAME .\n", "would block 1/16 of all IPv6 addresses in answers or more, line 4"),
        (
            "5.zz.2000.rpz-client-ip CNAME .\n5.zz.2800.rpz-client-ip CNAME rpz-drop.\n",
            "would block 1/16 of all IPv6 clients or more, line 4",
        ),
        (
            "24.0.2.0.192.rpz-client-ip CNAME .\n32.1.0.0.127.rpz-client-ip CNAME .\n",
            "would block this machine itself as a client (127.0.0.1/32), line 5",
        ),
        (
            "128.1.zz.rpz-client-ip CNAME .\n",
            "would block this machine itself as a client (::1/128), line 4",
        ),
    ],
)
def test_a_fetched_list_must_not_block_half_of_all_addresses_or_this_machine(
    text: str, expected: str
) -> None:
    assert said(text) == expected
    assert said(text, fetched=False) is None  # the owner may write what they like


@pytest.mark.parametrize(
    "text",
    [
        "2.0.0.0.64.rpz-ip CNAME .\n2.0.0.0.64.rpz-ip CNAME *.\n",  # a quarter, twice
        "3.0.0.0.32.rpz-ip CNAME .\n2.0.0.0.192.rpz-client-ip CNAME .\n2.0.0.0.128.rpz-ip CNAME .\n",
        "5.zz.2000.rpz-ip CNAME .\n",
        "8.0.0.0.127.rpz-ip CNAME .\n",  # an answer that leads to the client's own machine
        HALVES.replace("CNAME .", "CNAME rpz-passthru."),
    ],
)
def test_what_covers_less_or_lets_through_is_taken(text: str) -> None:
    assert said(text) is None


def blocked(text: str, format: str = "auto") -> list[int]:
    """Return the lines that block a name that must stay open."""
    return [hit.line for hit in hits(update(text, format), (NAME,), SECRET)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("||mail.corp.example^\n@@||mail.corp.example^\n", []),
        ("||corp.example^\n@@||mail.corp.example^\n", []),
        ("mail.corp.example\n@@||corp.example^\n", []),
        ("||corp.example^\n@@/^mail/\n", []),
        ("/^mail/\n@@||mail.corp.example^\n", []),
        ("@@||mail.corp.example^\n||mail.corp.example^$important\n", [2]),
        ("||corp.example^$important\n@@||mail.corp.example^$important\n", []),
        ("||corp.example^\n@@||mail.corp.example^$dnstype=AAAA\n", [1]),
        ("||corp.example^\n@@||www.corp.example^\n", [1]),
        ("@@||corp.example^\n/^mail/$important\n", [2]),
    ],
)
def test_a_list_that_lets_a_name_through_itself_does_not_block_it(text: str, lines: list[int]) -> None:
    assert blocked(text) == lines


def test_formats_in_which_the_closest_rule_counts_are_judged_by_it() -> None:
    assert blocked("address=/corp.example/\nserver=/mail.corp.example/#\n", "dnsmasq") == []
    assert blocked("server=/corp.example/#\naddress=/mail.corp.example/\n", "dnsmasq") == [2]
    wild = "*.corp.example CNAME .\n"
    assert blocked(f"{ZONE}{wild}", "rpz") == [4]
    assert blocked(f"{ZONE}{wild}mail.corp.example CNAME rpz-passthru.\n", "rpz") == []


def test_what_is_below_a_suffix_is_judged_apart_from_the_suffix() -> None:
    suffix = Protected("co.example", "a suffix", below=True)
    for text, line in (("||co.example^\n@@|co.example^|\n", 1), ("co.example\n", 1), ("*.co.example\n", 1)):
        assert hits(update(text), (suffix,), SECRET) == [Hit("co.example", "a suffix", line)]
    assert hits(update("||co.example^\n@@||co.example^\n"), (suffix,), SECRET) == []
