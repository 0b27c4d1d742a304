"""What is kept as JSON comes back as it was."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.lists.record import Harm, Record, Status, Step
from resolver.core.stored import record_from_json, record_to_json

TEXTS = st.text() | st.lists(st.tuples(st.text(), st.text()), min_size=1).map(tuple)
STEPS = st.builds(Step, st.sampled_from(Status), st.dates(), st.text(), st.text())
RECORDS = st.builds(
    Record,
    TEXTS,
    text=TEXTS,
    organisation=TEXTS,
    since=st.none() | st.dates(),
    review=st.none() | st.dates(),
    history=st.lists(STEPS).map(tuple),
    harm=st.none() | st.sampled_from(Harm),
)


@given(RECORDS)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    assert record_from_json(json.loads(json.dumps(record_to_json(record)))) == record


@pytest.mark.parametrize("change", [{"list_class": "x"}, {"since": "x"}, {"since": 1}, {"more": 1, "x": ""}])
def test_what_is_no_record_is_told(change: dict[str, object]) -> None:
    said = {**record_to_json(Record("title", since=date(2026, 1, 2))), **change}
    with pytest.raises((ValueError, TypeError)):
        record_from_json(said)
