"""Why a list exists: who decided it, on what ground, since when, whom to ask, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from resolver.core.language import DEFAULT, lookup

Texts = str | tuple[tuple[str, str], ...]
"""A text in the language of its record, or the same in several: (language tag, text) in the order written."""


class ListClass(StrEnum):
    """On whose account a list blocks; decides the extended DNS error (RFC 8914, section 4.16 to 4.18)."""

    POLICY = "policy"
    LEGAL = "legal"
    REQUESTED = "requested"
    SECURITY = "security"


class Harm(StrEnum):
    """What a list protects from, for those who tell programs of it."""

    MALWARE = "malware"
    PHISHING = "phishing"
    SPAM = "spam"
    SPYWARE = "spyware"


class Status(StrEnum):
    """What became of a list on a day."""

    LISTED = "listed"
    """Somebody decided that it should be blocked."""
    NOTIFIED = "notified"
    """Those whom it concerns were told."""
    ENFORCED = "enforced"
    SHADOW = "shadow"
    """Counted, not applied."""
    LIFTED = "lifted"


class Step(NamedTuple):
    """One step in the history of a list: what became of it, when, by which paper, and a remark."""

    status: Status
    day: date
    reference: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """The reason of one list, as its owner wrote it. Empty strings and None: not given.

    `language` is that of the texts that do not say theirs.
    """

    title: Texts
    list_class: ListClass = ListClass.POLICY
    text: Texts = ""
    organisation: Texts = ""
    authority: str = ""
    reference: str = ""
    contact: str = ""
    since: date | None = None
    review: date | None = None
    more: str = ""
    language: str = ""
    history: tuple[Step, ...] = ()
    harm: Harm | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for records that do not say it themselves; texts in `language`."""

    contact: str = ""
    organisation: Texts = ""
    language: str = DEFAULT

    def complete(self, record: Record) -> Record:
        """Return a record with what it leaves out."""
        language = record.language or self.language
        organisation = self.organisation
        if isinstance(organisation, str) and organisation and language != self.language:
            organisation = ((self.language, organisation),)
        return replace(
            record,
            contact=record.contact or self.contact,
            organisation=record.organisation or organisation,
            language=language,
        )


NO_DEFAULTS = Defaults()

RECORD_KEYS = (
    "title",
    "class",
    "text",
    "organisation",
    "authority",
    "reference",
    "contact",
    "since",
    "review",
    "more",
    "language",
    "history",
    "harm",
)
STEP_KEYS = ("status", "date", "reference", "note")

MAX_TITLE = 120
MAX_TEXT = 1000
MAX_FIELD = 300
"""Longest values in characters: a record travels in DNS answers and stands on one page."""
MAX_LANGUAGES = 32
MAX_STEPS = 64
"""Most steps of a history."""


def in_language(texts: Texts, language: str, ranges: Iterable[str]) -> tuple[str, str]:
    """Return a text in the language that fits the ranges best, and that language's tag.

    `language` is that of a plain text, and what is taken where no range fits; without it the first counts.
    """
    if isinstance(texts, str):
        return texts, language
    found = lookup((*ranges, language), [tag for tag, _ in texts])
    return next(((text, tag) for tag, text in texts if tag == found), (texts[0][1], texts[0][0]))
