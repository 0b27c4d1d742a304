"""resolver/journaling.py: what the server says of its journal, and what people and programs see of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.errors import ControlError
from resolver.core.events import NO_ANSWER, Fate, Judged, QueryEvent, Shown
from resolver.core.lists.record import Record
from resolver.core.names import from_text, to_text
from resolver.core.policy import PolicyList
from resolver.core.source import Source
from resolver.edge.control import MAX_ANSWER
from resolver.journaling import (
    HEAD,
    NOTHING_KEPT,
    PAGE,
    answer,
    document,
    json_ready,
    last,
    lines,
    newer,
    rows,
    said_of,
)
from resolver.observe.journal import Journal, Limits
from tests.messages import WIRE_NAMES, packed

LISTS = [PolicyList("ads", Record("Ads", text="No ads.")), PolicyList("other", Record("Other"))]
OPEN = Judged(Fate.OPEN, "", "default")
LIMITS = Limits(100_000, 1 << 30, 86400.0, Shown.FULL)


def event(name: bytes = b"\3www\7example\0", said: Judged = OPEN, **given: Any) -> QueryEvent:
    made = QueryEvent(1e9, packed("192.0.2.7"), name, 1, "udp", said, "", Source.FORWARD, 0, 0.0123)
    return made._replace(**given)


def journal(*events: QueryEvent, limits: Limits = LIMITS) -> Journal:
    made = Journal()
    made.configure(limits)
    for one in events:
        made.note(one)
    return made


def asking(made: Journal, **given: object) -> Any:
    """Return what asks a journal as the command asks the server: through JSON."""

    def ask(**where: object) -> Mapping[str, Any]:
        told = json.loads(json.dumps({**given, **where}))
        found: Mapping[str, Any] = json.loads(json.dumps(answer(made, told, LISTS)))
        return found

    return ask


def test_of_a_journal_that_is_off_the_command_says_how_it_is_switched_on() -> None:
    with pytest.raises(ControlError, match="queries: memory"):
        answer(Journal(), {}, LISTS)
    assert "queries: memory" in NOTHING_KEPT


def test_what_is_kept_is_said_in_words() -> None:
    assert said_of(None) == "off"
    assert said_of(LIMITS._replace(entries=1000, clients=Shown.NETWORK)) == (
        "on: the last 1,000 queries for up to 1d, in memory, with the networks of clients (/24, /48)"
    )


def test_every_field_of_an_event_is_told() -> None:
    said = Judged(Fate.BLOCKED, "ads", "lab")
    one = event(said=said, rcode=3, via="ads.example", source=Source.BLOCKED, qtype=65)
    found, _ = last(asking(journal(one)), 1)
    (told,) = map(json_ready, found)
    assert told == {
        "time": "2001-09-09T01:46:40.000Z",
        "client": "192.0.2.7",
        "name": "www.example",
        "type": "HTTPS",
        "protocol": "udp",
        "group": "lab",
        "verdict": "blocked",
        "list": "ads",
        "reason": "Ads: No ads",
        "via": "ads.example",
        "source": "blocked",
        "rcode": "NXDOMAIN",
        "duration_ms": 12.3,
    }


@pytest.mark.parametrize("count", [1, PAGE, PAGE + 1, 3 * PAGE])
def test_the_last_come_in_the_order_of_their_times_however_many_pages_they_are(count: int) -> None:
    made = journal(*[event(time=1e9 + number) for number in range(3 * PAGE)])
    found, end = last(asking(made), count)
    assert [one["time"] - 1e9 for one in found] == list(range(3 * PAGE - count, 3 * PAGE))
    assert end == 3 * PAGE
    assert len(last(asking(made), None)[0]) == 3 * PAGE


def test_what_threads_noted_late_stands_where_it_belongs() -> None:
    found, _ = last(asking(journal(event(time=1e9 + 2), event(time=1e9 + 1))), 10)
    assert [one["time"] - 1e9 for one in found] == [1, 2]


def test_who_follows_gets_each_event_once() -> None:
    made = journal(event(time=1e9 + 1))
    ask = asking(made)
    _, number = last(ask, 0)
    assert newer(ask, number) == ([], 1)
    for count in range(PAGE + 5):
        made.note(event(time=1e9 + count))
    found, number = newer(ask, number)
    assert (len(found), number) == (PAGE + 5, PAGE + 6)
    assert newer(ask, number) == ([], number)


def test_clients_names_and_blocked_ones_can_be_asked_for() -> None:
    said = Judged(Fate.BLOCKED, "ads", "default")
    made = journal(
        event(said=said), event(client=packed("2001:db8::1")), event(b"\3WWW\7example\0".lower(), qtype=28)
    )
    assert len(last(asking(made, blocked=True), 9)[0]) == 1
    assert len(last(asking(made, client="2001:db8::/32"), 9)[0]) == 1
    assert len(last(asking(made, name="Example."), 9)[0]) == 3
    assert len(last(asking(made, client="192.0.2.7", name="www.example"), 9)[0]) == 2


@pytest.mark.parametrize(
    "given", [{"client": "here"}, {"client": "192.0.2.7/24"}, {"name": "a..b"}, {"since": "x"}, {"most": []}]
)
def test_what_cannot_be_asked_for_is_told(given: dict[str, object]) -> None:
    with pytest.raises(ControlError):
        answer(journal(event()), given, LISTS)


def test_clients_cannot_be_asked_for_where_none_are_kept() -> None:
    made = journal(event(), limits=LIMITS._replace(clients=Shown.NONE))
    with pytest.raises(ControlError, match="does not know clients"):
        answer(made, {"client": "192.0.2.7"}, LISTS)


def test_a_client_is_asked_for_by_its_network_where_networks_are_kept() -> None:
    made = journal(event(), limits=LIMITS._replace(clients=Shown.NETWORK))
    (found,), _ = last(asking(made, client="192.0.2.9"), 9)
    assert found["client"] == "192.0.2.0/24"


def shown(one: QueryEvent) -> str:
    (told,), _ = last(asking(journal(one)), 1)
    head, line = lines([HEAD, *rows([told])])
    assert head.split() == ["TIME", "CLIENT", "TYPE", "NAME", "ANSWER", "TOOK", "WHY"]
    return line.split("www.example")[1]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (event(), "NOERROR 12.30 ms forward"),
        (event(said=Judged(Fate.ALLOWED, "ads", "lab")), "forward, allowed by list ads, group lab"),
        (
            event(said=Judged(Fate.SHADOW, "ads", "lab")),
            "forward, would be blocked by list ads, group lab (shadow): Ads: No ads",
        ),
        (
            event(said=Judged(Fate.BLOCKED, "ads", "lab"), rcode=3),
            "NXDOMAIN 12.30 ms blocked by list ads, group lab: Ads: No ads",
        ),
        (
            event(said=Judged(Fate.BLOCKED, "gone", "lab"), rcode=NO_ANSWER, via="x.example"),
            "no answer 12.30 ms blocked by list gone, group lab through x.example",
        ),
        (event(rcode=16), "RCODE16"),
    ],
)
def test_people_see_what_came_of_it_and_why(one: QueryEvent, said: str) -> None:
    assert said in " ".join(shown(one).split())


def test_columns_stand_below_each_other() -> None:
    longer = event(b"\3www\7example" + b"\1x" * 30 + b"\0", client=packed("2001:db8::1:2:3"), qtype=65535)
    found, _ = last(asking(journal(event(), longer)), 9)
    made = lines([HEAD, *rows(found)])
    assert {line.find("WHY") for line in made[:1]} == {line.find("forward") for line in made[1:]}


@given(WIRE_NAMES, st.text(max_size=20))
def test_a_hostile_name_stays_one_line_of_plain_letters_and_can_be_read_back(name: bytes, title: str) -> None:
    name = name.lower()
    hostile = [PolicyList("ads", Record(title or "x"))]
    made = journal(event(name, said=Judged(Fate.BLOCKED, "ads", "default"), via=to_text(name)))

    def ask(**where: object) -> Mapping[str, Any]:
        return answer(made, where, hostile)

    found, _ = last(ask, 1)
    _, line = lines([HEAD, *rows(found)])
    assert line.isprintable()
    told = json.loads(json.dumps(json_ready(found[0]), ensure_ascii=False))
    assert from_text(told["name"]) == name


def test_a_page_of_the_longest_names_is_not_too_long_for_the_command() -> None:
    name = (b"\x3f" + b"\xff" * 63) * 3 + b"\x3d" + b"\xff" * 61 + b"\0"
    said = Judged(Fate.BLOCKED, "l" * 64, "g" * 64)
    made = journal(*[event(name, said=said, via=to_text(name)) for _ in range(PAGE + 1)])
    record = Record("\U0001f600" * 500, text="\U0001f600" * 500)
    told = answer(made, {}, [PolicyList("l" * 64, record)])
    assert len(told["events"]) == PAGE  # type: ignore[arg-type]
    assert len(json.dumps(told)) < MAX_ANSWER


def test_a_document_is_made_of_plain_values() -> None:
    json.dumps(document(event(), Shown.FULL))
