"""What the resolver says of itself, and never asks anybody else about.

RESINFO (RFC 9606), the encrypted servers that stand for it (RFC 9461, RFC 9462), CHAOS TXT (RFC 4892),
NSID (RFC 5001).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from resolver.core import names
from resolver.core import wire as w
from resolver.core.replies import POINTER, SENT_ERRORS, Sections, Shape, pack_option, pack_record
from resolver.core.wire import Query

NSID = 3
"""EDNS option code of the name server identifier."""
TTL = 300
"""TTL in seconds of what the configuration says, which may change at any reload."""
MAX_STRING = 255
"""Longest character-string of a TXT record, in bytes (RFC 1035, section 3.3)."""
RESOLVER_ARPA = names.from_text("resolver.arpa")
DISCOVERY = b"\4_dns"
"""The label below a resolver's name at which its encrypted servers are found (RFC 9461, section 3)."""

_RESINFO, _SVCB = (rtype.to_bytes(2, "big") + w.IN.to_bytes(2, "big") for rtype in (w.RESINFO, w.SVCB))
_TXT_CHAOS = w.TXT.to_bytes(2, "big") + w.CH.to_bytes(2, "big")
_ALPN, _PORT, _IPV4, _IPV6, _PATH = 1, 3, 4, 6, 7
"""Keys of SVCB parameters; they stand in this order (RFC 9460, section 2.2)."""


class Designation(NamedTuple):
    """An encrypted server that stands for us. `target` is its canonical name.

    Without a port it is at that of its protocol.
    """

    target: bytes
    alpn: tuple[str, ...]
    port: int | None = None
    path: str = ""
    addresses: tuple[IPv4Address | IPv6Address, ...] = ()


class Identity:
    """The answers about this resolver, made once."""

    __slots__ = ("_shapes", "existing", "names", "nsid")

    def __init__(
        self,
        name: bytes = b"",
        id: str = "",
        version: str = "",
        info: str = "",
        designated: Sequence[Designation] = (),
    ) -> None:
        """`name` is our canonical name, `info` the https: URL of a page about us. Empty: not given."""
        self.nsid = pack_option(NSID, id.encode()) if id else b""
        chaos = {"version.bind": version, "version.server": version, "id.server": id, "hostname.bind": id}
        self._shapes = {
            names.from_text(asked) + _TXT_CHAOS: _one(w.TXT, _strings([text]), 0, w.CH)
            for asked, text in chaos.items()
            if text
        }
        called = (RESOLVER_ARPA, name) if name else (RESOLVER_ARPA,)
        self.names = (*called, *[DISCOVERY + own for own in called])
        """The names of class IN that answers about us are for."""
        self.existing = names.with_parents(self.names if designated else called)
        """Those that have an answer, and all above them: a zone of ours must not deny these."""
        for own in called:
            self._shapes[own + _RESINFO] = _one(w.RESINFO, _strings(_resinfo(info)), TTL)
            if designated:
                self._shapes[DISCOVERY + own + _SVCB] = _designations(designated)

    def answer(self, query: Query) -> Shape | None:
        """Return the answer to a query about us; None: it is about something else."""
        return self.find(query.name, query.kind)

    def find(self, name: bytes, kind: bytes) -> Shape | None:
        """Return the answer for a canonical name, and type and class as they stand in a question."""
        return self._shapes.get(name + kind)


def _one(rtype: int, data: bytes, ttl: int, rclass: int = w.IN) -> Shape:
    record = pack_record(POINTER, rtype, ttl, data, rclass)
    return Shape(w.NOERROR, Sections(1, 0, record), authoritative=True)


def _resinfo(info: str) -> Iterator[str]:
    """Yield what RESINFO says (RFC 9606, section 5). A forwarder minimises no names: no `qnamemin`."""
    yield f"exterr={ranges(SENT_ERRORS)}"
    if info:
        yield f"infourl={info}"


def ranges(numbers: Iterable[int]) -> str:
    """Return numbers in ascending order as `3-4,13`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join([f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs])


def _strings(texts: Iterable[str]) -> bytes:
    """Return character-strings, each behind its length."""
    return b"".join([bytes([len(text)]) + text for text in map(str.encode, texts)])


def _designations(designated: Sequence[Designation]) -> Shape:
    """Return the servers by priority, and the addresses of their names (RFC 9462, section 4)."""
    servers = [
        pack_record(POINTER, w.SVCB, TTL, struct.pack(">H", priority) + one.target + _parameters(one))
        for priority, one in enumerate(designated, 1)
    ]
    addresses = dict.fromkeys([(one.target, address) for one in designated for address in one.addresses])
    more = [
        pack_record(target, w.A if address.version == 4 else w.AAAA, TTL, address.packed)
        for target, address in addresses
    ]
    sections = Sections(len(servers), 0, b"".join([*servers, *more]), len(more))
    return Shape(w.NOERROR, sections, authoritative=True)


def _parameters(one: Designation) -> bytes:
    values = {
        _ALPN: _strings(one.alpn),
        _PORT: b"" if one.port is None else one.port.to_bytes(2, "big"),
        _IPV4: b"".join([address.packed for address in one.addresses if address.version == 4]),
        _IPV6: b"".join([address.packed for address in one.addresses if address.version == 6]),
        _PATH: one.path.encode(),
    }
    return b"".join([pack_option(key, value) for key, value in values.items() if value])


ANONYMOUS = Identity()
"""A resolver that has no name and keeps its version to itself."""
