"""What is said to somebody who was stopped: the facts for programs, the status, and what a page needs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from resolver.core import reasons
from resolver.core.lists.record import ListClass
from resolver.core.reasons import Reason

_URI = re.compile(r"(?:https?://[^/:]|mailto:|tel:)[!#-;=?-\[\]_a-z~]+").fullmatch
"""URIs as far as a Link header can hold them: printable ASCII without quotes, angle brackets and blanks."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A host that somebody came to, and why it is blocked for them; None: it is not.

    `host` is the text of a name, A-labels as they are; it is empty where the page's own address was asked.
    """

    host: str
    reason: Reason | None


def status(notice: Notice) -> int:
    """Return the status: 451 for a legal demand (RFC 7725), 403 for other blocks, 404 where there is none."""
    if notice.reason is None:
        return 404
    return 451 if notice.reason.list_class is ListClass.LEGAL else 403


def links(notice: Notice, server: str) -> dict[str, str]:
    """Return the Link header of a legal block, which names who blocks (RFC 7725, section 4).

    That is who implements the block, not who demands it: the operator, never `authority` or `reference`.
    The record knows the operator by `more` and `contact`; where it gives neither, `server` stands in, the
    URL of this listener. A relative reference would name the blocked host.
    """
    reason = notice.reason
    if reason is None or reason.list_class is not ListClass.LEGAL:
        return {}
    known = [reason.more if reason.more.startswith("https://") else "", reason.contact, server]
    named = next(filter(_URI, known), None)
    return {"Link": f'<{named}>; rel="blocked-by"'} if named else {}


def document(notice: Notice) -> dict[str, object]:
    """Return the facts of the page for programs."""
    if notice.reason is None:
        return {"host": notice.host, "blocked": False}
    return {"host": notice.host, "blocked": True, **reasons.document(notice.reason)}
