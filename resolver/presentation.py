"""Types and records in presentation form, as zone files have them (RFC 1035, section 5.1)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

import dnslib

from resolver.core import names
from resolver.core import wire as w
from resolver.core.errors import NameFault, WireError
from resolver.core.wire import Answer, read_name

_NEWER = {"SVCB": w.SVCB, "RESINFO": w.RESINFO}
"""Types that dnslib does not know."""
_KINDS = {number: name for name, number in _NEWER.items()}


def type_number(text: str) -> int:
    """Return the number of a type by its name or as TYPE123 (RFC 3597). Raises NameFault."""
    upper = text.upper()
    digits = upper.removeprefix("TYPE")
    if digits != upper and digits.isdecimal() and len(digits) <= 5 and int(digits) < 65536:
        return int(digits)
    found = {**_NEWER, **dnslib.QTYPE.reverse}.get(upper)
    if found is None:
        raise NameFault(f"{text!r} is no type; write one as AAAA, HTTPS or TYPE65")
    return int(found)


def records(wire: bytes, answer: Answer, at: int) -> Iterator[str]:
    """Yield the records of an answer that was read, in zone form."""
    for _ in range(sum(answer.counts)):
        owner, at = read_name(wire, at)
        rtype, ttl = int.from_bytes(wire[at : at + 2], "big"), int.from_bytes(wire[at + 4 : at + 8], "big")
        data = at + 10
        at = data + int.from_bytes(wire[at + 8 : at + 10], "big")
        kind = _KINDS.get(rtype) or dnslib.QTYPE.forward.get(rtype, f"TYPE{rtype}")
        yield f"{names.to_text(owner)}\t{ttl}\t{kind}\t{_rdata(wire, rtype, data, at)}"


def _rdata(wire: bytes, rtype: int, at: int, end: int) -> str:
    """Return RDATA in presentation form; what we do not know or cannot read, in that of RFC 3597."""
    show = _SHOW.get(rtype)
    if show is not None:
        data = _Data(wire, at, end)
        try:
            text = " ".join(show(data))
        except WireError:
            pass
        else:
            if data.left == 0:
                return text
    return f"\\# {end - at} {wire[at:end].hex()}".rstrip()


class _Data:
    """RDATA, read field by field from the left. Each method raises WireError where a field is cut short."""

    def __init__(self, wire: bytes, at: int, end: int) -> None:
        self._wire, self._at, self._end = wire, at, end

    @property
    def left(self) -> int:
        """How many bytes were not read yet."""
        return self._end - self._at

    def take(self, size: int) -> bytes:
        at, self._at = self._at, self._at + size
        if self._at > self._end:
            raise WireError("RDATA cut short")
        return self._wire[at : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def name(self) -> str:
        found, self._at = read_name(self._wire, self._at)
        if self._at > self._end:
            raise WireError("RDATA cut short")
        return names.to_text(found)

    def string(self) -> bytes:
        return self.take(self.number(1))


def _numbers(data: _Data, *sizes: int) -> list[str]:
    return [str(data.number(size)) for size in sizes]


def _each(data: _Data, read: Callable[[], str]) -> Iterator[str]:
    """Yield what is read until nothing is left; one at least."""
    yield read()
    while data.left:
        yield read()


def _caa(data: _Data) -> list[str]:
    flags, tag = data.number(1), data.string()
    return [str(flags), _plain(tag), _quoted(data.take(data.left))]


def _svcb(data: _Data) -> Iterator[str]:
    """Yield priority, target and parameters of an SVCB or HTTPS record (RFC 9460, section 2.1)."""
    yield str(data.number(2))
    yield data.name()
    while data.left:
        key, size = data.number(2), data.number(2)
        value = _Data(data.take(size), 0, size)
        yield _parameter(key, value)
        if value.left:
            raise WireError("a parameter of a wrong length")


def _parameter(key: int, value: _Data) -> str:
    many: dict[int, Callable[[], str]] = {
        0: lambda: _key(value.number(2)),
        1: lambda: _plain(value.string()),
        4: lambda: str(IPv4Address(value.take(4))),
        6: lambda: str(IPv6Address(value.take(16))),
    }
    if key in many:
        return f"{_key(key)}={','.join(_each(value, many[key]))}"
    if key == 3:
        return f"{_key(key)}={value.number(2)}"
    raw = value.take(value.left)
    if key == 5:
        return f"{_key(key)}={base64.b64encode(raw).decode()}"
    return f"{_key(key)}={_quoted(raw)}" if raw else _key(key)


def _key(number: int) -> str:
    return _PARAMETERS[number] if number < len(_PARAMETERS) else f"key{number}"


def _plain(raw: bytes) -> str:
    """Return a word of letters, digits and what stands in protocol names. Raises WireError."""
    if not raw.translate(None, b"-./").isalnum():
        raise WireError("a word of odd bytes")
    return raw.decode("ascii")


_PARAMETERS = ("mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath")
_SRV, _CAA = 33, 257
_SHOW: dict[int, Callable[[_Data], Iterable[str]]] = {
    w.A: lambda data: [str(IPv4Address(data.take(4)))],
    w.AAAA: lambda data: [str(IPv6Address(data.take(16)))],
    w.MX: lambda data: [*_numbers(data, 2), data.name()],
    w.SOA: lambda data: [data.name(), data.name(), *_numbers(data, 4, 4, 4, 4, 4)],
    w.TXT: lambda data: _each(data, lambda: _quoted(data.string())),
    w.HINFO: lambda data: [_quoted(data.string()), _quoted(data.string())],
    w.DS: lambda data: [*_numbers(data, 2, 1, 1), data.take(max(data.left, 1)).hex()],
    w.SVCB: _svcb,
    w.HTTPS: _svcb,
    w.RESINFO: lambda data: _each(data, lambda: _quoted(data.string())),
    **dict.fromkeys((w.NS, w.CNAME, w.PTR, w.DNAME), lambda data: [data.name()]),
    _SRV: lambda data: [*_numbers(data, 2, 2, 2), data.name()],
    _CAA: _caa,
}


def _quoted(raw: bytes) -> str:
    """Return a string as in zone files (RFC 1035, section 5.1)."""
    return '"' + "".join([_QUOTED[byte] for byte in raw]) + '"'


_QUOTED = [chr(byte) if 0x20 <= byte <= 0x7E else f"\\{byte:03d}" for byte in range(256)]
_QUOTED[ord('"')], _QUOTED[ord("\\")] = '\\"', "\\\\"
