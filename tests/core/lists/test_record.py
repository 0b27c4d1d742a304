from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.errors import RecordRefused
from resolver.core.lists.record import (
    MAX_FIELD,
    MAX_TEXT,
    MAX_TITLE,
    Defaults,
    ListClass,
    Record,
    Status,
    Step,
)
from resolver.core.lists.record_reader import MAX_FAULTS, record_from_mapping
from resolver.core.reasons import make_reason

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
        ("title", "a\ufdd0b"),
        ("title", "a\U0010ffff"),
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
        ("harm", "ads"),
        ("klass", "policy"),
    ],
)
def test_a_field_that_cannot_be_taken_is_named(field: str, value: object) -> None:
    with pytest.raises(RecordRefused) as caught:
        record_from_mapping({"title": "Games", field: value})
    (fault,) = caught.value.faults
    assert fault.field == field
    assert str(caught.value).startswith(f"{field}: ")


def test_a_review_comes_after_the_start() -> None:
    with pytest.raises(RecordRefused, match="review: before `since`"):
        record_from_mapping({"title": "Games", "since": "2026-11-22", "review": "2026-11-21"})


TITLED = {"title": {"en": "Games", "ru": "Игры"}, "organisation": "School", "language": "en"}


def test_texts_may_stand_in_several_languages_and_the_best_is_taken() -> None:
    record = record_from_mapping({**TITLED, "text": {"de": "Zu.", "zh-Hans": "关闭。"}})
    assert record.title == (("en", "Games"), ("ru", "Игры"))
    reason = make_reason(record, ["ru-RU"])
    assert (reason.title, reason.title_language) == ("Игры", "ru")
    assert (reason.why, reason.language) == ("Zu.", "de")  # the first: neither Russian nor English is there
    assert (reason.organisation, reason.organisation_language) == ("School", "en")
    assert make_reason(record, ["zh-CN"]).why == "关闭。"
    assert make_reason(record).title == "Games"


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ({"en": "x", "EN": "y"}, ["title.EN: this language stands twice"]),
        ({"en": "x", "de_CH": "y"}, ["title.de_CH: 'de_CH' is no language tag as en or zh-Hans"]),
        ({"en": "x" * 121, "de": ["y"]}, ["title.en: 121 characters, over 120", "title.de: must be text"]),
        ({"en": ""}, ["title: missing"]),
        ({}, ["title: missing"]),
        ({f"a{number}": "x" for number in range(33)}, ["title: in more than 32 languages"]),
    ],
)
def test_wrong_texts_are_named_by_their_language(value: object, faults: list[str]) -> None:
    with pytest.raises(RecordRefused) as caught:
        record_from_mapping({"title": value})
    said = [str(fault) for fault in caught.value.faults]
    assert len(said) == len(faults)
    assert all(one.startswith(start) for one, start in zip(said, faults, strict=True))


def test_every_fault_of_a_record_is_told() -> None:
    with pytest.raises(RecordRefused) as caught:
        record_from_mapping({"class": "x", "since": "soon", "contact": "me", "colour": 1, "language": "e_n"})
    assert [fault.field for fault in caught.value.faults] == [
        *("colour", "class", "contact", "since", "language", "title"),
    ]
    assert [fault.of_key for fault in caught.value.faults] == [True, *[False] * 5]


def test_of_a_record_that_is_all_wrong_a_bounded_part_is_told() -> None:
    steps = [{"x" * 5000 + str(number): "x" for number in range(1000)} for _ in range(50)]
    with pytest.raises(RecordRefused) as caught:
        record_from_mapping({f"{'y' * 5000}{number}": "x" for number in range(1000)} | {"history": steps})
    assert len(caught.value.faults) == MAX_FAULTS
    assert len(str(caught.value)) < 300 * MAX_FAULTS


def test_a_history_is_what_became_of_a_list_and_when() -> None:
    history = [
        {"status": "listed", "date": "2026-01-02", "reference": "Case 12"},
        {"status": "enforced", "date": date(2026, 1, 2), "note": "after a\nnotice"},
        {"status": "lifted", "date": "2026-03-01"},
    ]
    assert record_from_mapping({"title": "Games", "history": history}).history == (
        Step(Status.LISTED, date(2026, 1, 2), "Case 12"),
        Step(Status.ENFORCED, date(2026, 1, 2), "", "after a notice"),
        Step(Status.LIFTED, date(2026, 3, 1)),
    )


STEP = {"status": "listed", "date": "2026-01-02"}


@pytest.mark.parametrize(
    ("history", "faults"),
    [
        ("yesterday", ["history: must be a list"]),
        ([STEP] * 65, ["history: more than 64 steps"]),
        (["listed"], ["history.0: must be a mapping"]),
        ([{}], ["history.0.status: missing", "history.0.date: missing"]),
        ([{**STEP, "status": "gone"}], ["history.0.status: 'gone' is not one of listed, notified"]),
        ([STEP, {**STEP, "date": "2026-02-30"}], ["history.1.date: '2026-02-30' is not a date"]),
        ([STEP, {**STEP, "date": "2026-01-01"}], ["history.1.date: before the step above it"]),
        ([{**STEP, "by": "me"}], ["history.0.by: unknown; the keys are status"]),
        ([{**STEP, "note": "x" * 301}], ["history.0.note: 301 characters, over 300"]),
    ],
)
def test_a_wrong_step_of_a_history_is_named(history: object, faults: list[str]) -> None:
    with pytest.raises(RecordRefused) as caught:
        record_from_mapping({"title": "Games", "history": history})
    said = [str(fault) for fault in caught.value.faults]
    assert len(said) == len(faults)
    assert all(one.startswith(start) for one, start in zip(said, faults, strict=True))


def test_what_a_record_leaves_out_comes_from_the_defaults() -> None:
    defaults = Defaults("mailto:it@corp.example", "Корп", "ru")
    bare = defaults.complete(Record("Games", language="en"))
    assert (bare.contact, bare.language) == ("mailto:it@corp.example", "en")
    assert make_reason(bare).organisation_language == "ru"
    assert defaults.complete(Record("Игры")).organisation == "Корп"
    full = Record("Games", organisation="School", contact="tel:110", language="en")
    assert defaults.complete(full) == full


VALUES = (
    st.none()
    | st.text(max_size=400)
    | st.integers()
    | st.dates()
    | st.lists(st.text(max_size=3), max_size=2)
    | st.dictionaries(st.sampled_from(["en", "ru", "_", "EN"]), st.text(max_size=3))
    | st.lists(
        st.dictionaries(st.sampled_from(["status", "date", "x"]), st.sampled_from(["listed", "2026-01-01"]))
    )
)


@given(st.dictionaries(st.sampled_from([*WHOLE, "other"]), VALUES))
def test_whatever_the_values_there_is_a_record_with_a_title_or_a_fault(mapping: dict[str, object]) -> None:
    try:
        record = record_from_mapping(mapping)
    except RecordRefused:
        return
    assert 0 < len(make_reason(record).title) <= MAX_TITLE
    assert len(record.more) <= MAX_FIELD
