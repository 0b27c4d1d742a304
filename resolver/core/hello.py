"""The beginning of a TLS connection, as far as it says whom the client wants (RFC 8446, RFC 6066)."""

from __future__ import annotations

HEAD = 5
"""Bytes before what a record holds."""
MAX_RECORD = 1 << 14
"""Longest content of a record, in bytes (RFC 8446, section 5.1)."""
UNRECOGNIZED_NAME = b"\x15\x03\x03\x00\x02\x02\x70"
"""A fatal alert: there is no such server here (RFC 6066, section 3). It is what is true: nobody here has a
certificate for the name. For `access_denied` browsers speak of a broken protocol."""
_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME, _HOST_NAME = 22, 1, 0, 0


def record_size(head: bytes) -> int:
    """Return how many bytes a record has, of the bytes of its head; 0 if it is none of a handshake."""
    if len(head) < HEAD or head[0] != _HANDSHAKE or head[1] != 3:
        return 0
    size = int.from_bytes(head[3:HEAD], "big")
    return HEAD + size if 0 < size <= MAX_RECORD else 0


def server_name(record: bytes) -> str:
    """Return the name that a ClientHello asks for, lowercase; empty for none, and for what cannot be read."""
    try:
        return _server_name(_Reader(record[HEAD:]))
    except (IndexError, UnicodeDecodeError):
        return ""


def _server_name(hello: _Reader) -> str:
    if hello.number(1) != _CLIENT_HELLO:
        return ""
    hello = _Reader(hello.block(3))
    hello.take(2 + 32)  # version, random
    hello.block(1)  # session
    hello.block(2)  # cipher suites
    hello.block(1)  # compression
    extensions = _Reader(hello.block(2))
    while extensions.left:
        kind, content = extensions.number(2), extensions.block(2)
        if kind == _SERVER_NAME:
            listed = _Reader(_Reader(content).block(2))
            return listed.block(2).decode("ascii").lower() if listed.number(1) == _HOST_NAME else ""
    return ""


class _Reader:
    """Bytes that are read from their begin. Raises IndexError at their end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise IndexError
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def block(self, size: int) -> bytes:
        """Return what stands behind its own length of so many bytes."""
        return self.take(self.number(size))
