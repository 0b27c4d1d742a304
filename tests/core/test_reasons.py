"""A list's record in one line."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.lists.record import Record
from resolver.core.names import from_text, to_text
from resolver.core.reasons import MAX_BRIEF, brief, cut, make_reason

FULL = Record(
    "Chat",
    text="No chat.",
    organisation="School",
    authority="Council",
    reference="Act 7",
    contact="mailto:it@school.example",
    since=date(2026, 1, 2),
    review=date(2027, 1, 2),
    more="https://school.example/why",
)


def test_a_reason_says_what_why_by_whom_since_when_and_whom_to_ask() -> None:
    assert brief(make_reason(FULL)) == "Chat: No chat; by School; since 2026-01-02; ask it@school.example"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (Record("Chat"), "Chat"),
        (Record("Chat", text="No chat..."), "Chat: No chat"),
        (Record("Chat", organisation="School"), "Chat; by School"),
        (Record("Chat", since=date(2026, 1, 2)), "Chat; since 2026-01-02"),
        (Record("Chat", contact="tel:+1555"), "Chat; ask +1555"),
        (Record("Chat", contact="https://it.example"), "Chat; ask https://it.example"),
    ],
)
def test_what_a_record_does_not_have_is_left_out(record: Record, reason: str) -> None:
    assert brief(make_reason(record)) == reason


def test_the_blocked_name_that_an_answer_led_to_comes_first() -> None:
    alias = from_text("tracker\\.1.example")
    made = make_reason(Record("Chat", text="No chat."), via=to_text(alias))
    assert brief(made) == "tracker\\.1.example (Chat: No chat)"


TEXT = st.text(max_size=300)


@given(
    st.builds(Record, TEXT, text=TEXT, organisation=TEXT, contact=TEXT),
    st.just("") | st.just("a." * 127),
)
def test_a_reason_is_never_longer_than_a_dns_answer_should_carry(record: Record, via: str) -> None:
    assert len(brief(make_reason(record, via=via)).encode()) <= MAX_BRIEF


@given(st.text(), st.integers(3, 60))
def test_a_text_is_cut_between_characters_as_late_as_possible(text: str, size: int) -> None:
    short = cut(text, size)
    assert len(short.encode()) <= size
    if len(text.encode()) <= size:
        assert short == text
    else:
        assert short.endswith("…")
        kept = short[:-1]
        assert text.startswith(kept)
        assert len(text[: len(kept) + 1].encode()) > size - 3
