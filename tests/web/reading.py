"""Notices to read, and what a browser would make of a page."""

from __future__ import annotations

import unicodedata
from datetime import date
from html.parser import HTMLParser

from hypothesis import strategies as st

from resolver.core.lists.record import ListClass, Record, Status, Step
from resolver.core.policy import PolicyList
from resolver.web.notice import Notice

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
    history=(
        Step(Status.LISTED, date(2026, 10, 2), "case 12/2026", "first hearing"),
        Step(Status.ENFORCED, date(2026, 11, 22)),
    ),
)
BARE = Record(title="Chat")


def blocked(record: Record, host: str = "chat.example") -> Notice:
    return Notice(host, PolicyList("chat", record).reason(group="default"))


class Reader(HTMLParser):
    """Collects what a browser would make of a page."""

    VOID = frozenset({"meta", "!doctype", "img", "input", "path"})

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

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

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


def readable(text: str) -> str:
    """Return what a page shows of a text: as it is, but for what is no text."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} else char
        for char in text
    )
