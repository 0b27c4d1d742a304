"""Real servers for tests: the resolver by its own command, nsd and unbound by Debian's packages."""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.programs import need

ROOT = Path(__file__).resolve().parents[1]
READY_S = 40.0
ZONE = """$ORIGIN up.example.
$TTL 3600
@ SOA ns hostmaster 1 3600 600 86400 300
@ NS ns
ns A 127.0.0.1
* A 192.0.2.1
* AAAA 2001:db8::1
leads CNAME web.wechat.com.
txt TXT "a text"
"""


_given: set[int] = set()


_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
PORTS = range(10000 + _WORKER, 32000, _WORKERS)


def free_port() -> int:
    """Return a port that is free for UDP and TCP on loopback now, and was not returned before.

    It is below the ports that the system gives to clients, so that no client is given it meanwhile, and of
    those that are ours where tests run in several processes.
    """
    while True:
        port = random.choice(PORTS)
        if port in _given:
            continue
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
            contextlib.suppress(OSError),
        ):
            stream.bind(("127.0.0.1", port))
            datagrams.bind(("127.0.0.1", port))
            _given.add(port)
            return port


def encode(name: str, qtype: int = 1) -> bytes:
    """Return a query with ID 0x1234 and RD set."""
    labels = b"".join([bytes([len(label)]) + label.encode() for label in name.split(".")])
    return b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + labels + b"\0" + qtype.to_bytes(2, "big") + b"\0\1"


def ask(port: int, name: str, qtype: int = 1, timeout_s: float = 5.0) -> bytes:
    """Ask over UDP once; return the answer, empty if there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        sock.settimeout(timeout_s)
        try:
            sock.send(encode(name, qtype))
            return sock.recv(65535)
        except OSError:
            return b""


def rcode(port: int, name: str) -> int:
    """Return the RCODE of an answer, -1 if there is none."""
    wire = ask(port, name)
    return wire[3] & 15 if wire else -1


@contextmanager
def process(argv: Sequence[str], **options: object) -> Iterator[subprocess.Popen[str]]:
    """Run a program until the end of the block."""
    running = subprocess.Popen(argv, text=True, **options)  # type: ignore[call-overload]
    try:
        yield running
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGTERM)
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
        for pipe in (running.stdout, running.stderr):
            if pipe is not None:
                pipe.close()


def until_it_answers(running: subprocess.Popen[str], port: int, name: str) -> None:
    """Wait until a server answers over UDP."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if running.poll() is not None:
            raise AssertionError(f"{running.args!r} ended with status {running.returncode}")
        if ask(port, name, timeout_s=0.2):
            return
    raise AssertionError(f"{running.args!r} does not answer on port {port}")


@contextmanager
def nsd(folder: Path) -> Iterator[int]:
    """Run nsd with the zone up.example; gives its port."""
    port = free_port()
    (folder / "up.example").write_text(ZONE)
    (folder / "nsd.conf").write_text(
        f"""server:
  ip-address: 127.0.0.1@{port}
  server-count: 1
  username: ""
  zonesdir: "{folder}"
  pidfile: "{folder}/nsd.pid"
  database: ""
  xfrdfile: "{folder}/xfrd"
  zonelistfile: "{folder}/zonelist"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: up.example
  zonefile: up.example
"""
    )
    argv = [need("nsd"), "-d", "-c", str(folder / "nsd.conf")]
    with process(argv, stderr=subprocess.DEVNULL) as running:
        until_it_answers(running, port, "x.up.example")
        yield port


@contextmanager
def unbound(folder: Path, upstream: int) -> Iterator[int]:
    """Run unbound, which forwards everything; gives its port."""
    port = free_port()
    (folder / "unbound.conf").write_text(
        f"""server:
  interface: 127.0.0.1@{port}
  num-threads: 1
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/unbound.pid"
  do-not-query-localhost: no
  module-config: "iterator"
  use-syslog: no
  logfile: "{folder}/unbound.log"
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{upstream}
"""
    )
    with process([need("unbound"), "-d", "-c", str(folder / "unbound.conf")]) as running:
        until_it_answers(running, port, "x.up.example")
        yield port


@dataclass
class Nxwhy:
    """The resolver as it runs."""

    process: subprocess.Popen[str]
    port: int
    admin: int
    notice: int
    folder: Path
    config: Path
    _unread: bytes = b""

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another command of nxwhy with the same configuration."""
        return command(*words, "--config", str(self.config))

    def log_until(self, text: str, timeout_s: float = 30.0) -> str:
        """Return the log lines from here on up to one that holds a text."""
        deadline, seen = time.monotonic() + timeout_s, ""
        while (line := self._next_line(deadline)) is not None:
            seen += line
            if text in line:
                return seen
        raise AssertionError(f"no log line holds {text!r}:\n{seen}")

    def _next_line(self, deadline: float) -> str | None:
        """Return the next line of the log; None where none comes. A buffer of Python's would hide lines."""
        assert self.process.stderr is not None
        pipe = self.process.stderr.fileno()
        while b"\n" not in self._unread:
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            more = os.read(pipe, 65536) if ready else b""
            if not more:
                return None
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode() + "\n"


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of the command: this checkout, and a home of its own."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder), "PYTHONUNBUFFERED": "1"}


def command(*words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command of nxwhy to its end."""
    return subprocess.run(
        [sys.executable, "-m", "resolver", *words],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env=environment(folder),
        check=False,
    )


@contextmanager
def nxwhy(folder: Path, upstream: str, more: str = "", timeout: str = "2s") -> Iterator[Nxwhy]:
    """Run the resolver with the lists that ship, copied, so that a test may edit them."""
    port, admin, notice = free_port(), free_port(), free_port()
    lists = folder / "blocklists"
    if not lists.exists():
        lists.mkdir()
        for path in (ROOT / "blocklists").glob("*.yaml"):
            (lists / path.name).write_text(path.read_text())
    (folder / "extra.txt").write_text("ads.extra.example\n")
    config = folder / "nxwhy.yaml"
    config.write_text(
        f"""listen: {{dns: ["127.0.0.1:{port}"], admin: "127.0.0.1:{admin}", notice: ["127.0.0.1:{notice}"]}}
upstreams: {{default: {{servers: [{upstream}], timeout: {timeout}}}}}
lists:
  wechat: {{path: blocklists/wechat.yaml}}
  line: {{path: blocklists/line.yaml}}
  bbm: {{path: blocklists/bbm.yaml}}
  linkedin: {{path: blocklists/linkedin.yaml}}
  imo: {{path: blocklists/imo.yaml}}
  extra: {{path: extra.txt, match: subtree}}
groups: {{default: {{block: [wechat, line, bbm, linkedin, imo, extra]}}}}
state: state
{more}"""
    )
    argv = [sys.executable, "-m", "resolver", "serve", "--config", str(config)]
    options = {"stderr": subprocess.PIPE, "env": environment(folder), "cwd": folder}
    with process(argv, **options) as running:
        server = Nxwhy(running, port, admin, notice, folder, config)
        try:
            until_it_answers(running, port, "wechat.com")
        except AssertionError as exc:
            assert running.stderr is not None
            running.terminate()
            raise AssertionError(f"{exc}\n{running.stderr.read()}") from exc
        yield server
