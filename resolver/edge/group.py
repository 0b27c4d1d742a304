"""Upstream servers that stand in for each other, and the order in which a question tries them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from resolver.core.retries import RESENDS, Attempt, Strategy, plan
from resolver.edge.server import Server, ServerSpec

PLAN_S = 0.02
"""How long a plan serves for the questions that come after; servers do not change faster."""


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """What the configuration says of a group."""

    servers: tuple[ServerSpec, ...]
    strategy: Strategy = Strategy.FASTEST
    timeout_s: float = 2.0
    trust_ad: bool = False


class UpstreamGroup:
    """Upstream servers that stand in for each other; `timeout_s` is the longest wait for one answer."""

    def __init__(
        self,
        servers: Sequence[Server],
        strategy: Strategy = Strategy.FASTEST,
        timeout_s: float = 2.0,
        *,
        trust_ad: bool = False,
    ) -> None:
        self.servers, self.strategy, self.timeout_s, self.trust_ad = servers, strategy, timeout_s, trust_ad
        self._healths = [server.health for server in servers]
        self._plan: list[Attempt] = []
        self._plan_until = 0.0

    @property
    def longest_s(self) -> float:
        """How long an exchange may last: each sending asked again without EDNS, and then over TCP."""
        return len(self.servers) * (RESENDS + 1) * 3 * self.timeout_s

    def plan(self, now: float, rng: random.Random) -> list[Attempt]:
        """Return the sendings of a question that starts now; made anew every few milliseconds."""
        if now >= self._plan_until or self.strategy is Strategy.RANDOM:
            self._plan = plan(self._healths, self.strategy, self.timeout_s, rng)
            self._plan_until = now + PLAN_S
        return self._plan

    def firsts(self, count: int, rng: random.Random) -> list[Attempt]:
        """Return the first sendings of so many questions that start now; none where there is no server."""
        if not self.servers:
            return []
        alike = len(self.servers) == 1 or self.strategy is Strategy.ORDERED
        return [
            plan(self._healths, self.strategy, self.timeout_s, rng)[0] for _ in range(1 if alike else count)
        ]
