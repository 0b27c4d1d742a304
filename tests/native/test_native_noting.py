"""What the journal has of queries is the same whether threads or the service answered them."""

from __future__ import annotations

import asyncio
from collections import Counter
from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st

from resolver.core.events import Fate, Judged, QueryEvent, Shown
from resolver.core.names import from_text
from resolver.core.source import Source
from resolver.engines import NativeParts
from resolver.observe.journal import Journal, Limits, Wanted
from tests import twins
from tests.edge.test_noting import noted, policy
from tests.messages import WIRE_NAMES, opt, query
from tests.twins import Twin, needs_native
from tests.upstreams import resolver, upstream

pytestmark = needs_native

LIMITS = Limits(100_000, 1 << 30, 3600.0, Shown.FULL)
LISTED = [
    from_text(name)
    for name in ("ads.example", "x.ads.example", "good.ads.example", "trial.example", "free.example")
]
ASKED = st.tuples(
    st.one_of(st.sampled_from(LISTED), WIRE_NAMES.filter(lambda name: len(name) < 240)),
    st.sampled_from([1, 28, 16, 65, 255, 999]),
    st.sampled_from([1, 3]),
    st.sampled_from([b"", opt(), opt(do=True)]),
)


async def asked_of(twin: Twin, wires: list[bytes]) -> tuple[Counter[tuple[object, ...]], int]:
    """Return what is noted of queries without its times, and how many of them threads have noted."""
    twins.use(twin)
    async with upstream() as up, resolver(up.address, policy=policy()) as running:
        twins.use("python")
        journal, taken = Journal(running.parts.elsewhere), 0
        if isinstance(running.parts, NativeParts):
            elsewhere = running.parts.elsewhere
            assert elsewhere is not None
            take = elsewhere.take

            def counted() -> list[QueryEvent]:
                nonlocal taken
                found = list(take())
                taken += len(found)
                return found

            elsewhere.take = counted  # type: ignore[method-assign]
        journal.configure(LIMITS)
        running.service.journal = journal
        for wire in wires:
            await running.ask(wire)
        found = await noted(running, journal)
        assert all(0 <= one.took < 60 for one in found)
        return Counter([one._replace(time=0.0, took=0.0) for one in found]), taken


@settings(max_examples=10)
@given(st.lists(ASKED, min_size=1, max_size=12))
def test_both_note_the_same_but_for_times(asked: list[tuple[bytes, int, int, bytes]]) -> None:
    once = [query(name, qtype, qclass=qclass, opt=options) for name, qtype, qclass, options in asked]
    wires = [*[query("ads.example")] * 4, *[wire for wire in once for _ in range(3)]]
    python, _ = asyncio.run(asked_of("python", wires))
    native, by_threads = asyncio.run(asked_of("native", wires))
    assert native == python
    assert python.total() == len(wires)
    assert by_threads > 0


async def test_what_threads_ask_upstream_they_note_when_it_is_answered() -> None:
    twins.use("native")
    async with upstream() as up, resolver(up.address, policy=policy()) as running:
        twins.use("python")
        elsewhere = running.parts.elsewhere
        assert elsewhere is not None
        journal = Journal(elsewhere)
        journal.configure(LIMITS)  # and the service does not note: what comes is of the threads
        for number in range(8):
            await running.ask(query(f"n{number}.Example", 28))
        found: list[QueryEvent] = []
        async with asyncio.timeout(10):
            while not [one for one in found if one.name == from_text("n7.example")]:
                found += elsewhere.take()
                await asyncio.sleep(0)
        (last,) = [one for one in found if one.name == from_text("n7.example")]
        assert (last.qtype, last.source) == (28, Source.FORWARD)
        assert (last.judged, last.rcode, last.protocol) == (Judged(Fate.OPEN, "", "lab"), 0, "udp")
        assert (last.client, last.took > 0) == (ip_address("127.0.0.1").packed, True)


async def test_what_has_no_room_is_counted_and_no_answer_waits_for_it() -> None:
    twins.use("native")
    async with upstream() as up, resolver(up.address, policy=policy()) as running:
        twins.use("python")
        journal = Journal(running.parts.elsewhere)
        journal.configure(LIMITS)
        for _ in range(3):
            await running.ask(query("ads.example"))
        sent = 0
        while not journal.dropped:  # nobody takes what is noted
            for _ in range(200):
                await running.ask(query("ads.example"))
            sent += 200
        assert sent <= 200_000
        while journal.gather(0.0):
            pass
        events = journal.since(0, Wanted(), 10**6).events
        assert {(one.name, one.client) for one in events} == {
            (from_text("ads.example"), ip_address("127.0.0.1").packed)
        }
        before = journal.end
        await running.ask(query("ads.example"))
        async with asyncio.timeout(10):
            while journal.end == before:
                journal.gather(0.0)
                await asyncio.sleep(0)
