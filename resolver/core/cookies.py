"""DNS cookies (RFC 7873, RFC 9018): a client that sees its own again knows that the answer is no forgery.

A server cookie is version, three reserved bytes, a time and a hash over these, the client's cookie and its
address. Nothing is kept of a client.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import NamedTuple

from resolver.core.errors import WireError
from resolver.core.replies import pack_option
from resolver.core.siphash import siphash24

COOKIE = 10
"""EDNS option code."""
BADCOOKIE = 23
"""Extended RCODE (RFC 7873, section 8)."""
CLIENT_SIZE, SERVER_SIZE = 8, 16
OLDEST_S, NEWEST_S, RENEWED_S = 3600, 300, 1800
"""A server cookie is good for so long, and may be so much ahead of our clock; it is made anew after so long
(RFC 9018, section 4.3)."""
_VERSION = b"\1\0\0\0"
_LEAST, _MOST = 16, 40
"""How long an option may be that has a server cookie of anybody's making (RFC 7873, section 4)."""


class Cookies(NamedTuple):
    """Makes server cookies under a secret of 16 bytes. `epoch_s` makes Unix time of the monotonic clock."""

    secret: bytes
    epoch_s: float = 0.0

    def answer(self, data: bytes, address: bytes, now: float) -> bytes:
        """Return the packed option to answer one with; `address` in network order, `now` monotonic seconds.

        Raises WireError for an option of a wrong length, which is a format error (RFC 7873, section 5.2.2).
        """
        if len(data) != CLIENT_SIZE and not _LEAST <= len(data) <= _MOST:
            raise WireError("cookie of a wrong length")
        client, server = data[:CLIENT_SIZE], data[CLIENT_SIZE:]
        time = self._time(now)
        if not self.is_ours(client, server, address, time) or _age_s(server, time) > RENEWED_S:
            server = self._made(client, _VERSION + time.to_bytes(4, "big"), address)
        return pack_option(COOKIE, client + server)

    def holds(self, data: bytes, address: bytes, now: float) -> bool:
        """Say whether an option has no server cookie, or one that is good."""
        client, server = data[:CLIENT_SIZE], data[CLIENT_SIZE:]
        return not server or self.is_ours(client, server, address, self._time(now))

    def _time(self, now: float) -> int:
        return int(now + self.epoch_s) & 0xFFFFFFFF

    def is_ours(self, client: bytes, server: bytes, address: bytes, time: int) -> bool:
        """Say whether a server cookie was made here for this client, not too long before a Unix time."""
        if len(server) != SERVER_SIZE or server[0] != 1 or not -NEWEST_S <= _age_s(server, time) <= OLDEST_S:
            return False
        return compare_digest(server, self._made(client, server[:8], address))

    def _made(self, client: bytes, head: bytes, address: bytes) -> bytes:
        return head + siphash24(self.secret, client + head + address)


def _age_s(server: bytes, time: int) -> int:
    """Return the age of a server cookie by serial arithmetic, since its clock wraps (RFC 1982)."""
    age = time - int.from_bytes(server[4:8], "big") & 0xFFFFFFFF
    return age - (1 << 32) if age >> 31 else age
