"""Looking whether an upstream server that is set aside is back."""

from __future__ import annotations

from resolver.core import questions
from resolver.edge.server import Place, Server


class Probe:
    """A question to a server that is set aside: any answer brings it back."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._places: list[Place] = []
        self._sent = server.loop.time()

    def send(self) -> None:
        """Send it; a server that cannot be sent to has not answered."""
        packet = questions.upstream_query(questions.PROBE)
        try:
            (self._server.send_tcp if self._server.spec.tcp_only else self._server.send)(
                self, packet, self._places
            )
        except OSError:
            self.give_up(0)
            return
        self._server.wheel.after(1.0, self.give_up, 0)

    def received(self, server: Server, wire: bytes, *, over_tcp: bool) -> None:
        """Take whatever is an answer by its header."""
        if len(wire) >= 12 and wire[2] & 0x80:
            server.answered(server.loop.time() - self._sent)
            self._clear()

    def refused(self, server: Server) -> None:
        """Wait for the time-out all the same."""

    def cut_off(self, server: Server) -> None:
        """Wait for the time-out all the same."""

    def give_up(self, _: int) -> None:
        """Wait no longer."""
        self._server.silent(self._places, self._sent)
        self._clear()
        if not self._server.health.up:
            self._server.health.probed_in_vain(self._server.loop.time())

    def _clear(self) -> None:
        for pending, ident in self._places:
            pending.pop(ident, None)
        self._places.clear()
