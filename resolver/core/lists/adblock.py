"""Adblock lists as DNS filters read them: `||name^`, `@@||name^`, patterns, regular expressions, modifiers.

What is about web pages is counted by its kind and left out: a rule that we read only in part would reach
further than its author meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from resolver.core.lists.expression import (
    Chars,
    ExpressionFault,
    Node,
    Unsupported,
    parse_expression,
    show_expression,
    top_items,
)
from resolver.core.lists.line import (
    Bad,
    Cancel,
    Ignored,
    Quiet,
    Said,
    is_address,
    is_comment,
    is_cosmetic,
    judge_name,
    plain_rule,
)
from resolver.core.lists.matcher import is_found
from resolver.core.lists.modifiers import NONE, Modifiers, read_modifiers
from resolver.core.lists.rule import Effect, Pattern, Rule, Scope

_SUBTREE = Scope.SUBTREE
_REGEX = re.compile(r"/(.+)/(?:\$(.*))?").fullmatch
_STARS = re.compile(r"\*+")
_NO_NAME = re.compile(r"(?![A-Za-z0-9._*-])[\0-\x7f]").search
_URL = re.compile(r"[/:?=&@]").search
_NUMBERS = re.compile(r"[0-9.*]+").fullmatch
_MIN_PATTERN = 3
"""Shorter patterns are taken for mistakes, in the syntax's own documentation too."""
_MAX_LABEL, _MAX_TEXT = 63, 253
_HOST_CHARS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
_PROBES = (("bc.example", "0f.test", "_9.invalid"), ("a-b.cd.example", "0.fg.test", "_9.hk.invalid"))
"""Names with nothing in common but dots: what is found in a whole row is found in nearly every name."""

_BLANK = Bad("a blank inside a rule; in this format no comment stands behind a rule")
_TOO_WIDE = Bad("a pattern that would match too much")
_STARTS = {"||": r"(?:^|\.)", "|": "^", "": ""}
_SCOPES = {"||": Scope.SUBTREE, "|": Scope.EXACT}
_WRITTEN = {Scope.EXACT: ("|", "^"), Scope.BELOW: ("*.", r"\."), Scope.SUBTREE: ("||", r"(?:^|\.)")}
"""What stands in front of a name as a pattern and as a regular expression."""


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
    if regex := _REGEX(text):
        pattern, tail = f"/{regex[1]}/", regex[2]
    else:
        pattern, dollar, behind = text.partition("$")
        tail = behind if dollar else None
        if " " in pattern or "\t" in pattern:
            return _BLANK
    modifiers = NONE if tail is None else read_modifiers(tail, allows=allows)
    if not isinstance(modifiers, Modifiers):
        return modifiers
    effect = _effect(allows, modifiers.important)
    if regex:
        said = _read_regex(regex[1], pattern, effect, number, modifiers)
    elif not allows and tail is None and "|" not in pattern and "^" not in pattern and "*" not in pattern:
        said = _read_bare(pattern, number, match)
    else:
        said = _read_pattern(pattern, effect, number, modifiers)
    return _modified(said, modifiers)


def _read_bare(text: str, number: int, match: Scope) -> Said:
    """Read a name by itself, which is no pattern unless it cannot be a name."""
    if _NO_NAME(text):
        return _no_pattern(text)
    said = judge_name(text, match, number)
    if type(said) is Bad and "." in text.strip("."):
        return _read_pattern(text, Effect.BLOCK, number, NONE)
    return said


def _read_pattern(text: str, effect: Effect, number: int, modifiers: Modifiers) -> Said:
    if not modifiers.narrow and (len(text) < _MIN_PATTERN or not text.strip("|*^.")):
        return _TOO_WIDE
    start = "||" if text.startswith("||") else text[: text.startswith("|")]
    body = text[len(start) :].rstrip("|*^")
    ended = text[len(start) + len(body) :][:1] in ("^", "|")
    if not body:
        return Pattern(text, "", effect, number)  # every name, narrowed by its modifiers
    if body.startswith("*"):
        body, start = body.lstrip("*"), ""  # "any text" is also what is in front of a label
    if is_address(body) or _NO_NAME(body):
        return _no_pattern(body)
    if ended and "*" not in body and (start or body.startswith(".")):
        name = body if start else body[1:]
        return judge_name(name, _SCOPES.get(start, Scope.BELOW), number, effect)
    if (fault := _fault(body)) is not None:
        return fault
    regex = ".*".join([part.replace(".", r"\.") for part in _STARS.split(body.lower())])
    node = parse_expression(_STARTS[start] + regex + "$" * ended)
    return _pattern(text, node, effect, number, modifiers)


def _no_pattern(body: str) -> Said:
    """Say what a pattern is that can be in no name."""
    if is_address(body):
        return Ignored("address")
    if _URL(body) or "^" in body:
        return Ignored("url")  # a `^` that is not the end stands for a separator in a URL
    if "|" in body:
        return Bad("a `|` inside a pattern")
    return Bad("a character that no host name holds")


def _fault(body: str) -> Said | None:
    """Say why a pattern can be in no name, or in others than it says."""
    if _NUMBERS(body):
        return Ignored("address")  # a part of one: no name ends in a number
    if not body.isascii():
        return Bad("a part of a name beyond ASCII")
    if len(body) > _MAX_TEXT:
        return Bad("longer than any name")
    if ".." in body:
        return Bad("an empty label")
    if any(len(part) > _MAX_LABEL for part in body.replace("*", ".").split(".")):
        return Bad("a label over 63 bytes")
    return None


def _read_regex(regex: str, text: str, effect: Effect, number: int, modifiers: Modifiers) -> Said:
    try:
        node = parse_expression(regex)
    except Unsupported as part:
        return Ignored(f"regex: {part}")
    except ExpressionFault as fault:
        return Bad(f"a regular expression: {fault}")
    if any(isinstance(item, Chars) and not item.chars & _HOST_CHARS for item in top_items(node)):
        return Ignored("url")
    return _pattern(text, node, effect, number, modifiers)


def _pattern(text: str, node: Node, effect: Effect, number: int, modifiers: Modifiers) -> Said:
    wide = any(all(is_found(node, name) for name in row) for row in _PROBES)
    return (
        _TOO_WIDE if wide and not modifiers.narrow else Pattern(text, show_expression(node), effect, number)
    )


def _modified(said: Said, modifiers: Modifiers) -> Said:
    """Return a rule with what its modifiers ask for; anything else as it is."""
    if not isinstance(said, Rule | Pattern) or modifiers is NONE:
        return said
    rule = _as_pattern(said) if modifiers.spared and isinstance(said, Rule) else said
    if isinstance(rule, Pattern):
        rule = rule._replace(spared=modifiers.spared)
    rule = rule._replace(own=modifiers.own, when=modifiers.when)
    return Cancel(rule) if modifiers.cancels else rule


def _as_pattern(rule: Rule) -> Pattern:
    before, start = _WRITTEN[rule.scope]
    node = parse_expression(start + rule.name.replace(".", r"\.") + "$")
    return Pattern(f"{before}{rule.name}^", show_expression(node), rule.effect, rule.line)


def _effect(allows: bool, important: bool) -> Effect:
    if allows:
        return Effect.IMPORTANT_ALLOW if important else Effect.ALLOW
    return Effect.IMPORTANT_BLOCK if important else Effect.BLOCK
