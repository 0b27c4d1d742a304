"""Commands to the running server, over a Unix socket that only its owner can open.

One request a connection, a line of JSON each way: `{"command": "reload"}`, then `{"ok": true, ...}` or
`{"ok": false, "error": "..."}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from resolver.core.errors import ControlError

log = logging.getLogger("nxwhy")

MAX_LINE = 65536
MAX_PATH = 107
"""Longest path of a Unix socket on Linux, in bytes (unix(7))."""
REQUEST_S = 10.0
"""How long a request may take to arrive."""

Command = Callable[[Mapping[str, object]], Awaitable[Mapping[str, object]]]
"""Carries a command out; raises ControlError with a message for the person who gave it."""


class ControlServer:
    """Listens on one socket in the state folder; a second server on the same folder is refused."""

    def __init__(self, path: Path, commands: Mapping[str, Command]) -> None:
        self._path, self._commands = path, commands
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen. Raises ControlError."""
        if len(os.fsencode(self._path)) > MAX_PATH:
            raise ControlError(
                f"{self._path}: over {MAX_PATH} bytes, too long for a Unix socket: set a shorter `state`"
            )
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            sock = _bind(self._path)
        except OSError as exc:
            said = f"{exc.filename or self._path}: {exc.strerror or exc}"
            raise ControlError(f"{said}: `state` must be a folder that we may write to") from exc
        self._server = await asyncio.start_unix_server(self._serve, sock=sock, limit=MAX_LINE)

    async def stop(self) -> None:
        """Stop listening and take the socket away."""
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(OSError):
                self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if _peer_may(writer.get_extra_info("socket")):
                async with asyncio.timeout(REQUEST_S):
                    line = await _read_line(reader)
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        except OSError:  # gone or too slow: nobody to tell
            pass
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> Mapping[str, object]:
        try:
            request = json.loads(line)
            command = self._commands[request["command"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            return {"ok": False, "error": f"no command; there are: {', '.join(self._commands)}"}
        try:
            return {"ok": True, **await command(request)}
        except ControlError as exc:
            return {"ok": False, "error": str(exc)}
        except Exception as exc:
            log.exception("a command failed")
            return {"ok": False, "error": f"{type(exc).__name__}: {exc}; the log of the server says more"}


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    """Return the next line; nothing for one without end, which is no command either."""
    try:
        return await reader.readline()
    except ValueError:
        return b""


def call(path: Path, command: str, timeout_s: float, **arguments: object) -> dict[str, Any]:
    """Give a command to the server on a socket; return what it says. Raises ControlError."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(timeout_s)
        try:
            sock.connect(str(path))
            sock.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
            with sock.makefile("rb") as file:
                answer = json.loads(file.readline())
        except (FileNotFoundError, ConnectionRefusedError):
            raise ControlError(f"no server runs on {path}; `nxwhy serve` starts one") from None
        except TimeoutError:
            raise ControlError(f"the server did not answer within {timeout_s:.0f} s") from None
        except (OSError, ValueError) as exc:
            raise ControlError(f"{path}: {exc}") from exc
    if not isinstance(answer, dict) or not answer.get("ok"):
        raise ControlError(
            str(answer.get("error")) if isinstance(answer, dict) else "an answer without sense"
        )
    return answer


def _bind(path: Path) -> socket.socket:
    """Return a listening socket of mode 0600 from its birth on. Raises OSError, ControlError."""
    with (
        socket.socket(socket.AF_UNIX) as probe,
        contextlib.suppress(FileNotFoundError, ConnectionRefusedError),
    ):
        probe.connect(str(path))
        raise ControlError(f"another server runs on {path.parent}; give each its own `state` folder")
    with contextlib.suppress(FileNotFoundError):
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
    return struct.unpack("3i", credentials)[1] in {0, os.getuid()}
