"""resolver/edge/systemd.py."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from resolver.edge.systemd import Notifier


@pytest.fixture(params=["path", "abstract"])
def heard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Notifier, Callable[[], str]]]:
    """A notifier, and what the other end of its socket received next."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@nxwhy-test-{uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        systemd.settimeout(5)
        yield Notifier({"NOTIFY_SOCKET": name}), lambda: systemd.recv(4096).decode()


Heard = tuple[Notifier, Callable[[], str]]


def test_each_state_is_one_message(heard: Heard) -> None:
    notifier, received = heard
    notifier.ready()
    assert received() == "READY=1"
    notifier.ready("serving 3 lists")
    assert received() == "READY=1\nSTATUS=serving 3 lists"
    notifier.status("loading lists")
    assert received() == "STATUS=loading lists"
    notifier.watchdog()
    assert received() == "WATCHDOG=1"
    notifier.stopping()
    assert received() == "STOPPING=1"


def test_a_reload_says_when_it_began(heard: Heard) -> None:
    notifier, received = heard
    before = time.monotonic_ns() // 1000
    notifier.reloading()
    first, second = received().split("\n")
    assert first == "RELOADING=1"
    name, moment = second.split("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(moment) <= time.monotonic_ns() // 1000


def test_a_status_cannot_smuggle_in_another_state(heard: Heard) -> None:
    notifier, received = heard
    notifier.status("fine\nSTOPPING=1\r\n\u2028x \udcff")
    assert received() == "STATUS=fine STOPPING=1 x ?"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"NOTIFY_SOCKET": ""},
        {"NOTIFY_SOCKET": "vsock:2:1234"},
        {"NOTIFY_SOCKET": "/nowhere/notify"},
        {"NOTIFY_SOCKET": "@nobody-listens-here"},
        {"NOTIFY_SOCKET": "/" + "x" * 500},
    ],
    ids=["none", "empty", "vsock", "no such file", "nobody", "too long"],
)
def test_without_systemd_nothing_is_raised(environment: dict[str, str]) -> None:
    notifier = Notifier(environment)
    notifier.ready("up")
    notifier.reloading()
    notifier.status("")
    notifier.watchdog()
    notifier.stopping()
    assert notifier.watchdog_interval_s is None


def test_a_full_socket_does_not_block(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        for _ in range(2000):  # more than net.unix.max_dgram_qlen takes anywhere
            notifier.watchdog()
        assert systemd.recv(64) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_asked(
    environment: dict[str, str], expected: float | None
) -> None:
    assert Notifier(environment).watchdog_interval_s == expected
