"""Which upstream server next, over what, after how long. Values only: who calls keeps time and chance."""

from __future__ import annotations

import random
from collections.abc import Sequence
from enum import Enum, StrEnum
from typing import NamedTuple

from resolver.core import wire as w
from resolver.core.wire import Answer

RESENDS = 2
"""How often a question is sent to one server again over one transport (RFC 9520, section 3.1)."""
FIRST_TIMEOUT_S = 0.4
"""Patience with a server of unknown speed; about twice the round trip of a slow line."""
SHORTEST_TIMEOUT_S = 0.2
"""Least patience: a resolver that knows most answers at once needs a while for the others."""
DEAD_AFTER = 4
"""Time-outs in a row after which a server is probed: it may be silent for some names only."""
SILENT_S = 2.5
"""A server is set aside that says nothing for so long from there on, to the probe neither."""
FIRST_PROBE_S, LONGEST_PROBE_S = 1.0, 30.0
"""A server that is set aside is probed after so long, doubling between these."""
NO_EDNS_S = 3600.0
"""How long a server that refused EDNS is asked without."""
EXPLORE = 0.05
"""How often another than the fastest server is asked first, to learn how fast it is now."""


class Strategy(StrEnum):
    """The order in which the servers of a group are asked."""

    FASTEST = "fastest"
    ORDERED = "ordered"
    RANDOM = "random"
    PARALLEL = "parallel"
    """All at once; the first answer counts."""


class Health:
    """What we know of one server: round-trip time (RFC 6298), failures, whether it takes EDNS."""

    __slots__ = (
        "_suspected_at",
        "_variation",
        "down_until",
        "knows_edns",
        "no_edns_until",
        "probe_s",
        "srtt_s",
        "timeouts",
        "up",
    )

    def __init__(self) -> None:
        self.srtt_s: float | None = None
        self._variation = 0.0
        self.timeouts = 0
        self.up = True
        """Whether the server is asked. It is while it answers anything, and before it was ever tried."""
        self.down_until: float | None = None
        """When it is probed next, None while there is no doubt of it."""
        self._suspected_at = 0.0
        self.probe_s = FIRST_PROBE_S
        self.no_edns_until = 0.0
        self.knows_edns = True
        """Whether it has not refused EDNS since it last answered with it.

        Of a new one it is taken for granted, or a single forged refusal would take EDNS from it.
        """

    def answered(self, seconds: float | None) -> None:
        """Note an answer and how long it took, if that is known."""
        self.timeouts, self.up, self.down_until, self.probe_s = 0, True, None, FIRST_PROBE_S
        if seconds is None:
            return
        if self.srtt_s is None:
            self.srtt_s, self._variation = seconds, seconds / 2
        else:
            self._variation += (abs(self.srtt_s - seconds) - self._variation) / 4
            self.srtt_s += (seconds - self.srtt_s) / 8

    def missed(self, now: float) -> bool:
        """Note that no answer came; return whether this set the server aside.

        Whoever asks for names that a good server is silent for must not take it from the others.
        """
        self.timeouts += 1
        if self.timeouts < DEAD_AFTER or not self.up:
            return False
        if self.down_until is None:
            self.down_until = self._suspected_at = now
        if now - self._suspected_at < SILENT_S:
            return False
        self.up, self.down_until = False, now + self.probe_s
        return True

    def probed_in_vain(self, now: float) -> None:
        """Note that a server that is set aside stays silent."""
        self.probe_s = min(self.probe_s * 2, LONGEST_PROBE_S)
        self.down_until = now + self.probe_s

    def disliked_edns(self, now: float) -> None:
        """Note that it refused a question with EDNS and answered the same without.

        It may do so by accident, or somebody in its name; the second time, with no answer by EDNS between, it
        counts.
        """
        if self.knows_edns:
            self.knows_edns = False
        else:
            self.no_edns_until = now + NO_EDNS_S

    def patience_s(self, longest_s: float) -> float:
        """Return how long to wait for its answer."""
        if self.srtt_s is None:
            return min(FIRST_TIMEOUT_S, longest_s)
        return min(max(self.srtt_s + 4 * self._variation, SHORTEST_TIMEOUT_S), longest_s)


class Attempt(NamedTuple):
    """One sending: which server (its place in the group), and how long to wait for the answer in seconds."""

    server: int
    patience_s: float


def plan(
    healths: Sequence[Health], strategy: Strategy, longest_s: float, rng: random.Random
) -> list[Attempt]:
    """Return all sendings of one question, in order: every server in turn, each with growing patience.

    Servers that are set aside come only where no other is left, and are then tried once each.
    """
    order = list(range(len(healths)))
    if strategy is Strategy.RANDOM:
        rng.shuffle(order)
    elif strategy is Strategy.FASTEST and len(order) > 1:
        order.sort(key=lambda place: healths[place].srtt_s or 0.0)  # unknown first, to learn
        if rng.random() < EXPLORE:
            order.insert(0, order.pop(rng.randrange(len(order))))
    living = [place for place in order if healths[place].up]
    if not living:
        return [Attempt(place, longest_s) for place in order]
    sendings = [
        Attempt(place, min(healths[place].patience_s(longest_s) * 2**turn, longest_s))
        for turn in range(RESENDS + 1)
        for place in living
    ]
    sendings[-1] = Attempt(living[-1], longest_s)  # by then some server may only need its time
    return sendings


def plans(
    healths: Sequence[Health], strategy: Strategy, longest_s: float, rng: random.Random
) -> list[list[Attempt]]:
    """Return the sendings of one question that are made side by side: one plan, or one for each server.

    Servers that are set aside have none where another is left.
    """
    if strategy is not Strategy.PARALLEL:
        return [plan(healths, strategy, longest_s, rng)]
    places = [place for place, health in enumerate(healths) if health.up] or range(len(healths))
    return [
        [Attempt(place, sending.patience_s) for sending in plan([healths[place]], strategy, longest_s, rng)]
        for place in places
    ]


class Next(Enum):
    """What to do with an answer."""

    TAKE = "take"
    ASK_BY_TCP = "ask by TCP"
    ASK_WITHOUT_EDNS = "ask without EDNS"
    ASK_ANOTHER = "ask another server"
    GIVE_UP = "give up"


_BOGUS = frozenset({1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 25, 27})
"""Extended errors that say DNSSEC validation failed (RFC 8914): no other server may be asked, or a forged
answer would get through by way of one that does not validate."""


def judge(answer: Answer, *, over_tcp: bool, with_edns: bool) -> Next:
    """Say what an answer from upstream is worth."""
    if answer.truncated and not over_tcp:
        return Next.ASK_BY_TCP
    if answer.truncated:
        return Next.ASK_ANOTHER
    if answer.rcode in (w.NOERROR, w.NXDOMAIN, w.YXDOMAIN):  # the last: a DNAME makes too long a name of this
        return Next.ASK_ANOTHER if answer.referral else Next.TAKE
    if with_edns and (
        answer.rcode == w.BADVERS or (answer.edns is None and answer.rcode in (w.FORMERR, w.NOTIMP))
    ):
        return Next.ASK_WITHOUT_EDNS
    return Next.GIVE_UP if _says_bogus(answer) else Next.ASK_ANOTHER


def _says_bogus(answer: Answer) -> bool:
    options = answer.edns.options if answer.edns else ()
    return any(
        code == w.EDE and len(data) >= 2 and int.from_bytes(data[:2], "big") in _BOGUS
        for code, data in options
    )
