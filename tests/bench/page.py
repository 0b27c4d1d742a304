"""`make bench-page`: what visits to the notice page cost DNS, 2,000 a second, beside the same run without.

The visits are connections with a request each, as browsers make them; the gate lets some of them in and tells
the others to come later. Meanwhile a small client in C (steady.c) asks at a steady rate and notes every wait:
once names that are known, then names that nobody asked for before, which go upstream. All on this machine:
server, upstream and both clients share its cores.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import platform
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import TypeAlias

from tests.bench.churn import Waits, compile_client
from tests.bench.lists import FIRST, Server
from tests.servers import encode, free_port, nsd

VISITS, RATE, SECONDS = 2000, 1000, 10.0
REQUEST = b"GET / HTTP/1.1\r\nHost: n1.ads.example\r\nAccept: text/html\r\nAccept-Language: de\r\n\r\n"


Counts: TypeAlias = "SimpleQueue[tuple[int, int, int]]"
"""Visits, pages and refusals of each visitor."""


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


def visit(port: int, rate: float, until: float, counted: Counts) -> None:
    """Visit the page at a steady rate up to a time; count visits, pages and refusals."""
    os.nice(19)  # they stand for other machines, which take no time of ours
    begun, visits, pages, refused = time.monotonic(), 0, 0, 0
    while (now := time.monotonic()) < until:
        ahead = begun + visits / rate - now
        if ahead > 0:
            time.sleep(ahead)
        visits += 1
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.settimeout(5)
            sock.connect(("127.0.0.1", port))
            sock.sendall(REQUEST)
            status = sock.recv(65536)[9:12]
            pages += status == b"403"
            refused += status == b"429"
    counted.put((visits, pages, refused))


@contextmanager
def visitors(port: int, rate: float, seconds: float) -> Iterator[list[tuple[int, int, int]]]:
    """Visit the page while the block runs; the list has the counts at its end."""
    found: list[tuple[int, int, int]] = []
    counted: Counts = multiprocessing.SimpleQueue()
    until = time.monotonic() + seconds
    visiting = [
        multiprocessing.Process(target=visit, args=(port, rate / 2, until, counted), daemon=True)
        for _ in range(2 if rate else 0)
    ]
    for one in visiting:
        one.start()
    yield found
    for one in visiting:
        found.append(counted.get())
        one.join()


def waits(client: Path, server: PageServer, names: list[str], rate: int, seconds: float) -> Waits:
    """Ask for names in turn at a steady rate; return the waits."""
    queries = server.folder / "queries"
    queries.write_bytes(b"".join([len(wire).to_bytes(2, "big") + wire for wire in map(encode, names)]))
    argv = [str(client), str(server.port), str(rate), str(seconds), str(queries)]
    said = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    sent, lost, *others = said.split()
    return Waits(int(sent), int(lost), *map(float, others))


def measure(folder: Path, engine: str, visits: float, rate: int, seconds: float) -> Iterator[str]:
    """Yield lines of what was measured with one engine."""
    client = compile_client(folder)
    count = int(rate * seconds * 1.2)
    with nsd(folder) as upstream:
        server = PageServer(folder, upstream, engine)
        server.list.write_text(f"{FIRST}\nn1.ads.example\n")
        with server.serving():
            known = ["n1.ads.example", "h1.up.example"] * 50
            waits(client, server, known, 500, 0.5)  # what is cached gets there
            for kind in ("known", "unknown"):
                for pace in (0.0, visits):
                    fresh = [f"x{number}.{pace:.0f}.{kind}.up.example" for number in range(count)]
                    before = server.cpu_s()
                    with visitors(server.page, pace, seconds) as counts:
                        found = waits(client, server, known if kind == "known" else fresh, rate, seconds)
                    spent = (server.cpu_s() - before) / seconds
                    yield line(f"{engine}, {kind} names", pace, found, spent, counts)


def line(what: str, pace: float, found: Waits, spent: float, counts: list[tuple[int, int, int]]) -> str:
    visits, pages, refused = [sum(column) for column in zip(*counts, strict=True)] or [0, 0, 0]
    return (
        f"{what:<24}{pace:>8.0f}{found.rate:>8.0f}{found.lost:>6}{found.p50:>8.0f}{found.p99:>8.0f}"
        f"{found.p999:>8.0f}{found.longest:>8.0f}{spent * 100:>7.0f} %{visits:>9}{pages:>7}{refused:>9}"
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=float, default=VISITS, help="visits a second")
    parser.add_argument("--rate", type=int, default=RATE, help="queries a second")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each run takes")
    given = parser.parse_args()
    print(f"CPython {platform.python_version()}, {os.cpu_count()} cores; waits in microseconds")
    print(
        f"{'':<24}{'visits/s':>8}{'asked/s':>8}{'lost':>6}{'p50':>8}{'p99':>8}{'p99.9':>8}{'max':>8}{'CPU':>9}",
        end="",
    )
    print(f"{'visits':>9}{'pages':>7}{'refused':>9}")
    for engine in ("native", "python"):
        with tempfile.TemporaryDirectory() as folder:
            for said in measure(Path(folder), engine, given.visits, given.rate, given.seconds):
                print(said, flush=True)


if __name__ == "__main__":
    main()
