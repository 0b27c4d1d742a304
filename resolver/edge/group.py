"""Upstream servers that stand in for each other, and the order in which a question tries them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from resolver.core.retries import RESENDS, Attempt, Strategy, plan, plans
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
        self._plans: list[list[Attempt]] = []
        self._plans_until = 0.0

    @property
    def longest_s(self) -> float:
        """How long an exchange may last: each sending asked again without EDNS, and then over TCP."""
        return len(self.servers) * (RESENDS + 1) * 3 * self.timeout_s

    def plans(self, now: float, rng: random.Random) -> list[list[Attempt]]:
        """Return the sendings of a question that starts now, side by side; made anew every few ms."""
        if now >= self._plans_until or self.strategy is Strategy.RANDOM:
            self._plans = plans(self._healths, self.strategy, self.timeout_s, rng)
            self._plans_until = now + PLAN_S
        return self._plans

    def firsts(self, count: int, rng: random.Random) -> list[Attempt]:
        """Return the first sendings of so many questions that start now; none where it is not one server."""
        if not self.servers or (self.strategy is Strategy.PARALLEL and len(self.servers) > 1):
            return []
        alike = len(self.servers) == 1 or self.strategy is Strategy.ORDERED
        return [
            plan(self._healths, self.strategy, self.timeout_s, rng)[0] for _ in range(1 if alike else count)
        ]
