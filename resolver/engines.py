"""What answers: Python alone, or Python with the native part in front."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Protocol

from resolver import native
from resolver.config import Config
from resolver.config.model import Engine
from resolver.core.cache import AnswerCache, Cache
from resolver.core.clients import Bucket
from resolver.core.errors import EngineError
from resolver.edge.service import Service
from resolver.edge.udp import UdpListener
from resolver.observe.counters import Counters

if TYPE_CHECKING:
    from collections.abc import Callable

    from resolver.native.asking import Asking

log = logging.getLogger("nxwhy")


class Parts(Protocol):
    """The parts that differ."""

    name: str
    cache: AnswerCache
    bucket: Callable[[float], Bucket]

    def listener(self, sock: socket.socket, service: Service, loop: asyncio.AbstractEventLoop) -> UdpListener:
        """Return what serves one UDP socket."""


class PythonParts:
    """All of it in Python."""

    name = "python"
    bucket: Callable[[float], Bucket] = Bucket

    def __init__(self, cache_bytes: int) -> None:
        self.cache: AnswerCache = Cache(cache_bytes)

    def listener(self, sock: socket.socket, service: Service, loop: asyncio.AbstractEventLoop) -> UdpListener:
        """Return what serves one UDP socket."""
        return UdpListener(sock, service, loop)


class NativeParts:
    """With the native part: one cache, one loop."""

    name = "native"

    def __init__(self, cache_bytes: int, counters: Counters) -> None:
        from resolver.native.answering import Answering, SharedBucket  # noqa: PLC0415
        from resolver.native.cache import NativeCache  # noqa: PLC0415

        cache = NativeCache(cache_bytes)
        self.cache: AnswerCache = cache
        self.bucket: Callable[[float], Bucket] = SharedBucket
        self._answering = Answering(cache)
        self._asking: Asking | None = None
        counters.include(self._answering.tally)

    def listener(self, sock: socket.socket, service: Service, loop: asyncio.AbstractEventLoop) -> UdpListener:
        """Return what serves one UDP socket."""
        from resolver.native.asking import Asking  # noqa: PLC0415
        from resolver.native.udp import NativeUdpListener  # noqa: PLC0415

        if self._asking is None or self._asking.closed:
            self._asking = Asking(self._answering, service, loop)
        return NativeUdpListener(sock, service, loop, self._answering, self._asking)


def chosen(wanted: Engine) -> str:
    """Return the name of the engine that runs. Raises EngineError where `native` was asked for in vain."""
    problem = native.problem()
    if wanted is Engine.NATIVE and problem is not None:
        raise EngineError(f"engine: native: {problem}; `auto` runs without it")
    return "python" if wanted is Engine.PYTHON or problem is not None else "native"


def make_parts(config: Config, counters: Counters) -> Parts:
    """Return the parts of the engine that the configuration chooses. Raises EngineError."""
    if chosen(config.engine) == "native":
        return NativeParts(config.cache.size, counters)
    if config.engine is Engine.AUTO:
        log.warning("the native part cannot run, all answers come from Python: %s", native.problem())
    return PythonParts(config.cache.size)
