"""The process of the notice page: what it is told and asks, how it ends, and what comes after it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pickle
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.errors import ChildError
from resolver.core.networks import Address
from resolver.core.reasons import Reason
from resolver.edge import page_process, stream
from resolver.edge.children import start_child
from resolver.edge.giving_way import NICE
from resolver.edge.page_channel import (
    MAX_SAID,
    Answer,
    Appearance,
    Showing,
    frame,
    read_frame,
    said,
)
from resolver.edge.page_process import PACE_S, RATE, Answers, PageProcess
from resolver.edge.page_server import MAX_LOGGED, PageServer, ServersLog
from resolver.web.look import Look
from resolver.web.transparency import DOCUMENT, PAGE
from tests.edge.asking import HOUSE, get, send
from tests.edge.certified import certify

PLAIN = Appearance()
Started = list[asyncio.subprocess.Process]
ASKED: list[tuple[bytes, Address, Sequence[str]]] = []


def reason(name: bytes, client: Address, languages: Sequence[str]) -> Reason | None:
    ASKED.append((name, client, languages))
    if name.startswith(b"\6broken"):
        raise RuntimeError("detail")
    return HOUSE.reason(languages, "default") if name == b"\5house\7example\0" else None


async def files() -> Mapping[str, bytes]:
    return {PAGE: b"about", DOCUMENT: b"{}"}


@asynccontextmanager
async def running(
    folder: Path, appearance: Appearance = PLAIN, answers: Answers | None = None
) -> AsyncIterator[tuple[PageProcess, int]]:
    """Run the process, and give it and the port of the page."""
    sock = stream.bind("127.0.0.1", 0)
    port: int = sock.getsockname()[1]
    process = PageProcess([sock], [], folder, answers or Answers(reason, files))
    process.start(appearance)
    try:
        yield process, port
    finally:
        await process.stop()


async def visit(port: int, host: str = "house.example") -> tuple[int, bytes]:
    status, _, body = await send(("127.0.0.1", port), get(host))
    return status, body


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.subprocess.Process]:
    """Note the processes that are started; another is started soon after the end of one."""
    found = []

    async def start(program: str, **given: Any) -> asyncio.subprocess.Process:
        process = await start_child(program, **given)
        found.append(process)
        return process

    monkeypatch.setattr(page_process, "start_child", start)
    monkeypatch.setattr(page_process, "FIRST_PAUSE_S", 0.05)
    return found


async def test_a_visit_is_answered_by_another_process_that_gives_way_and_asks_us_why(
    tmp_path: Path, started: Started
) -> None:
    async with running(tmp_path) as (_, port):
        status, body = await visit(port)
        assert (status, b"House rules" in body) == (403, True)
        assert ASKED[-1][:2] == (b"\5house\7example\0", ip_address("127.0.0.1"))
        (process,) = started
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(os.nice(0) + NICE, 19)
        assert (await visit(port, "free.example"))[0] == 404
        assert (await send(("127.0.0.1", port), get(f"127.0.0.1:{port}", "/transparency")))[2] == b"about"


async def test_a_killed_process_is_replaced_and_whoever_comes_meanwhile_is_served(
    tmp_path: Path, started: Started, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, Appearance(Look(text="First."))) as (_, port):
        assert b"First." in (await visit(port))[1]
        started[0].kill()
        await started[0].wait()
        assert b"First." in (await visit(port))[1]
    assert len(started) == 2
    assert "the process of the notice page ended" in caplog.text


async def test_what_is_shown_is_shown_when_show_returns_and_by_the_next_process(
    tmp_path: Path, started: Started
) -> None:
    async with running(tmp_path) as (process, port):
        await visit(port)
        await process.show(Appearance(Look(text="Second.")))
        assert b"Second." in (await visit(port))[1]
        started[0].kill()
        await process.show(Appearance(Look(text="Third.")))  # which ends with the process
        await started[0].wait()
        assert b"Third." in (await visit(port))[1]


async def test_a_process_that_hangs_is_killed_and_nobody_waits_for_it_for_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_process, "HANG_S", 0.01)
    monkeypatch.setattr(page_process, "PATIENCE_S", 0.01)
    process, pipe, killed = PageProcess([], [], tmp_path, Answers(reason, files)), Pipe(), asyncio.Event()

    class Hanging:
        returncode = None

        def kill(self) -> None:
            killed.set()
            pipe.reader.feed_eof()

    pipe.reader = asyncio.StreamReader()  # which nobody writes to
    serving = asyncio.ensure_future(process._serve(Hanging(), pipe.reader, pipe))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await process.show(Appearance(Look(text="Second.")))
    assert "changes later" in caplog.text
    await killed.wait()
    await serving
    assert "hangs and is killed" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_signals_that_are_meant_for_the_server_do_not_end_it(
    tmp_path: Path, started: Started, number: int
) -> None:
    async with running(tmp_path) as (_, port):
        await visit(port)
        started[0].send_signal(number)
        assert (await visit(port))[0] == 403
    assert [process.returncode for process in started] == [0]


async def test_one_that_does_not_end_with_us_is_killed(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_process, "END_S", 0.02)
    async with running(tmp_path) as (_, port):
        await visit(port)
        started[0].send_signal(signal.SIGSTOP)
    assert [process.returncode for process in started] == [-signal.SIGKILL]


async def test_a_page_is_there_again_whatever_kept_its_process_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    faults: list[Exception] = [ChildError("no memory"), KeyError("anything else")]

    async def start(program: str, **given: Any) -> asyncio.subprocess.Process:
        if faults:
            raise faults.pop()
        return await start_child(program, **given)

    monkeypatch.setattr(page_process, "start_child", start)
    async with running(tmp_path) as (_, port):
        assert (await visit(port))[0] == 403
    assert "KeyError" in caplog.text
    assert [vars(one)["fields"]["reason"] for one in caplog.records][1:] == ["no memory"]


async def test_who_cannot_have_a_thread_to_wait_for_a_child_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refused)
    with pytest.raises(ChildError, match="can't start new thread"):
        await start_child("pass")


async def test_a_visit_that_waits_for_our_answer_gets_it_when_we_stop(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(page_process, "END_S", 30.0)
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def slowly() -> Mapping[str, bytes]:
        asked.set()
        await may_answer.wait()
        return await files()

    async with running(tmp_path, answers=Answers(reason, slowly)) as (process, port):
        request = get(f"127.0.0.1:{port}", "/transparency")
        visiting = asyncio.ensure_future(send(("127.0.0.1", port), request))
        await asked.wait()
        stopping = asyncio.ensure_future(process.stop())
        await asyncio.sleep(0)
        may_answer.set()
        assert (await visiting)[2] == b"about"
        await stopping
    assert [one.returncode for one in started] == [0]
    assert capfd.readouterr().err == ""


async def test_it_ends_in_silence_when_the_server_is_gone_from_under_a_visit(
    tmp_path: Path, started: Started, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = asyncio.Event()

    async def never() -> Mapping[str, bytes]:
        asked.set()
        await asyncio.Event().wait()
        return {}

    async with running(tmp_path, answers=Answers(reason, never)) as (process, port):
        request = get(f"127.0.0.1:{port}", "/transparency")
        visiting = asyncio.ensure_future(send(("127.0.0.1", port), request))
        await asked.wait()
        assert process._writer is not None
        process._writer.transport.abort()
        assert (await visiting)[0] in {0, 500}
        await started[0].wait()
    assert started[0].returncode == 0
    assert capfd.readouterr().err == ""


async def test_a_stop_while_one_is_waited_for_leaves_none(tmp_path: Path, started: Started) -> None:
    async with running(tmp_path) as (process, port):
        await visit(port)
        started[0].send_signal(signal.SIGSTOP)
        assert process._writer is not None
        process._writer.transport.abort()  # so it is waited for
        while process._writer is not None:
            await asyncio.sleep(0)
    await started[0].wait()
    assert started[0].returncode == -signal.SIGKILL


async def test_a_flood_of_lines_is_one_a_second_and_the_rest_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await hear(tmp_path, *[said("log", logging.ERROR, "a line", {"of": "it"}, "")] * 100)
    (record,) = caplog.records
    assert vars(record)["fields"] == {"of": "it"}


async def test_a_flood_of_broken_questions_is_one_line_a_second(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await hear(tmp_path, *[said("reason", 1, "broken.example", "192.0.2.1", [])] * 100)
    assert len(caplog.records) == 1


async def test_who_says_much_is_not_listened_to_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def __init__(self, rate: float) -> None:
            assert rate == RATE

        def take(self, now: float) -> bool:
            return False

    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    monkeypatch.setattr(page_process, "Bucket", Full)
    monkeypatch.setattr(asyncio, "sleep", pause)
    await hear(tmp_path, *[said("files", 1)] * 2)
    assert [seconds for seconds in paused if seconds == PACE_S] == [PACE_S] * 2


async def test_a_question_that_breaks_is_logged_with_us_and_the_next_is_answered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as (_, port):
        status, body = await visit(port, "broken.example")
        assert (status, b"detail" in body) == (500, False)
        assert (await visit(port))[0] == 403
    assert "RuntimeError: detail" in caplog.text


async def test_what_it_logs_is_in_our_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    missing = tmp_path / "none.pem", tmp_path / "none.key"
    async with running(tmp_path, Appearance(certificate=missing)) as (_, port):
        await visit(port)
    (record,) = [one for one in caplog.records if "keeps the certificate" in one.getMessage()]
    assert (record.name, record.levelno) == ("nxwhy", logging.ERROR)
    assert "No such file" in record.getMessage()


class Pipe:
    """What a process says to us, with no process behind it."""

    def __init__(self, *frames: bytes) -> None:
        self.reader = asyncio.StreamReader()
        self.reader.feed_data(b"".join(frames))
        self.reader.feed_eof()
        self.sent = b""

    def write(self, data: bytes) -> None:
        self.sent += data

    async def drain(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False


async def hear(tmp_path: Path, *frames: bytes) -> bytes:
    """Let the server hear frames; return what it says beyond its first two."""
    process, pipe = PageProcess([], [], tmp_path, Answers(reason, files)), Pipe(*frames)
    begun = frame(pickle.dumps(process._listening)) + frame(pickle.dumps(Showing(0, Appearance())))
    await process._serve(None, pipe.reader, pipe)  # type: ignore[arg-type]
    assert pipe.sent.startswith(begun)
    return pipe.sent.removeprefix(begun)


async def test_each_question_gets_the_answer_of_its_number(tmp_path: Path) -> None:
    heard = await hear(tmp_path, said("reason", 7, "free.example", "192.0.2.1", ["de"]), said("files", 8))
    assert heard == frame(pickle.dumps(Answer(7, None))) + frame(pickle.dumps(Answer(8, await files())))
    assert ASKED[-1] == (b"\4free\7example\0", ip_address("192.0.2.1"), ["de"])


@pytest.mark.parametrize(
    ("frames", "wrong"),
    [
        ([frame(b"no JSON")], "makes no sense"),
        ([frame(b"\xff")], "makes no sense"),
        ([said("what", 1)], "do not know"),
        ([frame(b"[" * 16000)], "makes no sense"),
        ([said("reason", 1, "a..example", "192.0.2.1", [])], "makes no sense"),
        ([said("reason", 1, "a." * 200, "192.0.2.1", [])], "makes no sense"),
        ([said("reason", 1, "a.example", "nowhere", [])], "makes no sense"),
        ([said("log", 7, "a level of its own", {}, "")], "do not know"),
        ([said("log", 10**60, "", {}, "")], "do not know"),
        ([said("reason", 1)], "do not know"),
        ([said("x" * MAX_SAID)], "bytes at once"),
        ([said("files", 1)[:-1]], "within a sentence"),
        ([b"\0\0"], "within a sentence"),
    ],
)
async def test_what_makes_no_sense_ends_the_process_and_not_the_server(
    tmp_path: Path, frames: list[bytes], wrong: str
) -> None:
    with pytest.raises(ChildError, match=wrong):
        await hear(tmp_path, *frames)


@given(st.lists(st.one_of(st.binary(max_size=60), st.text(max_size=20).map(str.encode)), max_size=4))
def test_any_bytes_of_the_process_are_answered_or_end_it(payloads: list[bytes]) -> None:
    with suppress(ChildError):
        asyncio.run(hear(Path(), *map(frame, payloads)))


async def test_what_is_said_comes_back_whole() -> None:
    pipe = Pipe(said("files", 1), frame(b"x" * 100_000))
    first = await read_frame(pipe.reader)
    assert first is not None
    assert json.loads(first) == ["files", 1]
    assert await read_frame(pipe.reader) == b"x" * 100_000
    assert await read_frame(pipe.reader) is None


async def test_no_log_line_is_longer_than_the_server_takes() -> None:
    pipe = Pipe()
    handler = ServersLog(pipe)  # type: ignore[arg-type]
    try:
        raise ValueError("\0" * 100_000)
    except ValueError:
        record = logging.getLogger("x").makeRecord(
            "x",
            logging.ERROR,
            "",
            0,
            "\0%s",
            ("\u2028" * 100_000,),
            sys.exc_info(),
            extra={"fields": {"a": "\0" * 100_000}},
        )
    handler.emit(record)
    assert 3 * 6 * MAX_LOGGED < len(pipe.sent) <= MAX_SAID


async def test_a_certificate_that_can_no_longer_be_read_leaves_the_one_in_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = certify(tmp_path, "one.example")
    server = PageServer(asyncio.StreamReader(), Pipe())  # type: ignore[arg-type]
    await server._do(Showing(1, Appearance(certificate=paths)))
    paths[0].write_text("broken")
    await server._do(Showing(2, Appearance(own=frozenset({"house.example"}), certificate=paths)))
    assert server._own() == {"one.example", "house.example"}
    assert "keeps the certificate" in caplog.text
