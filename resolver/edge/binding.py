"""Sockets at the addresses of the configuration, or an error that says what to do."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable

from resolver.config import Endpoint
from resolver.core.errors import ListenError
from resolver.edge import stream, udp

PORT_TRIES = 16
"""How many ports that the system chose for UDP may turn out to be taken for TCP."""
HINTS = {
    errno.EACCES: "ports below 1024 need the capability CAP_NET_BIND_SERVICE (the systemd unit gives it)"
    " or a lower net.ipv4.ip_unprivileged_port_start",
    errno.EADDRINUSE: "another program has it; `ss -lnpu` and `ss -lnpt` say which",
    errno.EADDRNOTAVAIL: "no interface of this machine has this address",
}
"""What to do about an address that cannot be had."""


def bind_both(
    at: Endpoint, bound: contextlib.ExitStack, tries: int = PORT_TRIES
) -> tuple[socket.socket, socket.socket]:
    """Return a socket for UDP and one for TCP, on one port also where the system chooses it."""
    datagrams = bind(at, udp.bind)
    try:
        connections = bind(Endpoint(at.host, datagrams.getsockname()[1]), stream.bind)
    except ListenError:
        datagrams.close()
        if at.port or tries == 1:
            raise
        return bind_both(at, bound, tries - 1)
    return bound.enter_context(datagrams), bound.enter_context(connections)


def bind(at: Endpoint, opened: Callable[[str, int], socket.socket]) -> socket.socket:
    """Return a socket at an address. Raises ListenError, which says what to do."""
    try:
        return opened(at.host, at.port)
    except OSError as exc:
        said = os.strerror(exc.errno) if exc.errno in HINTS else exc.strerror or str(exc)
        hint = f": {HINTS[exc.errno]}" if exc.errno in HINTS else ""
        raise ListenError(f"cannot listen on {at}: {said}{hint}") from exc
