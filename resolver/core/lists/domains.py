"""Plain lists: a name a line, `#` ends it. Whether a name takes in what is below it, no line can tell."""

from __future__ import annotations

import re
from collections.abc import Sequence

from resolver.core.lists.line import (
    Ignored,
    Quiet,
    Said,
    is_comment,
    is_cosmetic,
    judge_name,
    without_comment,
)
from resolver.core.lists.rule import Scope

_HEAD = 8192
"""Bytes at the beginning of a list where its publisher says how it is meant."""
_WILDCARD = re.compile(r"wild[ -]?card|without \*\.|should block access to .*subdomain", re.IGNORECASE).search


def match_hint(data: bytes) -> str:
    """Return what a list's header says of bare names that stand for all below them; empty: nothing."""
    for number, raw in enumerate(data[:_HEAD].split(b"\n"), 1):
        text = raw.removeprefix(b"\xef\xbb\xbf").strip().decode(errors="replace")[:200]
        if text and is_comment(text) and _WILDCARD(text):
            return (
                f"line {number} says {text!r}: its names may be meant with all below them, `match: subtree`"
            )
    return ""


def read_domains(line: str, number: int, match: Scope) -> Sequence[Said]:
    """Return what a line of a plain list says; the name reaches as far as `match`."""
    if is_cosmetic(line):
        return (Ignored("cosmetic"),)
    if is_comment(line):
        return (Quiet.COMMENT,)
    return (judge_name(without_comment(line), match, number),)
