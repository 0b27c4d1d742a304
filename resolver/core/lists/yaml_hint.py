"""What people who write YAML by hand often mean where it is no YAML."""

from __future__ import annotations

import re

MAX_LINE = 500
"""Longest line that is looked at: expressions take up to its square, and lists come from anybody."""
ADDRESS = '; an address in brackets needs quotes, as "[::1]:53"'
_BEGINS_WITH = re.compile(r"(?:^|[:\-,?]\s|[\[{])\s*([*&!%@`|>])$")
"""What a plain text must not begin with, at the end of what stands before it."""
_BRACKETS = re.compile(r"(?:^|[:\-,?]\s|[\[{])\s*\[[0-9A-Fa-f:.]*$")
"""An address in brackets, which YAML takes for a list, as far as YAML could read it."""
_IPV6 = re.compile(r"[0-9A-Fa-f:.]*\](?::\d*)?")
_COMMENT, _COMMENT_NEXT = re.compile(r":\s+#\S[^#]*$"), re.compile(r"[ \t]+#\S")
"""A `#` where a value should begin, and something right behind it."""


def hint(text: str, index: int) -> str:
    """Return what may be meant where YAML finds a mistake, to stand behind its words; "": nobody knows.

    `index` is the place in the text.
    """
    start = text.rfind("\n", 0, index) + 1
    above = text[text.rfind("\n", 0, max(start - 1, 0)) + 1 : max(start - 1, 0)]
    if max(index - start, len(above)) > MAX_LINE:
        return ""
    before = text[start:index]
    behind = text[index : index + MAX_LINE].partition("\n")[0]
    begins = _BEGINS_WITH.search(before) or _BEGINS_WITH.search(before + behind[:1])
    if begins:
        return f"; a text that begins with `{begins[1]}` needs quotes"
    if not before.strip() and "\t" in before + behind[: len(behind) - len(behind.lstrip())]:
        return "; use blanks to indent, not tabs"
    if _is_address(before, behind):
        return ADDRESS
    if not before and _COMMENT.search(above):
        return "; what is behind `#` in the line above is a comment, unless it is in quotes"
    return ""


def comment_hint(text: str, index: int) -> str:
    """Return what may be meant where a key has no value: one that begins with `#`."""
    found = _COMMENT_NEXT.match(text, index)
    return "; what is behind `#` is a comment, unless it is in quotes" if found else ""


def _is_address(before: str, behind: str) -> bool:
    """Say whether YAML stumbled over an IPv6 address in brackets: within them, or at the port behind them."""
    inside = _BRACKETS.search(before)
    found = _IPV6.match(behind) if inside else None
    if found is not None:
        return (before[before.rindex("[") :] + found[0].partition("]")[0]).count(":") > 1
    inner = before[before.rfind("[") + 1 :]
    return behind[:1] == ":" and inner.count(":") > 1 and _IPV6.fullmatch(inner) is not None
