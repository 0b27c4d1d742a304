"""Accepting connections to pages: one at a time, and what is beyond the bound at the least cost."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from resolver.edge.gate import Gate, network

AT_ONCE, MAX_WAITING = 8, 256
"""How many connections are refused before others of the loop have their turn, and how many may wait to be
accepted."""
FULL_S = 0.1
"""How long we wait where no more files can be opened, in seconds."""


class Acceptor:
    """Hands on what connects to a listening socket, as far as a gate lets it in.

    asyncio's own server makes a transport and a task of each connection first, and of as many in a row as may
    wait; to refuse one here costs a fraction of that.
    """

    def __init__(self, take: Callable[[socket.socket], None], gate: Gate | None, refusal: bytes) -> None:
        """`refusal` is what connections get beyond the bound, unread: to read them would cost as well."""
        self._take, self._gate, self._refusal = take, gate, refusal
        self._loop = asyncio.get_running_loop()
        self._listener: socket.socket | None = None

    def start(self, sock: socket.socket) -> None:
        """Accept on a listening socket, which is ours from here on."""
        sock.setblocking(False)
        sock.listen(MAX_WAITING)
        self._listener = sock
        self._loop.add_reader(sock, self._accept)

    def stop(self) -> None:
        """Accept no more."""
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            if self._listener is None:
                return
            try:
                sock, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no more open files
                self._loop.remove_reader(self._listener)
                self._loop.call_later(FULL_S, self._resume)
                return
            sock.setblocking(False)
            if self._gate is None or self._gate.admits(network(peer), self._loop.time()):
                self._take(sock)
                return  # others have their turn before the next: to serve one costs as much as to refuse ten
            with contextlib.suppress(OSError):
                sock.send(self._refusal)
            sock.close()

    def _resume(self) -> None:
        if self._listener is not None:
            self._loop.add_reader(self._listener, self._accept)
