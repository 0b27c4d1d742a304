"""What a person meets who was stopped: the page, and the same facts for programs."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from datetime import date
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core import names
from resolver.core.lists.record import ListClass, Record
from resolver.core.policy import PolicyList
from resolver.web.notice import CONTENT_SECURITY_POLICY, Notice, document, links, page, status

FULL = Record(
    title="Chat",
    list_class=ListClass.LEGAL,
    text="Chat is blocked by order of a court.",
    organisation="Example School",
    authority="Court of Example",
    reference="case 12/2026",
    contact="mailto:it@school.example",
    since=date(2026, 11, 22),
    review=date(2027, 5, 1),
    more="https://school.example/network",
)
BARE = Record(title="Chat")


def blocked(record: Record, host: str = "chat.example") -> Notice:
    return Notice(host, PolicyList("chat", record), "default")


class Reader(HTMLParser):
    """Collects what a browser would make of a page."""

    VOID = frozenset({"meta", "!doctype"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.style = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        elif data.strip():
            self.texts.append(data.strip())


@pytest.mark.parametrize("record", [FULL, BARE])
def test_the_page_is_balanced_html_with_one_heading_a_language_and_a_main_part(record: Record) -> None:
    read = Reader(page(blocked(record)))
    tags = [tag for tag, _ in read.tags]
    assert read.open == []
    assert tags.count("h1") == tags.count("main") == tags.count("title") == 1
    assert ("html", {"lang": "en"}) in read.tags


def test_the_page_says_what_by_whom_why_since_when_and_whom_to_ask() -> None:
    texts = Reader(page(blocked(FULL))).texts
    for text in (
        "Chat",
        "Chat is blocked by order of a court.",
        "Example School",
        "Court of Example",
        "case 12/2026",
        "it@school.example",
        "2026-11-22",
        "2027-05-01",
        "https://school.example/network",
    ):
        assert text in texts


def test_a_record_without_a_contact_sends_people_to_the_owner_of_the_network() -> None:
    assert "the owner of this network" in Reader(page(blocked(BARE))).texts


def test_nothing_on_the_page_runs_or_comes_from_elsewhere() -> None:
    text = page(blocked(FULL))
    read = Reader(text)
    assert not {"script", "img", "link", "iframe", "form", "object"} & {tag for tag, _ in read.tags}
    assert not any(key == "src" or key.startswith("on") for _, attrs in read.tags for key in attrs)
    assert not re.search(r"url\(|@import|expression", read.style)


def test_the_policy_of_the_page_allows_its_own_style_and_nothing_else() -> None:
    style = Reader(page(blocked(BARE))).style
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'")


TEXTS = st.text(max_size=60)


@given(
    labels=st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=4),
    title=TEXTS.filter(str.strip),
    text=TEXTS,
    contact=st.one_of(TEXTS, TEXTS.map("https://".__add__), TEXTS.map("mailto:".__add__)),
)
def test_whatever_the_host_and_the_record_hold_is_shown_as_text(
    labels: list[bytes], title: str, text: str, contact: str
) -> None:
    host = names.to_text(b"".join(bytes([len(label)]) + label for label in labels) + b"\0")
    record = Record(title=title, text=text, contact=contact)
    plain = Reader(page(blocked(Record(title="T", text="t" if text else "", contact="c"), "h")))
    read = Reader(page(blocked(record, host)))
    link = [("a", {"href": contact, "rel": "noreferrer"})]
    expected = plain.tags + (link if contact.startswith(("https://", "mailto:", "tel:")) else [])
    assert sorted(map(repr, read.tags)) == sorted(map(repr, expected))
    assert read.open == []
    assert host in " ".join(read.texts)


@pytest.mark.parametrize("link", ["javascript:alert(1)", "http://school.example", "data:text/html,x", "x"])
def test_only_contacts_and_secure_pages_become_links(link: str) -> None:
    tags = Reader(page(blocked(replace(BARE, contact=link, more=link)))).tags
    assert "a" not in [tag for tag, _ in tags]


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
    notice = Notice("free.example", None, "default")
    assert status(notice) == 404
    assert document(notice) == {"host": "free.example", "blocked": False}
    assert any("not blocked" in text for text in Reader(page(notice)).texts)


def test_the_link_of_a_legal_block_names_who_blocks() -> None:
    assert links(blocked(FULL)) == {"Link": '<https://school.example/network>; rel="blocked-by"'}
    assert links(blocked(replace(FULL, list_class=ListClass.POLICY))) == {}


@pytest.mark.parametrize("more", ["https://a.example/>", 'https://a.example/"', "https://a.example/ü", "x"])
def test_a_record_can_not_break_the_link_header(more: str) -> None:
    assert links(blocked(replace(FULL, more=more))) == {}


@given(st.text())
def test_no_text_of_a_record_puts_a_line_into_the_link_header(text: str) -> None:
    header = links(blocked(replace(FULL, more=f"https://a.example/{text}"))).get("Link", "")
    assert header.isascii()
    assert "\r" not in header
    assert "\n" not in header


def test_programs_get_the_facts_that_people_get() -> None:
    found = document(blocked(FULL))
    texts = " ".join(Reader(page(blocked(FULL))).texts)
    for key in ("title", "text", "organisation", "authority", "reference", "since", "review", "more"):
        assert str(found[key]) in texts
    assert found["list"] == "chat"
    assert found["class"] == "legal"
    assert found["blocked"] is True
