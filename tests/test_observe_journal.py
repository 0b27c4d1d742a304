"""resolver/observe/journal.py."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterable
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.events import Fate, Judged, QueryEvent, Shown
from resolver.core.names import from_text
from resolver.core.source import Source
from resolver.observe import journal as j
from resolver.observe.journal import Journal, Limits, Wanted
from tests.messages import packed

LIMITS = Limits(100, 1 << 20, 3600.0, Shown.FULL)
BLOCKED, OPEN = Judged(Fate.BLOCKED, "ads", "default"), Judged(Fate.OPEN, "", "default")


def event(
    number: int = 0,
    name: bytes = b"\3www\7example\0",
    client: str = "192.0.2.7",
    said: Judged = OPEN,
    via: str = "",
) -> QueryEvent:
    return QueryEvent(
        float(number), packed(client), name, 1, "udp", said, via, Source.FORWARD, 0, number / 1e4
    )


def journal(limits: Limits = LIMITS, events: Iterable[QueryEvent] = ()) -> Journal:
    made = Journal()
    made.configure(limits)
    for one in events:
        made.note(one)
    return made


def times(made: Journal) -> list[float]:
    return [one.time for one in reversed(made.before(None, Wanted(), 1000).events)]


def test_nothing_is_kept_while_it_is_off() -> None:
    made = Journal()
    made.note(event())
    assert (len(made), made.bytes, made.limits) == (0, 0, None)


def test_the_oldest_go_where_there_are_too_many() -> None:
    made = journal(LIMITS._replace(entries=3), map(event, range(10)))
    assert times(made) == [7, 8, 9]
    assert (made.end, len(made)) == (10, 3)


@given(st.lists(st.tuples(st.integers(1, 250), st.integers(0, 300)), max_size=60))
def test_the_bytes_are_bounded_whatever_is_asked(sizes: list[tuple[int, int]]) -> None:
    made = journal(LIMITS._replace(size=4000))
    for length, led in sizes:
        made.note(event(name=bytes(length), via="x" * led))
        assert made.bytes <= 4000
    kept = made.before(None, Wanted(), 1000).events
    assert made.bytes == sum([j.EVENT_BYTES + len(one.name) + len(one.via) for one in kept])


def test_an_event_takes_no_more_than_is_reckoned() -> None:
    rng = random.Random(7)
    count = 5000
    made = journal(LIMITS._replace(entries=count, size=1 << 30))
    tracemalloc.start()
    for number in range(count):
        said = Judged(Fate.BLOCKED, "ads", "default")
        client, name, via = rng.randbytes(16), rng.randbytes(40), rng.randbytes(20).hex()
        made.note(QueryEvent(number / 7, client, name, 999, "udp", said, via, Source.CACHE, 0, number / 3))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken <= made.bytes + 100 * count  # of which `via` and its like have their own heads


def test_what_is_too_old_goes_also_when_nobody_asks() -> None:
    made = journal(LIMITS, map(event, range(10)))
    made.gather(3600.0 + 4.5)
    assert times(made) == [5, 6, 7, 8, 9]


def test_switched_off_it_is_empty_and_stays_so() -> None:
    made = journal(LIMITS, map(event, range(10)))
    made.configure(None)
    assert (len(made), made.bytes) == (0, 0)
    made.configure(LIMITS)
    assert (len(made), made.end) == (0, 10)  # numbers go on, or who follows would miss some


def test_with_other_bounds_what_fits_them_stays() -> None:
    made = journal(LIMITS, map(event, range(10)))
    made.configure(LIMITS._replace(entries=4))
    assert times(made) == [6, 7, 8, 9]


@pytest.mark.parametrize("shown", [Shown.NETWORK, Shown.NONE])
def test_where_less_is_to_be_kept_of_clients_nothing_stays(shown: Shown) -> None:
    made = journal(LIMITS, map(event, range(10)))
    made.configure(LIMITS._replace(clients=shown))
    assert len(made) == 0
    made.note(event())
    assert made.before(None, Wanted(), 1).events[0].client in (b"\xc0\0\2\0", b"")


NAMES = [b"\3www\7example\0", b"\7example\0", b"\1a\3www\7example\0", b"\4xwww\7example\0", b"\5other\0"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), [0, 1, 2, 3, 4]),
        (Wanted(name=from_text("www.example")), [0, 2]),
        (Wanted(name=from_text("example")), [0, 1, 2, 3]),
        (Wanted(name=from_text(".")), [0, 1, 2, 3, 4]),
        (Wanted(client=ip_network("192.0.2.1/32")), [1]),
        (Wanted(client=ip_network("192.0.2.0/31")), [0, 1]),
        (Wanted(client=ip_network("2001:db8::/32")), []),
        (Wanted(blocked=True), [0, 2, 4]),
        (Wanted(ip_network("192.0.2.0/30"), from_text("example"), True), [0, 2]),
    ],
)
def test_who_asks_for_some_gets_these(wanted: Wanted, found: list[float]) -> None:
    said = [BLOCKED, OPEN, BLOCKED, OPEN, BLOCKED]
    made = journal(
        events=[event(number, NAMES[number], f"192.0.2.{number}", said[number]) for number in range(5)]
    )
    assert [one.time for one in made.since(0, wanted, 100).events] == found
    assert [one.time for one in made.before(None, wanted, 100).events] == found[::-1]


def test_one_look_is_bounded_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(j, "LOOKED", 7)
    made = journal(LIMITS, map(event, range(30)))
    page = made.before(None, Wanted(), 5)
    assert ([one.time for one in page.events], page.done) == ([29, 28, 27, 26, 25], False)
    looks, number, seen = 0, None, []
    while True:
        page = made.before(number, Wanted(), 100)
        looks, number = looks + 1, page.number
        seen += [one.time for one in page.events]
        if page.done:
            break
    assert (seen, looks) == (list(range(29, -1, -1)), 5)
    first = made.since(20, Wanted(), 100)
    assert ([one.time for one in first.events], first.done) == ([*range(20, 27)], False)
    rest = made.since(first.number, Wanted(), 100)
    assert ([one.time for one in rest.events], rest.done, rest.number) == ([27, 28, 29], True, 30)


@pytest.mark.parametrize("number", [-5, 0, 3])
def test_numbers_of_what_has_gone_lead_to_the_first_that_is_there(number: int) -> None:
    made = journal(LIMITS._replace(entries=3), map(event, range(10)))
    assert [one.time for one in made.since(number, Wanted(), 10).events] == [7, 8, 9]
    assert made.before(number, Wanted(), 10) == ([], 7, True)
    assert made.since(99, Wanted(), 10) == ([], 10, True)


class Threads:
    """What notes queries elsewhere."""

    def __init__(self) -> None:
        self.said: list[bool] = []
        self.noted: list[QueryEvent] = []

    def record(self, on: bool) -> None:
        self.said.append(on)

    def take(self) -> list[QueryEvent]:
        taken, self.noted = self.noted, []
        return taken

    def dropped(self) -> int:
        return 3


def test_what_was_noted_elsewhere_is_told_when_and_taken_once() -> None:
    threads = Threads()
    made = Journal(threads)
    made.gather(0.0)
    made.configure(LIMITS)
    made.configure(LIMITS._replace(entries=7))
    threads.noted = [event(1), event(2)]
    made.gather(5.0)
    made.gather(5.0)
    assert times(made) == [1, 2]
    made.configure(None)
    assert (threads.said, made.dropped) == ([True, False], 3)
