"""What pages say: the same in every language."""

from __future__ import annotations

import re
import string
from datetime import date

import pytest

from resolver.web.phrases import LANGUAGES, speaking

EN = LANGUAGES["en"]
OTHERS = sorted(LANGUAGES.keys() - {"en"})


def placeholders(text: str) -> list[str]:
    return sorted([name for _, name, _, _ in string.Formatter().parse(text) if name])


def test_there_are_six_languages() -> None:
    assert sorted(LANGUAGES) == ["de", "en", "es", "ja", "ru", "zh-Hans"]


@pytest.mark.parametrize("tag", OTHERS)
def test_a_language_has_every_key_with_every_placeholder_and_no_other(tag: str) -> None:
    phrases = LANGUAGES[tag]
    assert list(phrases.texts) == list(EN.texts)
    assert {key: placeholders(text) for key, text in phrases.texts.items()} == {
        key: placeholders(text) for key, text in EN.texts.items()
    }


@pytest.mark.parametrize("tag", sorted(LANGUAGES))
def test_a_language_says_all_in_plain_text(tag: str) -> None:
    phrases = LANGUAGES[tag]
    assert phrases.direction in {"ltr", "rtl"}
    assert len(set(phrases.months)) == 12
    for text in phrases.texts.values():
        assert isinstance(text, str)
        assert text == text.strip() != ""
        assert not re.search(r"[<>&\x00-\x1f]", text)


@pytest.mark.parametrize("tag", OTHERS)
def test_a_language_repeats_no_english(tag: str) -> None:
    same = {key for key, text in LANGUAGES[tag].texts.items() if text == EN.texts[key]}
    assert same <= {"date"}


@pytest.mark.parametrize(
    ("ranges", "tag"),
    [
        ([], "en"),
        (["fr"], "en"),
        (["fr", "de-AT"], "de"),
        (["zh-CN"], "zh-Hans"),
        (["zh"], "zh-Hans"),
        (["ja-JP", "en"], "ja"),
        (["en-GB", "ja"], "en"),
    ],
)
def test_the_reader_gets_the_language_that_fits_best(ranges: list[str], tag: str) -> None:
    assert speaking(ranges).tag == tag


def test_a_text_becomes_markup_and_what_stands_in_it_stays_as_it_is() -> None:
    assert EN.say("blocked", host="<bdi>a</bdi>") == "<bdi>a</bdi> is blocked on this network"
    assert EN.day(date(2026, 11, 2)) == "2 November 2026"
