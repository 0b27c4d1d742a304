from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.errors import RecordFault
from resolver.core.lists.record import MAX_FIELD, MAX_TEXT, MAX_TITLE, ListClass, Record, record_from_mapping

WHOLE: dict[str, object] = {
    "title": "Games",
    "class": "legal",
    "text": "Closed during\nlessons.",
    "organisation": "School",
    "authority": "Head",
    "reference": "https://school.example/rules#4",
    "contact": "mailto:it@school.example",
    "since": date(2026, 11, 22),
    "review": "2027-08-01",
    "more": "Room 4",
}


def test_a_whole_record_is_read() -> None:
    assert record_from_mapping(WHOLE) == Record(
        title="Games",
        list_class=ListClass.LEGAL,
        text="Closed during lessons.",
        organisation="School",
        authority="Head",
        reference="https://school.example/rules#4",
        contact="mailto:it@school.example",
        since=date(2026, 11, 22),
        review=date(2027, 8, 1),
        more="Room 4",
    )


def test_a_title_is_enough_and_what_is_empty_is_not_given() -> None:
    assert record_from_mapping({"title": "Games", "contact": None, "since": "", "text": " "}) == Record(
        "Games"
    )


@pytest.mark.parametrize(
    "contact", ["mailto:it@corp.example", "tel:+49-30-123456", "tel:110", "https://corp.example/help?x=1"]
)
def test_a_contact_is_a_uri_that_people_can_use(contact: str) -> None:
    assert record_from_mapping({"title": "Games", "contact": contact}).contact == contact


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", None),
        ("title", ""),
        ("title", 4),
        ("title", "x" * (MAX_TITLE + 1)),
        ("title", "a\x00b"),
        ("title", "a\x1bb"),
        ("title", "a\u2028b"),
        ("title", "a\ud800b"),
        ("text", "x" * (MAX_TEXT + 1)),
        ("text", ["x"]),
        ("organisation", "x" * (MAX_FIELD + 1)),
        ("authority", True),
        ("class", "nonsense"),
        ("class", ["policy"]),
        ("class", "POLICY"),
        ("contact", "it@corp.example"),
        ("contact", "javascript:alert(1)"),
        ("contact", "http://corp.example/"),
        ("contact", "mailto:it corp@corp.example"),
        ("contact", "https://"),
        ("contact", 'https://corp.example/"x'),
        ("since", "22.11.2026"),
        ("since", "2026-02-30"),
        ("since", 20261122),
        ("since", "20261122"),
        ("since", "2026-W47-7"),
        ("since", datetime(2026, 11, 22, tzinfo=UTC)),
        ("review", "soon"),
        ("klass", "policy"),
    ],
)
def test_a_field_that_cannot_be_taken_is_named(field: str, value: object) -> None:
    with pytest.raises(RecordFault) as caught:
        record_from_mapping({"title": "Games", field: value})
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ")


def test_a_review_comes_after_the_start() -> None:
    with pytest.raises(RecordFault, match="review: before `since`"):
        record_from_mapping({"title": "Games", "since": "2026-11-22", "review": "2026-11-21"})


VALUES = (
    st.none() | st.text(max_size=400) | st.integers() | st.dates() | st.lists(st.text(max_size=3), max_size=2)
)


@given(st.dictionaries(st.sampled_from([*WHOLE, "other"]), VALUES))
def test_whatever_the_values_there_is_a_record_with_a_title_or_a_fault(mapping: dict[str, object]) -> None:
    try:
        record = record_from_mapping(mapping)
    except RecordFault:
        return
    assert 0 < len(record.title) <= MAX_TITLE
    assert len(record.more) <= MAX_FIELD
