"""Why a name is blocked: one value for every channel, and a function for each form that it takes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from resolver.core.language import DEFAULT
from resolver.core.lists.record import Harm, ListClass, Record, Step, in_language

MAX_BRIEF = 240
"""Longest reason in a DNS answer, in bytes; RFC 8914 asks for short ones."""
MAX_ORGANISATION = 120
"""Longest name of who blocks in a structured error, in bytes."""


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
    harm: Harm | None = None


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
        harm=record.harm,
    )


def brief(reason: Reason) -> str:
    """Return the reason in one line for a DNS answer: what, why, who, since when, whom to ask."""
    by = f"by {reason.organisation}" if reason.organisation else ""
    ask = f"ask {bare(reason.contact)}" if reason.contact else ""
    return cut("; ".join(filter(None, [_what(reason), by, _since(reason), ask])), MAX_BRIEF)


def structured(reason: Reason) -> tuple[str, ...]:
    """Return the reason for programs in DNS answers, and what is left of it where that is too long.

    Each is an object of I-JSON without blanks (draft-ietf-dnsop-structured-dns-error-22, section 4): contacts
    `c`, justification `j`, sub-error `s`, organisation `o`, and `l`, the language of `j` and `o`. The second
    leaves `j` and `o` out; it is missing where nothing would be left.
    """
    callable_ = reason.contact.startswith(_CONTACT_SCHEMES)
    ask = f"ask {reason.contact}" if reason.contact and not callable_ else ""
    said = cut("; ".join(filter(None, [_what(reason), _since(reason), ask])), MAX_BRIEF)
    given = {
        "c": [reason.contact] if callable_ else None,
        "j": said,
        "s": _sub_error(reason),
        "o": cut(reason.organisation, MAX_ORGANISATION),
        "l": reason.language,
    }
    full = {key: value for key, value in given.items() if value}
    short = {key: value for key, value in full.items() if key in "cs"}
    return tuple([json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in (full, short) if one])


_CONTACT_SCHEMES = ("tel:", "mailto:")
"""What the draft's registry has."""
_HARMS = {Harm.MALWARE: 1, Harm.PHISHING: 2, Harm.SPAM: 3, Harm.SPYWARE: 4}
_SUB_ERRORS = {ListClass.POLICY: 5, ListClass.SECURITY: 1}
"""Sub-errors by class where the record names no harm: the network's policy, malware. What was requested is
none that is registered."""


def _sub_error(reason: Reason) -> int | None:
    """Return the sub-error; Censored, which answers of class `legal` are, has none (section 5.2)."""
    if reason.list_class is ListClass.LEGAL:
        return None
    return _HARMS[reason.harm] if reason.harm else _SUB_ERRORS.get(reason.list_class)


def _what(reason: Reason) -> str:
    said = f"{reason.title}: {reason.why.rstrip('.')}" if reason.why else reason.title
    return f"{reason.via} ({said})" if reason.via else said


def _since(reason: Reason) -> str:
    return f"since {reason.since.isoformat()}" if reason.since else ""


def document(reason: Reason) -> dict[str, object]:
    """Return what is given of a reason, for programs: the names are those of a record's keys."""
    given: dict[str, object] = {
        "title": reason.title,
        "class": reason.list_class.value,
        "harm": reason.harm.value if reason.harm else "",
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
