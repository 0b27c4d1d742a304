"""What the threads that answer have noted for the journal of queries."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic, time

from resolver.core.events import QueryEvent
from resolver.native.answering import SOURCES, Answering

BATCH = 512
"""Most answers of one thread that are taken at a time: some milliseconds, in which the event loop waits."""


class Noted:
    """Answers that were given natively, until the journal takes them."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    def record(self, on: bool) -> None:
        """Begin or end to note answers; what was noted until then goes."""
        for loop, _ in self._answering.noting:
            loop.record(on)

    def take(self) -> Iterator[QueryEvent]:
        """Yield what was noted since the last time, up to a batch of each thread."""
        labels = self._answering.labels
        since = time() - monotonic()
        for loop, protocol in self._answering.noting:
            for arrived, took, label, qtype, source, rcode, address, name in loop.events(BATCH):
                given = address, name, qtype, protocol, labels[label], "", SOURCES[source], rcode, took
                yield QueryEvent(since + arrived, *given)

    def dropped(self) -> int:
        """Return how many there was no room for, since the start."""
        return sum([loop.dropped() for loop, _ in self._answering.noting])
