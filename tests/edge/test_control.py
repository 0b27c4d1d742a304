from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from resolver.core.errors import ControlError
from resolver.edge import control
from resolver.edge.control import ControlServer, call


async def greet(request: Mapping[str, object]) -> Mapping[str, object]:
    return {"said": f"hello {request.get('name')}"}


async def refuse(_: Mapping[str, object]) -> Mapping[str, object]:
    raise ControlError("not now")


async def fail(_: Mapping[str, object]) -> Mapping[str, object]:
    raise ZeroDivisionError("by zero")


COMMANDS = {"greet": greet, "refuse": refuse, "fail": fail}


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[ControlServer]:
    server = ControlServer(path, COMMANDS)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "control.sock"


async def ask(path: Path, command: str, timeout_s: float = 5, **arguments: object) -> dict[str, object]:
    return await asyncio.to_thread(call, path, command, timeout_s, **arguments)


async def send(path: Path, data: bytes) -> object:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(data)
    writer.write_eof()
    line = await reader.read()
    writer.close()
    return json.loads(line) if line else None


async def test_a_command_is_answered(path: Path) -> None:
    async with serving(path):
        assert await ask(path, "greet", name="owner") == {"ok": True, "said": "hello owner"}


async def test_the_socket_is_for_the_owner_alone_from_its_birth(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    bind = socket.socket.bind

    def watched(sock: socket.socket, address: str) -> None:
        bind(sock, address)
        modes.append(os.stat(address).st_mode & 0o777)

    monkeypatch.setattr(socket.socket, "bind", watched)
    before = os.umask(0)
    try:
        async with serving(path):
            assert path.stat().st_mode & 0o777 == 0o600
            assert path.parent.stat().st_mode & 0o777 == 0o700
    finally:
        assert os.umask(before) == 0  # ours was put back
    assert modes == [0o600]


async def test_the_socket_is_gone_after_the_end(path: Path) -> None:
    async with serving(path):
        assert path.exists()
    assert not path.exists()
    with pytest.raises(ControlError, match=r"no server runs on .*; `nxwhy serve` starts one"):
        await ask(path, "greet")


async def test_a_socket_that_a_killed_server_left_is_replaced(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with pytest.raises(ControlError, match="no server runs on"):
        await ask(path, "greet")
    async with serving(path):
        assert (await ask(path, "greet"))["ok"]


async def test_a_second_server_on_one_folder_is_refused_and_the_first_goes_on(path: Path) -> None:
    async with serving(path):
        second = ControlServer(path, COMMANDS)
        with pytest.raises(
            ControlError, match=r"another server runs on .*; give each its own `state` folder"
        ):
            await second.start()
        await second.stop()
        assert (await ask(path, "greet"))["ok"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"rubbish\n",
        b"[]\n",
        b'"greet"\n',
        b"{}\n",
        b'{"command": ["greet"]}\n',
        b'{"command": "dance"}\n',
        b"\xff\xfe\n",
        b"[" * 60_000 + b"\n",
        b"x" * 200_000,
    ],
)
async def test_what_is_no_command_is_answered_with_those_that_there_are(path: Path, data: bytes) -> None:
    async with serving(path):
        try:
            said = await send(path, data)
        except ConnectionError:
            assert len(data) > control.MAX_LINE  # the rest of it was not read
        else:
            assert said == {"ok": False, "error": "no command; there are: greet, refuse, fail"}
        assert (await ask(path, "greet"))["ok"]


async def test_a_command_can_refuse(path: Path) -> None:
    async with serving(path):
        with pytest.raises(ControlError, match=r"^not now$"):
            await ask(path, "refuse")


async def test_a_command_that_fails_is_answered_and_logged(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(path):
        with caplog.at_level(logging.ERROR), pytest.raises(ControlError, match="ZeroDivisionError: by zero"):
            await ask(path, "fail")
        assert (await ask(path, "greet"))["ok"]
    (record,) = [record for record in caplog.records if record.name == "nxwhy"]
    assert record.exc_info is not None


async def test_a_client_that_says_nothing_is_let_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "REQUEST_S", 0.05)
    async with serving(path):
        reader, writer = await asyncio.open_unix_connection(str(path))
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_client_that_goes_away_harms_nobody(path: Path) -> None:
    async with serving(path):
        for _ in range(3):
            _, writer = await asyncio.open_unix_connection(str(path))
            writer.write(b'{"command": "greet"}\n')
            writer.transport.abort()
        assert (await ask(path, "greet"))["ok"]


async def test_a_server_that_does_not_answer_is_told(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        with pytest.raises(ControlError, match="the server did not answer within 0 s"):
            await ask(path, "greet", timeout_s=0.05)


async def test_a_path_that_is_too_long_is_told(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 100) / "control.sock"
    with pytest.raises(ControlError, match=r"over 107 bytes, too long for a Unix socket: set a shorter"):
        await ControlServer(path, COMMANDS).start()
    with pytest.raises(ControlError, match="too long"):
        await ask(path, "greet")


async def test_a_state_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ControlError, match="`state` must be a folder that we may write to"):
        await ControlServer(tmp_path / "file" / "control.sock", COMMANDS).start()
