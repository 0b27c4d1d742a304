"""The notice page and the admin pages of the running server."""

from __future__ import annotations

import asyncio
import importlib
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from resolver.appearance import Appearance
from resolver.core.policy import Verdict
from resolver.edge.doorway import Doorway
from resolver.edge.gate import Gate
from resolver.observe.counters import Counters
from resolver.observe.state import Check, State

if TYPE_CHECKING:
    from resolver.edge.http import HttpServer


class Sources(NamedTuple):
    """What pages are made of."""

    judge: Callable[[bytes, str], Verdict]
    published: Callable[[], Awaitable[Mapping[str, bytes]]]
    own: Callable[[], frozenset[str]]
    counters: Counters
    state: Callable[[], State]
    checks: Callable[[], list[Check]]
    folder: Path


class Pages:
    """All HTTP and TLS listeners. One gate stands before all of the notice page's."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._appearance = Appearance()
        self._servers: list[HttpServer] = []
        self._doorways: list[Doorway] = []

    def show(self, appearance: Appearance) -> None:
        """Put another appearance in force."""
        self._appearance = appearance
        for doorway in self._doorways:
            doorway.certificate = appearance.certificate

    async def start(
        self,
        pages: Sequence[socket.socket],
        encrypted: Sequence[socket.socket],
        admin: Sequence[socket.socket],
    ) -> None:
        """Serve on listening sockets, if there are any. DNS is served meanwhile."""
        if not (pages or encrypted or admin):
            return
        for late in ("resolver.edge.http", "resolver.observe.collector"):  # what they need takes its time
            await asyncio.to_thread(importlib.import_module, late)
        from resolver.edge import transparency  # noqa: PLC0415
        from resolver.edge.admin import admin_app  # noqa: PLC0415
        from resolver.edge.desk import Desk  # noqa: PLC0415
        from resolver.edge.http import HttpServer  # noqa: PLC0415
        from resolver.edge.notice import notice_app  # noqa: PLC0415
        from resolver.observe.collector import Expositions, make_registry  # noqa: PLC0415

        sources, gate = self._sources, Gate()
        registry = make_registry(sources.counters, sources.state)
        about = partial(transparency.answer, files=sources.published)
        ours = admin_app(Expositions(registry), sources.checks, about=about)
        look, desk = (lambda: self._appearance.look), Desk(sources.folder)
        notice = notice_app(sources.judge, about, self._own_names, look, desk)
        for sock in pages:
            await self._serve(HttpServer(notice, gate=gate), sock)
        for sock in admin:
            await self._serve(HttpServer(ours), sock)
        for sock in encrypted:
            page = HttpServer(notice)  # the doorway has the gate
            self._servers.append(page)
            doorway = Doorway(page.connection, gate)
            doorway.certificate = self._appearance.certificate
            doorway.start(sock)
            self._doorways.append(doorway)

    async def stop(self) -> None:
        """Stop; replies that are being made get a second."""
        for doorway in self._doorways:
            await doorway.stop()
        for server in self._servers:
            await server.stop()

    async def _serve(self, server: HttpServer, sock: socket.socket) -> None:
        await server.start(sock)
        self._servers.append(server)

    def _own_names(self) -> frozenset[str]:
        certificate = self._appearance.certificate
        return self._sources.own() | (certificate.names if certificate else frozenset())
