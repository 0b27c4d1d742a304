"""A mapping, as YAML gives it -> a list's record, or everything that is wrong with it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

from resolver.core.errors import RecordFault, RecordRefused
from resolver.core.language import MAX_TAG, is_tag
from resolver.core.lists.record import (
    MAX_FIELD,
    MAX_LANGUAGES,
    MAX_STEPS,
    MAX_TEXT,
    MAX_TITLE,
    RECORD_KEYS,
    STEP_KEYS,
    Harm,
    ListClass,
    Record,
    Status,
    Step,
    Texts,
)

MAX_FAULTS = 100
"""Most faults that are told of one record."""

Choice = TypeVar("Choice", bound=StrEnum)

_CONTACT = re.compile(
    r"mailto:[^\s@<>\"]+@[^\s@<>\"]+|tel:\+?[0-9][0-9().-]*(?:;[^\s<>\"]+)?|https://[^\s<>\"/]+[^\s<>\"]*"
).fullmatch
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_BLANKS = re.compile(r"[ \t\r\n]+")
_LAST_OF_PLANES = "".join([chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF)])
_NO_CHARACTER = re.compile(f"[\ufdd0-\ufdef{_LAST_OF_PLANES}]").search
"""What JSON for the Internet must not hold (RFC 7493, section 2.1)."""
_UNPRINTABLE = frozenset(["Cc", "Cs", "Zl", "Zp"])


def record_from_mapping(mapping: Mapping[str, object]) -> Record:
    """Return the record that a `record:` block holds: the keys are RECORD_KEYS, `title` must be there.

    Takes dates as YAML gives them or as ISO text; None and empty text are "not given", line breaks become
    blanks. `title`, `text` and `organisation` are a text, or a mapping of language tags to texts. `contact`
    is a mailto:, tel: or https: URI; `reference` and `more` are links when they begin with https://, else
    text. Raises RecordRefused with every fault.
    """
    reading = _Reading(mapping, RECORD_KEYS, ())
    record = Record(
        title=reading.texts("title", MAX_TITLE),
        list_class=reading.choice("class", ListClass) or ListClass.POLICY,
        text=reading.texts("text", MAX_TEXT),
        organisation=reading.texts("organisation", MAX_FIELD),
        authority=reading.text("authority"),
        reference=reading.text("reference"),
        contact=reading.contact(),
        since=reading.day("since"),
        review=reading.day("review"),
        more=reading.text("more"),
        language=reading.language(),
        history=reading.history(),
        harm=reading.choice("harm", Harm),
    )
    if not record.title and not any(fault.place[0] == "title" for fault in reading.faults):
        reading.note("title", "missing")
    if record.since and record.review and record.review < record.since:
        reading.note("review", "before `since`")
    if reading.faults:
        raise RecordRefused(tuple(reading.faults[:MAX_FAULTS]))
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
    if _NO_CHARACTER(text):
        raise RecordFault(field, "holds a code point that is no character")
    return text


def check_contact(value: object) -> str:
    """Return whom to ask, a URI; empty for None. Raises RecordFault."""
    contact = check_text("contact", value, MAX_FIELD)
    if contact and not _CONTACT(contact):
        raise RecordFault("contact", "must be a mailto:, tel: or https: URI, as mailto:it@corp.example")
    return contact


def check_language(value: object) -> str:
    """Return a language tag; empty for None. Raises RecordFault."""
    tag = check_text("language", value, MAX_TAG)
    if tag and not is_tag(tag):
        raise RecordFault("language", f"{tag!r} is no language tag as en or zh-Hans")
    return tag


def check_texts(field: str, value: object, longest: int) -> Texts:
    """Return a text, or what a mapping of language tags to texts holds. Raises RecordRefused, RecordFault."""
    if not isinstance(value, Mapping):
        return check_text(field, value, longest)
    if len(value) > MAX_LANGUAGES:
        raise RecordFault(field, f"in more than {MAX_LANGUAGES} languages")
    found: dict[str, tuple[str, str]] = {}
    faults = []
    for key, text in value.items():
        tag = str(key)
        place = (field, tag)
        try:
            if not is_tag(tag):
                raise RecordFault(
                    place, f"{tag[:MAX_TAG]!r} is no language tag as en or zh-Hans", of_key=True
                )
            if tag.lower() in found:
                raise RecordFault(place, "this language stands twice", of_key=True)
            found[tag.lower()] = tag, check_text(field, text, longest)
        except RecordFault as fault:
            faults.append(RecordFault(place, fault.reason, of_key=fault.of_key))
    if faults:
        raise RecordRefused(tuple(faults))
    return tuple([(tag, text) for tag, text in found.values() if text]) or ""


class _Reading:
    """A mapping of a record being read: what is wrong with it is noted, and reads as not given."""

    def __init__(
        self, mapping: Mapping[str, object], known: tuple[str, ...], place: tuple[str | int, ...]
    ) -> None:
        self._mapping, self._place = mapping, place
        self.faults: list[RecordFault] = []
        for key in [key for key in mapping if key not in known][:MAX_FAULTS]:
            reason = f"unknown; the keys are {', '.join(known)}"
            self.faults.append(RecordFault((*place, str(key)), reason, of_key=True))

    def note(self, field: str, reason: str) -> None:
        self.faults.append(RecordFault((*self._place, field), reason))

    def text(self, field: str, longest: int = MAX_FIELD) -> str:
        try:
            return check_text(field, self._mapping.get(field), longest)
        except RecordFault as fault:
            self.note(field, fault.reason)
            return ""

    def texts(self, field: str, longest: int) -> Texts:
        try:
            return check_texts(field, self._mapping.get(field), longest)
        except RecordRefused as refused:
            self.faults += refused.faults
        except RecordFault as fault:
            self.faults.append(fault)
        return ""

    def contact(self) -> str:
        try:
            return check_contact(self._mapping.get("contact"))
        except RecordFault as fault:
            self.faults.append(fault)
            return ""

    def language(self) -> str:
        try:
            return check_language(self._mapping.get("language"))
        except RecordFault as fault:
            self.faults.append(fault)
            return ""

    def choice(self, field: str, choices: type[Choice]) -> Choice | None:
        value = self._mapping.get(field)
        try:
            return None if value is None else choices(str(value))
        except ValueError:
            self.note(field, f"{str(value)[:40]!r} is not one of {', '.join(choices)}")
            return None

    def day(self, field: str) -> date | None:
        value = self._mapping.get(field)
        if value is None or value == "":
            return None
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        try:
            if isinstance(value, str) and _ISO_DATE(value):  # fromisoformat() takes more than people write
                return date.fromisoformat(value)
            raise ValueError
        except ValueError:
            self.note(field, f"{str(value)[:40]!r} is not a date as 2026-11-22")
            return None

    def history(self) -> tuple[Step, ...]:
        written = self._mapping.get("history")
        if written is None or written == "":
            return ()
        if not isinstance(written, list | tuple):
            self.note("history", "must be a list of steps, as [{status: enforced, date: 2026-11-22}]")
            return ()
        if len(written) > MAX_STEPS:
            self.note("history", f"more than {MAX_STEPS} steps")
            return ()
        steps: list[Step] = []
        for number, one in enumerate(written):
            step = self._step(number, one)
            if step is None:
                continue
            if steps and step.day < steps[-1].day:
                place = ("history", number, "date")
                self.faults.append(RecordFault(place, "before the step above it: the oldest comes first"))
            steps.append(step)
        return tuple(steps)

    def _step(self, number: int, written: object) -> Step | None:
        place = ("history", number)
        if not isinstance(written, Mapping):
            self.faults.append(
                RecordFault(place, "must be a mapping, as {status: enforced, date: 2026-11-22}")
            )
            return None
        reading = _Reading(written, STEP_KEYS, place)
        status, day = reading.choice("status", Status), reading.day("date")
        reference, note = reading.text("reference"), reading.text("note")
        for field in ("status", "date"):
            if written.get(field) in (None, ""):
                reading.note(field, "missing")
        self.faults += reading.faults
        return None if status is None or day is None else Step(status, day, reference, note)
