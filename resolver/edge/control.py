"""Commands to the running server, over a Unix socket that only its owner can open.

One request a connection, a line of JSON each way: `{"command": "reload"}`, then `{"ok": true, ...}` or
`{"ok": false, "error": "..."}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import socket
import stat
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from resolver.core.errors import ControlError

log = logging.getLogger(__name__)

MAX_LINE = 65536
"""Longest request, in bytes."""
MAX_ANSWER = 1 << 20
"""Longest answer that a client takes, in bytes: a summary of thousands of lists."""
MAX_CONNECTIONS = 8
REQUEST_S = 10.0
"""How long a request may take to arrive, and its answer to be read. The command itself takes its time."""

Command = Callable[[Mapping[str, object]], Awaitable[Mapping[str, object]]]
"""Carries a command out; raises ControlError with a message for the person who gave it."""


class ControlServer:
    """Listens on one socket in the state folder; a second server on the same folder is refused."""

    def __init__(self, path: Path, commands: Mapping[str, Command], request_s: float = REQUEST_S) -> None:
        self._path, self._commands, self._request_s = path, commands, request_s
        self._server: asyncio.Server | None = None
        self._lock: int | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to listen. Raises ControlError."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _lock(self._path)
            self._server = await asyncio.start_unix_server(
                self._accept, sock=_bind(self._path), limit=MAX_LINE
            )
        except OSError as exc:
            self._unlock()
            raise ControlError(f"{self._path}: {exc.strerror or exc}") from exc
        except ControlError:
            self._unlock()
            raise

    async def stop(self) -> None:
        """Stop listening, break off what is under way and take the socket away."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        with contextlib.suppress(OSError):
            self._path.unlink()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: the one that asyncio makes of a coroutine logs an error when it is cancelled.
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not _peer_may(writer.get_extra_info("socket")):
                return
            writer.transport.set_write_buffer_limits(0)  # drained means: all of it is gone
            writer.write(_packed(await self._answer(reader)))
            async with asyncio.timeout(self._request_s):
                await writer.drain()
        except OSError:  # gone, or does not read (TimeoutError is one): nobody to tell
            pass
        finally:
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader) -> Mapping[str, object]:
        if len(self._open) > MAX_CONNECTIONS:
            return _no("busy with other commands; try again")
        try:
            async with asyncio.timeout(self._request_s):
                line = await reader.readline()
        except TimeoutError:
            return _no(f"no request within {self._request_s:g} s")
        except ValueError:
            return _no(f"a request over {MAX_LINE} bytes")
        try:
            request = json.loads(line)
            name = request["command"]
            command = self._commands[name]
        except (ValueError, KeyError, TypeError, RecursionError):
            return _no(f"no command; there are: {', '.join(self._commands)}")
        try:
            return {"ok": True, **await command(request)}
        except ControlError as exc:
            return _no(str(exc))
        except Exception:  # our mistake: the person who asked is told so, the server goes on
            log.exception("command %s failed", name)
            return _no(f"`{name}` failed inside the server; its log says more")


def call(path: Path, command: str, timeout_s: float, **arguments: object) -> dict[str, Any]:
    """Give a command to the server on a socket; return what it says. Raises ControlError.

    `timeout_s` is for all of it, the command included.
    """
    request = json.dumps({"command": command, **arguments}).encode() + b"\n"
    try:
        line = _exchange(path, request, time.monotonic() + timeout_s)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        raise ControlError(f"no server runs on {path}; `nxwhy serve` starts one") from None
    except PermissionError:
        raise ControlError(f"{path}: permission denied; ask as the user that runs the server") from None
    except TimeoutError:
        raise ControlError(f"the server did not answer within {timeout_s:g} s") from None
    except OSError as exc:
        raise ControlError(f"{path}: {exc.strerror or exc}") from exc
    if not line:
        raise ControlError("the server hung up without an answer; its log may say why")
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise ControlError(f"{path}: what answers there is no nxwhy server")
    if answer.get("ok") is not True:
        raise ControlError(str(answer.get("error", "refused without a reason")))
    return answer


def _exchange(path: Path, request: bytes, end: float) -> bytes:
    """Send a request; return what came back until the line or the connection ended. Raises OSError.

    `end` is monotonic seconds.
    """
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(_left(end))
        sock.connect(str(path))
        with contextlib.suppress(BrokenPipeError):  # refused unread: the reason can be read all the same
            sock.sendall(request)
        answer = b""
        with contextlib.suppress(ConnectionResetError):  # how an end with the request unread looks
            while b"\n" not in answer and len(answer) <= MAX_ANSWER:
                sock.settimeout(_left(end))
                data = sock.recv(65536)
                if not data:
                    break
                answer += data
        return answer


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _no(reason: str) -> dict[str, object]:
    return {"ok": False, "error": reason}


def _packed(answer: Mapping[str, object]) -> bytes:
    return json.dumps(answer, default=str).encode() + b"\n"


def _lock(path: Path) -> int:
    """Return the file descriptor of the folder's lock, which ends with the process however that ends.

    Held, it makes whatever socket lies there a left-over: two servers that start at once cannot each take
    the other's socket for one. Raises OSError, ControlError.
    """
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise ControlError(
            f"another server runs on {path.parent}; give each its own `state` folder"
        ) from None
    except OSError:
        os.close(lock)
        raise
    return lock


def _bind(path: Path) -> socket.socket:
    """Return a bound socket of mode 0600 from its birth on. Raises OSError, ControlError."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ControlError(f"{path} is no socket: move it away, its place is needed")
        path.unlink()  # left behind by a server that was killed
    sock = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        sock.bind(str(path))
    except OSError:
        sock.close()
        raise
    finally:
        os.umask(before)
    return sock


def _peer_may(sock: socket.socket) -> bool:
    """Say whether the other end is run by us or by root; the mode of the socket says so already."""
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return struct.unpack("3i", credentials)[1] in {0, os.geteuid()}
