"""What a person meets who was stopped: the page."""

from __future__ import annotations

import itertools
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from hashlib import sha256
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.colours import Colour
from resolver.core.lists.record import ListClass, Record
from resolver.core.policy import PolicyList
from resolver.web import markup
from resolver.web.look import PLAIN, Look, picture
from resolver.web.notice import Notice
from resolver.web.page import page, said
from resolver.web.phrases import LANGUAGES, Phrases
from tests.web.reading import BARE, FULL, TEXTS, Reader, blocked, readable

EN = LANGUAGES["en"]
LOGO = "data:image/png;base64,iVBORw0KGgo="
OURS = Look(
    style=markup.style(Colour(0xC0, 0x10, 0x90)),
    logo=LOGO,
    name=(("en", "Example <School>"), ("ru", "Школа")),
    text=(("en", "Ask in room 12."), ("de", "Fragen Sie in Raum 12.")),
    forms=True,
)
EVERY = pytest.mark.parametrize("tag", sorted(LANGUAGES))


@EVERY
@pytest.mark.parametrize("record", [FULL, BARE], ids=["full", "bare"])
@pytest.mark.parametrize("look", [PLAIN, OURS], ids=["plain", "ours"])
def test_the_page_is_balanced_html_with_one_heading_a_language_and_a_main_part(
    record: Record, tag: str, look: Look
) -> None:
    read = Reader(page(blocked(record), LANGUAGES[tag], look, "token" if look.forms else ""))
    tags = [tag for tag, _ in read.tags]
    assert read.open == []
    assert tags.count("h1") == tags.count("main") == tags.count("footer") == tags.count("title") == 1
    assert ("html", {"lang": tag, "dir": "ltr"}) in read.tags
    headings = [int(name[1]) for name in tags if re.fullmatch("h[1-6]", name)]
    assert headings[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(headings))


def test_the_page_says_what_by_whom_why_since_when_and_whom_to_ask() -> None:
    texts = Reader(page(blocked(FULL), EN)).texts
    for text in (
        "chat",
        "Chat",
        "Chat is blocked by order of a court.",
        "A legal obligation",
        "Example School",
        "Court of Example",
        "case 12/2026",
        "it@school.example",
        "22 November 2026",
        "1 May 2027",
        "https://school.example/network",
    ):
        assert text in texts


def test_the_history_is_told_from_its_begin_with_references_and_notes() -> None:
    texts = Reader(page(blocked(FULL), EN)).texts
    told = texts[texts.index("What became of this block") :]
    steps = ["2 October 2026", "Decided", "first hearing", "case 12/2026", "22 November 2026", "In force"]
    assert told[1:7] == steps
    assert "What became of this block" not in Reader(page(blocked(BARE), EN)).texts


def test_days_are_written_as_people_write_them_and_as_programs_read_them() -> None:
    days = {tag: phrases.day(date(2026, 3, 4)) for tag, phrases in LANGUAGES.items()}
    assert days == {
        "de": "4. März 2026",
        "en": "4 March 2026",
        "es": "4 de marzo de 2026",
        "ja": "2026年3月4日",
        "ru": "4 марта 2026 г.",
        "zh-Hans": "2026年3月4日",
    }
    assert '<time datetime="2026-11-22">2026年11月22日</time>' in page(blocked(FULL), LANGUAGES["ja"])


def test_a_record_without_a_contact_sends_people_to_the_owner_of_the_network() -> None:
    texts = Reader(page(blocked(BARE), EN)).texts
    assert "The owner of this network" in texts
    assert ", or think that this is a mistake, ask the owner of this network." in texts


def hrefs(text: str) -> Iterator[str]:
    return (attrs["href"] or "" for tag, attrs in Reader(text).tags if tag == "a")


@EVERY
def test_a_mailbox_is_asked_with_a_subject_in_the_readers_language(tag: str) -> None:
    made = next(hrefs(page(blocked(FULL), LANGUAGES[tag])))
    assert re.fullmatch(r"mailto:it@school\.example\?subject=[A-Za-z0-9%._-]+", made)
    assert unquote(made.partition("=")[2]) == LANGUAGES[tag].plain("ask_subject", host="chat.example")


@pytest.mark.parametrize(
    "contact", ["tel:+1-555-0100", "https://school.example/ask", "mailto:it@school.example?cc=a@b.example"]
)
def test_other_contacts_are_linked_as_they_are(contact: str) -> None:
    assert next(hrefs(page(blocked(replace(BARE, contact=contact)), EN))) == contact


@pytest.mark.parametrize("look", [PLAIN, OURS], ids=["plain", "ours"])
def test_nothing_on_the_page_runs_or_comes_from_elsewhere(look: Look) -> None:
    read = Reader(page(blocked(FULL), EN, look))
    assert not {"script", "link", "iframe", "object", "form"} & {tag for tag, _ in read.tags}
    sources = [attrs["src"] for _, attrs in read.tags if "src" in attrs]
    assert sources == ([LOGO] if look.logo else [])
    assert not any(key.startswith("on") or key == "style" for _, attrs in read.tags for key in attrs)
    assert not re.search(r"url\(|@import|expression", read.style)


@pytest.mark.parametrize("look", [PLAIN, OURS], ids=["plain", "ours"])
def test_the_policy_of_the_page_allows_its_own_style_and_nothing_else(look: Look) -> None:
    style = Reader(page(blocked(BARE), EN, look)).style
    digest = b64encode(sha256(style.encode()).digest()).decode()
    extra = "img-src data:; " if look.logo else ""
    action = "'self'" if look.forms else "'none'"
    assert look.policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; {extra}"
        f"base-uri 'none'; form-action {action}; frame-ancestors 'none'"
    )


def test_the_owners_logo_and_text_are_there_in_the_readers_language() -> None:
    read = Reader(page(blocked(FULL), LANGUAGES["de"], OURS))
    assert ("img", {"class": "logo", "src": LOGO, "alt": "Example <School>", "lang": "en"}) in read.tags
    assert "Fragen Sie in Raum 12." in read.texts
    assert "Ask in room 12." in Reader(page(blocked(FULL), LANGUAGES["ja"], OURS)).texts


def test_values_in_another_language_than_the_page_say_which() -> None:
    text = page(blocked(FULL), LANGUAGES["ja"])
    assert '<p dir="auto" lang="en">Chat is blocked by order of a court.</p>' in text


def test_a_language_that_is_written_from_the_right_turns_the_page() -> None:
    right = Phrases("ar", "rtl", EN.months, EN.texts)
    text = page(blocked(FULL), right)
    assert '<html lang="ar" dir="rtl">' in text
    assert not re.search(r"\b(?:left|right)\b", markup.STYLE)  # logical properties alone


def test_the_form_is_there_with_a_token_only() -> None:
    tags = Reader(page(blocked(FULL), EN, OURS, "1.abc")).tags
    assert ("input", {"type": "hidden", "name": "token", "value": "1.abc"}) in tags
    labels = [attrs["for"] for tag, attrs in tags if tag == "label"]
    assert labels == [attrs["id"] for tag, attrs in tags if tag in {"textarea", "input"} and "id" in attrs]


def test_what_became_of_a_form_is_said_on_a_page() -> None:
    read = Reader(said("request_refused", "request_many", EN, OURS))
    assert read.heading == read.title == "Your request was not taken"
    assert EN.texts["request_many"] in read.texts


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


@given(host=TEXTS, record=RECORDS, by=TEXTS, tag=st.sampled_from(sorted(LANGUAGES)), text=TEXTS)
def test_whatever_the_host_and_the_record_hold_is_shown_as_text(
    host: str, record: Record, by: str, tag: str, text: str
) -> None:
    phrases = LANGUAGES[tag]
    reason = PolicyList(by, record).reason(group="default")
    whole = page(Notice(host, reason), phrases, replace(OURS, text=text, name=text), "token")
    whole.encode()  # as the server does
    read = Reader(whole)
    assert read.open == []
    values = {
        "title": reason.title,
        "organisation": reason.organisation,
        "authority": record.authority,
        "reference": record.reference,
        "since": phrases.day(record.since) if record.since else "",
        "review": phrases.day(record.review) if record.review else "",
        "contact": record.contact or phrases.texts["owner"],
        "more": record.more,
        "list": by,
    }
    shown = [
        re.sub("^(mailto|tel):", "", value) if value.startswith(LINKING.get(key, ())) else value
        for key, value in values.items()
        if value
    ]
    assert read.values == [readable(value) for value in shown]
    assert read.title == phrases.plain("blocked_title", host=readable(host))
    assert read.heading == phrases.plain("blocked", host=readable(host))
    links = [value for key, value in values.items() if value and value.startswith(LINKING.get(key, ()))]
    hrefs = [attrs["href"] or "" for tag, attrs in read.tags if tag == "a"]
    assert hrefs[-len(links) :] == [readable(value) for value in links] if links else not hrefs
    assert all(attrs["rel"] == "noreferrer" for tag, attrs in read.tags if tag == "a")
    assert {tag for tag, _ in read.tags} <= EXPECTED_TAGS
    assert {key for _, attrs in read.tags for key in attrs} <= EXPECTED_ATTRIBUTES


EXPECTED_TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "h1",
        "h2",
        "p",
        "div",
        "section",
        "ul",
        "li",
    ),
    *("dl", "dt", "dd", "a", "bdi", "span", "time", "footer", "svg", "path", "img"),
    *("details", "summary", "form", "label", "textarea", "input", "button"),
}
EXPECTED_ATTRIBUTES = {
    *("lang", "dir", "charset", "name", "content", "href", "rel", "class", "datetime", "src", "alt"),
    *("viewbox", "fill", "fill-opacity", "stroke", "stroke-width", "stroke-linecap", "stroke-linejoin", "d"),
    *("aria-hidden", "focusable", "aria-describedby", "id", "for", "type", "value", "method"),
    *("accept-charset", "required", "maxlength", "autocomplete"),
}


@given(host=TEXTS.filter(bool))
def test_whatever_host_is_not_blocked_is_shown_as_text(host: str) -> None:
    read = Reader(page(Notice(host, None), EN))
    assert read.heading == readable(f"{host} is not blocked here")
    assert {tag for tag, _ in read.tags} <= EXPECTED_TAGS


def test_a_visit_to_the_pages_own_address_says_what_the_page_is() -> None:
    assert Reader(page(Notice("", None), EN)).heading == "Nothing was asked for"


@pytest.mark.parametrize("link", ["javascript:alert(1)", "http://school.example", "data:text/html,x", "x"])
def test_only_contacts_and_secure_pages_become_links(link: str) -> None:
    tags = Reader(page(blocked(replace(BARE, contact=link, reference=link, more=link)), EN)).tags
    assert "a" not in [tag for tag, _ in tags]


def test_a_field_that_holds_words_never_becomes_a_link() -> None:
    link = "https://evil.example/"
    record = Record(link, text=link, organisation=link, authority=link)
    assert "a" not in [tag for tag, _ in Reader(page(blocked(record), EN)).tags]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg/>", "image/svg+xml"),
    ],
)
def test_a_picture_is_known_by_what_it_begins_with(data: bytes, kind: str) -> None:
    assert picture(data) == f"data:{kind};base64,{b64encode(data).decode()}"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no picture"),
        (b"GIF89a", "no picture"),
        (b"<html><svg>", "no picture"),
        (b"<?xml ?><a/>", "no picture"),
        (b"\x89PNG\r\n\x1a\n" + bytes(1 << 16), "larger than 64 KiB"),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        picture(data)
