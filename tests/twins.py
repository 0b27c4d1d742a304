"""The parts that there are twice, in Python and natively: `on_both` of conftest.py runs tests with either."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic
from typing import Literal

import pytest

from resolver import native
from resolver.config.model import Engine
from resolver.core.cache import AnswerCache
from resolver.core.clients import Clients
from resolver.core.cookies import Cookies
from resolver.core.policy import Profile
from resolver.core.steps import Steps
from resolver.edge import builder, steering
from resolver.edge.builder import Order
from resolver.engines import NativeParts, Parts, PythonParts, make_steps
from resolver.observe.counters import Counters

Twin = Literal["python", "native"]

PROBLEM = native.problem()
needs_native = pytest.mark.skipif(
    PROBLEM is not None and "CI" not in os.environ, reason=f"the native part cannot run: {PROBLEM}"
)
"""For tests of the native part: skipped where it is not built, but never in CI."""
TWINS = [pytest.param("python"), pytest.param("native", marks=needs_native)]

_chosen: list[Twin] = ["python"]


def chosen() -> Twin:
    """Return the twin of which parts are made now."""
    return _chosen[0]


def use(twin: Twin) -> None:
    """Make the parts of this twin from now on."""
    _chosen[0] = twin


def make_parts(counters: Counters, cache_bytes: int = 1 << 20, cookies: Cookies | None = None) -> Parts:
    """Return the parts of a service."""
    if _chosen[0] == "native":
        return NativeParts(cache_bytes, counters, cookies=cookies)
    return PythonParts(cache_bytes)


def threads(parts: Parts) -> int:
    """Return how many threads ask upstream for themselves."""
    return len(parts._answering.threads) if isinstance(parts, NativeParts) else 1


def spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients be spread over the threads by their ports, and not by the core that they send from."""
    monkeypatch.setattr(steering, "_SO_ATTACH_REUSEPORT_CBPF", 9999)  # which no system knows


def acquaint(parts: Parts, clients: Clients, address: bytes) -> None:
    """Let the native part know a client and what holds for names on no list, as after its first queries."""
    client = clients.find(address)
    if not isinstance(parts, NativeParts) or client is None or type(client.profile) is not Profile:
        return
    client.bucket.refill(monotonic())
    told = parts._answering.told(clients)
    told.learn(2, 0, 0, address)
    client.profile.find(b"\7nowhere\4none\0")
    told.learn(3, 0, 0, address)


def make_cache(cache_bytes: int = 1 << 20) -> AnswerCache:
    """Return an empty cache."""
    return make_parts(Counters(), cache_bytes).cache


def steps() -> Steps:
    """Return the steps of a build."""
    return make_steps(Engine(_chosen[0]))


def child() -> str:
    """Return the program that builds."""
    return NativeParts.builder if _chosen[0] == "native" else PythonParts.builder


def build_file(order: Order, state: Path) -> None:
    """Build as the server's child does. Raises ListRefused."""
    builder.build_file(order, state, steps())
