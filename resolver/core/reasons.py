"""Why a name is blocked: one value for every channel, and a function for each form that it takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from resolver.core.language import DEFAULT
from resolver.core.lists.record import ListClass, Record, Step, in_language

MAX_BRIEF = 240
"""Longest reason in a DNS answer, in bytes; RFC 8914 asks for short ones."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What a list says of itself, in one language. Empty strings and None: not given.

    `list` and `group` are names of the configuration; `via` is the blocked name or address that the answer
    led to, where it is not the name that was asked. `language` is that of `why`, or of the title without it.
    """

    title: str
    why: str = ""
    list_class: ListClass = ListClass.POLICY
    organisation: str = ""
    authority: str = ""
    reference: str = ""
    contact: str = ""
    since: date | None = None
    review: date | None = None
    more: str = ""
    list: str = ""
    group: str = ""
    via: str = ""
    language: str = DEFAULT
    title_language: str = DEFAULT
    organisation_language: str = DEFAULT
    history: tuple[Step, ...] = ()


def make_reason(
    record: Record, ranges: Iterable[str] = (), *, by: str = "", group: str = "", via: str = ""
) -> Reason:
    """Return what a record says in the language that fits the ranges best; each text in the best it has.

    `by` is the list's name.
    """
    wanted, language = tuple(ranges), record.language or DEFAULT
    title, title_language = in_language(record.title, language, wanted)
    why, why_language = in_language(record.text, language, wanted)
    organisation, organisation_language = in_language(record.organisation, language, wanted)
    return Reason(
        title=title,
        why=why,
        list_class=record.list_class,
        organisation=organisation,
        authority=record.authority,
        reference=record.reference,
        contact=record.contact,
        since=record.since,
        review=record.review,
        more=record.more,
        list=by,
        group=group,
        via=via,
        language=why_language if why else title_language,
        title_language=title_language,
        organisation_language=organisation_language,
        history=record.history,
    )


def brief(reason: Reason) -> str:
    """Return the reason in one line for a DNS answer: what, why, who, since when, whom to ask."""
    parts = [f"{reason.title}: {reason.why.rstrip('.')}" if reason.why else reason.title]
    if reason.via:
        parts[0] = f"{reason.via} ({parts[0]})"
    if reason.organisation:
        parts.append(f"by {reason.organisation}")
    if reason.since is not None:
        parts.append(f"since {reason.since.isoformat()}")
    if reason.contact:
        parts.append(f"ask {bare(reason.contact)}")
    return cut("; ".join(parts), MAX_BRIEF)


def document(reason: Reason) -> dict[str, object]:
    """Return what is given of a reason, for programs: the names are those of a record's keys."""
    given: dict[str, object] = {
        "title": reason.title,
        "class": reason.list_class.value,
        "text": reason.why,
        "organisation": reason.organisation,
        "authority": reason.authority,
        "reference": reason.reference,
        "contact": reason.contact,
        "since": reason.since.isoformat() if reason.since else "",
        "review": reason.review.isoformat() if reason.review else "",
        "more": reason.more,
        "language": reason.language,
        "via": reason.via,
        "list": reason.list,
        "group": reason.group,
        "history": [_step(step) for step in reason.history],
    }
    return {key: value for key, value in given.items() if value}


def lines(reason: Reason) -> tuple[tuple[str, str], ...]:
    """Return what is given of a reason, for people at a terminal: (key, text), each step of a history one."""
    said = [(key, str(value)) for key, value in document(reason).items() if key not in _NOT_IN_LINES]
    return (*said, *[("history", " ".join(filter(None, _step(step).values()))) for step in reason.history])


def event_fields(reason: Reason) -> dict[str, object]:
    """Return what a line of a log says of a reason; the history is left to those who look it up."""
    return {key: value for key, value in document(reason).items() if key != "history"}


_NOT_IN_LINES = ("history", "language", "list", "group")


def bare(contact: str) -> str:
    """Return whom to ask as people write it."""
    return contact.removeprefix("mailto:").removeprefix("tel:")


def cut(text: str, size: int) -> str:
    """Return `text` within `size` bytes of UTF-8, cut between characters."""
    data = text.encode()
    return text if len(data) <= size else data[: size - 3].decode(errors="ignore") + "…"


def _step(step: Step) -> dict[str, str]:
    given = {
        "date": step.day.isoformat(),
        "status": step.status.value,
        "reference": step.reference,
        "note": step.note,
    }
    return {key: value for key, value in given.items() if value}
