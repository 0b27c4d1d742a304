"""Which language fits a reader, and what a browser may ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.language import MAX_HEADER, MAX_RANGES, accepted, is_tag, lookup


@pytest.mark.parametrize("tag", ["en", "de-CH", "zh-Hans", "zh-Hant-TW", "zh-cmn-Hans", "x-home"])
def test_tags_are_told_by_their_form(tag: str) -> None:
    assert is_tag(tag)


@pytest.mark.parametrize(
    "text", ["", "*", "de_CH", "german123", "de-", "-de", "de--CH", "e", "i-klingon", "дe", "en\n", "a" * 9]
)
def test_what_is_no_tag_is_told(text: str) -> None:
    assert not is_tag(text)
    assert not is_tag("-".join(["en", *["abcdefgh"] * 4]))


@pytest.mark.parametrize(
    ("ranges", "tags", "expected"),
    [
        (["de"], ["en", "de"], "de"),
        (["DE-ch"], ["en", "de"], "de"),
        (["de-CH"], ["de", "de-ch"], "de-ch"),
        (["zh-Hant-CN-x-private1-private2"], ["zh-Hant", "zh"], "zh-Hant"),
        (["zh-Hant-CN-x-private1"], ["zh-Hant-CN-x"], "zh-Hant-CN-x"),
        (["de"], ["en", "de-CH"], "de-CH"),
        (["fr", "de"], ["en", "de"], "de"),
        (["zh-TW"], ["zh-Hans", "zh-Hant"], "zh-Hant"),
        (["zh-CN"], ["zh-Hant", "zh-Hans"], "zh-Hans"),
        (["zh-TW"], ["zh-Hans"], "zh-Hans"),
        (["zh"], ["en", "zh-Hans"], "zh-Hans"),
        (["e"], ["en"], None),
        (["ja"], ["en", "de"], None),
        ([], ["en"], None),
        (["en"], [], None),
    ],
)
def test_the_first_range_that_anything_fits_decides(
    ranges: list[str], tags: list[str], expected: str | None
) -> None:
    assert lookup(ranges, tags) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("de", ("de",)),
        ("de-CH, de;q=0.9, en;q=0.8, *;q=0.5", ("de-CH", "de", "en")),
        ("en;q=0.2,ru", ("ru", "en")),
        ("en;q=0, ru;Q=1.000", ("ru",)),
        ("en ; q=0.5 , ru", ("ru", "en")),
        ("en;q=2, ru;q=.5, de;level=1, , ;q=1, fr", ("fr",)),
        ("", ()),
        ("*", ()),
        ("<script>", ()),
    ],
)
def test_the_ranges_of_a_header_come_by_weight(header: str, expected: tuple[str, ...]) -> None:
    assert accepted(header) == expected


@given(st.text(max_size=3000) | st.lists(st.sampled_from(["en", "de-CH;q=0.1", "*", ";q=1"])).map(",".join))
def test_a_header_costs_no_more_than_its_bound(header: str) -> None:
    found = accepted(header)
    assert len(found) <= MAX_RANGES
    assert sum(map(len, found)) <= MAX_HEADER
    assert all(one.replace("-", "").isalnum() and one.isascii() for one in found)


@given(st.lists(st.text(max_size=40)), st.lists(st.sampled_from(["en", "de", "zh-Hans"])))
def test_what_is_found_is_one_of_the_tags(ranges: list[str], tags: list[str]) -> None:
    assert lookup(ranges, tags) in {None, *tags}
