"""What the notice page looks like, and what people can do on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from resolver.config.fields import File, Part, from_text
from resolver.config.records import PageText
from resolver.core.colours import ACCENT, Colour, parse_colour

FILES = ("logo", "certificate", "key")


class NoticePage(Part):
    """The notice page. `certificate` and `key` are those of its own name, for `listen.notice_tls`."""

    colour: Annotated[Colour, BeforeValidator(from_text(parse_colour))] = ACCENT
    logo: File | None = None
    text: PageText = ""
    requests: bool = False
    certificate: File | None = None
    key: File | None = None

    def placed(self, folder: Path) -> NoticePage:
        """Return this with its relative paths starting from a folder."""
        given = {key: folder / path for key in FILES if (path := getattr(self, key)) is not None}
        return self.model_copy(update=given)
