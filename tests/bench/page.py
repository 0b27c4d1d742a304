"""`make bench-page`: what visits to the notice page cost DNS, 2,000 a second, beside the same run without.

The visits are connections with a request each, as browsers make them (visit.c); the gate lets some of them
in and tells the others to come later. Meanwhile a small client in C (steady.c) asks at a steady rate and
notes every wait: once names that are known, then names that nobody asked for before, which go upstream. The
server has one core for itself, and all else another. There is a third run, in which the same visits go to a
web server beside the client that only refuses: what DNS waits longer there is the price of visitors on this
machine, and not of the page. Each line is the median of some runs, which take turns.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import platform
import socket
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench.churn import Waits, compile_client
from tests.bench.lists import FIRST, Server
from tests.servers import encode, free_port, nsd, process

VISITS, RATE, SECONDS, ROUNDS = 2000, 1000, 4.0, 5
REQUEST = b"GET / HTTP/1.1\r\nHost: n1.ads.example\r\nAccept: text/html\r\nAccept-Language: de\r\n\r\n"


class PageServer(Server):
    """`nxwhy serve` with a list and the notice page."""

    def __init__(self, folder: Path, upstream: int, engine: str) -> None:
        super().__init__(folder, upstream, engine)
        self.page = free_port()
        self._config.write_text(
            f"""listen: {{dns: ["127.0.0.1:{self.port}"], notice: ["127.0.0.1:{self.page}"], admin: off}}
upstreams: {{default: {{servers: ["127.0.0.1:{upstream}"]}}}}
lists: {{bench: {{path: list.txt, match: subtree}}}}
engine: {engine}
state: state
"""
        )


@contextmanager
def on_cores(cores: Collection[int]) -> Iterator[None]:
    """Run, and start, on these cores alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def elsewhere(visitor: Path) -> Iterator[int]:
    """Run a web server that tells everybody to come later; gives its port."""
    port = free_port()
    with process([str(visitor), str(port)]) as running:
        while running.poll() is None:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                break
        assert running.poll() is None, f"{visitor} ended with status {running.returncode}"
        yield port


@contextmanager
def visitors(visitor: Path, port: int, rate: float, seconds: float) -> Iterator[list[int]]:
    """Visit a page while the block runs; the list has visits, pages and refusals at its end."""
    counts: list[int] = []
    if not rate:
        yield counts
        return
    request = visitor.with_name("request")
    request.write_bytes(REQUEST)
    argv = [str(visitor), str(port), str(rate), str(seconds), str(request)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as visiting:
        yield counts
        counts += map(int, visiting.communicate(timeout=seconds + 60)[0].split())


def waits(client: Path, server: PageServer, names: list[str], rate: int, seconds: float) -> Waits:
    """Ask for names in turn at a steady rate; return the waits."""
    queries = server.folder / "queries"
    queries.write_bytes(b"".join([len(wire).to_bytes(2, "big") + wire for wire in map(encode, names)]))
    argv = [str(client), str(server.port), str(rate), str(seconds), str(queries)]
    said = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    sent, lost, *others = said.split()
    return Waits(int(sent), int(lost), *map(float, others))


def measure(
    folder: Path, engine: str, visits: float, rate: int, seconds: float, rounds: int
) -> Iterator[str]:
    """Yield lines of what was measured with one engine."""
    client, visitor = compile_client(folder), compile_client(folder, "visit")
    count = int(rate * seconds * 1.2)
    first, *others = sorted(os.sched_getaffinity(0))
    with on_cores(others or {first}), nsd(folder) as upstream, elsewhere(visitor) as control:
        server = PageServer(folder, upstream, engine)
        server.list.write_text(f"{FIRST}\nn1.ads.example\n")
        known = ["n1.ads.example", "h1.up.example"] * 50
        with ExitStack() as stack:
            with on_cores({first}):  # who is started has the core of who starts
                stack.enter_context(server.serving())
            waits(client, server, known, 500, 0.5)  # what is cached gets there
            for kind in ("known", "unknown"):
                runs: dict[str, list[Run]] = {"": [], "elsewhere": [], "page": []}
                for number, where in itertools.product(range(rounds), runs):
                    fresh = [f"x{one}.{number}.{where}x.{kind}.up.example" for one in range(count)]
                    port = control if where == "elsewhere" else server.page
                    before = server.cpu_s()
                    with visitors(visitor, port, visits if where else 0.0, seconds) as counts:
                        found = waits(client, server, known if kind == "known" else fresh, rate, seconds)
                    runs[where].append(Run(found, (server.cpu_s() - before) / seconds, counts or [0, 0, 0]))
                for where, those in runs.items():
                    yield line(f"{engine}, {kind} names", where, those)


class Run(NamedTuple):
    """What was measured in one run: waits, CPU in seconds a second; visits, pages and refusals."""

    waits: Waits
    cpu: float
    counts: Sequence[int]


def line(what: str, where: str, runs: Sequence[Run]) -> str:
    """Return the medians of runs; of what was lost the sum."""
    middle = [median([getattr(run.waits, key) for run in runs]) for key in ("p50", "p99", "p999", "longest")]
    spread = "-".join([f"{edge(run.waits.p99 for run in runs):.0f}" for edge in (min, max)])
    counts = [median([run.counts[at] for run in runs]) for at in range(3)]
    cpu = median([run.cpu for run in runs]) * 100
    return (
        f"{what:<24}{where:>10}{sum(run.waits.lost for run in runs):>6}"
        f"{middle[0]:>7.0f}{middle[1]:>7.0f}{spread:>11}{middle[2]:>7.0f}{middle[3]:>7.0f}"
        f"{cpu:>5.0f} %{counts[0]:>8.0f}{counts[1]:>7.0f}{counts[2]:>8.0f}"
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=float, default=VISITS, help="visits a second")
    parser.add_argument("--rate", type=int, default=RATE, help="queries a second")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each run takes")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how many runs of each there are, in turn")
    given = parser.parse_args()
    print(f"CPython {platform.python_version()}, {os.cpu_count()} cores; waits in microseconds")
    print(
        f"{'':<24}{'visited':>10}{'lost':>6}{'p50':>7}{'p99':>7}{'min-max':>11}{'p99.9':>7}{'max':>7}", end=""
    )
    print(f"{'CPU':>7}{'visits':>8}{'pages':>7}{'refused':>8}")
    for engine in ("native", "python"):
        with tempfile.TemporaryDirectory() as folder:
            for said in measure(Path(folder), engine, given.visits, given.rate, given.seconds, given.rounds):
                print(said, flush=True)


if __name__ == "__main__":
    main()
