"""`make bench-churn`: how long known names take while all else happens, beside the same run without that.

What happens: a list of a million names is rebuilt and put in force, the cache is flushed, and a slow upstream
holds 5,000 questions open all the time. A small client in C (steady.c) asks at a steady rate and notes every
wait; half of its names are blocked, half are in the cache. All on this machine: server, builder, upstream and
client share its cores, so the rate may have to be lower than the goal's 50,000 a second (`--rate`).
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.bench.lists import FIRST, Server, write_list
from tests.native.compiled import compile_c
from tests.servers import encode, free_port, nsd

RATE, SECONDS, NAMES, HELD = 50_000, 20.0, 1_000_000, 5_000
KNOWN = 1000
ASK_AGAIN_S = 0.5


class Waits(NamedTuple):
    """What the client saw: counts, queries a second, and percentiles of the wait in microseconds."""

    sent: int
    lost: int
    rate: float
    p50: float
    p90: float
    p99: float
    p999: float
    longest: float


class ChurnServer(Server):
    """`nxwhy serve` with a list, a slow upstream for slow.example, and metrics."""

    def __init__(self, folder: Path, upstream: int, slow: int) -> None:
        super().__init__(folder, upstream, "auto")
        self.upstream, self.slow, self.admin = upstream, slow, free_port()
        self.configure(2)

    def configure(self, timeout_s: int) -> None:
        """Write the configuration; with another timeout answers come from elsewhere, so the cache goes."""
        self._config.write_text(
            f"""listen: {{dns: ["127.0.0.1:{self.port}"], admin: "127.0.0.1:{self.admin}"}}
upstreams:
  default: {{servers: ["127.0.0.1:{self.upstream}"], timeout: {timeout_s}s}}
  slow: {{servers: ["127.0.0.1:{self.slow}"], timeout: 30s}}
routes: [{{domains: [slow.example], upstream: slow}}]
lists: {{bench: {{path: list.txt, match: subtree}}}}
groups: {{default: {{block: [bench]}}}}
state: state
"""
        )

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=10) as page:
            text = page.read().decode()
        return sum([float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)])


@contextmanager
def slow_upstream() -> Iterator[int]:
    """Run an upstream that takes every question and answers none; gives its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", free_port()))
        yield sock.getsockname()[1]


@contextmanager
def held_open(port: int, count: int) -> Iterator[None]:
    """Ask so many questions that get no answer, and ask them again, so that they stay open."""
    ended = threading.Event()

    def ask() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", port))
            number = 0
            while not ended.is_set():
                for _ in range(count // 20):
                    sock.send(encode(f"s{number % count}.slow.example"))
                    number += 1
                ended.wait(0.02 if number <= count else ASK_AGAIN_S)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        ended.set()
        asking.join()


def compile_client(folder: Path, name: str = "steady") -> Path:
    """Return a program of this folder, compiled."""
    return compile_c(folder / name, [Path(__file__).with_name(f"{name}.c")], "-O2")


def write_known(path: Path, listed: Path) -> None:
    """Write the queries of the client: by turns a blocked name and a cached one."""
    with listed.open() as file:
        blocked = [next(file).split()[-1] for _ in range(KNOWN)]
    wires = [encode(name) for pair in zip(blocked, _cached(), strict=True) for name in pair]
    path.write_bytes(b"".join([len(wire).to_bytes(2, "big") + wire for wire in wires]))


def _cached() -> list[str]:
    return [f"h{number}.up.example" for number in range(KNOWN)]


def steady(client: Path, server: ChurnServer, rate: float, seconds: float, work: Callable[[], None]) -> Waits:
    """Ask at a steady rate while some work is done; return the waits."""
    queries = server.folder / "known"
    argv = [str(client), str(server.port), str(rate), str(seconds), str(queries)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as asking:
        time.sleep(min(1.0, seconds / 10))
        work()
        said, _ = asking.communicate(timeout=seconds + 60)
    sent, lost, *others = said.split()
    return Waits(int(sent), int(lost), *map(float, others))


def churn(server: ChurnServer, new: Path, times: list[str]) -> None:
    """Put another list in force, then flush the cache."""
    done, begun = server.reloads(), time.monotonic()
    os.replace(new, server.list)
    server.wait_for_reload(done)
    times.append(f"rebuilt and in force after {time.monotonic() - begun:.1f} s")
    time.sleep(0.5)
    done = server.reloads()
    server.configure(3)
    server.wait_for_reload(done)
    times.append(f"flushed after {time.monotonic() - begun:.1f} s")


def measure(folder: Path, upstream: int, names: int, rate: float, seconds: float) -> Iterator[str]:
    """Yield lines of what was measured."""
    client = compile_client(folder)
    with slow_upstream() as slow:
        server = ChurnServer(folder, upstream, slow)
        write_list(server.list, names)
        write_known(folder / "known", server.list)
        new = folder / "new"
        write_list(new, names)
        with new.open("a") as file:
            file.write("one-more.example\n")
        with server.serving():
            steady(client, server, min(rate, 5000.0), 1, lambda: None)  # what is cached gets there
            quiet = steady(client, server, rate, seconds, lambda: None)
            yield _line("without churn", quiet)
            times: list[str] = []
            with held_open(server.port, HELD):
                time.sleep(1.5)
                opened = server.metric("nxwhy_upstream_inflight")
                busy = steady(client, server, rate, seconds, lambda: churn(server, new, times))
            yield _line("with churn", busy)
            dropped = server.metric("nxwhy_dropped_total")
    yield f"{opened:.0f} questions held open at the start; {'; '.join(times)}; {dropped:.0f} messages dropped"


def _line(name: str, waits: Waits) -> str:
    return (
        f"{name:<16}{waits.sent:>9}{waits.lost:>7}{waits.rate:>9.0f}"
        f"{waits.p50:>9.0f}{waits.p90:>9.0f}{waits.p99:>9.0f}{waits.p999:>9.0f}{waits.longest:>9.0f}"
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=NAMES, help="how many names the list has")
    parser.add_argument("--rate", type=float, default=RATE, help="queries a second")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each run takes")
    given = parser.parse_args()
    print(f"CPython {platform.python_version()}, {os.cpu_count()} cores, {FIRST} and {given.names} names")
    print(f"{'':<16}{'sent':>9}{'lost':>7}{'a second':>9}", *[f"{of:>8}" for of in COLUMNS])
    with tempfile.TemporaryDirectory() as folder, nsd(Path(folder)) as upstream:
        for line in measure(Path(folder), upstream, given.names, given.rate, given.seconds):
            print(line, flush=True)


COLUMNS = ("p50 µs", "p90 µs", "p99 µs", "p99.9 µs", "max µs")

if __name__ == "__main__":
    main()
