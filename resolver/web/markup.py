"""Values made safe for a page, and what a page may do."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from pathlib import Path

from resolver.core.colours import ACCENT, Colour, readable_on

PAPER, NIGHT = Colour(255, 255, 255), Colour(28, 34, 42)
"""What texts stand on, by day and by night; style.css has the same."""
AT_NIGHT = 7.0
"""Contrast of the accent by night: a colour that just about reads on white is dull there."""
LINKS = {
    "contact": ("mailto:", "tel:", "https://"),
    "reference": ("https://",),
    "more": ("https://",),
}
"""How a fact begins that becomes a link; the others never do."""
_NO_LINK: tuple[str, ...] = ()
_SCHEME = re.compile("^(?:mailto|tel):")
_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What no page may hold and no text needs: control characters, halves of surrogate pairs."""
_RULES = Path(__file__).with_name("style.css").read_text(encoding="utf-8")


def style(accent: Colour = ACCENT) -> str:
    """Return the style of pages, with a colour that is readable by day and by night whatever it is."""
    day, night = readable_on(PAPER, accent), readable_on(NIGHT, accent, AT_NIGHT)
    return f":root {{ --accent-day: {day}; --accent-night: {night} }}\n{_RULES}".strip()


STYLE = style()


def content_security_policy(style: str, *, pictures: bool = False, forms: bool = False) -> str:
    """Return the policy of a page that has one style, and perhaps pictures within it and forms to itself."""
    known = b64encode(sha256(style.encode()).digest()).decode()
    images, action = "img-src data:; " if pictures else "", "'self'" if forms else "'none'"
    return (
        f"default-src 'none'; style-src 'sha256-{known}'; {images}"
        f"base-uri 'none'; form-action {action}; frame-ancestors 'none'"
    )


def shown(text: str) -> str:
    """Return text that is safe between tags and in a quoted attribute."""
    return escape(_NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", text))


def value(key: str, text: str) -> str:
    """Return one fact, safe between tags; as a link where its field may hold one."""
    return link(text, text) if text.startswith(LINKS.get(key, _NO_LINK)) else shown(text)


def link(to: str, text: str) -> str:
    """Return a link that says nothing of where the reader comes from."""
    return f'<a href="{shown(to)}" rel="noreferrer">{shown(_SCHEME.sub("", text))}</a>'
