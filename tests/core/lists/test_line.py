from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.lists.line import Bad, is_address, is_cosmetic, judge_name, plain_rule, without_comment
from resolver.core.lists.rule import Effect, Rule, Scope
from resolver.core.names import from_text, to_text
from tests.core.lists.said import shown

LABEL_63 = "a" * 63
LONGEST = ".".join([LABEL_63] * 3 + ["b" * 61])


def judged(text: str) -> str:
    return shown(judge_name(text, Scope.EXACT, 1))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ads.example", "ads.example"),
        ("ADS.Example", "ads.example"),
        ("ads.example.", "ads.example"),
        ("Ads.Example.", "ads.example"),
        ("_tracker.ads_1.example", "_tracker.ads_1.example"),
        ("-ads.example", "-ads.example"),
        ("1.ads.example", "1.ads.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example.", "xn--bcher-kva.example"),
        ("bücher。example", "xn--bcher-kva.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("ads.xn--zckzah", "ads.xn--zckzah"),
        (LABEL_63 + ".example", LABEL_63 + ".example"),
        (LONGEST, LONGEST),
        (LONGEST + ".", LONGEST),
    ],
)
def test_a_name_is_taken_in_any_usual_spelling(text: str, name: str) -> None:
    assert judged(text) == f"exact {name}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no name"),
        (".", "no name"),
        ("*", "a wildcard where none can be taken"),
        ("*.", "a wildcard where none can be taken"),
        ("**.ads.example", "a wildcard where none can be taken"),
        ("*ads.example", "a wildcard where none can be taken"),
        ("a.*.example", "a wildcard where none can be taken"),
        ("example", "a single label"),
        ("lan", "a single label"),
        ("EXAMPLE.", "a single label"),
        ("a..example", "an empty label"),
        (".ads.example", "an empty label"),
        ("ads.example..", "an empty label"),
        ("a" * 64 + ".example", "a label over 63 bytes"),
        (LONGEST + "c", "a name over 253 characters"),
        ("a." * 127 + "example", "a name over 253 characters"),
        ("999.1.1.1", "ends in a number, as no name does"),
        ("ads.1", "ends in a number, as no name does"),
        ("ads.example:443", "a port or an address, not a name"),
        ("https://ads.example/x", "a URL, not a name"),
        ("ads.example/x", "a URL, not a name"),
        ("user@ads.example", "a mail address, not a name"),
        ("a.example b.example", "more than one name"),
        ("ads\0.example", "a control character"),
        ("ads\x1f.example", "a control character"),
        ("ads\x7f.example", "a control character"),
        ("ads.ex\udcffample", "not UTF-8"),
        ("ads,x.example", "a character that no host name holds"),
        (r"ads\.example", "a character that no host name holds"),
        (r"ads\046x.example", "a character that no host name holds"),
    ],
)
def test_a_text_that_is_no_name_or_reaches_too_far_is_refused_with_the_reason(text: str, reason: str) -> None:
    assert judge_name(text, Scope.SUBTREE, 1) == Bad(reason)


@pytest.mark.parametrize(
    "text",
    ["ä" * 70 + ".example", "ä\u0300\u0300-.example", "\u200d.example", "ü..example", "＊.ads.example"],
)
def test_a_broken_u_label_is_refused(text: str) -> None:
    assert isinstance(judge_name(text, Scope.EXACT, 1), Bad)


@pytest.mark.parametrize(
    "text",
    [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "localhost.localdomain",
        "local",
        "broadcasthost",
        "ip6-allhosts",
    ],
)
def test_the_names_of_the_machine_itself_are_dropped_quietly(text: str) -> None:
    assert judged(text) == "local"


@pytest.mark.parametrize("text", ["192.0.2.1", "0.0.0.0", "::", "2001:db8::1", "2001:DB8::1", "fe80::1%lo0"])
def test_a_bare_address_is_ignored(text: str) -> None:
    assert judged(text) == "ignored address"
    assert is_address(text)


@pytest.mark.parametrize(
    "text", ["", "999.1.1.1", "192.0.2", "192.0.2.01", "fe80::1%", ":", "1.2.3.4.example", "１.2.3.4"]
)
def test_what_only_looks_like_an_address_is_none(text: str) -> None:
    assert not is_address(text)


def test_the_rule_carries_what_it_was_told() -> None:
    rule = judge_name("ads.example", Scope.SUBTREE, 9, Effect.IMPORTANT_ALLOW)
    assert rule == Rule("ads.example", Scope.SUBTREE, Effect.IMPORTANT_ALLOW, 9)


@pytest.mark.parametrize(
    ("line", "cosmetic"),
    [
        ("a.example##.banner", True),
        ("a.example,b.example#@#.banner", True),
        ("a.example#?#.banner", True),
        ("a.example#$#body", True),
        ("a.example#@$#body", True),
        ("a.example#$?#body", True),
        ("a.example#%#script", True),
        ("##.banner", True),
        ("## Section", False),
        ("#######", False),
        ("# Title: x", False),
        ("a.example#comment", False),
        ("0.0.0.0 a.example##comment", False),
        ("a.example", False),
    ],
)
def test_a_rule_about_a_page_is_told_from_a_comment(line: str, cosmetic: bool) -> None:
    assert is_cosmetic(line) is cosmetic


@pytest.mark.parametrize("line", ["ads.example", "ads.example # x", "ads.example#x", "ads.example \t#x#y"])
def test_a_comment_needs_no_blank_in_front_of_it(line: str) -> None:
    assert without_comment(line) == "ads.example"


@given(st.text(max_size=300))
def test_whatever_the_text_a_rule_is_about_the_name_that_the_text_spells(text: str) -> None:
    said = judge_name(text, Scope.SUBTREE, 1)
    if isinstance(said, Rule):
        assert from_text(said.name) == from_text(text)
        assert to_text(from_text(said.name)) == said.name
        assert "." in said.name
        assert "*" not in said.name


LABELS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=63)


@given(st.lists(LABELS, min_size=2, max_size=6).map(".".join))
def test_the_quick_way_and_the_careful_way_agree(text: str) -> None:
    quick = plain_rule(text, Scope.EXACT, 1)
    assert quick is None or from_text(quick.name) == from_text(text)
    assert quick == plain_rule(text, Scope.EXACT, 1)
    careful = judge_name(text.upper() + ".", Scope.EXACT, 1)
    if quick is not None:
        assert careful == quick
    elif len(text) <= 253:
        assert not isinstance(careful, Rule)
