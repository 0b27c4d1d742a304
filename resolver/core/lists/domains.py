"""Plain lists: a name a line, `#` ends it. Whether a name takes in what is below it, no line can tell."""

from __future__ import annotations

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


def read_domains(line: str, number: int, match: Scope) -> Sequence[Said]:
    """Return what a line of a plain list says; the name reaches as far as `match`."""
    if is_cosmetic(line):
        return (Ignored("cosmetic"),)
    if is_comment(line):
        return (Quiet.COMMENT,)
    return (judge_name(without_comment(line), match, number),)
