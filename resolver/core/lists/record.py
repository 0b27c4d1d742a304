"""Why a list exists: who decided it, on what ground, since when, and whom to ask."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from resolver.core.errors import RecordFault


class ListClass(StrEnum):
    """On whose account a list blocks; decides the extended DNS error (RFC 8914, section 4.16 to 4.18)."""

    POLICY = "policy"
    LEGAL = "legal"
    REQUESTED = "requested"
    SECURITY = "security"


@dataclass(frozen=True, slots=True)
class Record:
    """The reason of one list, as its owner wrote it. Empty strings and None: not given."""

    title: str
    list_class: ListClass = ListClass.POLICY
    text: str = ""
    organisation: str = ""
    authority: str = ""
    reference: str = ""
    contact: str = ""
    since: date | None = None
    review: date | None = None
    more: str = ""


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
)

MAX_TITLE = 120
MAX_TEXT = 1000
MAX_FIELD = 300
"""Longest values in characters: a record travels in DNS answers and stands on one page."""

_CONTACT = re.compile(
    r"mailto:[^\s@<>\"]+@[^\s@<>\"]+|tel:\+?[0-9][0-9().-]*(?:;[^\s<>\"]+)?|https://[^\s<>\"/]+[^\s<>\"]*"
).fullmatch
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_BLANKS = re.compile(r"[ \t\r\n]+")
_UNPRINTABLE = frozenset(["Cc", "Cs", "Zl", "Zp"])


def record_from_mapping(mapping: Mapping[str, object]) -> Record:
    """Return the record that a `record:` block holds: the keys are RECORD_KEYS, `title` must be there.

    Takes dates as YAML gives them or as ISO text; None and empty text are "not given", line breaks become
    blanks. `contact` is a mailto:, tel: or https: URI; `reference` and `more` are links when they begin with
    https://, else text. Raises RecordFault, which names the field.
    """
    for key in mapping:
        if key not in RECORD_KEYS:
            raise RecordFault(str(key), "unknown; the keys are " + ", ".join(RECORD_KEYS))
    record = Record(
        title=_text(mapping, "title", MAX_TITLE),
        list_class=_list_class(mapping),
        text=_text(mapping, "text", MAX_TEXT),
        organisation=_text(mapping, "organisation", MAX_FIELD),
        authority=_text(mapping, "authority", MAX_FIELD),
        reference=_text(mapping, "reference", MAX_FIELD),
        contact=_contact(mapping),
        since=_date(mapping, "since"),
        review=_date(mapping, "review"),
        more=_text(mapping, "more", MAX_FIELD),
    )
    if not record.title:
        raise RecordFault("title", "missing")
    if record.since and record.review and record.review < record.since:
        raise RecordFault("review", "before `since`")
    return record


def check_text(field: str, value: object, longest: int) -> str:
    """Return a text that a person wrote, on one line; empty for None. Raises RecordFault."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RecordFault(field, f"must be text, not {type(value).__name__}: put it in quotes")
    text = _BLANKS.sub(" ", value.strip())
    if len(text) > longest:
        raise RecordFault(field, f"{len(text)} characters, over {longest}")
    if any(unicodedata.category(char) in _UNPRINTABLE for char in text):
        raise RecordFault(field, "holds a control character")
    return text


def _text(mapping: Mapping[str, object], field: str, longest: int) -> str:
    return check_text(field, mapping.get(field), longest)


def _list_class(mapping: Mapping[str, object]) -> ListClass:
    value = mapping.get("class")
    try:
        return ListClass.POLICY if value is None else ListClass(str(value))
    except ValueError:
        known = ", ".join(ListClass)
        raise RecordFault("class", f"{str(value)[:40]!r} is not one of {known}") from None


def _contact(mapping: Mapping[str, object]) -> str:
    contact = _text(mapping, "contact", MAX_FIELD)
    if contact and not _CONTACT(contact):
        raise RecordFault("contact", "must be a mailto:, tel: or https: URI, as mailto:it@corp.example")
    return contact


def _date(mapping: Mapping[str, object], field: str) -> date | None:
    value = mapping.get(field)
    if value is None or value == "":
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and _ISO_DATE(value):  # fromisoformat() takes more spellings than people do
            return date.fromisoformat(value)
        raise ValueError
    except ValueError:
        raise RecordFault(field, f"{str(value)[:40]!r} is not a date as 2026-11-22") from None
