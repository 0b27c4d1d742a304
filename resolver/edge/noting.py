"""From what became of a query to its entry in the journal."""

from __future__ import annotations

from time import time

from resolver.core.engine import Drop, Reply
from resolver.core.events import QueryEvent, judged
from resolver.core.policy import Profile
from resolver.core.source import Source
from resolver.observe.counters import Channel
from resolver.observe.journal import Journal


def note(
    journal: Journal,
    outcome: Reply | Drop,
    source: Source,
    rcode: int,
    address: bytes,
    profile: Profile | None,
    channel: Channel,
    took: float,
) -> None:
    """Write down what became of a query; of a message without a question there is nothing to say.

    `address` is the client's, in network order, `profile` what holds for it (None: it may not ask), `took`
    how long the answer took, in seconds.
    """
    query = outcome.query
    if query is None:
        return
    said = judged(outcome.verdict, () if profile is None else profile.groups)
    given = query.name, query.qtype, channel.protocol, said, outcome.via, source, rcode, took
    journal.note(QueryEvent(time() - took, address, *given))
