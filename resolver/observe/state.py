"""What the other parts say of themselves at a scrape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from resolver.observe.counters import Durations


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """What runs: our version, Python's, and the engine that answers (`python` or `native`)."""

    version: str
    python: str
    engine: str


@dataclass(frozen=True, slots=True)
class ListState:
    """A list in force: its names, those no other list has, lines that could not be read.

    `last_success_s` is when it was last found good, in Unix seconds; `failed`, whether the last look at its
    source, or the last fetch of it, failed since; `failures`, how often one did. `ignored` counts rules that
    are not taken, by kind. `last_hit_s` is when it last blocked, or would have; `next_fetch_s`, when it is
    fetched next, both in Unix seconds.
    """

    name: str
    names: int
    own: int
    bad: int
    last_success_s: float | None
    failed: bool
    failures: int
    lines: int = 0
    duplicates: int = 0
    covered: int = 0
    ignored: Mapping[str, int] = field(default_factory=dict)
    last_hit_s: float | None = None
    next_fetch_s: float | None = None


@dataclass(frozen=True, slots=True)
class CacheState:
    """The answer cache; hits, misses and evictions are totals since the start."""

    entries: int
    bytes: int
    limit_bytes: int
    hits: int
    misses: int
    evictions: int


@dataclass(frozen=True, slots=True)
class JournalState:
    """The journal of queries; `dropped` is how many it had no room for on their way, since the start."""

    entries: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class UpstreamState:
    """One server of a named upstream: totals since the start, failures by reason (from a fixed set)."""

    upstream: str
    server: str
    requests: int
    failures: Mapping[str, int]
    up: bool
    durations: Durations


@dataclass(frozen=True, slots=True)
class ReloadState:
    """Whether the last reading of the configuration was good, and when one last was (Unix seconds)."""

    successful: bool
    last_success_s: float


@dataclass(frozen=True, slots=True)
class State:
    """All that is read at a scrape besides the counters.

    List names are unique, and so are pairs of upstream and server. `inflight` are questions that wait for
    an upstream; `generation` is that of the policy in force.
    """

    build: BuildInfo
    reload: ReloadState
    cache: CacheState
    lists: tuple[ListState, ...] = ()
    upstreams: tuple[UpstreamState, ...] = ()
    generation: int = 0
    inflight: int = 0
    tcp_connections: int = 0
    journal: JournalState = JournalState()


class Check(NamedTuple):
    """One thing that has to hold for us to be of use."""

    name: str
    ok: bool
    detail: str
