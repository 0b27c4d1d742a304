"""A list's record in words."""

from __future__ import annotations

from resolver.core.lists.record import Record

MAX_BRIEF = 240
"""Longest reason in a DNS answer, in bytes; RFC 8914 asks for short ones."""


def brief(record: Record, via: str | None = None) -> str:
    """Return the reason in one line for a DNS answer: what, why, who, since when, whom to ask.

    `via` is the blocked name or address that the answer led to, where it is not the name that was asked.
    """
    parts = [f"{record.title}: {record.text.rstrip('.')}" if record.text else record.title]
    if via is not None:
        parts[0] = f"{via} ({parts[0]})"
    if record.organisation:
        parts.append(f"by {record.organisation}")
    if record.since is not None:
        parts.append(f"since {record.since.isoformat()}")
    if record.contact:
        parts.append(f"ask {record.contact.removeprefix('mailto:').removeprefix('tel:')}")
    return cut("; ".join(parts), MAX_BRIEF)


def cut(text: str, size: int) -> str:
    """Return `text` within `size` bytes of UTF-8, cut between characters."""
    data = text.encode()
    return text if len(data) <= size else data[: size - 3].decode(errors="ignore") + "…"
