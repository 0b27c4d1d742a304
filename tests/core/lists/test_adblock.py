from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.lists.adblock import read_adblock
from resolver.core.lists.rule import Rule, Scope
from resolver.core.names import from_text
from tests.core.lists.said import says


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("||ads.example^", "subtree ads.example"),
        ("||ADS.example^", "subtree ads.example"),
        ("||ads.example.^", "subtree ads.example"),
        ("||under_score.example^", "subtree under_score.example"),
        ("||bücher.example^", "subtree xn--bcher-kva.example"),
        ("@@||ads.example^", "allow subtree ads.example"),
        ("||ads.example^$important", "important subtree ads.example"),
        ("@@||ads.example^$important", "important allow subtree ads.example"),
        ("ads.example", "exact ads.example"),
        ("under_score.example", "exact under_score.example"),
        ("! comment", "comment"),
        ("# comment", "comment"),
        ("[Adblock Plus]", "comment"),
    ],
)
def test_names_and_their_exceptions_are_taken(line: str, expected: str) -> None:
    assert says(read_adblock, line) == expected


def test_a_bare_name_reaches_as_far_as_the_owner_says() -> None:
    assert says(read_adblock, "ads.example", Scope.SUBTREE) == "subtree ads.example"


MODIFIERS = [
    "third-party",
    "document",
    "popup",
    "all",
    "image",
    "badfilter",
    "client=192.0.2.1",
    "ctag=device_phone",
    "denyallow=a.example|b.example",
    "dnstype=AAAA",
    "dnsrewrite=192.0.2.1",
    "dnsrewrite=NOERROR;A;192.0.2.1",
    "respgeo=xx",
    "important,third-party",
    "third-party,important",
    "~important",
    "unheard-of",
    "",
]


@pytest.mark.parametrize("modifier", MODIFIERS)
@pytest.mark.parametrize("pattern", ["||ads.example^", "@@||ads.example^", "ads.example", "*"])
def test_a_rule_with_any_other_modifier_is_ignored_whole(pattern: str, modifier: str) -> None:
    assert says(read_adblock, f"{pattern}${modifier}") == "ignored modifier"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("||ads.example", "pattern"),
        ("|ads.example^", "pattern"),
        ("|ads.example", "pattern"),
        ("ads.example|", "pattern"),
        ("ads.example^", "pattern"),
        ("||ads.example^|", "pattern"),
        ("||ads*.example^", "pattern"),
        ("||*.ads.example^", "pattern"),
        ("*.ads.example", "pattern"),
        ("*ads*", "pattern"),
        ("banner", "pattern"),
        ("@@ads.example", "pattern"),
        ("ads.example$important", "pattern"),
        ("/ads[0-9]+/", "regex"),
        (r"/^ads\.(?!x)/", "regex"),
        ("/ads/$important", "regex"),
        ("@@/ads/", "regex"),
        ("/a b/", "regex"),
        ("||ads.example^/path", "url"),
        ("||ads.example/path*", "url"),
        ("||ads.example:8080^", "url"),
        ("|https://ads.example/", "url"),
        ("/banner.js", "url"),
        ("||192.0.2.1^", "address"),
        ("||2001:db8::1^", "address"),
        ("192.0.2.1", "address"),
        ("shop.example##.ad", "cosmetic"),
        ("shop.example#@#.ad", "cosmetic"),
        ("shop.example#?#.ad", "cosmetic"),
        ("shop.example#$#body", "cosmetic"),
        ("shop.example#%#script", "cosmetic"),
        ("shop.example## .ad", "cosmetic"),
        ("##.ad", "cosmetic"),
    ],
)
def test_what_is_no_name_is_ignored_by_its_kind_and_not_shortened(line: str, kind: str) -> None:
    assert says(read_adblock, line) == f"ignored {kind}"


@pytest.mark.parametrize(
    "line",
    [
        "*",
        "||",
        "|",
        "||^",
        "||*^",
        "||.^",
        "@@||^",
        "*$important",
        "||*^$important",
        "ab",
        "$important",
        "@@",
        "||example^",
        "@@||example^",
        "||a..b^",
        "||" + "a" * 64 + ".example^",
        "||999.1.1.1^",
        "||ads.example^ # comment",
        "||ads.example^$important # comment",
        "0.0.0.0 ads.example",
    ],
)
def test_a_rule_that_would_match_too_much_or_is_broken_is_a_mistake(line: str) -> None:
    assert says(read_adblock, line) == "bad"


def test_the_name_of_the_machine_itself_is_dropped_quietly() -> None:
    assert says(read_adblock, "||localhost^") == "local"


@given(st.text("|@^$*/#.:a1-_ ,~importan", min_size=1, max_size=40).map(str.strip).filter(bool))
def test_a_rule_is_always_about_a_name_that_stands_whole_in_its_line(line: str) -> None:
    for said in read_adblock(line, 1, Scope.EXACT):
        if isinstance(said, Rule):
            body = line.removeprefix("@@").split("$")[0].removeprefix("||").removesuffix("^")
            assert from_text(said.name) == from_text(body)
            assert (said.scope is Scope.SUBTREE) == line.removeprefix("@@").startswith("||")
