"""What pages say, in the languages of their readers: a file a language, in the folder `languages`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from html import escape
from pathlib import Path

import yaml

from resolver.core.language import DEFAULT, lookup

FOLDER = Path(__file__).with_name("languages")


@dataclass(frozen=True, slots=True)
class Phrases:
    """What pages say in one language: its tag, the direction of its writing, and plain texts by key."""

    tag: str
    direction: str
    months: tuple[str, ...]
    texts: Mapping[str, str]

    def say(self, key: str, **given: str) -> str:
        """Return a text as markup; `given` is the markup that its placeholders stand for."""
        return escape(self.texts[key], quote=False).format(**given)

    def plain(self, key: str, **given: str) -> str:
        """Return a text that is no markup, with what its placeholders stand for."""
        return self.texts[key].format(**given)

    def day(self, day: date) -> str:
        """Return a day as people write it."""
        return self.texts["date"].format(day=day.day, month=self.months[day.month - 1], year=day.year)


def read_phrases(path: Path) -> Phrases:
    """Return what a file holds; its name is the language's tag."""
    texts = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Phrases(path.stem, texts.pop("direction"), tuple(texts.pop("months")), texts)


LANGUAGES: Mapping[str, Phrases] = {path.stem: read_phrases(path) for path in sorted(FOLDER.glob("*.yaml"))}
"""By tag."""
_TAGS = tuple(LANGUAGES)


def speaking(ranges: Iterable[str]) -> Phrases:
    """Return the phrases in the language that fits the ranges best, the most wanted first."""
    return LANGUAGES[lookup(ranges, _TAGS) or DEFAULT]
