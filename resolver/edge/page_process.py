"""The process of the notice page as the server has it: started, told what to show, answered, replaced."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import pickle
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from resolver.core import names
from resolver.core.clients import Bucket, parse_address
from resolver.core.errors import ChildError, NameFault
from resolver.core.networks import Address
from resolver.core.reasons import Reason
from resolver.edge.children import start_child
from resolver.edge.faults import Sparing
from resolver.edge.page_channel import (
    MAX_SAID,
    Answer,
    Appearance,
    Listening,
    Showing,
    Stop,
    frame,
    read_frame,
)
from resolver.observe.logs import fields

PROGRAM = (
    "from resolver.edge.giving_way import give_way; give_way(); "  # before its imports, which take their time
    "from resolver.edge.page_server import main; main()"
)
FIRST_PAUSE_S, MAX_PAUSE_S = 0.5, 60.0
"""How long we wait before it is started again: at first, and at most."""
SETTLED_S = 60.0
"""One that ran for so long is no reason to wait longer the next time."""
PATIENCE_S, END_S = 5.0, 2.0
"""How long we wait until it shows something else, and until it has ended, in seconds."""
RATE, PACE_S = 400, 0.005
"""How many frames it may say in a second, four for each visit that its gate lets in; and how long we do not
listen, in seconds, after each one beyond."""
LEVELS = frozenset({logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL})
BEAT_S, HANG_S = 20.0, 60.0
"""How often we look whether it hangs, and how long it may take to say that it does not. On a machine that has
no time left it gets a thirtieth of a core."""

log = logging.getLogger("nxwhy")


class Answers(NamedTuple):
    """What answers its questions: (name, client, languages) -> why it is blocked; () -> files about us."""

    reason: Callable[[bytes, Address, Sequence[str]], Reason | None]
    files: Callable[[], Awaitable[Mapping[str, bytes]]]


class PageProcess:
    """Keeps the process running on listening sockets; they stay ours, so whoever comes meanwhile waits."""

    def __init__(
        self,
        pages: Sequence[socket.socket],
        encrypted: Sequence[socket.socket],
        folder: Path,
        answers: Answers,
    ) -> None:
        self._sockets, self._answers = (*pages, *encrypted), answers
        first, second = ([sock.fileno() for sock in socks] for socks in (pages, encrypted))
        self._listening = Listening(tuple(first), tuple(second), folder, secrets.token_bytes(32))
        self._appearance = Appearance()
        self._numbers = itertools.count()
        self._awaited: dict[int, asyncio.Future[None]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._stopping = False
        self._lines, self._faults = Sparing(), Sparing()

    def start(self, appearance: Appearance) -> None:
        """Start the process, which begins with an appearance."""
        for sock in self._sockets:
            sock.listen()
        self._appearance = appearance
        self._keeping = asyncio.get_running_loop().create_task(self._keep())

    async def show(self, appearance: Appearance) -> None:
        """Put another appearance in force; returns once it is shown, or will be soon."""
        self._appearance = appearance
        if self._writer is None:  # the next begins with it
            return
        try:
            await asyncio.wait_for(self._say(self._writer, appearance), PATIENCE_S)
        except TimeoutError:
            log.warning("the notice page is busy, and changes later")

    async def stop(self) -> None:
        """Let the process end; replies that are being made get their time."""
        self._stopping = True
        if self._keeping is not None:
            if self._writer is not None:
                _tell(self._writer, Stop())
                await asyncio.wait([self._keeping], timeout=END_S)
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        for sock in self._sockets:
            sock.close()

    async def _keep(self) -> None:
        clock, pause_s = asyncio.get_running_loop().time, FIRST_PAUSE_S
        while True:
            began, broken = clock(), None
            try:
                why = await self._run()
            except (ChildError, OSError) as exc:
                why = str(exc)
            except Exception as exc:  # whatever it is, there is a page again
                why, broken = str(exc), exc
            if self._stopping:
                return
            if clock() - began > SETTLED_S:
                pause_s = FIRST_PAUSE_S
            by = fields(reason=why, again_in_s=pause_s)
            log.error(
                "the process of the notice page ended; the page waits for another", exc_info=broken, extra=by
            )
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, MAX_PAUSE_S)

    async def _run(self) -> str:
        """Run one process; return why it ended. Raises ChildError, OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours)
            with contextlib.closing(writer):
                numbers = (*self._listening.pages, *self._listening.encrypted)
                process = await start_child(PROGRAM, stdin=theirs, pass_fds=numbers)
                theirs.close()
                try:
                    await self._serve(process, reader, writer)
                finally:
                    writer.close()  # which tells it to end
                    await _end(process)
        return f"status {process.returncode}"

    async def _serve(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writer = writer
        _tell(writer, self._listening)
        _tell(writer, Showing(next(self._numbers), self._appearance))
        watching = asyncio.get_running_loop().create_task(self._watch(process, writer))
        try:
            pace, clock = Bucket(RATE), asyncio.get_running_loop().time
            while payload := await read_frame(reader, MAX_SAID):
                await self._hear(payload, writer)
                await writer.drain()
                if not pace.take(clock()):
                    await asyncio.sleep(PACE_S)
        except ConnectionError as exc:
            raise ChildError(str(exc)) from exc
        finally:
            watching.cancel()
            self._writer = None
            for awaited in self._awaited.values():
                awaited.cancel()

    async def _watch(self, process: asyncio.subprocess.Process, writer: asyncio.StreamWriter) -> None:
        """Kill a process that hangs."""
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                try:
                    await asyncio.wait_for(self._say(writer, None), HANG_S)
                except TimeoutError:
                    log.error("the process of the notice page hangs and is killed")
                    if process.returncode is None:
                        process.kill()
                    return
                await asyncio.sleep(BEAT_S)

    async def _say(self, writer: asyncio.StreamWriter, appearance: Appearance | None) -> None:
        """Tell the process what to show; returns when it does, or has ended."""
        number = next(self._numbers)
        shown = self._awaited[number] = asyncio.get_running_loop().create_future()
        _tell(writer, Showing(number, appearance))
        try:
            await asyncio.wait([shown])
        finally:
            del self._awaited[number]

    async def _hear(self, payload: bytes, writer: asyncio.StreamWriter) -> None:
        """Do what the process wants. Raises ChildError where that makes no sense."""
        try:
            match json.loads(payload):
                case ["reason", int(number), str(name), str(client), [*languages]]:
                    asked = names.from_text(name), parse_address(client), list(map(str, languages))
                    _tell(writer, await self._answer(number, self._reason(*asked)))
                case ["files", int(number)]:
                    _tell(writer, await self._answer(number, self._answers.files()))
                case ["shown", int(number)]:
                    if (awaited := self._awaited.get(number)) and not awaited.done():
                        awaited.set_result(None)
                case ["log", int(level), str(text), {**given}, str(trace)] if level in LEVELS:
                    self._log(level, text, {str(key): str(value) for key, value in given.items()}, trace)
                case other:
                    raise ChildError(f"said what we do not know: {str(other)[:80]!r}")
        except (ValueError, RecursionError, NameFault) as exc:  # no JSON, no address
            raise ChildError(f"said what makes no sense: {exc}") from exc

    async def _reason(self, name: bytes, client: Address, languages: Sequence[str]) -> Reason | None:
        return self._answers.reason(name, client, languages)

    async def _answer(self, number: int, made: Awaitable[object]) -> Answer:
        try:
            return Answer(number, await made)
        except Exception:
            unlogged = self._faults.take(asyncio.get_running_loop().time())
            if unlogged is not None:
                by = fields(unlogged=unlogged)
                log.exception("a question of the notice page could not be answered", extra=by)
            return Answer(number, None, failed=True)

    def _log(self, level: int, text: str, given: dict[str, str], trace: str) -> None:
        """Write what the process says into our log, where it counts."""
        if not log.isEnabledFor(level):
            return
        unlogged = self._lines.take(asyncio.get_running_loop().time())
        if unlogged is not None:
            by = fields(**{**given, **({"unlogged": unlogged} if unlogged else {})})
            record = log.makeRecord(log.name, level, __file__, 0, text, (), None, extra=by)
            record.exc_text = trace
            log.handle(record)


def _tell(writer: asyncio.StreamWriter, what: object) -> None:
    writer.write(frame(pickle.dumps(what)))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Wait until the process has ended, which it does when we hang up; not for long, and see that it has."""
    try:
        await asyncio.wait_for(process.wait(), END_S)
    except TimeoutError:
        pass
    finally:
        if process.returncode is None:
            process.kill()
    await process.wait()
