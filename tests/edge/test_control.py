"""The control socket: commands from its owner, and what happens to everything else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
import struct
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resolver.core.errors import ControlError
from resolver.edge import control
from resolver.edge.control import MAX_ANSWER, MAX_CONNECTIONS, MAX_LINE, Command, ControlServer, call


async def echo(request: Mapping[str, object]) -> Mapping[str, object]:
    return {"said": request.get("text")}


async def refuse(_: Mapping[str, object]) -> Mapping[str, object]:
    raise ControlError("nxwhy.yaml:3: unknown key")


async def crash(_: Mapping[str, object]) -> Mapping[str, object]:
    raise RuntimeError("secret detail")


COMMANDS: dict[str, Command] = {"echo": echo, "refuse": refuse, "crash": crash}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "control.sock"


@asynccontextmanager
async def running(
    path: Path, commands: Mapping[str, Command] = COMMANDS, request_s: float = 10.0
) -> AsyncIterator[ControlServer]:
    server = ControlServer(path, commands, request_s)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def asked(path: Path, command: str, **arguments: object) -> dict[str, object]:
    return await asyncio.to_thread(call, path, command, 5.0, **arguments)


async def said(path: Path, data: bytes) -> dict[str, object]:
    """Return the answer to raw bytes, after which no more come."""
    reader, writer = await asyncio.open_unix_connection(str(path), limit=MAX_ANSWER)
    try:
        writer.write(data)
        writer.write_eof()
        answer: dict[str, object] = json.loads(await asyncio.wait_for(reader.readline(), 5))
        return answer
    finally:
        writer.close()


async def test_a_command_gets_its_arguments_and_its_answer_comes_back(path: Path) -> None:
    async with running(path):
        assert await asked(path, "echo", text="größer\n") == {"ok": True, "said": "größer\n"}


async def test_a_command_that_cannot_be_carried_out_says_why(path: Path) -> None:
    async with running(path):
        with pytest.raises(ControlError, match=r"^nxwhy\.yaml:3: unknown key$"):
            await asked(path, "refuse")


async def test_an_unknown_command_is_told_which_there_are(path: Path) -> None:
    async with running(path):
        with pytest.raises(ControlError, match="there are: echo, refuse, crash"):
            await asked(path, "frobnicate")


async def test_a_command_that_breaks_is_answered_and_logged_and_the_next_is_served(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(path):
        with pytest.raises(ControlError, match="`crash` failed inside the server; its log says more"):
            await asked(path, "crash")
        assert "secret detail" in caplog.text
        assert (await asked(path, "echo"))["ok"] is True


async def test_an_answer_longer_than_a_request_may_be_comes_back_whole(path: Path) -> None:
    async with running(path):
        text = "x" * (MAX_LINE - 100)
        assert (await asked(path, "echo", text=text))["said"] == text


@pytest.mark.parametrize(
    "line",
    [b"\n", b"", b"reload\n", b"[]\n", b'"echo"\n', b"{}\n", b'{"command": []}\n', b'{"command": null}\n'],
)
async def test_a_line_that_is_no_command_is_refused_with_a_reason(path: Path, line: bytes) -> None:
    async with running(path):
        assert str((await said(path, line))["error"]).startswith("no command; there are")


async def test_a_line_of_nested_brackets_breaks_nothing(path: Path) -> None:
    async with running(path):
        assert (await said(path, b"[" * 60_000 + b"\n"))["ok"] is False


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.binary(max_size=40), max_size=8))
def test_whatever_bytes_arrive_the_server_answers_and_serves_on(tmp_path: Path, lines: list[bytes]) -> None:
    path = tmp_path / "control.sock"

    async def run() -> None:
        async with running(path):
            for line in lines:
                assert (await said(path, line))["ok"] is False
            assert (await said(path, b'{"command": "echo"}\n'))["ok"] is True

    asyncio.run(run())


async def test_a_line_over_the_bound_is_refused(path: Path) -> None:
    async with running(path):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"x" * (MAX_LINE * 3))
        answer = json.loads(await asyncio.wait_for(reader.readline(), 5))
        assert answer == {"ok": False, "error": f"a request over {MAX_LINE} bytes"}
        writer.close()


async def test_a_request_that_does_not_arrive_in_time_is_told_so_and_closed(path: Path) -> None:
    async with running(path, request_s=0.05):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b'{"command":')
        assert json.loads(await asyncio.wait_for(reader.read(), 5))["error"] == "no request within 0.05 s"
        writer.close()


async def test_a_client_that_never_reads_its_answer_is_cut_off(path: Path) -> None:
    done = asyncio.Event()

    async def much(_: Mapping[str, object]) -> Mapping[str, object]:
        done.set()
        return {"text": "x" * 4_000_000}

    async with running(path, {"much": much}, request_s=0.3) as server:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            sock.sendall(b'{"command": "much"}\n')
            await asyncio.wait_for(done.wait(), 5)
            await asyncio.wait_for(asyncio.gather(*server._open), 5)
            sock.settimeout(5)
            received = 0
            while data := sock.recv(1 << 20):  # what the kernel held, then the end
                received += len(data)
    assert received < 4_000_000


async def test_a_connection_over_the_bound_is_told_to_try_again(path: Path) -> None:
    async with running(path):
        held = [await asyncio.open_unix_connection(str(path)) for _ in range(MAX_CONNECTIONS)]
        with pytest.raises(ControlError, match="busy"):
            await asked(path, "echo")
        held[0][1].close()
        await held[0][1].wait_closed()
        held[1][1].write(b'{"command": "echo"}\n')
        await asyncio.wait_for(held[1][0].read(), 5)
        assert (await asked(path, "echo"))["ok"] is True
        for _, writer in held:
            writer.close()


async def test_another_user_gets_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_peer_may", lambda _: False)
    async with running(path):
        with pytest.raises(ControlError, match="hung up without an answer"):
            await asked(path, "echo")


@pytest.mark.parametrize(
    ("ours", "theirs", "may"), [(1000, 1000, True), (1000, 0, True), (1000, 1001, False), (0, 1000, False)]
)
def test_only_the_same_user_and_root_may(
    ours: int, theirs: int, may: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Peer(socket.socket):
        def getsockopt(self, *_: object) -> bytes:  # type: ignore[override]
            return struct.pack("3i", 1, theirs, 5)

    monkeypatch.setattr(os, "geteuid", lambda: ours)
    with Peer(socket.AF_UNIX) as sock:
        assert control._peer_may(sock) is may


async def test_the_socket_is_its_owners_alone_from_its_birth(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    bind = socket.socket.bind

    class Watched(socket.socket):
        def bind(self, address: Any) -> None:
            bind(self, address)
            modes.append(stat.S_IMODE(os.stat(str(address)).st_mode))

    monkeypatch.setattr(socket, "socket", Watched)
    before = os.umask(0)
    try:
        async with running(path):
            assert modes == [0o600]
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            assert stat.S_IMODE(path.with_suffix(".lock").stat().st_mode) == 0o600
        assert os.umask(0) == 0  # as it was before
    finally:
        os.umask(before)


async def test_stop_takes_the_socket_away_and_the_folder_is_free_again(path: Path) -> None:
    for _ in range(2):
        async with running(path):
            assert path.is_socket()
        assert not path.exists()


async def test_a_second_server_on_the_same_folder_is_refused_and_harms_nothing(path: Path) -> None:
    async with running(path):
        second = ControlServer(path, {})
        with pytest.raises(ControlError, match=r"another server runs on .*own `state` folder"):
            await second.start()
        await second.stop()
        assert (await asked(path, "echo"))["ok"] is True


SERVE_FOREVER = """
import asyncio, sys
from pathlib import Path
from resolver.edge.control import ControlServer

async def main():
    await ControlServer(Path(sys.argv[1]), {}).start()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_the_socket_of_a_server_that_was_killed_is_replaced(path: Path) -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVE_FOREVER, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    try:
        assert await asyncio.wait_for(server.stdout.readline(), 20) == b"ready\n"
        with pytest.raises(ControlError, match="another server runs"):
            await ControlServer(path, {}).start()
    finally:
        server.kill()
        await server.communicate()
    assert path.is_socket()
    with pytest.raises(ControlError, match="no server runs on"):
        await asked(path, "echo")
    async with running(path):
        assert (await asked(path, "echo"))["ok"] is True


async def test_what_is_no_socket_is_left_where_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("precious")
    with pytest.raises(ControlError, match="is no socket"):
        await ControlServer(path, {}).start()
    assert path.read_text() == "precious"
    path.unlink()
    async with running(path):  # the failed start holds no lock
        assert path.is_socket()


async def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ControlError, match=r"file/control\.sock: "):
        await ControlServer(tmp_path / "file" / "control.sock", {}).start()


async def test_a_path_too_long_for_a_socket_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="too long"):
        await ControlServer(tmp_path / ("x" * 120) / "control.sock", {}).start()


async def test_stop_breaks_off_a_command_and_a_silent_client_without_a_trace(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begun = asyncio.Event()

    async def endless(_: Mapping[str, object]) -> Mapping[str, object]:
        begun.set()
        await asyncio.Event().wait()
        return {}

    before = asyncio.all_tasks()
    async with running(path, {"endless": endless}):
        _, silent = await asyncio.open_unix_connection(str(path))
        waiting = asyncio.create_task(asked(path, "endless"))
        await asyncio.wait_for(begun.wait(), 5)
    with pytest.raises(ControlError, match="hung up"):
        await waiting
    silent.close()
    assert {task for task in asyncio.all_tasks() - before if not task.done()} == set()
    assert caplog.text == ""


@pytest.mark.parametrize("where", ["control.sock", "missing/control.sock", "file/control.sock"])
def test_a_client_is_told_that_no_server_runs(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ControlError, match=r"no server runs on .*`nxwhy serve` starts one"):
        call(tmp_path / where, "reload", 1.0)


def test_a_client_without_the_right_is_told_whom_to_be(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")  # what connect() says; root, as in CI, is never denied

    monkeypatch.setattr(control, "_exchange", denied)
    with pytest.raises(ControlError, match="permission denied; ask as the user that runs the server"):
        call(path, "reload", 1.0)


@contextmanager
def answering(path: Path, answer: bytes, *, close: bool = True) -> Iterator[None]:
    """Play a server that takes one connection and sends `answer` to it."""
    finish = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            taken, _ = listener.accept()
            with taken, contextlib.suppress(OSError):
                taken.recv(65536)
                taken.sendall(answer)
                if not close:
                    finish.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            finish.set()
            thread.join()


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n", b"[]\n", b"null\n", b"\xff\n", b"[" * 90_000 + b"\n"])
def test_an_answer_that_is_none_of_ours_is_an_error(tmp_path: Path, answer: bytes) -> None:
    with answering(tmp_path / "s", answer), pytest.raises(ControlError, match="no nxwhy server"):
        call(tmp_path / "s", "reload", 5.0)


def test_an_endless_answer_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (
        answering(tmp_path / "s", b"x" * (MAX_ANSWER * 3), close=False),
        pytest.raises(ControlError, match="no nxwhy server"),
    ):
        call(tmp_path / "s", "reload", 5.0)


def test_a_refusal_without_a_reason_is_still_a_refusal(tmp_path: Path) -> None:
    with (
        answering(tmp_path / "s", b'{"ok": "yes"}\n'),
        pytest.raises(ControlError, match="refused without a reason"),
    ):
        call(tmp_path / "s", "reload", 5.0)


def test_a_server_that_does_not_answer_in_time_is_given_up(tmp_path: Path) -> None:
    with (
        answering(tmp_path / "s", b'{"ok"', close=False),
        pytest.raises(ControlError, match=r"did not answer within 0\.05 s"),
    ):
        call(tmp_path / "s", "reload", 0.05)
