"""Adblock lists as DNS filters read them: `||name^`, `@@||name^` and `$important`.

Everything else of that syntax is counted by its kind and left out: a rule that we read only in part would
reach further than its author meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from resolver.core.lists.line import (
    Bad,
    Ignored,
    Quiet,
    Said,
    is_address,
    is_comment,
    is_cosmetic,
    judge_name,
    plain_rule,
)
from resolver.core.lists.rule import Effect, Scope

_SUBTREE = Scope.SUBTREE
_REGEX = re.compile(r"/.+/(?:\$.*)?").fullmatch
_NO_NAME = re.compile(r"(?![A-Za-z0-9._-])[\0-\x7f]").search
_URL = re.compile(r"[/:?=&@]").search
_MIN_PATTERN = 3
"""Shorter patterns are taken for mistakes, in the syntax's own documentation too."""


def read_adblock(line: str, number: int, match: Scope) -> Sequence[Said]:
    """Return what a line of an adblock list says; a name by itself reaches as far as `match`."""
    if line.startswith("||") and line.endswith("^") and (rule := plain_rule(line[2:-1], _SUBTREE, number)):
        return (rule,)  # as the rest would say, in a third of the time
    if is_cosmetic(line):
        return (Ignored("cosmetic"),)
    if is_comment(line):
        return (Quiet.COMMENT,)
    return (_read_rule(line, number, match),)


def _read_rule(line: str, number: int, match: Scope) -> Said:
    allows = line.startswith("@@")
    text = line[2:] if allows else line
    if _REGEX(text):
        return Ignored("regex")
    if " " in text or "\t" in text:
        return Bad("a blank inside a rule; in this format no comment stands behind a rule")
    pattern, dollar, modifiers = text.partition("$")
    important = bool(dollar) and set(modifiers.split(",")) == {"important"}
    if dollar and not important:
        return Ignored("modifier")
    if len(pattern) < _MIN_PATTERN or not pattern.strip("|*^."):
        return Bad("a pattern that would match too much")
    if pattern.startswith("||") and pattern.endswith("^"):
        return _judge_host(pattern[2:-1], _SUBTREE, number, _effect(allows, important))
    if allows or important or "." not in pattern:  # by itself, only a block of a name is no pattern
        return _ignored(pattern)
    return _judge_host(pattern, match, number, Effect.BLOCK)


def _judge_host(host: str, scope: Scope, number: int, effect: Effect) -> Said:
    return _ignored(host) if _NO_NAME(host) else judge_name(host, scope, number, effect)


def _ignored(pattern: str) -> Said:
    if is_address(pattern):
        return Ignored("address")
    return Ignored("url" if _URL(pattern) else "pattern")


def _effect(allows: bool, important: bool) -> Effect:
    if allows:
        return Effect.IMPORTANT_ALLOW if important else Effect.ALLOW
    return Effect.IMPORTANT_BLOCK if important else Effect.BLOCK
