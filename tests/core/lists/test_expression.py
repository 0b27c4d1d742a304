from __future__ import annotations

import contextlib
import re
import warnings

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from resolver.core.lists.expression import (
    ExpressionFault,
    Unsupported,
    is_found,
    literals,
    parse_expression,
    show_expression,
)
from tests.hostile_lists import EXPRESSIONS as HOSTILE
from tests.steps import does_not_grow, grows_as_its_input


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ads", "ads"),
        ("ADS", "ads"),
        ("(?i)Ads", "ads"),
        (r"^ads[0-9]+\.", r"^ads[0-9]+\."),
        (r"ads\d+", "ads[0-9]+"),
        (r"[\w-]+", r"[\-0-9_a-z]+"),
        (r"[A-F]x", "[a-f]x"),
        (r"[[:alpha:]]x", "[a-z]x"),
        (r"[]a]", r"[\]a]"),
        (r"[a-]", r"[\-a]"),
        (r"[^.]", r"[^\.]"),
        (r"\Aads\z", "^ads$"),
        (r"ads\Z", "ads$"),
        (r"\bads\B", r"\bads\B"),
        ("(ads|Track)er", "(?:ads|track)er"),
        ("(?:ads)", "ads"),
        ("(?P<a>ads)?x", "(?:ads)?x"),
        ("(?<a>ads)x", "adsx"),
        ("(?i:ads)", "ads"),
        ("a*?b+?c??", "a*b+c?"),
        ("a{3}b{2,}c{1,4}d{0,1}", "a{3}b{2,}c{1,4}d?"),
        ("a{,3}", r"a\{\,3\}"),
        ("a{1,999}", "a+"),
        (r"a\sb", r"a[\x00]b"),
        (r"\x41[\x2d-\x39]", r"a[\--9]"),
        (r"\-\_\/\.", r"\-_\/\."),
        ("(|a)b", "(?:|a)b"),
        ("", ""),
    ],
)
def test_an_expression_is_written_as_every_engine_reads_it(text: str, shown: str) -> None:
    node = parse_expression(text)
    assert show_expression(node) == shown
    re.compile(shown)
    assert show_expression(parse_expression(shown)) == shown.replace(r"[\x00]", r"\x00")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("(?=a)", "look-around"),
        ("(?!a)", "look-around"),
        ("(?<=a)b", "look-around"),
        ("(?<!a)b", "look-around"),
        (r"(a)\1", "back-reference"),
        ("(?>a)", "atomic group"),
        ("a++", "possessive"),
        ("a{2}+", "possessive"),
        ("(a)?(?(1)b|c)", "condition"),
        ("(?#x)a", "comment"),
        ("(?s)a", "flag"),
        ("(?P=a)", "flag"),
        ("(?-i:a)", "flag"),
        (r"\pL", "escape"),
        (r"\Qa\E", "escape"),
        (r"\x{61}", "escape"),
        (r"\xff", "escape"),
        (r"[\b]", "escape"),
        ("[[:cntrl:]]", "class"),
    ],
)
def test_what_only_other_engines_read_is_named(text: str, part: str) -> None:
    with pytest.raises(Unsupported) as caught:
        parse_expression(text)
    assert str(caught.value) == part


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(a", "a bracket that nothing closes"),
        ("a)", "a bracket that closes nothing"),
        ("[a", "a square bracket that nothing closes"),
        ("[]", "a square bracket that nothing closes"),
        ("a\\", "a backslash at the end"),
        ("*a", "nothing to repeat"),
        ("a|*", "nothing to repeat"),
        ("{3}", "nothing to repeat"),
        ("^*", "nothing to repeat"),
        ("a**", "a count of a count"),
        ("a{3}{4}", "a count of a count"),
        ("a{4,3}", "a count that goes backwards"),
        ("a{254}", "longer than any name"),
        ("[z-a]", "a range without two ends in order"),
        (r"[a-\d]", "a range without two ends in order"),
        ("(a{100}){100}", "stands for more than 1000 characters"),
        ("(" * 25 + "a" + ")" * 25, "more than 24 brackets in each other"),
        ("(" * 2000, "more than 24 brackets in each other"),
        ("é", "a character beyond ASCII, which no name holds"),
    ],
)
def test_a_broken_expression_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ExpressionFault) as caught:
        parse_expression(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"(?:^|\.)ads\.example$", ["ads.example"]),
        ("ads[0-9]+track", ["ads", "track"]),
        ("a|b", []),
        ("(ads)?x", ["x"]),
    ],
)
def test_the_texts_that_every_match_holds_are_known(text: str, found: list[str]) -> None:
    assert literals(parse_expression(text)) == found


PIECES = st.sampled_from(
    [
        *"abx.019-_()[]{}|*+?^$\\",
        "(?:",
        ".*",
        r"\.",
        r"\d",
        r"\w",
        r"\b",
        "[a-c]",
        "[^.]",
        "{2}",
        "{1,3}",
        "{2,}",
    ]
)
EXPRESSIONS = st.lists(PIECES, max_size=12).map("".join)
NAMES = st.text("abcx019-_.", max_size=12)


@given(EXPRESSIONS, NAMES)
def test_what_is_written_anew_finds_what_was_written(text: str, name: str) -> None:
    try:
        node = parse_expression(text)
    except (ExpressionFault, Unsupported):
        return
    found = is_found(node, name)
    assert found == bool(re.search(show_expression(node), name))
    assume("{," not in text)  # text to RE2, a count to `re`
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", FutureWarning
        )  # `[[` will mean something else one day; we never write it
        assert found == bool(re.search(text, name))


@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    with contextlib.suppress(ExpressionFault, Unsupported):
        assert isinstance(show_expression(parse_expression(text)), str)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_expression_makes_a_search_longer_than_the_name_is(text: str) -> None:
    node = parse_expression(text)
    grows_as_its_input(lambda length: is_found(node, "a" * length + "b"), 50, 200)


@pytest.mark.parametrize("text", ["a", "a*", "[a]", "(a)", "a|"])
def test_an_expression_that_is_too_large_without_its_counts_is_not_read_to_its_end(text: str) -> None:
    def read(times: int) -> None:
        with pytest.raises(ExpressionFault, match="more than 1000 characters"):
            parse_expression(text * times)

    does_not_grow(read, 1001, 8000)
