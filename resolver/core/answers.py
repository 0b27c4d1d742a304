"""The addresses in the records of an answer."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from resolver.core import wire as w

_HEAD = struct.Struct(">HHIH")
_PARAMETER = struct.Struct(">HH")
_HINTS = {4: 4, 6: 16}
"""Parameters of SVCB and HTTPS records that hold addresses, and the size of one (RFC 9460, section 7.3)."""


def read_addresses(body: bytes, records: Iterable[int]) -> tuple[bytes, ...]:
    """Return the addresses in A, AAAA, SVCB and HTTPS records, each once, in network order.

    `records` are the offsets of the types of records in `body`, which was read as part of a message. What a
    record of another shape holds is no address: nobody could use it as one.
    """
    found: dict[bytes, None] = {}
    for at in records:
        rtype, _, _, length = _HEAD.unpack_from(body, at)
        data = body[at + _HEAD.size : at + _HEAD.size + length]
        if (rtype, length) in ((w.A, 4), (w.AAAA, 16)):
            found[data] = None
        elif rtype in (w.SVCB, w.HTTPS):
            found.update(dict.fromkeys(_hints(data)))
    return tuple(found)


def _hints(data: bytes) -> Iterator[bytes]:
    """Yield the addresses in the data of an SVCB record: priority, target, parameters."""
    at, size = 2, len(data)
    while at < size and data[at] and data[at] < 64:
        at += data[at] + 1
    at += 2 if at < size and data[at] else 1  # a pointer ends a name, as the root does
    while at + 4 <= size:
        key, length = _PARAMETER.unpack_from(data, at)
        at += 4
        width = _HINTS.get(key)
        if width is not None and at + length <= size:
            for start in range(at, at + length - width + 1, width):
                yield data[start : start + width]
        at += length
