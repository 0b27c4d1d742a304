"""What every query leaves behind: a few integers.

One thread counts; a scrape in any thread reads. Nothing that a client sends adds a label: types, response
codes and reasons come from fixed sets, lists and groups from the configuration.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from resolver.core.policy import Shadow, Verdict
from resolver.core.source import Source

OTHER = "other"

QUERY_TYPES: Final[Mapping[str, int]] = {
    "A": 1,
    "NS": 2,
    "CNAME": 5,
    "SOA": 6,
    "PTR": 12,
    "HINFO": 13,
    "MX": 15,
    "TXT": 16,
    "AAAA": 28,
    "LOC": 29,
    "SRV": 33,
    "NAPTR": 35,
    "DS": 43,
    "SSHFP": 44,
    "RRSIG": 46,
    "NSEC": 47,
    "DNSKEY": 48,
    "TLSA": 52,
    "SVCB": 64,
    "HTTPS": 65,
    "IXFR": 251,
    "AXFR": 252,
    "ANY": 255,
    "CAA": 257,
}
"""The types of class IN with a label of their own; a question of another is `other`."""

RCODES: Final = (
    *("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"),
    *("YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE", "DSOTYPENI"),
    OTHER,
)
"""Names of response codes by number; what is not here, extended ones too, is `other`."""

DROP_REASONS: Final = ("access", "blocked", "closed", "fault", "not_a_query", "overload", "rate", "send")
"""Why a message got no reply: its client may not ask; a list wants it so; its client went away first; an
error of ours; not a query (a response, or too short); too much under way, or no room for it where it waits
for the event loop; over the client's rate; the system did not take the reply."""

QUERY_BOUNDS: Final = tuple([0.00025 * 2**step for step in range(15)])
"""Upper bounds of the latency of queries in seconds: 0.25 ms, doubling to 4.1 s."""

UPSTREAM_BOUNDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Upper bounds of the latency of upstreams in seconds."""

_OTHER_KIND = b""
_LAST_RCODE = len(RCODES) - 1


class Channel(NamedTuple):
    """What a listener speaks; made once for each listener."""

    protocol: Literal["udp", "tcp", "tls", "https"]
    family: Literal[4, 6]


class Durations:
    """A histogram: how many took how long. `counts` are by bound, not cumulative, those above all last."""

    __slots__ = ("_first", "bounds", "counts", "seconds")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds, self._first = tuple(bounds), bounds[0]
        self.counts, self.seconds = [0] * (len(bounds) + 1), 0.0

    def add(self, seconds: float) -> None:
        """Count one that took so long."""
        self.seconds += seconds
        # Nearly all queries are in the first bucket.
        self.counts[0 if seconds <= self._first else bisect_left(self.bounds, seconds)] += 1

    def merge(self, counts: Sequence[int], seconds: float) -> None:
        """Add what another one with the same bounds has counted."""
        self.counts = [one + other for one, other in zip(self.counts, counts, strict=True)]
        self.seconds += seconds


class _Answered:
    """What one source has answered: response codes by number, and how long it took."""

    __slots__ = ("durations", "rcodes")

    def __init__(self) -> None:
        self.rcodes = [0] * len(RCODES)
        self.durations = Durations(QUERY_BOUNDS)


class Tally(NamedTuple):
    """What was counted elsewhere. Requests are by type, `other` first, and answers as in _Answered."""

    requests: Mapping[Channel, Sequence[int]]
    answered: Mapping[Source, tuple[Sequence[int], Sequence[int], float]]
    blocked: Mapping[tuple[str, str], int]
    shadow_blocked: Mapping[tuple[str, str], int]
    unsent: int
    overload: int


class Counters:
    """Totals since the start of the process."""

    __slots__ = ("_answered", "_blocked", "_drops", "_elsewhere", "_requests", "_shadow_blocked", "_visits")

    def __init__(self) -> None:
        kinds = [_OTHER_KIND, *[number.to_bytes(2, "big") + b"\0\1" for number in QUERY_TYPES.values()]]
        self._requests = {
            Channel(protocol, family): dict.fromkeys(kinds, 0)
            for protocol in ("udp", "tcp", "tls", "https")
            for family in (4, 6)
        }
        self._answered = {source: _Answered() for source in Source}
        self._blocked: dict[tuple[str, str], int] = {}
        self._shadow_blocked: dict[tuple[str, str], int] = {}
        self._visits: dict[tuple[str, str], int] = {}
        self._drops = dict.fromkeys(DROP_REASONS, 0)
        self._elsewhere: list[Callable[[], Tally]] = []

    def include(self, tally: Callable[[], Tally]) -> None:
        """Add what is counted elsewhere to all totals from now on; it is asked at each reading."""
        self._elsewhere.append(tally)

    def count(
        self,
        channel: Channel,
        kind: bytes,
        source: Source,
        rcode: int,
        verdict: Verdict | None,
        seconds: float,
    ) -> None:
        """Count one query that got a reply. Runs for every query; costs some 0.4 µs.

        `kind` is type and class as in the question, empty without a readable one. A verdict that does not
        block may be given too.
        """
        kinds = self._requests[channel]
        kinds[kind if kind in kinds else _OTHER_KIND] += 1
        answered = self._answered[source]
        answered.rcodes[rcode if rcode < _LAST_RCODE else _LAST_RCODE] += 1
        answered.durations.add(seconds)
        if verdict is not None and verdict.blocks and verdict.list is not None:
            # By name: a verdict lives only as long as its policy, the totals go on.
            by = (verdict.list.name, verdict.group)
            self._blocked[by] = self._blocked.get(by, 0) + 1
        if verdict is not None and verdict.shadow is not None:
            self._count_shadow(verdict.shadow)

    def drop(self, reason: str, verdict: Verdict | None = None) -> None:
        """Count a message that got no reply, if by a verdict. Raises KeyError for one not in DROP_REASONS."""
        self._drops[reason] += 1
        if verdict is not None and verdict.blocks and verdict.list is not None:
            by = (verdict.list.name, verdict.group)
            self._blocked[by] = self._blocked.get(by, 0) + 1

    def visit(self, verdict: Verdict) -> None:
        """Count a request to the notice page by the verdict of its name; one not blocked as of no list."""
        by = (verdict.list.name, verdict.group) if verdict.blocks and verdict.list else ("", "")
        self._visits[by] = self._visits.get(by, 0) + 1

    def _count_shadow(self, shadow: Shadow) -> None:
        if shadow.blocks:
            by = (shadow.list.name, shadow.group)
            self._shadow_blocked[by] = self._shadow_blocked.get(by, 0) + 1

    def requests(self) -> Iterator[tuple[Channel, str, int]]:
        """Yield how often each type was asked, where it was at all."""
        others = self._others()
        for channel, kinds in self._requests.items():
            columns = [other.requests[channel] for other in others if channel in other.requests]
            for label, *totals in zip((OTHER, *QUERY_TYPES), kinds.values(), *columns, strict=True):
                if any(totals):
                    yield channel, label, sum(totals)

    def responses(self) -> Iterator[tuple[Source, str, int]]:
        """Yield how often each source answered with each response code, where it did at all."""
        others = self._others()
        for source, answered in self._answered.items():
            columns = [other.answered[source][0] for other in others if source in other.answered]
            for label, *totals in zip(RCODES, answered.rcodes, *columns, strict=True):
                if any(totals):
                    yield source, label, sum(totals)

    def durations(self) -> Mapping[Source, Durations]:
        """Return how long answers took, by source."""
        others = self._others()
        found = {}
        for source, answered in self._answered.items():
            total = found[source] = Durations(QUERY_BOUNDS)
            total.merge(answered.durations.counts, answered.durations.seconds)
            for other in others:
                if source in other.answered:
                    total.merge(*other.answered[source][1:])
        return found

    def blocked(self) -> Mapping[tuple[str, str], int]:
        """Return how often a list blocked a name for a group: (list, group) to total."""
        return _added(self._blocked, [other.blocked for other in self._others()])

    def visits(self) -> Mapping[tuple[str, str], int]:
        """Return how often the notice page was asked for, by list and group; of no list: not blocked."""
        return dict(self._visits)

    def shadow_blocked(self) -> Mapping[tuple[str, str], int]:
        """Return how often a list in shadow would have blocked: (list, group) to total."""
        return _added(self._shadow_blocked, [other.shadow_blocked for other in self._others()])

    def drops(self) -> Mapping[str, int]:
        """Return how many messages got no reply, by reason."""
        others = self._others()
        return self._drops | {
            "send": self._drops["send"] + sum([other.unsent for other in others]),
            "overload": self._drops["overload"] + sum([other.overload for other in others]),
        }

    def _others(self) -> list[Tally]:
        return [tally() for tally in self._elsewhere]


_ByList = Mapping[tuple[str, str], int]


def _added(first: _ByList, others: Sequence[_ByList]) -> _ByList:
    total = dict(first)
    for other in others:
        for by, count in other.items():
            total[by] = total.get(by, 0) + count
    return total
