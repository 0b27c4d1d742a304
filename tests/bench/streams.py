"""`make bench-streams`: CPU microseconds a query over one TCP connection on which many are asked at a time.

The real command with either engine, dnsperf as the client, on this machine; blocked names, cached ones, and
both by turns. Of the CPU only that of the server counts.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import tempfile
from pathlib import Path

from resolver import native
from tests.bench.lists import Server, write_list, write_queries
from tests.programs import need
from tests.servers import nsd

SECONDS, NAMES, OPEN = 5.0, 1000, 200
"""How long each is asked for, of how many names, and how many queries are open at a time."""


def split(queries: Path) -> dict[str, Path]:
    """Write the blocked and the cached names into files of their own; return all three."""
    lines = queries.read_text().splitlines(keepends=True)
    parts = {"blocked": lines[::2], "cached": lines[1::2], "mixed": lines}
    for name, part in parts.items():
        queries.with_name(name).write_text("".join(part))
    return {name: queries.with_name(name) for name in parts}


def cost_us(server: Server, queries: Path, seconds: float) -> float:
    """Return what one query costs the server, in microseconds of CPU."""
    words = f"-m tcp -s 127.0.0.1 -p {server.port} -d {queries} -l {seconds:.1f} -c 1 -T 1 -q {OPEN}"
    before = server.cpu_s()
    report = subprocess.check_output([need("dnsperf"), *words.split()], text=True)
    after = server.cpu_s()
    sent, completed = [
        int(re.findall(rf"Queries {word}:\s+(\d+)", report)[0]) for word in ("sent", "completed")
    ]
    assert sent == completed, report
    return (after - before) / completed * 1e6


def measure(folder: Path, upstream: int, engine: str, seconds: float) -> dict[str, float]:
    """Return the costs by what was asked."""
    server = Server(folder, upstream, engine)
    write_list(server.list, 2 * NAMES)
    write_queries(folder / "queries", server.list)
    with server.serving():
        files = split(folder / "queries")
        cost_us(server, files["mixed"], 0.5)  # what is cached gets there
        return {name: cost_us(server, path, seconds) for name, path in files.items()}


def main() -> None:
    """Print a line for each engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args()
    print(f"CPython {platform.python_version()}, {os.cpu_count()} cores; CPU microseconds a query over TCP")
    for engine in ["python", *["native"] * (native.problem() is None)]:
        with tempfile.TemporaryDirectory() as folder, nsd(Path(folder)) as upstream:
            found = measure(Path(folder), upstream, engine, given.seconds)
        print(
            f"{engine:<8}" + "".join([f"{name} {cost:6.1f}   " for name, cost in found.items()]), flush=True
        )


if __name__ == "__main__":
    main()
