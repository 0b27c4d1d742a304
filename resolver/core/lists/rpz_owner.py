"""What an owner name of a response policy zone stands for: a name, the names below it, or a network."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from types import MappingProxyType

from resolver.core.lists.line import Bad, Ignored, Said, judge_name
from resolver.core.lists.rule import Effect, Own, Rule, Scope, Side, Trigger

_SIDES = MappingProxyType({"rpz-ip": Side.ANSWER, "rpz-client-ip": Side.CLIENT})
_UNSEEN = MappingProxyType({"rpz-nsdname": "nsdname", "rpz-nsip": "nsip"})
"""Triggers about servers that a forwarder never meets, and the words they are counted under."""

_DIGITS = re.compile(r"0|[1-9][0-9]{0,2}", re.ASCII).fullmatch
_WORD = re.compile(r"[0-9a-f]{1,4}").fullmatch


def rule_of(owner: str, number: int, effect: Effect, own: Own | None) -> Said:
    """Return the rule for an owner, without its zone's name."""
    if owner in ("", "*"):
        return Bad("a rule for every name" if owner else "a rule for the zone itself")
    name = owner.removeprefix("*.")
    stem, _, last = name.rpartition(".")
    if last.startswith("rpz-"):
        if last in _UNSEEN:
            return Ignored(_UNSEEN[last])
        network = _network(stem) if name == owner else None
        if last not in _SIDES or network is None:
            return Bad("no network" if last in _SIDES else "no trigger of a policy zone")
        return Trigger(network, _SIDES[last], effect, number, own)
    said = judge_name(name, Scope.EXACT if name == owner else Scope.BELOW, number, effect)
    return said._replace(own=own) if isinstance(said, Rule) and own else said


def _network(text: str) -> IPv4Network | IPv6Network | None:
    """Return the network that `24.0.2.0.192` or `128.66.zz.db8.2001` stands for, None for any other text."""
    length, *labels = text.split(".")
    if not _DIGITS(length) or length == "0" or len(labels) > 8:  # no list decides about every address
        return None
    words = labels[::-1]
    try:
        if len(words) == 4 and "zz" not in words:
            return IPv4Network((IPv4Address(".".join(words)), int(length)))
        if "zz" in words:
            at = words.index("zz")
            words[at : at + 1] = ["0"] * (9 - len(words))
        if len(words) != 8 or not all(map(_WORD, words)):
            return None
        return IPv6Network((IPv6Address(":".join(words)), int(length)))
    except ValueError:
        return None
