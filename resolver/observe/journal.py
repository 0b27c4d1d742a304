"""The journal of queries, in memory: bounded in entries, bytes and age, and off unless the owner wants it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from resolver.core import names
from resolver.core.events import Fate, QueryEvent, Shown, kept_of
from resolver.core.networks import Network

EVENT_BYTES = 400
"""What an event takes besides its name and what its answer led to, in bytes (CPython 3.11)."""
LOOKED = 500
"""How many events one look goes through: a millisecond or two, in which Python answers nothing else."""


class Limits(NamedTuple):
    """How much is kept: events, bytes, seconds; and what of clients."""

    entries: int
    size: int
    keep: float
    clients: Shown


class Wanted(NamedTuple):
    """Which events are asked for: those that meet all that is given."""

    client: Network | None = None
    name: bytes | None = None
    """A canonical name; all below it counts too."""
    blocked: bool = False

    def takes(self, event: QueryEvent) -> bool:
        """Say whether an event is among them."""
        if self.blocked and event.judged.fate is not Fate.BLOCKED:
            return False
        name = self.name
        if name is not None and not (event.name.endswith(name) and names.is_within(event.name, name)):
            return False
        return self.client is None or _is_in(event.client, self.client)


class Page(NamedTuple):
    """Some events, in the order in which they were looked at, and the number from which to go on.

    `done`: there is nothing more there.
    """

    events: list[QueryEvent]
    number: int
    done: bool


class Elsewhere(Protocol):
    """What notes queries elsewhere, until they are taken from there."""

    def record(self, on: bool) -> None:
        """Begin or end to note queries; what was noted until then goes."""

    def take(self) -> Iterable[QueryEvent]:
        """Return what was noted since the last time, up to a bound."""

    def dropped(self) -> int:
        """Return how many there was no room for, since the start."""


class Journal:
    """The last queries, numbered in the order they are noted, which is nearly that of their times."""

    def __init__(self, elsewhere: Elsewhere | None = None) -> None:
        self._elsewhere = elsewhere
        self._limits: Limits | None = None
        self._events: deque[QueryEvent] = deque()
        self._first = 0
        self.bytes = 0

    @property
    def limits(self) -> Limits | None:
        """What is kept; None: nothing, it is off."""
        return self._limits

    def __len__(self) -> int:
        return len(self._events)

    @property
    def dropped(self) -> int:
        """How many events got lost on their way here, since the start."""
        return 0 if self._elsewhere is None else self._elsewhere.dropped()

    def configure(self, limits: Limits | None) -> None:
        """Keep so much from now on; None: nothing. Then, and where clients are kept otherwise, all goes."""
        before, self._limits = self._limits, limits
        if limits is None or before is None or limits.clients is not before.clients:
            self._forget(len(self._events))
        if self._elsewhere is not None and (limits is None) is not (before is None):
            self._elsewhere.record(limits is not None)
        self._trim()

    def note(self, event: QueryEvent) -> None:
        """Keep an event, with what is to be kept of its client; nothing while it is off."""
        limits = self._limits
        if limits is None:
            return
        client = kept_of(event.client, limits.clients)
        self._events.append(event if client is event.client else event._replace(client=client))
        self.bytes += _size(event)
        self._trim()

    def gather(self, now: float) -> int:
        """Take what was noted elsewhere, and forget what is too old; return how much was taken.

        `now` is Unix seconds.
        """
        limits = self._limits
        if limits is None:
            return 0
        before = self.end
        if self._elsewhere is not None:
            for event in sorted(self._elsewhere.take(), key=lambda event: event.time):  # of several threads
                self.note(event)
        taken = self.end - before
        while self._events and self._events[0].time < now - limits.keep:
            self._forget(1)
        return taken

    def before(self, number: int | None, wanted: Wanted, most: int) -> Page:
        """Look at events with numbers below this, the latest first; None: from the last on."""
        end = self._first + len(self._events)
        at = end if number is None else min(max(number, self._first), end)
        return self._look(at - 1, -1, wanted, most)

    def since(self, number: int, wanted: Wanted, most: int) -> Page:
        """Look at events from this number on."""
        end = self._first + len(self._events)
        return self._look(min(max(number, self._first), end), 1, wanted, most)

    @property
    def end(self) -> int:
        """The number that the next event will have."""
        return self._first + len(self._events)

    def _look(self, at: int, step: int, wanted: Wanted, most: int) -> Page:
        found: list[QueryEvent] = []
        looked = 0
        while self._first <= at < self.end and looked < LOOKED and len(found) < most:
            event = self._events[at - self._first]
            if wanted.takes(event):
                found.append(event)
            at += step
            looked += 1
        done = not self._first <= at < self.end
        return Page(found, at + 1 if step < 0 else at, done)

    def _trim(self) -> None:
        limits = self._limits
        if limits is None:
            return
        while len(self._events) > limits.entries or self.bytes > limits.size:
            self._forget(1)

    def _forget(self, count: int) -> None:
        for _ in range(count):
            self.bytes -= _size(self._events.popleft())
        self._first += count


def _size(event: QueryEvent) -> int:
    return EVENT_BYTES + len(event.name) + len(event.via)


def _is_in(client: bytes, network: Network) -> bool:
    size = network.max_prefixlen // 8
    shift = network.max_prefixlen - network.prefixlen
    number = int.from_bytes(client, "big")
    return len(client) == size and number >> shift == int(network.network_address) >> shift
