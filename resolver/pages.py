"""The notice page and the admin pages of the running server."""

from __future__ import annotations

import asyncio
import importlib
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from resolver.core.networks import Address
from resolver.core.reasons import Reason
from resolver.edge.page_channel import Appearance
from resolver.edge.page_process import Answers, PageProcess
from resolver.observe.counters import Counters
from resolver.observe.state import Check, State

if TYPE_CHECKING:
    from resolver.edge.http import HttpServer


class Sources(NamedTuple):
    """What pages are made of."""

    reason: Callable[[bytes, Address, Sequence[str]], Reason | None]
    published: Callable[[], Awaitable[Mapping[str, bytes]]]
    counters: Counters
    state: Callable[[], State]
    checks: Callable[[], list[Check]]
    folder: Path


class Pages:
    """All HTTP and TLS listeners: the notice page in a process of its own, the admin pages here."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._appearance = Appearance()
        self._notice: PageProcess | None = None
        self._admin: list[HttpServer] = []

    async def show(self, appearance: Appearance) -> None:
        """Put another appearance in force."""
        self._appearance = appearance
        if self._notice is not None:
            await self._notice.show(appearance)

    async def start(
        self,
        pages: Sequence[socket.socket],
        encrypted: Sequence[socket.socket],
        admin: Sequence[socket.socket],
    ) -> None:
        """Serve on bound sockets, if there are any. DNS is served meanwhile."""
        if pages or encrypted:
            answers = Answers(self._sources.reason, self._sources.published)
            self._notice = PageProcess(pages, encrypted, self._sources.folder, answers)
            self._notice.start(self._appearance)
        if admin:
            await self._start_admin(admin)

    async def stop(self) -> None:
        """Stop; replies that are being made get a second."""
        if self._notice is not None:
            await self._notice.stop()
        for server in self._admin:
            await server.stop()

    async def _start_admin(self, socks: Sequence[socket.socket]) -> None:
        for late in ("resolver.edge.http", "resolver.observe.collector"):  # what they need takes its time
            await asyncio.to_thread(importlib.import_module, late)
        from resolver.edge import transparency  # noqa: PLC0415
        from resolver.edge.admin import admin_app  # noqa: PLC0415
        from resolver.edge.http import HttpServer  # noqa: PLC0415
        from resolver.observe.collector import Expositions, make_registry  # noqa: PLC0415

        registry = make_registry(self._sources.counters, self._sources.state)
        about = partial(transparency.answer, files=self._sources.published)
        app = admin_app(Expositions(registry), self._sources.checks, about=about)
        for sock in socks:
            server = HttpServer(app)
            await server.start(sock)
            self._admin.append(server)
