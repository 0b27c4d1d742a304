"""Configuration of dnsmasq as lists use it: `address=/name/`, `local=/name/`, `server=/name/`.

As dnsmasq 2.86 and later read them. No other option is taken: a list never sets one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address

from resolver.core.lists.line import Bad, Ignored, Quiet, Said, is_comment, judge_name, plain_rule
from resolver.core.lists.rule import Action, Effect, Own, Pattern, Rule, Scope

_SUBTREE = Scope.SUBTREE
_NAMES = frozenset(["address", "local", "server"])
_NULL = Own(Action.NULL)
_USUAL = frozenset(
    [
        *((option, "") for option in _NAMES),
        *(("address", null) for null in ("0.0.0.0", "127.0.0.1", "::", "::1")),
    ]
)
"""The options and what stands behind the name in nearly every line of a large list: plain blocks."""
_OPTION = re.compile(r"[a-z][a-z0-9-]*+").fullmatch
_COMMENT = re.compile(r"(?:\A|[ \t])#").search
_COMMENT_BEHIND = re.compile(r"[ \t]#").search


def read_dnsmasq(line: str, number: int, match: Scope) -> Sequence[Said]:
    """Return what a line of a dnsmasq file says, a value a name.

    `match` is for bare names, of which such a file has none.
    """
    option, _, value = line.partition("=/")
    name, slash, target = value.partition("/")
    if slash and (option, target) in _USUAL and (rule := plain_rule(name, _SUBTREE, number)):
        return (rule,)  # as the rest would say, in a third of the time
    if is_comment(line):
        return (Quiet.COMMENT,)
    text = _without_comment_and_quotes(line)
    if text is None:
        return (Bad("no closing quote"),)
    option, _, value = text.partition("=")
    option, value = option.rstrip(" \t"), value.strip(" \t")
    if option not in _NAMES:
        return (Ignored("option") if _OPTION(option) else Bad("no option of dnsmasq"),)
    if not value.startswith("/"):
        forwards = value and option != "address"
        return (Ignored("forward") if forwards else Bad("no name between slashes"),)
    *names, target = value[1:].split("/")
    if not names:
        return (Bad("no slash behind the name"),)
    return _read_names(names, target, option, number)


def _read_names(names: Sequence[str], target: str, option: str, number: int) -> Sequence[Said]:
    """Judge every name of a line by what stands behind the last slash."""
    effect, own = Effect.BLOCK, None
    if target and option != "address":
        if target != "#":
            return (Ignored("forward"),)  # an address, a port, an interface: where to ask, never a block
        effect = Effect.ALLOW
    elif target == "#":
        own = _NULL
    elif target:
        try:
            address = ip_address("" if "%" in target else target)
        except ValueError:
            return (Bad("no address behind the name"),)
        if not (address.is_unspecified or address.is_loopback):
            own = Own(Action.DATA, ((1 if address.version == 4 else 28, address.packed),))
    return [_judge(name, number, effect, own) for name in names]


def _judge(name: str, number: int, effect: Effect, own: Own | None) -> Said:
    if name == "":
        return Ignored("single label")  # `//` stands for every name without a dot
    if name == "#" or not name.strip("*."):
        return Bad(f"would {'allow' if effect.allows else 'block'} every name")
    if name.startswith("*") and not name.startswith("*."):
        return _judge_ending(name[1:], number, effect, own)
    scope = Scope.BELOW if name.startswith("*.") else _SUBTREE
    said = judge_name(name.removeprefix("*").removeprefix("."), scope, number, effect)
    return said if own is None or type(said) is not Rule else said._replace(own=own)


def _judge_ending(ending: str, number: int, effect: Effect, own: Own | None) -> Said:
    """Read `*name`: every name that ends in this text, also inside a label."""
    if not ending.isascii():
        return Bad("a part of a label beyond ASCII, which no A-label ends in")
    said = judge_name(ending, _SUBTREE, number, effect)
    if type(said) is not Rule:
        return said
    return Pattern(f"*{said.name}", said.name.replace(".", r"\.") + "$", effect, number, own=own)


def _without_comment_and_quotes(line: str) -> str | None:
    """Return what dnsmasq reads of a line, None without a closing quote.

    Its comments have a blank in front of them: `address=/name/#` has none. Inside quotes there are none.
    """
    kept: list[str] = []
    for at, part in enumerate(line.split('"')):
        quoted = at % 2
        found = None if quoted else (_COMMENT_BEHIND if at else _COMMENT)(part)
        if found:
            return "".join([*kept, part[: found.start()]])
        kept.append(part)
    return "".join(kept) if len(kept) % 2 else None
