"""DNS messages on streams (RFC 1035, section 4.2.2; RFC 7766, section 8)."""

from __future__ import annotations


def frame(wire: bytes) -> bytes:
    """Return a message with its length in front, as it goes over TCP."""
    return len(wire).to_bytes(2, "big") + wire


class Framer:
    """Split a TCP or TLS byte stream into DNS messages.

    Holds at most one unfinished message, 64 KiB, besides what was fed last.
    """

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def waits(self) -> bool:
        """Whether the stream stands in the middle of a message."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the stream; return the messages they complete, in order."""
        self._buffer += data
        messages, at, size = [], 0, len(self._buffer)
        while at + 2 <= size:
            end = at + 2 + (self._buffer[at] << 8 | self._buffer[at + 1])
            if end > size:
                break
            messages.append(bytes(self._buffer[at + 2 : end]))
            at = end
        del self._buffer[:at]
        return messages
