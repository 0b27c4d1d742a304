from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.lists.adblock import read_adblock
from resolver.core.lists.line import Bad, Cancel
from resolver.core.lists.rule import Pattern, Rule, Scope
from resolver.core.names import from_text, to_text
from resolver.core.patterns import NEEDS_RE2, Patterns
from tests.core.lists.said import reasons, says
from tests.hostile_lists import ADBLOCK, COUNTED, LONGEST, Line
from tests.steps import grows_as_its_input


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
        ("|ads.example^", "exact ads.example"),
        ("|ads.example|", "exact ads.example"),
        ("|ads.example^|", "exact ads.example"),
        ("@@|ads.example^$important", "important allow exact ads.example"),
        ("||ads.example|", "subtree ads.example"),
        ("||ads.example^|", "subtree ads.example"),
        ("||ads.example^*", "subtree ads.example"),
        ("*.ads.example^", "below ads.example"),
        (".ads.example|", "below ads.example"),
        ("||*.ads.example^", "below ads.example"),
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
    "ctag=device_phone",
    "respgeo=xx",
    "important,third-party",
    "third-party,important",
    "dnstype=none,third-party",
    "~important",
    "important=1",
    "badfilter=1",
    "unheard-of",
    "",
]


@pytest.mark.parametrize("modifier", MODIFIERS)
@pytest.mark.parametrize("pattern", ["||ads.example^", "@@||ads.example^", "ads.example", "*", "/ads/"])
def test_a_rule_with_any_modifier_that_is_not_of_dns_is_ignored_whole(pattern: str, modifier: str) -> None:
    assert says(read_adblock, f"{pattern}${modifier}") == "ignored modifier"


@pytest.mark.parametrize(
    ("line", "regex"),
    [
        ("||ads.example", r"(?:^|\.)ads\.example"),
        ("||ads", r"(?:^|\.)ads"),
        ("||ads.*^", r"(?:^|\.)ads\."),
        ("||ads*.example^", r"(?:^|\.)ads.*\.example$"),
        ("||a**b.example^", r"(?:^|\.)a.*b\.example$"),
        ("||*ads.example^", r"ads\.example$"),
        ("|ads.example", r"^ads\.example"),
        ("|ads*", "^ads"),
        ("ads.example|", r"ads\.example$"),
        ("ads.example^", r"ads\.example$"),
        ("*.ads.example", r"\.ads\.example"),
        (".ads.example", r"\.ads\.example"),
        ("*ADS*", "ads"),
        ("*ads-", r"ads\-"),
        ("@@ads.example", r"ads\.example"),
        ("ads.example$important", r"ads\.example"),
        ("*ads_x.example", r"ads_x\.example"),
        ("/ads[0-9]+/", "ads[0-9]+"),
        ("/Ads/$important", "ads"),
        ("@@/^ads\\./", r"^ads\."),
        ("/ads$/", "ads$"),
        ("/ads$/$important", "ads$"),
        ("/ads$/$client=192.0.2.0/24", "ads$"),
        (r"/^ad[sx]{1,3}\d*\./", r"^ad[sx]{1,3}[0-9]*\."),
        ("*$dnstype=AAAA", ""),
        ("*$denyallow=com|net", ""),
        ("||*^$client=192.0.2.1", ""),
        ("/.*/$dnstype=AAAA", ".*"),
        ("||x^$denyallow=y.x.example", None),
        ("||ads.example^$denyallow=ok.ads.example", r"(?:^|\.)ads\.example$"),
        ("|ads.example^$denyallow=ok.example", r"^ads\.example$"),
        ("*.ads.example^$denyallow=ok.ads.example", r"\.ads\.example$"),
        ("ads.example$denyallow=ok.ads.example", r"ads\.example"),
    ],
)
def test_a_pattern_becomes_an_expression(line: str, regex: str | None) -> None:
    (said,) = read_adblock(line, 1, Scope.EXACT)
    assert (said.regex if isinstance(said, Pattern) else None) == regex


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("||ads*.example^$important", "important pattern ||ads*.example^"),
        ("@@/ads/", "allow pattern /ads/"),
        ("||ads.example^$denyallow=B.example|a.example.", "pattern ||ads.example^ but a.example b.example"),
        ("||ads.example^$dnstype=aaaa|A", "subtree ads.example for 1 28"),
        ("||ads.example^$dnstype=~TYPE65|~HTTPS", "subtree ads.example not for 65"),
        (
            "||ads.example^$client=192.0.2.1|~192.0.2.0/24",
            "subtree ads.example to 192.0.2.1/32 not to 192.0.2.0/24",
        ),
        ("||ads.example^$dnsrewrite=NXDOMAIN", "subtree ads.example as nxdomain"),
        ("||ads*^$dnsrewrite=REFUSED", "pattern ||ads*^ as refused"),
        ("||ads.example^$dnsrewrite=192.0.2.1", "subtree ads.example as data 1:c0000201"),
        ("||ads.example^$badfilter", "cancel subtree ads.example"),
        ("||ads.example^$badfilter,important", "cancel important subtree ads.example"),
        ("@@/ads/$badfilter", "cancel allow pattern /ads/"),
        ("||ads.example^$third-party,badfilter", "ignored modifier"),
        ("@@||ads.example^$dnsrewrite", "ignored rewrite exception"),
        ("@@||ads.example^$dnsrewrite=192.0.2.1", "ignored rewrite exception"),
        ("||ads.example^$client=kitchen", "ignored client name"),
    ],
)
def test_modifiers_say_whom_a_rule_is_for_and_what_it_answers(line: str, expected: str) -> None:
    assert says(read_adblock, line) == expected


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (r"/^ads\.(?!x)/", "regex: look-around"),
        (r"/(ads)\1/", "regex: back-reference"),
        (r"/^https?:\/\/ads\./", "url"),
        ("/a b/", "url"),
        ("||ads.example^/path", "url"),
        ("||ads.example/path*", "url"),
        ("||ads.example:8080^", "url"),
        ("||ads.example^path", "url"),
        ("^ads.example^", "url"),
        ("|https://ads.example/", "url"),
        ("://ads.example", "url"),
        ("/banner.js", "url"),
        ("/banner/*/img^", "url"),
        ("||192.0.2.1^", "address"),
        ("||192.0.2.1", "address"),
        ("||192.0.2.", "address"),
        ("||192.0.*", "address"),
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


TOO_WIDE = [
    *("*", "||", "|", "||^", "||*^", "||.^", "@@||^", "*$important", "||*^$important", "@@ab", "$important"),
    *("@@", "@@*", "*.*", "||*.*^", "**.", "*$dnsrewrite=NXDOMAIN", "*$badfilter"),
    *("/./", "/.*/", "@@/.*/", r"/\./", r"/^[^.]+\.[^.]+$/", "/[a-z0-9_-]+/", "/(ads)?/", "/^/", "/ads|/"),
    r"/(?:^|\.)[a-z0-9_-]+\.[a-z]+$/",
]


@pytest.mark.parametrize("line", TOO_WIDE)
def test_a_rule_about_nearly_every_name_is_a_mistake(line: str) -> None:
    assert reasons(read_adblock(line, 1, Scope.EXACT)) == ["a pattern that would match too much"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("||example^", "a single label"),
        ("@@||example^", "a single label"),
        ("*.example^", "a single label"),
        ("banner", "a single label"),
        ("ab", "a single label"),
        ("||a..b^", "an empty label"),
        ("*a..b", "an empty label"),
        ("a..b", "an empty label"),
        ("||" + "a" * 64 + ".example^", "a label over 63 bytes"),
        ("*" + "a" * 64, "a label over 63 bytes"),
        ("*" + "a." * 130, "longer than any name"),
        ("||999.1.1.1^", "ends in a number, as no name does"),
        ("*bü", "a part of a name beyond ASCII"),
        ("*ads|x", "a `|` inside a pattern"),
        ("*|ads.example", "a `|` inside a pattern"),
        ("*ads(x", "a character that no host name holds"),
        ("/ads(/", "a regular expression: a bracket that nothing closes"),
        ("/a**/", "a regular expression: a count of a count"),
        ("||ads.example^ # comment", "a blank inside a rule; in this format no comment stands behind a rule"),
        (
            "||ads.example^$important # c",
            "a blank inside a rule; in this format no comment stands behind a rule",
        ),
        ("||ads.example^$all # c", "a blank inside a rule; in this format no comment stands behind a rule"),
        ("0.0.0.0 ads.example", "a blank inside a rule; in this format no comment stands behind a rule"),
    ],
)
def test_a_broken_rule_is_a_mistake_with_the_reason(line: str, reason: str) -> None:
    assert reasons(read_adblock(line, 1, Scope.EXACT)) == [reason]


def test_the_name_of_the_machine_itself_is_dropped_quietly() -> None:
    assert says(read_adblock, "||localhost^") == "local"
    assert says(read_adblock, "localhost") == "local"


LINES = st.text("|@^$*/#.:a1-_ ,~importan[]()+?\\", min_size=1, max_size=40) | st.lists(
    st.sampled_from(
        [
            *(
                "||",
                "|",
                "^",
                "@@",
                "*",
                "/",
                "$",
                ",",
                "ads",
                ".example",
                "important",
                "badfilter",
                "~",
                "=",
            ),
            *("client=", "192.0.2.1", "dnstype=", "A", "AAAA", "denyallow=", "dnsrewrite=", "NOERROR;", "'"),
            *("\\", ";", "MX", "TXT", "10 ", "ü", "(", ")", "[", "]", "{2}", "+", "\udcff", "\0", "::1"),
        ]
    ),
    min_size=1,
    max_size=14,
).map("".join)


@given((LINES | st.text(min_size=1)).map(str.strip).filter(bool))
def test_whatever_the_line_names_are_canonical_and_patterns_can_be_looked_for(line: str) -> None:
    for one in read_adblock(line, 1, Scope.EXACT):
        said = one.rule if isinstance(one, Cancel) else one
        if isinstance(said, Rule):
            assert to_text(from_text(said.name)) == said.name
            assert "." in said.name
        if isinstance(said, Pattern):
            refused = Patterns([(0, said)], use_re2=False).refused
            assert [refusal.reason for refusal in refused] in ([], [NEEDS_RE2])
        if isinstance(said, Bad):
            assert said.reason


@given(st.text("|@^$*/#.:a1-_ ,~importan", min_size=1, max_size=40).map(str.strip).filter(bool))
def test_a_rule_is_always_about_a_name_that_stands_whole_in_its_line(line: str) -> None:
    for said in read_adblock(line, 1, Scope.EXACT):
        if isinstance(said, Rule):
            body = line.removeprefix("@@").split("$")[0].rstrip("|^*")
            start = "||" if body.startswith("||") else body[: body.startswith("|")]
            inner = body.removeprefix(start)
            below = inner.startswith(("*", "."))
            assert from_text(said.name) == from_text(inner.lstrip("*").removeprefix("." if below else ""))
            assert said.scope is (Scope.BELOW if below else Scope.SUBTREE if start == "||" else Scope.EXACT)


def naive(pattern: str, text: str) -> bool:
    """Match as the syntax is described, step by step."""
    places = [0] + [at + 1 for at, char in enumerate(text) if char == "."] if pattern[:2] == "||" else [0]
    if pattern[:1] != "|":
        places = list(range(len(text) + 1))
    return any(_naive_at(pattern.lstrip("|"), text, place) for place in places)


def _naive_at(rest: str, text: str, at: int) -> bool:
    if not rest:
        return True
    if rest[0] == "*":
        return any(_naive_at(rest[1:], text, place) for place in range(at, len(text) + 1))
    if rest[0] in "^|":
        return at == len(text) and _naive_at(rest[1:], text, at)
    return text[at : at + 1] == rest[0] and _naive_at(rest[1:], text, at + 1)


PATTERNS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "|", "||"]),
    st.text("abc*.", min_size=2, max_size=7).filter(lambda body: ".." not in body),
    st.sampled_from(["", "^", "|", "^|", "*", "^*"]),
)
HOSTS = st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=4).map(".".join)


@given(PATTERNS, st.lists(HOSTS, min_size=1, max_size=6))
def test_a_pattern_means_what_a_plain_matcher_makes_of_it(pattern: str, names: list[str]) -> None:
    (said,) = read_adblock(f"{pattern}$important", 1, Scope.EXACT)
    for name in names:
        if isinstance(said, Pattern):
            assert bool(re.search(said.regex, name)) == naive(pattern, name)
            assert bool(Patterns([(0, said)]).find(name)) == naive(pattern, name)
        elif isinstance(said, Rule):
            own, below = name == said.name, name.endswith(f".{said.name}")
            assert naive(pattern, name) == bool((own and said.scope & 1) or (below and said.scope & 2))


@pytest.mark.parametrize("line", ADBLOCK, ids=str)
def test_a_line_takes_no_more_steps_than_its_length_has_it(line: Line) -> None:
    grows_as_its_input(lambda size: read_adblock(line.of(size), 1, Scope.EXACT), 1000, LONGEST)


def test_an_expression_of_many_counts_takes_no_more_steps_than_its_length_has_it() -> None:
    grows_as_its_input(lambda parts: read_adblock(f"/{COUNTED * parts}/", 1, Scope.EXACT), 8, 33)
