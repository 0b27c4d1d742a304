"""How an owner wants the notice page: a colour, a logo, a text of their own."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

from resolver.core.language import DEFAULT
from resolver.core.lists.record import Texts
from resolver.web import markup

MAX_LOGO = 64 << 10
"""Largest logo, in bytes: it travels with each page."""
_KINDS = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"WEBP", 8, "image/webp"),
)
"""How files begin that are pictures: what, at which byte, and what they are then."""
_SVG = (b"<svg", b"<?xml")


@dataclass(frozen=True, slots=True)
class Look:
    """What an owner puts on the page; `text` is in `language` where it does not say its own.

    `logo` is a data: URI. A picture in SVG is shown as a picture, so nothing in it runs or is fetched.
    """

    style: str = markup.STYLE
    logo: str = ""
    name: Texts = ""
    text: Texts = ""
    language: str = DEFAULT
    forms: bool = False
    """Whether people may ask for an exception on the page."""

    @property
    def policy(self) -> str:
        """What the page may do (Content Security Policy)."""
        return markup.content_security_policy(self.style, pictures=bool(self.logo), forms=self.forms)


PLAIN = Look()


def picture(data: bytes) -> str:
    """Return a picture as a data: URI. Raises ValueError for what is none, or too large."""
    if len(data) > MAX_LOGO:
        raise ValueError(f"larger than {MAX_LOGO >> 10} KiB")
    kind = next((kind for begin, at, kind in _KINDS if data[at:].startswith(begin)), "")
    if not kind and data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_SVG) and b"<svg" in data:
        kind = "image/svg+xml"
    if not kind:
        raise ValueError("no picture in PNG, SVG or WebP")
    return f"data:{kind};base64,{b64encode(data).decode()}"
