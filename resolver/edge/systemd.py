"""Telling systemd how we are (sd_notify(3)). Without systemd, nothing happens and nothing is raised."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Sends states to the socket that systemd named; the environment is read once, at the start."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self.watchdog_interval_s = _watchdog_interval_s(environment)
        """How often to call `watchdog`, in seconds: half of what systemd allows. None: not at all."""

    def ready(self, status: str = "") -> None:
        """Say that we serve: after the start, and again after each reload."""
        self._send("READY=1", _status(status))

    def reloading(self) -> None:
        """Say that the configuration is being read again; `ready` ends it."""
        moment_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={moment_us}")

    def stopping(self) -> None:
        """Say that we end."""
        self._send("STOPPING=1")

    def watchdog(self) -> None:
        """Say that we are alive."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Show one line of text in `systemctl status`."""
        self._send(_status(text))

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        message = "\n".join([line for line in lines if line]).encode(errors="replace")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.connect(self._address)
                sender.send(message)
        except OSError:
            pass  # a full or closed socket must not stop the service; the watchdog tells if it stays so


def _address(name: str) -> str | bytes | None:
    """Return the socket's address; `@` stands for the zero byte of the abstract kind."""
    if name.startswith("@"):
        return b"\0" + os.fsencode(name[1:])
    return name if name.startswith("/") else None


def _status(text: str) -> str:
    """Return the line with a status; a line break in it would start another assignment."""
    return "STATUS=" + " ".join(text.split()) if text else ""


def _watchdog_interval_s(environment: Mapping[str, str]) -> float | None:
    allowed_us, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not allowed_us.isdecimal() or int(allowed_us) == 0:
        return None
    if pid and pid != str(os.getpid()):
        return None  # meant for another process
    return int(allowed_us) / 2_000_000
