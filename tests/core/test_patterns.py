from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core import patterns as module
from resolver.core.lists.expression import ExpressionFault, Unsupported, is_found, parse_expression
from resolver.core.lists.rule import Effect, Pattern
from resolver.core.patterns import HAS_RE2, NEEDS_RE2, Patterns, bounded_expression, keys
from tests.hostile_lists import NEARLY, WORST

NEEDED = pytest.mark.skipif(not HAS_RE2, reason="google-re2 is not installed")
ENGINES = [pytest.param(False, id="re"), pytest.param(True, id="re2", marks=NEEDED)]


def pattern(regex: str, *spared: str) -> Pattern:
    return Pattern(regex, regex, Effect.BLOCK, 1, spared)


def compiled(regexes: Sequence[str], use_re2: bool) -> Patterns:
    return Patterns([(place, pattern(regex)) for place, regex in enumerate(regexes)], use_re2=use_re2)


def found(patterns: Patterns, text: str) -> list[int]:
    return [number for number, _ in patterns.find(text)]


@pytest.mark.parametrize("use_re2", ENGINES)
def test_every_pattern_that_is_in_a_name_is_found_in_order(use_re2: bool) -> None:
    patterns = compiled([r"x$", "", r"(?:^|\.)ads", "^track.*le", "zzz", "(?:foo|ample)"], use_re2)
    assert found(patterns, "tracker.ads.example") == [1, 2, 3, 5]
    assert found(patterns, "roads.test") == [1]
    assert len(patterns) == 6
    assert patterns.refused == ()


@pytest.mark.parametrize("use_re2", ENGINES)
def test_a_spared_name_and_what_is_below_it_are_left_out(use_re2: bool) -> None:
    patterns = Patterns([(4, pattern("", "ok.example", "test"))], use_re2=use_re2)
    assert found(patterns, "example") == [4]
    assert found(patterns, "notok.example") == [4]
    for name in ("ok.example", "x.ok.example", "test", "a.b.test"):
        assert found(patterns, name) == []


@pytest.mark.parametrize("use_re2", ENGINES)
def test_no_patterns_find_nothing(use_re2: bool) -> None:
    assert list(Patterns([], use_re2=use_re2).find("ads.example")) == []
    assert found(compiled(["ads"], use_re2), "x.example") == []


@pytest.mark.parametrize("use_re2", ENGINES)
def test_an_expression_that_cannot_be_read_is_refused_with_the_reason(use_re2: bool) -> None:
    patterns = compiled(["ads", "(?=a)", "(a"], use_re2)
    assert [(one.list, one.reason) for one in patterns.refused] == [
        (1, "look-around"),
        (2, "a bracket that nothing closes"),
    ]
    assert found(patterns, "ads.example") == [0]


@pytest.mark.parametrize(
    "regex",
    [
        "(a+)+$",
        "(?:a|aa)+$",
        "(?:a?){20}b",
        "(?:[a-z]+.)*x",
        "a+b+c+",
        "[a-z]*1[a-z]*2[a-z]*3",
        r"^[a-z]*1[a-z]*2[a-z]*3",
    ],
)
def test_what_re_might_search_for_long_needs_re2(regex: str) -> None:
    patterns = compiled(["ads", regex], use_re2=False)
    assert [(one.list, one.reason) for one in patterns.refused] == [(1, NEEDS_RE2)]
    assert found(patterns, "ads.example") == [0]


@NEEDED
def test_re2_takes_what_re_must_not() -> None:
    patterns = compiled(["(a+)+$"], use_re2=True)
    assert patterns.refused == ()
    assert found(patterns, "x" + "a" * 200 + ".example") == []


@pytest.mark.parametrize(
    ("regex", "shown"),
    [
        ("ads.*track", "^(?>.*?ads).*?track"),
        (r"(?:^|\.)a.*b.*c$", r"^(?>.*?(?:^|\.)a)(?>.*?b).*?c$"),
        ("ads[0-9]+", "ads[0-9]+"),
        ("a+b.*c", "a+b.*c"),
    ],
)
def test_any_text_between_parts_of_fixed_length_is_searched_once(regex: str, shown: str) -> None:
    bounded = bounded_expression(parse_expression(regex))
    assert bounded == (shown if regex != "a+b.*c" else None)


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        ("^ads[0-9]+tracker", ["tracker"]),
        ("(?:ads|track)[0-9]", ["ads", "track"]),
        ("(?:ads|x)[0-9]", []),
        ("(?:tracker)?x", []),
        ("(?:tracker)+", ["tracker"]),
        ("a.b", []),
    ],
)
def test_the_text_that_decides_whether_an_expression_is_tried(regex: str, expected: list[str]) -> None:
    assert keys(parse_expression(regex)) == expected


def test_only_so_many_expressions_are_tried_with_re(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILTERED", 2)
    monkeypatch.setattr(module, "MAX_UNFILTERED", 1)
    patterns = compiled(["ads", "[0-9]", "a.b", "track", "more"], use_re2=False)
    assert [one.list for one in patterns.refused] == [2, 4]
    assert found(patterns, "ads1.track.more.example") == [0, 1, 3]


@NEEDED
def test_too_many_expressions_for_one_automaton_are_shared_among_several(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_RE2_MEMORY", 1 << 18)
    regexes = [f"(?:^|\\.)ads{number}x.*\\.example$" for number in range(2000)]
    patterns = compiled(regexes, use_re2=True)
    assert patterns.refused == ()
    assert found(patterns, "ads7x.a.example") == [7]
    assert found(patterns, "ads1999x.a.example") == [1999]


@pytest.mark.parametrize(("regex", "tried"), WORST.items())
def test_what_would_search_for_long_is_tried_in_a_form_that_does_not_or_never(
    regex: str, tried: str | None
) -> None:
    node = parse_expression(regex)
    assert bounded_expression(module._trim(node)) == tried
    patterns = compiled([regex], use_re2=False)
    assert len(patterns.refused) == (tried is None)
    for name in (*NEARLY, *[f"{name}1" for name in NEARLY]):
        assert bool(found(patterns, name)) == (tried is not None and is_found(node, name))


PIECES = st.sampled_from(
    [
        *("a", "b", "ads", "abc", ".*", ".*", ".", r"\.", "[a-c]", "[^.]+", "[0-9]{1,3}", "a+", "(?:a|bc)"),
        *("(?:abc|bca)+", "(?:ab)?", r"(?:^|\.)", "b{2}", "^", "$", r"\b"),
    ]
)
REGEXES = st.lists(PIECES, max_size=6).map("".join)
NAMES = st.text("abcds.-1", min_size=1, max_size=20)


@given(st.lists(REGEXES, max_size=8), st.lists(NAMES, max_size=8))
def test_re_finds_what_a_plain_matcher_finds(regexes: list[str], names: list[str]) -> None:
    patterns = compiled(regexes, use_re2=False)
    refused = {one.list for one in patterns.refused}
    for name in names:
        assert found(patterns, name) == [
            place
            for place, regex in enumerate(regexes)
            if place not in refused and is_found(parse_expression(regex), name)
        ]


@NEEDED
@given(st.lists(REGEXES, max_size=8), st.lists(NAMES, max_size=8))
def test_both_engines_find_the_same(regexes: list[str], names: list[str]) -> None:
    slow, fast = compiled(regexes, use_re2=False), compiled(regexes, use_re2=True)
    refused = {one.list for one in slow.refused}
    assert fast.refused == ()
    for name in names:
        assert found(slow, name) == [number for number in found(fast, name) if number not in refused]


@given(st.text(max_size=30), NAMES)
def test_whatever_the_expression_nothing_is_raised(regex: str, name: str) -> None:
    patterns = compiled([regex], use_re2=False)
    try:
        parse_expression(regex)
    except (ExpressionFault, Unsupported):
        assert len(patterns.refused) == 1
    assert len(patterns.find(name)) <= 1
