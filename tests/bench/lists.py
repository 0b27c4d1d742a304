"""`make bench-lists`: what large lists cost the running server, in seconds, mebibytes and late answers.

Everything is measured on the real command, with lists made up here, nsd as upstream and dnsperf as the
clients, all on this machine. `--quick` uses small lists, to see that it works.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import random
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.programs import need
from tests.servers import ask, environment, free_port, nsd, process

QPS = 5000
SAMPLE_S = 0.1
MARGIN_S = 1.5
"""How much longer than the last rebuild the load runs."""
LONGEST_S = 240.0
SMALL, EDIT_S = 1000, 3.0
"""Names of a list that people edit by hand, and how many seconds later an edit acts by the README."""
TLDS = ("example", "test", "ads.example", "co.test")
PERCENTILES = (0.5, 0.99)
FIRST = "n0.example"
"""A name of every list."""
MIB = 1 << 20
TICKS = os.sysconf("SC_CLK_TCK")


class Figure(NamedTuple):
    """One thing measured, and the most that it may be."""

    name: str
    value: float
    unit: str
    goal: float | None = None


class Memory(NamedTuple):
    """What some processes hold, in mebibytes; `pss` counts pages that several share once."""

    rss: float
    pss: float


class Load(NamedTuple):
    """What the clients saw: how many got no answer, and percentiles of the wait, in milliseconds."""

    completed: int
    lost: int
    waits_ms: tuple[float, ...]


def write_list(path: Path, names: int, before: str = "", seed: int = 1) -> None:
    """Write a list of so many names in no order; two in five have a subdomain."""
    rng = random.Random(seed)
    pick, bits = rng.choice, rng.getrandbits
    with path.open("w") as file:
        file.write(f"{before}{FIRST}\n")
        for _ in range(1, names):
            host = f"{bits(52):x}" if bits(8) % 5 > 1 else f"{bits(20):x}.{bits(36):x}"
            file.write(f"{before}{host}.{pick(TLDS)}\n")


class Server:
    """`nxwhy serve` with one list."""

    def __init__(self, folder: Path, upstream: int) -> None:
        self.folder, self.port = folder, free_port()
        self.list = folder / "list.txt"
        self._config = folder / "nxwhy.yaml"
        self._config.write_text(
            f"""listen: {{dns: ["127.0.0.1:{self.port}"], admin: off}}
upstreams: {{default: {{servers: ["127.0.0.1:{upstream}"]}}}}
lists: {{bench: {{path: list.txt, match: subtree}}}}
groups: {{default: {{block: [bench]}}}}
state: state
"""
        )
        self._log = folder / "log"
        self.pid = 0

    @contextmanager
    def serving(self) -> Iterator[tuple[float, float]]:
        """Run it; gives seconds to the first answer, and its CPU seconds so far, with children."""
        argv = [sys.executable, "-m", "resolver", "serve", "--config", str(self._config)]
        options = {"env": environment(self.folder), "cwd": self.folder}
        with self._log.open("w") as log:
            begun = time.monotonic()
            with process(argv, stderr=log, **options) as running:
                self.pid = running.pid
                while not ask(self.port, FIRST, timeout_s=0.5):
                    assert running.poll() is None, self._log.read_text()
                    assert time.monotonic() - begun < LONGEST_S, self._log.read_text()
                    time.sleep(0.005)
                took = time.monotonic() - begun
                yield took, self.cpu_s()

    def cpu_s(self) -> float:
        """Return the CPU seconds, user and system, of the server and its ended children."""
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, words[11:15])) / TICKS

    def reloads(self) -> int:
        """Return how many reloads came to their end."""
        return len(re.findall(r'"(?:reloaded|reload failed[^"]*)"', self._log.read_text()))

    def wait_for_reload(self, done: int) -> None:
        """Wait until more than `done` reloads came to their end, none of which failed."""
        deadline = time.monotonic() + LONGEST_S
        while self.reloads() <= done:
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.05)
        assert "failed" not in self._log.read_text(), self._log.read_text()

    def memory(self) -> tuple[Memory, Memory]:
        """Return what the server holds, and what it and its children hold together."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        own, others = _memory(self.pid), [_memory(int(child)) for child in children]
        return own, Memory(*[sum(each) for each in zip(own, *others, strict=True)])


def _memory(pid: int) -> Memory:
    """Return what a process holds; nothing where it has just ended."""
    with contextlib.suppress(OSError):
        found = dict(re.findall(r"(\w+):\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text()))
        return Memory(int(found.get("Rss", 0)) / 1024, int(found.get("Pss", 0)) / 1024)
    return Memory(0, 0)


class Peak:
    """The most that a server and its children held together while it was looked at."""

    def __init__(self, server: Server) -> None:
        self._server, self._end = server, threading.Event()
        self.most = Memory(0, 0)

    def __enter__(self) -> Peak:
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(SAMPLE_S):
            self.most = Memory(*map(max, self.most, self._server.memory()[1]))


def under_load(server: Server, queries: Path, length_s: float, work: Callable[[], None]) -> Load:
    """Send queries for so long while some work is done; return what the clients saw."""
    words = f"-s 127.0.0.1 -p {server.port} -d {queries} -l {length_s:.1f} -Q {QPS} -c 4 -v"
    seen = queries.with_name("seen")
    with seen.open("w") as file, process([need("dnsperf"), *words.split()], stdout=file) as load:
        time.sleep(0.3)
        work()
        load.wait(length_s + 20)
    report = seen.read_text()
    waits = sorted([float(wait) * 1000 for wait in re.findall(r"^> .* (\d+\.\d+)$", report, re.MULTILINE)])
    sent, completed = [
        int(re.findall(rf"Queries {word}:\s+(\d+)", report)[0]) for word in ("sent", "completed")
    ]
    return Load(completed, sent - completed, tuple([waits[int(len(waits) * part)] for part in PERCENTILES]))


def write_queries(path: Path, listed: Path) -> None:
    """Write what the clients ask: half of it blocked, half from the cache."""
    with listed.open() as file:
        blocked = [next(file).split()[-1] for _ in range(1000)]
    path.write_text("".join([f"{name} A\nh{number}.up.example A\n" for number, name in enumerate(blocked)]))


def measure(folder: Path, upstream: int, names: int, hosts: bool) -> Iterator[Figure]:
    """Yield what a list of bare names costs; with `hosts` also what the same in hosts format does."""
    million = names // 1_000_000 if names % 1_000_000 == 0 else names / 1_000_000
    goal = million == 1
    server = Server(folder, upstream)
    if hosts:
        write_list(server.list, names, "0.0.0.0 ")
        with server.serving() as (wall_s, cpu_s):
            yield Figure(f"{million} M hosts: cold start, wall", wall_s, "s", 6 if goal else None)
            yield Figure(f"{million} M hosts: cold start, CPU", cpu_s, "s")
        for path in sorted((folder / "state").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    write_list(server.list, names)
    queries = folder / "queries"
    write_queries(queries, server.list)
    with server.serving() as (wall_s, cpu_s):
        yield Figure(f"{million} M: cold start, wall", wall_s, "s", 4 if goal else None)
        yield Figure(f"{million} M: cold start, CPU", cpu_s, "s")
        own, _ = server.memory()
        yield Figure(
            f"{million} M: memory after the build (RSS)", own.rss, "MiB", {1: 80, 5: 150}.get(int(million))
        )
        yield Figure(f"{million} M: memory after the build (PSS)", own.pss, "MiB")
    with server.serving() as (wall_s, cpu_s):
        yield Figure(f"{million} M: warm start, wall", wall_s, "s", 0.5)
        server.wait_for_reload(0)
        yield from _rebuilds(server, queries, f"{million} M", 250 if goal else None)
        own, _ = server.memory()
        yield Figure(
            f"{million} M: memory after the rebuilds (RSS)", own.rss, "MiB", {1: 80, 5: 150}.get(int(million))
        )


def _rebuilds(server: Server, queries: Path, name: str, goal_mib: float | None) -> Iterator[Figure]:
    """Yield what a rebuild under load costs: one to see the memory, and one to see how long clients wait."""
    names = sum(1 for _ in server.list.open())
    new = server.folder / "new"
    took_s = 0.0

    def rebuild() -> None:
        nonlocal took_s
        done, begun = server.reloads(), time.monotonic()
        os.replace(new, server.list)
        server.wait_for_reload(done)
        took_s = time.monotonic() - begun

    under_load(server, queries, 1, lambda: None)  # what is cached gets there
    write_list(new, names, seed=2)
    with Peak(server) as peak:
        under_load(server, queries, 6 + names / 150_000, rebuild)
    yield Figure(f"{name}: most memory in a rebuild under load (RSS)", peak.most.rss, "MiB", goal_mib)
    yield Figure(f"{name}: most memory in a rebuild under load (PSS)", peak.most.pss, "MiB")
    write_list(new, names, seed=3)
    length_s = took_s + MARGIN_S
    without = under_load(server, queries, length_s, lambda: None)
    with_it = under_load(server, queries, length_s, rebuild)
    goal_s = EDIT_S if names <= SMALL else None
    yield Figure(f"{name}: from an edit to the new table under load", took_s, "s", goal_s)
    for load, when in ((without, "without a rebuild"), (with_it, "with a rebuild")):
        yield Figure(f"{name}: answers {when}", load.completed, "")
        yield Figure(f"{name}: queries lost {when}", load.lost, "", 0)
        half, most = load.waits_ms
        yield Figure(f"{name}: median wait {when}", half, "ms")
        limit = 2 * without.waits_ms[1] if load is with_it else None
        yield Figure(f"{name}: 99th percentile {when}", most, "ms", limit)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small lists")
    parser.add_argument("--names", type=int, nargs="*", help="how many names the lists have")
    given = parser.parse_args()
    sizes = given.names or ([SMALL] if given.quick else [1_000_000, 5_000_000, SMALL])
    print(f"CPython {platform.python_version()}, {os.cpu_count()} cores, {QPS} queries a second")
    print(f"{'figure':<58}{'':>10}{'goal':>8}")
    for number, size in enumerate(sizes):
        with tempfile.TemporaryDirectory() as folder, nsd(Path(folder)) as upstream:
            for name, value, unit, goal in measure(Path(folder), upstream, size, hosts=number == 0):
                missed = "  missed" if goal is not None and value > goal else ""
                limit = "" if goal is None else f"{goal:.3g}"
                print(f"{name:<58}{value:>10.4g} {unit:<4}{limit:>6}{missed}", flush=True)


if __name__ == "__main__":
    main()
