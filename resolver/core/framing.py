"""DNS messages on streams (RFC 1035, section 4.2.2; RFC 7766, section 8)."""

from __future__ import annotations


def frame(wire: bytes) -> bytes:
    """Return a message with its length in front, as it goes over TCP."""
    return len(wire).to_bytes(2, "big") + wire


class Framer:
    """Split a TCP or TLS byte stream into DNS messages.

    Holds at most one unfinished message besides what was fed last. A message with fewer bytes than `shortest`
    or more than `longest` breaks the stream: from there on nothing is read or kept.
    """

    __slots__ = ("_buffer", "_longest", "_shortest", "broken")

    def __init__(self, shortest: int = 0, longest: int = 65535) -> None:
        self._buffer = bytearray()
        self._shortest, self._longest = shortest, longest
        self.broken = False

    @property
    def waits(self) -> bool:
        """Whether the stream stands in the middle of a message."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the stream; return the messages they complete, in order."""
        if self.broken:
            return []
        self._buffer += data
        messages: list[bytes] = []
        at, size = 0, len(self._buffer)
        while at + 2 <= size:
            length = self._buffer[at] << 8 | self._buffer[at + 1]
            if not self._shortest <= length <= self._longest:
                self.stop()
                return messages
            end = at + 2 + length
            if end > size:
                break
            messages.append(bytes(self._buffer[at + 2 : end]))
            at = end
        del self._buffer[:at]
        return messages

    def stop(self) -> None:
        """Read nothing any more, and forget the message that is unfinished."""
        self.broken = True
        self._buffer = bytearray()
