"""Answers that rules of unbound ask for: what we answer, and what unbound does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conformance.test_list_formats import answered, unbound, upstream
from tests.servers import environment, free_port, process, until_it_answers

pytestmark = pytest.mark.timeout(120)

LIST = """local-zone: "nx.example" always_nxdomain
local-zone: "empty.example" always_nodata
local-zone: "null.example" always_null
local-zone: "refused.example" always_refuse
local-zone: "gone.example" always_deny
local-data: "wall.example A 192.0.2.9"
local-data: "wall.example TXT wall"
local-zone: "free.nx.example" always_transparent
"""
NAMES = (
    *("nx.example", "www.nx.example", "empty.example", "null.example", "refused.example", "wall.example"),
    *("free.nx.example", "other.example"),
)


@contextmanager
def nxwhy(folder: Path, text: str) -> Iterator[int]:
    """Run our server with one list, in front of a server that answers every question; gives its port."""
    (folder / "own.conf").write_text(text)
    port = free_port()
    with upstream() as beyond:
        (folder / "nxwhy.yaml").write_text(
            f"listen: {{dns: ['127.0.0.1:{port}'], admin: off}}\n"
            f"upstreams: {{default: {{servers: ['127.0.0.1:{beyond}']}}}}\n"
            "lists: {own: {path: own.conf, format: unbound, trusted: true}}\n"
            "state: state\n"
        )
        argv = [sys.executable, "-m", "resolver", "serve", "--config", str(folder / "nxwhy.yaml")]
        with process(argv, env=environment(folder), cwd=folder) as running:
            until_it_answers(running, port, "ready.example")
            yield port


def test_a_rule_of_unbound_is_answered_as_unbound_answers_it(tmp_path: Path) -> None:
    with unbound(tmp_path, LIST) as theirs, nxwhy(tmp_path, LIST) as ours:
        for name in NAMES:
            for qtype in ("A", "AAAA", "TXT"):
                assert answered(ours, name, qtype, 10) == answered(theirs, name, qtype, 10), f"{name} {qtype}"
        assert (
            answered(ours, "gone.example", "A", 0.5) == answered(theirs, "gone.example", "A", 0.5) == "drop"
        )
