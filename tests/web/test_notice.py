"""What a person meets who was stopped: the page, and the same facts for programs."""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from dataclasses import replace
from datetime import date
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    return Notice(host, PolicyList("chat", record).reason(group="default"))


class Reader(HTMLParser):
    """Collects what a browser would make of a page."""

    VOID = frozenset({"meta", "!doctype"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.style = self.title = self.heading = ""
        self.values: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "dd":
            self.values.append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
            return
        if "dd" in self.open:
            self.values[-1] += data
        elif "title" in self.open:
            self.title += data
        elif "h1" in self.open:
            self.heading += data
        if data.strip():
            self.texts.append(data.strip())


@pytest.mark.parametrize("record", [FULL, BARE])
def test_the_page_is_balanced_html_with_one_heading_a_language_and_a_main_part(record: Record) -> None:
    read = Reader(page(blocked(record)))
    tags = [tag for tag, _ in read.tags]
    assert read.open == []
    assert tags.count("h1") == tags.count("main") == tags.count("footer") == tags.count("title") == 1
    assert ("html", {"lang": "en"}) in read.tags


def test_the_page_says_what_by_whom_why_since_when_and_whom_to_ask() -> None:
    texts = Reader(page(blocked(FULL))).texts
    for text in (
        "chat",
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


TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(), max_size=40),  # halves of surrogate pairs too
    st.sampled_from(
        [
            "<script>x</script>",
            "</title><h1>",
            "&amp;",
            "\" onx='",
            "]]>",
            "<!--",
            "\u202egnp.exe",
            "\0",
            "{0}%s",
        ]
    ),
    st.sampled_from(["https://", "mailto:", "tel:", "javascript:", "http://"]).flatmap(
        lambda scheme: st.text(max_size=20).map(scheme.__add__)
    ),
)
RECORDS = st.builds(
    Record,
    title=TEXTS,
    list_class=st.sampled_from(ListClass),
    text=TEXTS,
    organisation=TEXTS,
    authority=TEXTS,
    reference=TEXTS,
    contact=TEXTS,
    since=st.none() | st.dates(),
    review=st.none() | st.dates(),
    more=TEXTS,
)
LINKING: dict[str, tuple[str, ...]] = {
    "contact": ("https://", "mailto:", "tel:"),
    "reference": ("https://",),
    "more": ("https://",),
}


def readable(text: str) -> str:
    """Return what a page shows of a text: as it is, but for what is no text."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} else char
        for char in text
    )


@given(host=TEXTS, record=RECORDS, by=TEXTS)
def test_whatever_the_host_and_the_record_hold_is_shown_as_text(host: str, record: Record, by: str) -> None:
    reason = PolicyList(by, record).reason(group="default")
    text = page(Notice(host, reason))
    text.encode()  # as the server does
    read = Reader(text)
    assert read.open == []
    values = {
        "title": reason.title,
        "text": reason.why,
        "organisation": reason.organisation,
        "authority": record.authority,
        "reference": record.reference,
        "since": str(record.since or ""),
        "review": str(record.review or ""),
        "contact": record.contact or "the owner of this network",
        "more": record.more,
        "list": by,
    }
    shown = [
        re.sub("^(mailto|tel):", "", value) if value.startswith(LINKING.get(key, ())) else value
        for key, value in values.items()
        if value
    ]
    assert read.values == [readable(value) for value in shown]
    assert read.title == readable(f"{host} is blocked")
    assert read.heading == readable(f"{host} is blocked on this network")
    links = [value for key, value in values.items() if value and value.startswith(LINKING.get(key, ()))]
    assert [attrs for tag, attrs in read.tags if tag == "a"] == [
        {"href": readable(value), "rel": "noreferrer"} for value in links
    ]
    assert {tag for tag, _ in read.tags} <= EXPECTED_TAGS
    assert {key for _, attrs in read.tags for key in attrs} <= EXPECTED_ATTRIBUTES


EXPECTED_TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "main",
    "h1",
    "span",
    "p",
    "dl",
    "div",
    "dt",
    "dd",
} | {"a", "footer"}
EXPECTED_ATTRIBUTES = {"lang", "charset", "name", "content", "dir", "href", "rel"}


@given(host=TEXTS.filter(bool))
def test_whatever_host_is_not_blocked_is_shown_as_text(host: str) -> None:
    read = Reader(page(Notice(host, None)))
    assert read.heading == readable(f"{host} is not blocked here")
    assert {tag for tag, _ in read.tags} <= EXPECTED_TAGS


@pytest.mark.parametrize("link", ["javascript:alert(1)", "http://school.example", "data:text/html,x", "x"])
def test_only_contacts_and_secure_pages_become_links(link: str) -> None:
    tags = Reader(page(blocked(replace(BARE, contact=link, reference=link, more=link)))).tags
    assert "a" not in [tag for tag, _ in tags]


def test_a_field_that_holds_words_never_becomes_a_link() -> None:
    link = "https://evil.example/"
    record = Record(link, text=link, organisation=link, authority=link)
    assert "a" not in [tag for tag, _ in Reader(page(blocked(record))).tags]


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
    assert any("not blocked" in text for text in Reader(page(notice)).texts)


def test_a_visit_to_the_pages_own_address_is_no_block() -> None:
    notice = Notice("", None)
    assert status(notice) == 404
    assert document(notice) == {"host": "", "blocked": False}
    assert Reader(page(notice)).heading == "Nothing was asked for"


OWN = "http://192.0.2.10:80/"
ORDERED = Record("Court", ListClass.LEGAL, authority="https://court.example", reference="https://law.example")


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
    texts = " ".join(Reader(page(blocked(FULL))).texts)
    for key in ("title", "text", "organisation", "authority", "reference", "since", "review", "more"):
        assert str(found[key]) in texts
    assert found["list"] == "chat"
    assert found["class"] == "legal"
    assert found["blocked"] is True
