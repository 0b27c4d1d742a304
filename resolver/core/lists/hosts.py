"""Hosts files: an address, then names (hosts(5)). Each name counts by itself, what is below stays open."""

from __future__ import annotations

from collections.abc import Sequence

from resolver.core.lists.line import (
    Bad,
    Ignored,
    Quiet,
    Said,
    is_address,
    is_comment,
    judge_name,
    plain_rule,
    without_comment,
)
from resolver.core.lists.rule import Scope

_EXACT = Scope.EXACT


def read_hosts(line: str, number: int, match: Scope) -> Sequence[Said]:
    """Return what a line of a hosts file says, a value a name. Any address means "block".

    `match` is for bare names, of which a hosts file has none.
    """
    address, _, name = line.partition(" ")
    if is_address(address) and (rule := plain_rule(name, _EXACT, number)):
        return (rule,)  # as the rest would say, in half the time
    if is_comment(line):
        return (Quiet.COMMENT,)
    # str.split() would take control characters and U+00A0 for blanks
    fields = [field for field in without_comment(line).replace("\t", " ").split(" ") if field]
    if not is_address(fields[0]):
        return (Bad("no address in front of the name"),)
    if len(fields) == 1:
        return (Ignored("address"),)
    return [_judge_field(field, number) for field in fields[1:]]


def _judge_field(field: str, number: int) -> Said:
    said = judge_name(field, _EXACT, number)
    return Quiet.LOCAL if type(said) is Ignored else said  # `0.0.0.0 0.0.0.0` is a habit of these files
