"""Why a list exists: who decided it, on what ground, since when, and whom to ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


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
