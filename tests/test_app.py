from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest

from resolver import app as app_module
from resolver import keeper, parts, process
from resolver.app import App
from resolver.config import Config, ConfigError, Endpoint, read
from resolver.core.cache import from_failure
from resolver.core.clients import parse_address
from resolver.core.errors import ControlError, ListenError
from resolver.core.policy import Policy
from resolver.edge import lists, stream, udp
from resolver.edge.builder import Build
from tests.messages import packed

ADS, OTHER = b"\x03ads\x07example\0", b"\x05other\x07example\0"
TEXT = """
listen: {dns: [127.0.0.1:0], admin: 127.0.0.1:0}
upstreams: {default: {servers: [192.0.2.53]}}
lists: {ads: {path: ads.txt}}
state: state
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(app_module, "LOOK_S", 0.02)
    monkeypatch.setattr(lists, "SETTLE_S", 0.0)
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "ads.txt").write_text("ads.example\n")
    (tmp_path / "nxwhy.yaml").write_text(TEXT)
    return tmp_path / "nxwhy.yaml"


def configuration(file: Path) -> Config:
    return read(file, {"HOME": str(file.parent)})


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, which the server's own looking brings about."""
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(file: Path) -> AsyncIterator[App]:
    made = App(configuration(file), lambda: configuration(file))
    running = asyncio.create_task(made.run())
    await until(lambda: running.done() or bool(made._tasks))
    try:
        if running.done():
            await running
        yield made
    finally:
        made.stop()
        await asyncio.gather(running, return_exceptions=True)


def blocks(app: App, name: bytes, address: str = "127.0.0.1") -> bool:
    return app._reason(name, parse_address(address), ()) is not None


async def test_what_is_reloaded_is_in_force(file: Path) -> None:
    async with serving(file) as app:
        engine = app._service.engine
        assert (blocks(app, ADS), blocks(app, OTHER)) == (True, False)
        file.with_name("ads.txt").write_text("other.example\n")
        file.write_text(
            TEXT.replace("[192.0.2.53]}", "[192.0.2.54]}, office: {servers: [192.0.2.55]}")
            + "routes: [{domains: [corp.example], upstream: office}]\n"
            "cache: {size: 2MiB, max_ttl: 7s}\naccess: {clients: [198.51.100.0/24]}\nlog: {level: error}\n"
        )
        summary = await app.reload()
        assert summary["needs_restart"] == []
        assert (blocks(app, ADS), blocks(app, OTHER)) == (False, True)
        assert [str(server.spec) for server in app._upstreams.servers()] == ["192.0.2.54:53", "192.0.2.55:53"]
        assert (engine.cache.limit_bytes, engine.ageing.max_ttl) == (2 << 20, 7)
        assert engine.routes.find(b"\x01a\x04corp\x07example\0") == "office"
        assert app._service.clients.find(packed("127.0.0.1")) is None
        assert app._service.clients.find(packed("198.51.100.1")) is not None
        assert logging.getLogger().level == logging.ERROR


async def test_what_only_a_restart_puts_in_force_is_named(file: Path) -> None:
    async with serving(file) as app:
        before = app.listening
        file.write_text(
            TEXT.replace("127.0.0.1:0]", "127.0.0.2:0]").replace("state: state", "state: elsewhere")
            + "engine: python\nlog: {format: human}\n"
        )
        summary = await app.reload()
        assert summary["needs_restart"] == ["listen", "engine", "state", "log.format"]
        assert app.listening == before
        assert not file.with_name("elsewhere").exists()


async def test_a_mistake_changes_nothing(file: Path) -> None:
    async with serving(file) as app:
        engine, upstreams = app._service.engine, app._upstreams

        def holds() -> list[object]:
            parts = [app._config, app._service.clients, engine.routes, engine.ageing, engine.cache]
            return [
                *parts,
                app._keeper.shelf.build,
                *upstreams.servers(),
                app._generation,
            ]

        before, limit = holds(), engine.cache.limit_bytes
        file.write_text(TEXT + "cache: {size: 2MiB}\nzzz: 1\n")
        with pytest.raises(ConfigError, match="zzz: unknown key"):
            await app.reload()
        assert [id(part) for part in holds()] == [id(part) for part in before]
        assert engine.cache.limit_bytes == limit
        assert not app.state().reload.successful
        file.write_text(TEXT)
        await app.reload()
        assert app.state().reload.successful


async def test_a_configuration_is_read_apart_from_the_event_loop(file: Path) -> None:
    async with serving(file) as app:
        going = threading.Event()

        def slow() -> Config:
            assert going.wait(10)  # which only the event loop can set
            return configuration(file)

        app._reread = slow
        reload = asyncio.create_task(app.reload())
        await asyncio.sleep(0.05)
        assert blocks(app, ADS)
        going.set()
        await reload


async def test_a_policy_is_made_apart_from_the_event_loop(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(file) as app:
        begun, going = threading.Event(), threading.Event()

        def slow(config: Config, build: Build, generation: int) -> Policy:
            begun.set()
            assert going.wait(10)  # which only the event loop can set
            return parts.make_policy(config, build, generation)

        monkeypatch.setattr(app_module, "make_policy", slow)
        reload = asyncio.create_task(app.reload())
        await until(begun.is_set)
        assert blocks(app, ADS)
        going.set()
        await reload


async def test_of_many_mistakes_the_log_and_the_command_show_the_first(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(file) as app:
        file.write_text(TEXT + "access: {clients: [" + "x, " * 300 + "y]}\n")
        await app._reload_and_log("test")
        assert caplog.text.count("is no address and no network") == 20
        assert "and 281 more" in caplog.text
        with pytest.raises(ControlError, match="and 281 more"):
            await app._reload_command({})


async def test_two_reloads_at_once_follow_each_other(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = most = 0
    build = lists.build_apart

    async def counted(*given: object, **named: object) -> Build:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            return await build(*given, **named)  # type: ignore[arg-type]
        finally:
            running -= 1

    monkeypatch.setattr(keeper, "build_apart", counted)
    async with serving(file) as app:
        before = app._generation
        await asyncio.gather(app.reload(), app.reload())
        assert (most, app._generation) == (1, before + 2)


async def test_changed_files_are_noticed_also_those_that_a_reload_brought_in(file: Path) -> None:
    async with serving(file) as app:
        file.with_name("ads.txt").write_text("other.example\n")
        await until(lambda: blocks(app, OTHER))
        file.write_text(TEXT.replace("ads.txt", "later.txt"))  # which is not there yet
        await until(
            lambda: app._keeper.shelf.build is not None and app._keeper.shelf.build.lists[0].error is not None
        )
        assert blocks(app, OTHER)  # the last good copy of the list of that name
        file.with_name("later.txt").write_text("ads.example\n")
        await until(lambda: blocks(app, ADS))
        assert not blocks(app, OTHER)


async def test_whom_the_system_names_anew_is_asked_and_that_it_names_nobody_is_not_believed(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    named = ["192.0.2.53"]
    looked: list[object] = []

    def read_system_resolvers(own: object) -> tuple[Endpoint, ...]:
        looked.append(own)
        return tuple([Endpoint(address, 53) for address in named])

    monkeypatch.setattr(parts, "read_system_resolvers", read_system_resolvers)
    file.write_text(TEXT.replace("upstreams: {default: {servers: [192.0.2.53]}}", ""))

    def asked(app: App) -> list[str]:
        return [server.spec.host for server in app._upstreams.servers()]

    caplog.set_level(logging.INFO)
    async with serving(file) as app:
        await until(lambda: asked(app) == ["192.0.2.53"])
        named[:] = []
        looked.clear()
        await until(lambda: len(looked) > 2)
        assert asked(app) == ["192.0.2.53"]
        await app.reload()
        assert asked(app) == ["192.0.2.53"]
        file.write_text("wrong: true")  # which keeps nobody from following
        await until(lambda: "wrong" in caplog.text)
        cache = app._service.engine.cache
        cache.put(b"\0\0\1\0\1", from_failure(b"", 1, monotonic()))
        named[:] = ["192.0.2.54", "2001:db8::53"]
        await until(lambda: asked(app) == ["192.0.2.54", "2001:db8::53"])
        assert cache.get(b"\0\0\1\0\1") is None
        assert "the system names other resolvers" in caplog.text
        file.write_text(TEXT)
        await until(lambda: asked(app) == ["192.0.2.53"])


async def test_what_changes_while_lists_are_compiled_is_noticed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, new = lists.build_apart, file.with_name("new.txt")

    async def late(*given: object, **named: object) -> Build:
        made = await build(*given, **named)  # type: ignore[arg-type]
        monkeypatch.setattr(keeper, "build_apart", build)
        new.write_text("other.example\n")
        return made

    new.write_text("ads.example\n")
    monkeypatch.setattr(keeper, "build_apart", late)
    async with serving(file) as app:
        file.write_text(TEXT.replace("ads.txt", "new.txt"))
        await until(lambda: blocks(app, OTHER))


async def test_a_list_that_is_missing_at_the_start_is_told_and_taken_when_it_comes(file: Path) -> None:
    path = file.with_name("ads.txt")
    path.unlink()
    async with serving(file) as app:
        assert app.checks()[0] == ("lists", False, "not in force: ads")
        path.write_text("ads.example\n")
        await until(lambda: blocks(app, ADS))
        assert app.checks()[0].ok


async def test_a_failure_while_looking_does_not_end_the_looking(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(file) as app:
        with monkeypatch.context() as patch:
            patch.setattr(app._keeper._watch, "look", lambda _: 1 / 0)
            await until(lambda: "looking at the files failed" in caplog.text)
        file.with_name("ads.txt").write_text("other.example\n")
        await until(lambda: blocks(app, OTHER))


async def test_a_failure_of_a_reload_is_logged_and_told_in_the_metrics(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> Config:
        raise ZeroDivisionError

    async with serving(file) as app:
        app._reread = fail
        await app._reload_and_log("test")
        assert "reload failed, all stays as it was" in caplog.text
        assert not app.state().reload.successful


async def test_stopping_releases_sockets_files_and_tasks(file: Path) -> None:
    tasks, files = asyncio.all_tasks(), set(os.listdir("/proc/self/fd"))
    async with serving(file) as app:
        (at,) = app.listening
        assert (file.parent / "state/control.sock").exists()
    assert asyncio.all_tasks() == tasks
    assert not (file.parent / "state/control.sock").exists()
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as again:
            again.bind(at)
    del app  # it holds the table, and a mapping its file
    gc.unfreeze()
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= len(files)


async def test_an_address_that_cannot_be_had_is_named_with_what_to_do(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        taken = Endpoint(*other.getsockname())
        file.write_text(TEXT.replace("127.0.0.1:0]", f"{taken}]"))
        with pytest.raises(ListenError, match=f"^cannot listen on {taken}: .*in use: another program has it"):
            await App(configuration(file), lambda: configuration(file)).run()

    def refuse(*_: object) -> socket.socket:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(udp, "bind", refuse)
    with pytest.raises(ListenError, match=r": Permission denied: ports below 1024 need .*CAP_NET_BIND"):
        await App(configuration(file), lambda: configuration(file)).run()


async def test_a_port_that_the_system_chose_for_udp_and_that_tcp_has_not_is_given_back(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind, refused = stream.bind, list[int]()

    def bind_later(host: str, port: int) -> socket.socket:
        if len(refused) < 2:
            refused.append(port)
            raise OSError(errno.EADDRINUSE, "taken")
        return bind(host, port)

    monkeypatch.setattr(stream, "bind", bind_later)
    async with serving(file) as app:
        (at,) = app.listening
        assert len(refused) == 2
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as again, pytest.raises(OSError, match="in use"):
                again.bind(at)
    refused.clear()
    file.write_text(TEXT.replace("127.0.0.1:0]", f"{at}]"))
    with pytest.raises(ListenError, match=f"^cannot listen on {at}: "):
        await App(configuration(file), lambda: configuration(file)).run()
    assert refused == [at.port]


async def test_a_second_server_on_one_state_folder_ends_and_the_first_goes_on(file: Path) -> None:
    async with serving(file) as app:
        with pytest.raises(ControlError, match="another server runs on"):
            await App(configuration(file), lambda: configuration(file)).run()
        assert blocks(app, ADS)
        assert (file.parent / "state/control.sock").exists()


async def test_what_a_killed_server_left_unfinished_goes_at_the_start_and_not_by_a_second_server(
    file: Path,
) -> None:
    folder = file.parent / "state/lists"
    folder.mkdir(parents=True)
    (folder / ".new-left").write_text("half a li")
    async with serving(file):
        assert not (folder / ".new-left").exists()
        (folder / ".new-now").write_text("being written")
        with pytest.raises(ControlError):
            await App(configuration(file), lambda: configuration(file)).run()
        assert (folder / ".new-now").exists()


def test_the_server_takes_as_many_open_files_as_it_may_have() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    try:
        process.raise_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_what_nobody_caught_is_logged_once_a_second_while_we_serve(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(file):
        for _ in range(50):
            asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(0.01)
    assert caplog.text.count("ZeroDivisionError") == 1


async def test_the_garbage_collector_runs_again_once_we_serve(file: Path) -> None:
    gc.disable()  # as the command begins
    try:
        async with serving(file) as app:
            await until(lambda: bool(app.listening) and gc.isenabled())
    finally:
        gc.enable()


def test_nothing_is_imported_before_the_first_answer_that_it_does_not_need() -> None:
    late = ["core.lists.reader", "edge.fetch", "edge.webclient", "edge.http", "observe.collector"]
    program = (
        f"import sys, resolver.app; print([name for name in {late} if 'resolver.' + name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
