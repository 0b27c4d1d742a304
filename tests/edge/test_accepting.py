from __future__ import annotations

import asyncio
import errno
import socket

import pytest

from resolver.edge import accepting, stream
from resolver.edge.accepting import Acceptor
from resolver.edge.gate import Gate
from resolver.edge.http import Deadlines, HttpServer
from resolver.edge.notice import notice_app
from tests.edge.asking import get, judge, rest, send


async def test_visits_beyond_the_bound_are_told_when_to_come_again() -> None:
    sock = stream.bind("127.0.0.1", 0)
    address: tuple[str, int] = sock.getsockname()[:2]
    server = HttpServer(notice_app(judge), Deadlines(), Gate(rate=4, each=4))
    await server.start(sock)
    found = [await send(address, get("house.example")) for _ in range(6)]
    await server.stop()
    assert [status for status, _, _ in found] == [403] * 4 + [429] * 2
    assert found[-1][1]["retry-after"] == "1"
    assert found[-1][2] == b""


async def test_what_is_handed_on_is_what_connected() -> None:
    taken: asyncio.Queue[socket.socket] = asyncio.Queue()
    listener = stream.bind("127.0.0.1", 0)
    address = listener.getsockname()[:2]
    acceptor = Acceptor(taken.put_nowait, None, b"")
    acceptor.start(listener)
    clients = [await asyncio.open_connection(*address) for _ in range(accepting.AT_ONCE * 2 + 1)]
    for _ in clients:
        (await taken.get()).close()
    for reader, writer in clients:
        assert await rest(reader) == b""
        writer.close()
    acceptor.stop()
    acceptor.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)


async def test_without_files_to_open_it_goes_on_as_soon_as_there_are_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Full:
        def __init__(self, real: socket.socket) -> None:
            self.real, self.refusals = real, 2

        def accept(self) -> tuple[socket.socket, object]:
            self.refusals -= 1
            if self.refusals >= 0:
                raise OSError(errno.EMFILE, "Too many open files")
            return self.real.accept()

        def fileno(self) -> int:
            return self.real.fileno()

        def close(self) -> None:
            self.real.close()

    monkeypatch.setattr(accepting, "FULL_S", 0.001)
    taken: asyncio.Queue[socket.socket] = asyncio.Queue()
    listener = stream.bind("127.0.0.1", 0)
    acceptor = Acceptor(taken.put_nowait, None, b"")
    acceptor.start(listener)
    acceptor._listener = Full(listener)  # type: ignore[assignment]
    _, writer = await asyncio.open_connection(*listener.getsockname()[:2])
    (await asyncio.wait_for(taken.get(), 20)).close()
    writer.close()
    acceptor.stop()
