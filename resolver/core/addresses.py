"""The addresses that an answer gives for the name that was asked."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from resolver.core.errors import WireError
from resolver.core.wire import AAAA, CNAME, HEADER_SIZE, IN, MAX_ALIASES, A, read_name

MAX_ADDRESSES = 16
"""Most addresses taken from one answer."""
_SIZES = {A: 4, AAAA: 16}
_RECORD = struct.Struct(">HHIH")


def addresses(wire: bytes, question: bytes) -> tuple[str, ...]:
    """Return the addresses of the type asked for, in the answer's order, along its CNAME records.

    `wire` is a whole answer that `parse_answer` took for `question`, whose name is canonical. Raises
    WireError.
    """
    wanted = question[-4] << 8 | question[-3]
    found: dict[bytes, list[str]] = {}
    targets: dict[bytes, bytes] = {}
    at = HEADER_SIZE + len(question)
    for _ in range(wire[6] << 8 | wire[7]):
        owner, at = read_name(wire, at)
        rtype, rclass, _, length = _RECORD.unpack_from(wire, at)
        data, at = at + 10, at + 10 + length
        if rclass != IN:
            continue
        if rtype == CNAME:
            targets[owner], _ = read_name(wire, data)
        elif rtype == wanted and rtype in _SIZES:
            if length != _SIZES[rtype]:
                raise WireError("address of a wrong length")
            found.setdefault(owner, []).append(str(ip_address(wire[data:at])))
    name = question[:-4]
    for _ in range(MAX_ALIASES):
        if name in found or name not in targets:
            break
        name = targets[name]
    return tuple(found.get(name, ())[:MAX_ADDRESSES])
