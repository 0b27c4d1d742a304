"""`make bench-lists`: what large lists cost the running server, in seconds, mebibytes and late answers.

Everything is measured on the real command with either engine, with lists made up here, nsd as upstream and
dnsperf as the clients, all on this machine. `--quick` uses small lists, to see that it works.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import random
import re
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from resolver import native
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
COLD, WARM, PAIRS = 3, 5, 7
"""How often each start is measured, and the wait without a rebuild and with one."""
FIRST = "n0.example"
"""A name of every list."""
MIB = 1 << 20
TICKS = os.sysconf("SC_CLK_TCK")


class Goals(NamedTuple):
    """The most that a million names may cost, and the memory after a build of five million."""

    cold_s: float
    hosts_s: float
    warm_s: float
    after_mib: float
    after_five_mib: float
    rebuild_mib: float

    def after(self, names: int) -> float | None:
        """Return the most memory after a build."""
        return {1_000_000: self.after_mib, 5_000_000: self.after_five_mib}.get(names)


GOALS = {"python": Goals(4, 6, 0.5, 80, 150, 250), "native": Goals(2, 2, 0.4, 60, 150, 250)}


class Figure(NamedTuple):
    """One thing measured, and the most that it may be."""

    name: str
    value: float
    unit: str
    goal: float | None = None

    def __str__(self) -> str:
        goal = "" if self.goal is None else f"{self.goal:.3g}"
        missed = "*" if self.goal is not None and self.value > self.goal else ""
        return f"{self.value:>10.4g}{missed:<1}{goal:>7}"


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
    """`nxwhy serve` with one list. Its bytecode is kept, as that of what was installed is."""

    def __init__(self, folder: Path, upstream: int, engine: str) -> None:
        self.folder, self.port = folder, free_port()
        self.list = folder / "list.txt"
        self._config = folder / "nxwhy.yaml"
        self._config.write_text(
            f"""listen: {{dns: ["127.0.0.1:{self.port}"], admin: off}}
upstreams: {{default: {{servers: ["127.0.0.1:{upstream}"]}}}}
lists: {{bench: {{path: list.txt, match: subtree}}}}
groups: {{default: {{block: [bench]}}}}
engine: {engine}
state: state
"""
        )
        self._environment = environment(folder) | {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._log = folder / "log"
        self.pid = 0

    @contextmanager
    def serving(self) -> Iterator[tuple[float, float]]:
        """Run it; gives seconds to the first answer, and its CPU seconds so far, with children."""
        argv = [sys.executable, "-m", "resolver", "serve", "--config", str(self._config)]
        options = {"env": self._environment, "cwd": self.folder}
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

    def forget(self) -> None:
        """Remove what it built."""
        shutil.rmtree(self.folder / "state", ignore_errors=True)

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


def measure(folder: Path, upstream: int, names: int, hosts: bool, engine: str) -> Iterator[Figure]:
    """Yield what a list of bare names costs; with `hosts` also what the same in hosts format does."""
    million = f"{names / 1_000_000:g} M"
    goals = GOALS[engine]
    of_a_million = names == 1_000_000
    server = Server(folder, upstream, engine)
    write_list(server.list, SMALL)
    with server.serving():
        pass  # bytecode
    if hosts:
        write_list(server.list, names, "0.0.0.0 ")
        yield from _starts(
            server, f"{million} hosts: cold start", COLD, goals.hosts_s if of_a_million else None
        )
    write_list(server.list, names)
    queries = folder / "queries"
    write_queries(queries, server.list)
    yield from _starts(server, f"{million}: cold start", COLD, goals.cold_s if of_a_million else None)
    server.forget()
    with server.serving():
        _, all_of_it = server.memory()
        yield Figure(f"{million}: memory after the build (RSS)", all_of_it.rss, "MiB", goals.after(names))
        yield Figure(f"{million}: memory after the build (PSS)", all_of_it.pss, "MiB")
    yield from _starts(server, f"{million}: warm start", WARM, goals.warm_s)
    with server.serving():
        server.wait_for_reload(0)
        yield from _rebuilds(server, queries, million, goals.rebuild_mib if of_a_million else None)
        _, all_of_it = server.memory()
        yield Figure(f"{million}: memory after the rebuilds (RSS)", all_of_it.rss, "MiB", goals.after(names))


def _starts(server: Server, name: str, times: int, goal_s: float | None) -> Iterator[Figure]:
    """Yield how long it is to the first answer, of some starts; a cold one begins with nothing built."""
    walls, cpus = [], []
    for _ in range(times):
        if "cold" in name:
            server.forget()
        with server.serving() as (wall_s, cpu_s):
            walls.append(wall_s)
            cpus.append(cpu_s)
    yield Figure(f"{name}, best of {times}", min(walls), "s", goal_s)
    yield Figure(f"{name}, median", statistics.median(walls), "s", goal_s)
    yield Figure(f"{name}, CPU", min(cpus), "s")


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
    length_s, pairs = took_s + MARGIN_S, []
    for seed in range(3, 3 + (PAIRS if names <= 1_000_000 else 1)):
        write_list(new, names, seed=seed)
        without = under_load(server, queries, length_s, lambda: None)
        pairs.append((without, under_load(server, queries, length_s, rebuild)))
    goal_s = EDIT_S if names <= SMALL else None
    yield Figure(f"{name}: from an edit to the new table under load", took_s, "s", goal_s)
    for loads, when in zip(zip(*pairs, strict=True), ("without a rebuild", "with a rebuild"), strict=True):
        yield Figure(f"{name}: answers {when}", sum(load.completed for load in loads), "")
        yield Figure(f"{name}: queries lost {when}", sum(load.lost for load in loads), "", 0)
        half, most = (
            statistics.median(waits) for waits in zip(*[load.waits_ms for load in loads], strict=True)
        )
        yield Figure(f"{name}: median wait {when}", half, "ms")
        yield Figure(f"{name}: 99th percentile {when}", most, "ms")
    ratios = [with_it.waits_ms[1] / without.waits_ms[1] for without, with_it in pairs]
    yield Figure(f"{name}: 99th percentile with / without, median", statistics.median(ratios), "", 2)


def main() -> None:
    """Print a table for each size, with a column for each engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small lists")
    parser.add_argument("--names", type=int, nargs="*", help="how many names the lists have")
    given = parser.parse_args()
    sizes = given.names or ([SMALL] if given.quick else [1_000_000, 5_000_000, SMALL])
    engines = ["python", *["native"] * (native.problem() is None)]
    print(f"CPython {platform.python_version()}, {os.cpu_count()} cores, {QPS} queries a second, * missed")
    print(f"{'':<58}{'':<4}" + "".join([f"{engine:>11}{'goal':>7}" for engine in engines]))
    for number, size in enumerate(sizes):
        columns = []
        for engine in engines:
            with tempfile.TemporaryDirectory() as folder, nsd(Path(folder)) as upstream:
                columns.append(list(measure(Path(folder), upstream, size, hosts=number == 0, engine=engine)))
        for figures in zip(*columns, strict=True):
            print(f"{figures[0].name:<58}{figures[0].unit:<4}" + "".join(map(str, figures)), flush=True)


if __name__ == "__main__":
    main()
