"""Unpacking gzip as it comes in, with a bound on what comes out (RFC 1952)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

PIECE = 1 << 18
"""Most bytes given out at once."""
MAX_RATIO = 200
"""Most bytes that one packed byte may become; lists reach 15, and gzip could 1032."""
FREE = 1 << 20
"""What may come out before the ratio counts: short texts that repeat themselves do no harm."""
MAX_MEMBERS = 64
"""Most pieces that were packed one by one and joined."""


class GzipFault(ValueError):
    """Bytes that are no whole gzip file, or that unpack to more than anybody means."""


class Gunzip:
    """Feed it packed bytes; it gives out what they hold. Its memory does not grow with either."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._members = 1
        self._taken = self._given = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take the next packed bytes, yield pieces of content. Raises GzipFault."""
        self._taken += len(data)
        while data:
            if self._member.eof:
                data = data.lstrip(b"\0")  # some pad files with zeros
                if not data:
                    return
                self._next_member()
            try:
                piece = self._member.decompress(data, PIECE)
            except zlib.error as exc:
                raise GzipFault(f"broken gzip: {exc}") from None
            self._given += len(piece)
            if self._given > FREE + MAX_RATIO * self._taken:
                raise GzipFault(f"a gzip file that unpacks to more than {MAX_RATIO} times its size")
            if piece:
                yield piece
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def finish(self) -> None:
        """Say that nothing follows. Raises GzipFault where something should."""
        if not self._member.eof:
            raise GzipFault("gzip cut short")

    def _next_member(self) -> None:
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise GzipFault("too many gzip files in one")
        self._member = zlib.decompressobj(wbits=31)
