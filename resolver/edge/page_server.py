"""The process of the notice page: it talks to whoever comes, and asks the server why a name is blocked.

So a visit costs DNS one question (page_process.py), and whatever else a visit is made of gives way to it.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import pickle
import signal
import socket
from collections.abc import Mapping, Sequence
from functools import partial
from typing import cast

from resolver.core import names
from resolver.core.errors import ChildError, PageFault
from resolver.core.reasons import Reason
from resolver.edge import transparency
from resolver.edge.certificate import Certificate, read_certificate
from resolver.edge.desk import Desk
from resolver.edge.doorway import Doorway
from resolver.edge.faults import FaultLog
from resolver.edge.gate import Gate
from resolver.edge.http import HttpServer
from resolver.edge.notice import notice_app
from resolver.edge.page_channel import (
    MAX_SAID,
    Answer,
    Appearance,
    Listening,
    Showing,
    Stop,
    read_frame,
    said,
)
from resolver.observe import logs

MAX_LOGGED = MAX_SAID // 24
"""How much of each text goes to the log, in characters; in JSON one may take six bytes, or twelve."""

log = logging.getLogger("nxwhy")


class PageServer:
    """All listeners of the page, with one gate before them, and what is asked of the server meanwhile."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[object]] = {}
        self._appearance = Appearance()
        self._certificate: Certificate | None = None
        self._servers: list[HttpServer] = []
        self._doorways: list[Doorway] = []
        self._stopping: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Do what we are told until we have stopped, or the server is gone."""
        try:
            while payload := await read_frame(self._reader):
                await self._do(pickle.loads(payload))  # noqa: S301 - from the server, which started us
        except ChildError:  # it is gone
            pass
        finally:
            self._writer.close()
            for asked in self._asked.values():
                if not asked.done():
                    asked.set_exception(ChildError("the server is gone"))
            await self._finish()

    async def _do(self, told: Listening | Showing | Answer | Stop) -> None:
        if isinstance(told, Listening):
            await self._listen(told)
        elif isinstance(told, Stop):
            self._stopping = asyncio.get_running_loop().create_task(self._stop())
        elif isinstance(told, Showing):
            if told.appearance is not None:
                self._show(told.appearance)
            self._writer.write(said("shown", told.number))
        elif (asked := self._asked.get(told.number)) and not asked.done():
            if told.failed:
                asked.set_exception(ChildError("the server could not answer"))
            else:
                asked.set_result(told.value)

    async def _stop(self) -> None:
        """Let the visits end that are there, which may ask yet; then hang up."""
        await self._finish()
        self._writer.close()

    async def _finish(self) -> None:
        doorways, servers = self._doorways, self._servers
        await asyncio.gather(*[one.stop() for one in doorways], *[one.stop() for one in servers])

    async def _listen(self, told: Listening) -> None:
        gate = Gate()
        about = partial(transparency.answer, files=self._files)
        desk = Desk(told.folder, told.secret)
        notice = notice_app(self._reason, about, self._own, lambda: self._appearance.look, desk)
        for number in told.pages:
            server = HttpServer(notice, gate=gate)
            await server.start(socket.socket(fileno=number))
            self._servers.append(server)
        for number in told.encrypted:
            server = HttpServer(notice)  # the doorway has the gate
            self._servers.append(server)
            doorway = Doorway(server.connection, gate)
            doorway.start(socket.socket(fileno=number))
            self._doorways.append(doorway)

    def _show(self, appearance: Appearance) -> None:
        self._appearance = appearance
        try:
            self._certificate = read_certificate(*appearance.certificate) if appearance.certificate else None
        except PageFault as fault:  # the server could read it a moment ago
            log.error("the page keeps the certificate that it has: %s", fault)
        for doorway in self._doorways:
            doorway.certificate = self._certificate

    def _own(self) -> frozenset[str]:
        return self._appearance.own | (self._certificate.names if self._certificate else frozenset())

    async def _reason(self, name: bytes, client: str, languages: Sequence[str]) -> Reason | None:
        return cast("Reason | None", await self._ask("reason", names.to_text(name), client, languages))

    async def _files(self) -> Mapping[str, bytes]:
        return cast("Mapping[str, bytes]", await self._ask("files"))

    async def _ask(self, question: str, *about: object) -> object:
        if self._writer.is_closing():
            raise ChildError("the server is gone")
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(said(question, number, *about))
            return await answer
        finally:
            del self._asked[number]


class ServersLog(logging.Handler):
    """Leaves log lines to the server, which writes them as it does its own."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Say a record, while there is somebody to hear it."""
        if self._writer.is_closing():  # of which asyncio would write another
            return
        trace = logs.traceback(record)
        fields = {key: str(value)[:MAX_LOGGED] for key, value in getattr(record, "fields", {}).items()}
        text = record.getMessage()[:MAX_LOGGED]
        self._writer.write(said("log", record.levelno, text, fields, trace[-MAX_LOGGED:]))


def main() -> None:
    """Serve until the socket that is our standard input ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the server is sent them too, and says what we do
    asyncio.run(_serve(socket.socket(fileno=0)))


async def _serve(channel: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=channel)
    logging.getLogger().handlers = [ServersLog(writer)]
    asyncio.get_running_loop().set_exception_handler(FaultLog().handle)
    await PageServer(reader, writer).run()
