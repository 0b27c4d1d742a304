"""DNS over UDP with a thread a core: each answers what is known on a socket of its own for each address.

What a thread leaves comes here in batches, goes to the service, and is answered from the socket it came in
on. Each socket gets what its core receives (SO_REUSEPORT, `edge/steering.py`).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence

from resolver.edge import udp
from resolver.edge.service import MAX_FLIGHTS, Service
from resolver.edge.steering import steer_by_core
from resolver.edge.turns import ANSWERING_NS, TURN_NS, take_turns
from resolver.native import _native
from resolver.native.asking import WAITED, Asking, Handing
from resolver.native.udp import KNOWN_NOW, NativeUdpListener

BATCH = 256
"""Most messages that go to the service before the event loop gets its turn and their answers are sent."""

log = logging.getLogger("nxwhy")


class ThreadedListener:
    """Serves one address: each of its sockets has a thread, or the event loop where that cannot be had."""

    def __init__(self, sock: socket.socket, workers: Sequence[Worker]) -> None:
        socks = _beside(sock, len(workers))
        self._ends = [_End(one, worker) for one, worker in zip(socks, workers, strict=False)]

    def pause(self) -> None:
        """Take no more queries; answers to earlier ones can still be sent."""
        for end in self._ends:
            end.pause()

    def close(self) -> None:
        """Send what waits and close the sockets."""
        for end in self._ends:
            end.close()


def _beside(sock: socket.socket, count: int) -> list[socket.socket]:
    """Return so many sockets on one address, the given one first; fewer, but that, if the system refuses."""
    socks = [sock]
    try:
        while len(socks) < count:
            socks.append(udp.bind_beside(sock))
    except OSError as exc:
        log.warning("%d of %d threads get a socket for %s: %s", len(socks), count, sock.getsockname(), exc)
    if len(socks) > 1:
        steer_by_core(sock, len(socks))  # where it cannot be had, clients are spread by their ports
    return socks


class Worker:
    """A thread, which runs while it has sockets, and the way from it to the service."""

    def __init__(
        self, asking: Asking, native: _native.Loop, service: Service, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.answering, self.native, self.service, self.loop = asking.answering, native, service, loop
        self._asking, self._handing = asking, Handing(asking)
        self._thread: _native.Thread | None = None
        self._ends: dict[int, _End] = {}
        self._gave_up = False

    def add(self, end: _End) -> bool:
        """Let the thread answer on a socket; False if there is no thread."""
        if self._gave_up:
            return False
        try:
            thread = self._thread or self._start()
            self._ends[thread.watch(end.fileno())] = end
        except OSError as exc:
            log.warning("a thread that answers cannot begin, the event loop answers in its place: %s", exc)
            return False
        return True

    def rest(self, end: _End) -> None:
        """Let the thread take no more queries from a socket, and go on to answer those it has."""
        number = self._number_of(end)
        if self._thread is not None and number is not None:
            self._thread.rest(number)

    def remove(self, end: _End) -> None:
        """Let the thread leave a socket alone; what it has left goes to the service before."""
        thread, number = self._thread, self._number_of(end)
        if thread is None or number is None:
            return
        thread.forget(number)
        while self._hand_over(thread):
            pass
        del self._ends[number]
        if not self._ends:
            self._stop(thread)

    def _number_of(self, end: _End) -> int | None:
        return next((number for number, one in self._ends.items() if one is end), None)

    def _start(self) -> _native.Thread:
        """Return a thread that runs. Raises OSError."""
        answering = self.answering
        thread = _native.Thread(self.native, max(1, MAX_FLIGHTS // len(answering.loops)))
        thread.use(answering.told(self.service.clients).snapshot, answering.cache.native, answering.ways)
        take_turns(ANSWERING_NS)  # a thread has them from who starts it
        try:
            thread.start()
        finally:
            take_turns(TURN_NS)
        self._thread = thread
        answering.threads.append(thread)
        self._asking.add(thread)
        self.loop.add_reader(thread.wake, self._drain)
        return thread

    def _stop(self, thread: _native.Thread) -> None:
        self.loop.remove_reader(thread.wake)
        thread.stop()
        self.answering.threads.remove(thread)
        self._asking.remove(thread)
        self._thread = None

    def _drain(self) -> None:
        thread = self._thread
        if thread is None:
            return
        if self._hand_over(thread) == BATCH:  # there may be more, of which the thread does not tell again
            self.loop.call_soon(self._drain)
        elif thread.ended:
            self._give_up(thread)

    def _hand_over(self, thread: _native.Thread) -> int:
        """Take what the thread has left, up to a batch, to the service; return how much that was."""
        left = thread.take(BATCH)
        if not left:
            return 0
        told, ends = self.answering.told(self.service.clients), self._ends
        for end in ends.values():
            end.hold()
        handing = self._handing
        handing.begin()
        for number, wire, peer, control, why, profile, of_set, arrived in left:
            if why > WAITED:
                handing.take(why, number, arrived, profile | of_set << 32, wire, peer)
                continue
            end = ends[number]
            if why == WAITED:
                handing.take_back(end, wire, peer, control, arrived)
                continue
            end.handle(wire, peer, control, arrived)
            if why >= KNOWN_NOW:
                told.learn(why, profile, of_set, end.host_of(peer))
        for end in ends.values():
            end.flush()
        return len(left)

    def _give_up(self, thread: _native.Thread) -> None:
        """Let the event loop serve the sockets of a thread that has ended by itself."""
        log.error("a thread that answers has ended, the event loop answers in its place")
        while self._hand_over(thread):
            pass
        ends, self._ends = self._ends, {}
        self._gave_up = True
        self._stop(thread)
        for end in ends.values():
            end.serve_alone()


class _End(NativeUdpListener):
    """One socket of one thread."""

    def __init__(self, sock: socket.socket, worker: Worker) -> None:
        self._worker = worker
        super().__init__(sock, worker.service, worker.loop, worker.answering, worker.native)

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return self._sock.fileno()

    def serve_alone(self) -> None:
        """Serve the socket by the event loop."""
        super()._resume()

    def pause(self) -> None:
        """Take no more queries; answers to earlier ones can still be sent."""
        self._worker.rest(self)
        super().pause()

    def close(self) -> None:
        """Send what waits and close the socket."""
        self._worker.remove(self)
        super().close()

    def _resume(self) -> None:
        if not self._worker.add(self):
            self.serve_alone()
