"""What answers: Python alone, or Python with the native part in front."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from typing import TYPE_CHECKING, Protocol

from resolver import native
from resolver.config import Config
from resolver.config.model import Engine
from resolver.core.cache import AnswerCache, Cache
from resolver.core.clients import Bucket, Clients
from resolver.core.cookies import Cookies
from resolver.core.errors import EngineError
from resolver.core.steps import PYTHON, Steps
from resolver.edge.lists import CHILD
from resolver.edge.service import Service
from resolver.edge.stream import Known
from resolver.edge.udp import UdpListener
from resolver.observe.counters import Counters

if TYPE_CHECKING:
    from collections.abc import Callable

    from resolver.native.asking import Asking
    from resolver.native.threads import Worker
    from resolver.observe.journal import Elsewhere

log = logging.getLogger("nxwhy")


class Listener(Protocol):
    """What serves a UDP address."""

    def pause(self) -> None:
        """Take no more queries; answers to earlier ones can still be sent."""

    def close(self) -> None:
        """Send what waits and close the sockets."""


class Parts(Protocol):
    """The parts that differ. `builder` is the program that compiles lists."""

    name: str
    builder: str
    cache: AnswerCache
    bucket: Callable[[float], Bucket]
    elsewhere: Elsewhere | None
    """What notes queries for the journal where the service does not see them."""

    def listener(self, sock: socket.socket, service: Service, loop: asyncio.AbstractEventLoop) -> Listener:
        """Return what serves one UDP socket."""

    def known(self, service: Service) -> Known | None:
        """Return what answers messages of streams in front of a service, if anything does."""

    def put_in_force(self, clients: Clients) -> None:
        """Answer from now on for these clients, and by the routes and servers that are in force by now."""


class PythonParts:
    """All of it in Python."""

    name = "python"
    builder = CHILD
    bucket: Callable[[float], Bucket] = Bucket
    elsewhere: Elsewhere | None = None

    def __init__(self, cache_bytes: int) -> None:
        self.cache: AnswerCache = Cache(cache_bytes)

    def listener(self, sock: socket.socket, service: Service, loop: asyncio.AbstractEventLoop) -> UdpListener:
        """Return what serves one UDP socket."""
        return UdpListener(sock, service, loop)

    def known(self, service: Service) -> None:
        """Return nothing: the service answers all."""

    def put_in_force(self, clients: Clients) -> None:
        """Do nothing: the service asks its clients at each query."""


class NativeParts:
    """With the native part: one cache, a thread a core."""

    name = "native"
    builder = "from resolver.native.building import main; main()"

    def __init__(
        self, cache_bytes: int, counters: Counters, threads: int = 0, cookies: Cookies | None = None
    ) -> None:
        """`threads`: how many answer; 0: one for each core that we may use. `cookies`: the engine's."""
        from resolver.native.answering import Answering, SharedBucket  # noqa: PLC0415
        from resolver.native.cache import NativeCache  # noqa: PLC0415
        from resolver.native.noting import Noted  # noqa: PLC0415

        cache = NativeCache(cache_bytes)
        self.cache: AnswerCache = cache
        self.bucket: Callable[[float], Bucket] = SharedBucket
        self._answering = Answering(cache, threads if threads else answering_threads(), cookies)
        self._asking: Asking | None = None
        self._workers: list[Worker] = []
        self.elsewhere: Elsewhere | None = Noted(self._answering)
        counters.include(self._answering.tally)

    def listener(self, sock: socket.socket, service: Service, loop: asyncio.AbstractEventLoop) -> Listener:
        """Return what serves one UDP socket."""
        from resolver.native.asking import Asking  # noqa: PLC0415
        from resolver.native.threads import ThreadedListener, Worker  # noqa: PLC0415

        if self._asking is None:
            self._asking = asking = Asking(self._answering, service)
            self._workers = [Worker(asking, native, service, loop) for native in self._answering.loops]
        return ThreadedListener(sock, self._workers)

    def known(self, service: Service) -> Known:
        """Return what answers messages of streams natively."""
        from resolver.native.streams import NativeStreams  # noqa: PLC0415

        return NativeStreams(self._answering, service).answer

    def put_in_force(self, clients: Clients) -> None:
        """Tell the threads, also where unknown names are asked now."""
        self._answering.told(clients)
        if self._asking is not None:
            self._asking.renew()


MAX_THREADS = 16
"""Most threads that answer, whatever the machine: they answer some million queries a second."""


def answering_threads() -> int:
    """Return how many threads answer: one for each core that we may use."""
    return min(len(os.sched_getaffinity(0)), MAX_THREADS)


def chosen(wanted: Engine) -> str:
    """Return the name of the engine that runs. Raises EngineError where `native` was asked for in vain."""
    problem = native.problem()
    if wanted is Engine.NATIVE and problem is not None:
        raise EngineError(f"engine: native: {problem}; `auto` runs without it")
    return "python" if wanted is Engine.PYTHON or problem is not None else "native"


def make_parts(config: Config, counters: Counters, cookies: Cookies | None = None) -> Parts:
    """Return the parts of the engine that the configuration chooses. Raises EngineError."""
    if chosen(config.engine) == "native":
        return NativeParts(config.cache.size, counters, cookies=cookies)
    if config.engine is Engine.AUTO:
        log.warning("the native part cannot run, all answers come from Python: %s", native.problem())
    return PythonParts(config.cache.size)


def make_steps(wanted: Engine) -> Steps:
    """Return the steps in which lists are compiled, those of Python where the native part cannot run."""
    if wanted is Engine.PYTHON or native.problem() is not None:
        return PYTHON
    from resolver.native.building import steps  # noqa: PLC0415

    return steps()
