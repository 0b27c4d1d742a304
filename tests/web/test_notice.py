"""What programs are told who were stopped, and with which status and links."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.lists.record import ListClass, Record
from resolver.web.notice import Notice, document, links, status
from resolver.web.page import page
from resolver.web.phrases import LANGUAGES
from tests.web.reading import FULL, Reader, blocked

OWN = "http://192.0.2.10:80/"
ORDERED = Record("Court", ListClass.LEGAL, authority="https://court.example", reference="https://law.example")


@pytest.mark.parametrize(
    ("list_class", "expected"),
    [
        (ListClass.LEGAL, 451),
        (ListClass.POLICY, 403),
        (ListClass.REQUESTED, 403),
        (ListClass.SECURITY, 403),
    ],
)
def test_a_legal_block_is_451_and_every_other_403(list_class: ListClass, expected: int) -> None:
    assert status(blocked(replace(FULL, list_class=list_class))) == expected


def test_a_host_that_is_not_blocked_says_so() -> None:
    notice = Notice("free.example", None)
    assert status(notice) == 404
    assert document(notice) == {"host": "free.example", "blocked": False}


def test_a_visit_to_the_pages_own_address_is_no_block() -> None:
    notice = Notice("", None)
    assert status(notice) == 404
    assert document(notice) == {"host": "", "blocked": False}


@pytest.mark.parametrize(
    ("more", "contact", "expected"),
    [
        ("https://school.example/network", "mailto:it@school.example", "https://school.example/network"),
        ("see the staff room", "https://school.example/ask", "https://school.example/ask"),
        ("", "mailto:it@school.example", "mailto:it@school.example"),
        ("", "tel:+1-555-0100", "tel:+1-555-0100"),
        ("", "", OWN),
        ("https://", "javascript:alert(1)", OWN),
        ('https://a.example/"', "https://a.example/>", OWN),
        ("https://a.example/ü", "mailto:a b", OWN),
    ],
)
def test_the_link_of_a_legal_block_names_who_blocks_not_who_demands_it(
    more: str, contact: str, expected: str
) -> None:
    notice = blocked(replace(ORDERED, more=more, contact=contact))
    assert links(notice, OWN) == {"Link": f'<{expected}>; rel="blocked-by"'}


@pytest.mark.parametrize("list_class", [ListClass.POLICY, ListClass.REQUESTED, ListClass.SECURITY])
def test_only_a_legal_block_has_the_link(list_class: ListClass) -> None:
    assert links(blocked(replace(FULL, list_class=list_class)), OWN) == {}
    assert links(Notice("free.example", None), OWN) == {}


@given(more=st.text(), contact=st.text())
def test_no_text_of_a_record_breaks_the_link_header(more: str, contact: str) -> None:
    record = replace(ORDERED, more=f"https://a.example/{more}", contact=f"mailto:{contact}")
    header = links(blocked(record), OWN)["Link"]
    assert re.fullmatch(r'<[!-~]+>; rel="blocked-by"', header)
    assert header.count("<") == header.count(">") == 1


def test_programs_get_the_facts_that_people_get() -> None:
    found = document(blocked(FULL))
    texts = " ".join(Reader(page(blocked(FULL), LANGUAGES["en"])).texts)
    for key in ("title", "text", "organisation", "authority", "reference", "more"):
        assert str(found[key]) in texts
    assert found["since"] == "2026-11-22"
    assert found["list"] == "chat"
    assert found["class"] == "legal"
    assert found["blocked"] is True
