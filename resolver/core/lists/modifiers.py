"""What stands behind the `$` of an adblock rule: how strong it is, whom it is for, what it answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple, TypeVar

from resolver.core.errors import NameFault, ResolverError
from resolver.core.lists.data import is_null, read_data
from resolver.core.lists.line import Bad, Ignored
from resolver.core.lists.query_types import TYPE_NUMBERS, type_number
from resolver.core.lists.rule import Action, Own, When
from resolver.core.names import from_text, to_text

_KNOWN = frozenset(["important", "badfilter", "client", "denyallow", "dnstype", "dnsrewrite"])
_UNVALUED = frozenset(["important", "badfilter"])
_BLANK = re.compile(r"[ \t]").search
_SPARED = re.compile(r"(?:[a-z0-9_-]{1,63}+\.)*+[a-z0-9_-]{1,63}+").fullmatch
_MAX_TEXT = 253
_MAX_STRING = 255
_TXT = 16

_RCODES = {
    "NOERROR": Own(Action.NODATA),
    "NXDOMAIN": Own(Action.NXDOMAIN),
    "REFUSED": Own(Action.REFUSED),
}
_OTHER_RCODES = frozenset(
    [
        *("FORMERR", "SERVFAIL", "NOTIMP", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"),
        *("BADSIG", "BADVERS", "BADKEY", "BADTIME", "BADMODE", "BADNAME", "BADALG", "BADTRUNC", "BADCOOKIE"),
    ]
)
_NULL = Own(Action.NULL)
_CAPITALS = re.compile(r"[A-Z]+").fullmatch

T = TypeVar("T")


class Modifiers(NamedTuple):
    """What modifiers ask for."""

    important: bool = False
    cancels: bool = False
    spared: tuple[str, ...] = ()
    when: When | None = None
    own: Own | None = None

    @property
    def narrow(self) -> bool:
        """Whether they keep a rule that is about every name from being about all that is asked."""
        return bool(self.spared) or self.when is not None


NONE = Modifiers()


class _Wrong(ResolverError):
    """A value that cannot be taken."""


class _Left(ResolverError):
    """A value that is well written and not taken; the text is the kind it is counted under."""


def read_modifiers(text: str, *, allows: bool) -> Modifiers | Ignored | Bad:
    """Return what a rule's modifiers ask for, or why the whole rule is not taken; `allows` for `@@` rules."""
    if text == "important":
        return Modifiers(important=True)
    values: dict[str, str] = {}
    for modifier in split(text, ","):
        name, equals, value = modifier.partition("=")
        if _BLANK(name):
            return Bad("a blank inside a rule; in this format no comment stands behind a rule")
        if name not in _KNOWN or (equals and name in _UNVALUED):
            return Ignored("modifier")
        if value and name in values:
            return Bad(f"`{name}` twice")
        values[name] = value
    try:
        when = _read_when(values)
        spared = _read_names(values["denyallow"]) if "denyallow" in values else ()
        own = _read_rewrite(values["dnsrewrite"], allows=allows) if "dnsrewrite" in values else None
    except _Left as left:
        return Ignored(str(left))
    except _Wrong as wrong:
        return Bad(str(wrong))
    return Modifiers("important" in values, "badfilter" in values, spared, when, own)


def split(text: str, separator: str) -> list[str]:
    """Return the parts between separators that no backslash stands in front of; escapes stay as they are."""
    if "\\" not in text:
        return text.split(separator)
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == separator:
            parts.append(text[start:at])
            start = at + 1
        at += 2 if text[at] == "\\" else 1
    return [*parts, text[start:]]


def _read_when(values: Mapping[str, str]) -> When | None:
    types, but_types = _read_types(values["dnstype"]) if "dnstype" in values else ([], [])
    clients, but_clients = _read_clients(values["client"]) if "client" in values else ([], [])
    when = When(
        frozenset(types),
        frozenset() if types else frozenset(but_types),  # beside types that are asked for they say nothing
        _sorted(clients),
        _sorted(but_clients),
    )
    return None if when == When() else when


def _read_types(text: str) -> tuple[list[int], list[int]]:
    return _read_parts(text, "dnstype", _type_number)


def _type_number(text: str) -> int:
    number = type_number(text)
    if number is None:
        raise _Wrong(f"`dnstype` with {text[:20]!r}, which is no type")
    return number


def _read_clients(text: str) -> tuple[list[IPv4Network | IPv6Network], list[IPv4Network | IPv6Network]]:
    return _read_parts(text, "client", _network)


def _network(text: str) -> IPv4Network | IPv6Network:
    if len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]:
        text = text[1:-1]
    text = re.sub(r"\\(.)", r"\1", text)
    if not text:
        raise _Wrong("`client` without a value")
    try:
        return ip_network("" if "%" in text else text, strict=False)
    except ValueError:
        raise _Left("client name") from None


def _read_parts(text: str, name: str, read: Callable[[str], T]) -> tuple[list[T], list[T]]:
    """Return the values between pipes, those without a `~` and those with one."""
    taken: list[T] = []
    negated: list[T] = []
    for part in split(text, "|"):
        if not part.removeprefix("~"):
            raise _Wrong(f"`{name}` without a value")
        (negated if part[0] == "~" else taken).append(read(part.removeprefix("~")))
    return taken, negated


def _read_names(text: str) -> tuple[str, ...]:
    """Read `denyallow`, where a top-level domain may stand too."""
    found: set[str] = set()
    for part in text.split("|"):
        try:
            name = to_text(from_text(part)) if part.strip(".") and len(part) <= _MAX_TEXT + 1 else ""
        except NameFault:
            name = ""
        if not _SPARED(name):
            raise _Wrong(f"`denyallow` with {part[:80]!r}, which is no name")
        found.add(name)
    return tuple(sorted(found))


def _read_rewrite(text: str, *, allows: bool) -> Own:
    if allows:
        raise _Left("rewrite exception")
    parts = text.split(";", 2)
    if len(parts) == 1:
        return _read_short(text)
    if len(parts) == 2:
        raise _Wrong("`dnsrewrite` has a value, or three with `;` between them")
    rcode, kind, value = parts
    own = _read_rcode(rcode)
    if own.action is not Action.NODATA or not (kind or value):
        return own
    return _read_record(kind.upper(), value)


def _read_short(text: str) -> Own:
    if not text:
        raise _Wrong("`dnsrewrite` without a value")
    if _CAPITALS(text):
        return _read_rcode(text)
    try:
        return _read_record("A" if ip_address(text).version == 4 else "AAAA", text)
    except ValueError:
        return _read_record("CNAME", text)


def _read_rcode(text: str) -> Own:
    own = _RCODES.get(text)
    if own is None:
        raise (
            _Left("response code")
            if text in _OTHER_RCODES
            else _Wrong(f"`dnsrewrite` with {text[:20]!r}, which is no response code")
        )
    return own


def _read_record(kind: str, value: str) -> Own:
    if kind not in TYPE_NUMBERS:
        raise _Wrong(f"`dnsrewrite` with {kind[:20]!r}, which is no type")
    try:
        record = _text_record(value) if kind == "TXT" else read_data(kind, value.split(), _target)
    except ValueError:
        raise _Wrong(f"`dnsrewrite` with no data of a record of type {kind}") from None
    if record is None:
        raise _Left("record")
    return _NULL if is_null(*record) else Own(Action.DATA, (record,))


def _text_record(value: str) -> tuple[int, bytes]:
    """Return a TXT record: the value is its text as it stands, without quotes or escapes."""
    data = value.replace("\\,", ",").encode(errors="surrogateescape")
    if len(data) > _MAX_STRING:
        raise ValueError(value)
    return _TXT, bytes([len(data)]) + data


def _target(text: str) -> bytes:
    """Return a name that data leads to: a host name, without a wildcard."""
    name = from_text(text) if text and len(text) <= _MAX_TEXT + 1 else b""
    if not name or not _SPARED(to_text(name)):
        raise ValueError(text)
    return name


def _sorted(networks: Sequence[IPv4Network | IPv6Network]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return networks without repeats, so that rules which mean the same are the same."""
    return tuple(sorted(set(networks), key=lambda network: (network.version, network)))
