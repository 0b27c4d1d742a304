"""Wildcard lists: `*.name` is the name and everything below it, as their publishers mean it.

In DNS itself the wildcard leaves out the name (RFC 4592); RPZ lists, where that holds, are another format.
"""

from __future__ import annotations

from collections.abc import Sequence

from resolver.core.lists.domains import read_domains
from resolver.core.lists.line import Said, is_cosmetic, judge_name, without_comment
from resolver.core.lists.rule import Scope

_SUBTREE = Scope.SUBTREE


def read_wildcards(line: str, number: int, match: Scope) -> Sequence[Said]:
    """Return what a line of a wildcard list says; a bare name there reaches as far as `match`.

    Any other place for a `*` is a mistake: we never guess how far somebody meant it.
    """
    if line.startswith("*.") and not is_cosmetic(line):
        return (judge_name(without_comment(line[2:]), _SUBTREE, number),)
    return read_domains(line, number, match)
