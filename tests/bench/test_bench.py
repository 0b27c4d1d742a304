"""The benchmarks run; what they measure is for people to read."""

from __future__ import annotations

import socket
import subprocess
import threading
from pathlib import Path

import pytest

from tests.bench.__main__ import steps
from tests.bench.churn import compile_client
from tests.bench.eviction import RULES, figures
from tests.bench.instructions import WIRES, ask, compiled
from tests.bench.step import Step, measure


@pytest.mark.parametrize("step", list(steps(names_listed=100)), ids=lambda step: step.name)
def test_each_step_can_be_measured(step: Step) -> None:
    assert measure(step._replace(calls=1), repeats=1) > 0


def test_each_rule_of_eviction_can_be_measured() -> None:
    for figure in figures(names=400, queries=4000):
        assert len(figure.rates) == len(RULES)
        assert all(0 < rate < 1 for rate in figure.rates)


def test_the_steady_client_counts_what_is_answered_and_what_is_lost(tmp_path: Path) -> None:
    client = compile_client(tmp_path)
    (tmp_path / "known").write_bytes(b"\0\x0c" + bytes(12))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def answer_all_but_one() -> None:
            for number in range(200):
                wire, peer = sock.recvfrom(4096)
                if number != 100:
                    sock.sendto(wire, peer)

        answering = threading.Thread(target=answer_all_but_one)
        answering.start()
        argv = [str(client), str(sock.getsockname()[1]), "2000", "0.1", str(tmp_path / "known")]
        said = subprocess.check_output(argv, text=True)
        answering.join()
    assert said.split()[:2] == ["200", "1"]


def test_the_program_whose_instructions_are_counted_answers_with_as_many_threads_as_are_wanted(
    tmp_path: Path,
) -> None:
    argv = [str(compiled(tmp_path)), "2"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        port = int(running.stdout.readline())
        for wire in WIRES.values():
            ask(port, wire, 2)
        running.communicate("", timeout=60)
    assert running.returncode == 0
