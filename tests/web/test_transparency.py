"""The transparency document, as the people and the programs read it for whom it is made."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.lists.record import ListClass, Status, Step
from resolver.core.reasons import Reason
from resolver.web.transparency import (
    CONTENT_SECURITY_POLICY,
    DOCUMENT,
    NOTHING,
    PAGE,
    Listed,
    Statement,
    Version,
    document,
    files,
    page,
)
from tests.web.reading import TEXTS, Reader, readable

REASON = Reason(
    title="Example order",
    why="Blocked by order of a court.",
    list_class=ListClass.LEGAL,
    organisation="Example School",
    authority="Court of Example",
    reference="https://court.example/12",
    contact="mailto:it@school.example",
    since=date(2026, 1, 20),
    review=date(2027, 1, 20),
    list="order",
    language="en",
    history=(
        Step(Status.LISTED, date(2026, 1, 15), "Case 12/2026"),
        Step(Status.ENFORCED, date(2026, 1, 20), "", "after a week"),
    ),
)
ORDER = Listed(
    REASON,
    names=1200,
    own_names=1100,
    publisher="lists.example",
    versions=(Version(1768903200.0, 1210, True), Version(1768471200.0, 1000, False)),
)
FULL = Statement((ORDER,), "dns.school.example", "Example School", "mailto:it@school.example")


def row(text: str, label: str) -> str:
    """Return what stands beside a label."""
    found = re.search(rf"<dt>{label}</dt><dd[^>]*>(.*?)</dd>", text)
    assert found, label
    return found[1]


def test_the_page_says_of_each_list_what_it_does_who_decided_why_and_since_when() -> None:
    text = page(FULL)
    section = text.partition("<section>")[2]
    assert '<h2 dir="auto" lang="en">Example order</h2>' in section
    assert row(section, "Why") == "Blocked by order of a court."
    assert row(section, "Ground") == "A legal obligation"
    assert row(section, "Who decided") == "Example School"
    assert row(section, "By order of") == "Court of Example"
    assert 'href="https://court.example/12"' in row(section, "Reference")
    assert (row(section, "Since"), row(section, "To be reviewed")) == ("2026-01-20", "2027-01-20")
    assert 'href="mailto:it@school.example"' in row(section, "Whom to ask")
    assert row(section, "Status") == "in force: blocks for everybody"
    assert row(section, "Names") == "1,200, of which 1,100 are on no other list"
    assert row(section, "Published by") == "lists.example"
    assert row(section, "Last change") == "2026-01-20 10:00 UTC"
    assert "dns.school.example" in text


def test_the_page_shows_the_register_and_the_versions_as_tables_with_heads() -> None:
    read = Reader(page(FULL))
    assert [tag for tag, _ in read.tags].count("table") == 2
    assert ("th", {"scope": "col"}) in read.tags
    for text in ("Register", "listed", "Case 12/2026", "after a week", "Versions", "1,210", "in force"):
        assert text in read.texts


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"shadow": True}, "tried out for everybody: counted, decides nothing"),
        ({"for_all": False}, "in force: blocks for some clients"),
        ({"allows": True}, "in force: lets names through for everybody"),
        ({"in_force": False}, "named in the configuration; nothing of it is here yet"),
    ],
)
def test_the_page_says_what_a_list_does(changed: dict[str, Any], status: str) -> None:
    text = page(replace(FULL, lists=(replace(ORDER, **changed),)))
    assert row(text, "Status") == status


def test_what_is_not_given_has_no_row_and_no_key() -> None:
    bare = Statement((Listed(Reason("Chat", list="chat"), 1, 1),))
    for label in ("Why", "Who decided", "Published by", "Last change", "Operator"):
        assert f"<dt>{label}</dt>" not in page(bare)
    assert "<table>" not in page(bare)
    assert document(bare) == {
        "schema": 1,
        "lists": [
            {
                "list": "chat",
                "effect": "block",
                "mode": "enforced",
                "clients": "all",
                "in_force": True,
                "names": 1,
                "own_names": 1,
                "record": {"title": "Chat", "class": "policy", "language": "en"},
                "versions": [],
            }
        ],
    }


def test_without_lists_the_page_says_so() -> None:
    assert "nothing is blocked" in page(NOTHING)


def test_the_document_for_programs_holds_the_same() -> None:
    made = json.loads(files(FULL)[DOCUMENT])
    assert (made["schema"], made["server"], made["changed"]) == (
        1,
        "dns.school.example",
        "2026-01-20T10:00:00Z",
    )
    (one,) = made["lists"]
    assert (one["list"], one["effect"], one["mode"], one["clients"]) == ("order", "block", "enforced", "all")
    assert (one["names"], one["own_names"], one["publisher"]) == (1200, 1100, "lists.example")
    assert one["record"]["history"][0] == {
        "date": "2026-01-15",
        "status": "listed",
        "reference": "Case 12/2026",
    }
    assert one["versions"] == [
        {"time": "2026-01-20T10:00:00Z", "rules": 1210, "in_force": True},
        {"time": "2026-01-15T10:00:00Z", "rules": 1000, "in_force": False},
    ]


def test_the_same_statement_makes_the_same_bytes() -> None:
    assert files(FULL) == files(replace(FULL))


def test_the_policy_of_the_page_allows_its_own_style_and_nothing_else() -> None:
    read = Reader(page(FULL))
    digest = b64encode(sha256(read.style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in CONTENT_SECURITY_POLICY
    assert not {"script", "img", "link", "iframe", "form", "object"} & {tag for tag, _ in read.tags}
    assert not re.search(r"url\(|@import|expression", read.style)


STEPS = st.builds(Step, st.sampled_from(Status), st.dates(), TEXTS, TEXTS)


@given(TEXTS, TEXTS, TEXTS, st.lists(STEPS, max_size=3).map(tuple))
def test_whatever_a_record_holds_is_shown_as_text(
    title: str, why: str, name: str, history: tuple[Step, ...]
) -> None:
    reason = Reason(title, why, organisation=why, list=name, history=history)
    statement = Statement((Listed(reason, 1, 1),), server=name, organisation=title)
    made = files(statement)
    read = Reader(made[PAGE].decode())
    assert read.open == []
    assert readable(title).strip() in "".join(read.texts)
    assert json.loads(made[DOCUMENT])["lists"][0]["record"]["title" if title else "class"] == (
        title or "policy"
    )
