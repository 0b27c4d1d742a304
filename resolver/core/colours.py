"""Colours that can be read on what they stand on (WCAG 2.2, section 1.4.3)."""

from __future__ import annotations

import re
from typing import NamedTuple

LEAST_CONTRAST = 4.5
"""What texts of normal size need, level AA."""
STEPS = 32
"""In how many steps a colour gets darker or lighter until it can be read."""
_HEX = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})").fullmatch


class Colour(NamedTuple):
    """A colour in sRGB, each part from 0 to 255."""

    red: int
    green: int
    blue: int

    def __str__(self) -> str:
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"

    @property
    def luminance(self) -> float:
        """Relative luminance, from 0 for black to 1 for white."""
        red, green, blue = [_linear(part / 255) for part in self]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue


BLACK, WHITE = Colour(0, 0, 0), Colour(255, 255, 255)
ACCENT = Colour(15, 98, 114)
"""The colour of signs and links where the owner names none."""


def parse_colour(text: str) -> Colour:
    """Return a colour that is written as #1a2b3c. Raises ValueError."""
    found = _HEX(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is no colour as #0f6272")
    return Colour(*[int(part, 16) for part in found.groups()])


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    darker, lighter = sorted([one.luminance, other.luminance])
    return (lighter + 0.05) / (darker + 0.05)


def readable_on(paper: Colour, ink: Colour, least: float = LEAST_CONTRAST) -> Colour:
    """Return a colour, darker or lighter as far as it needs to be to have a contrast to a paper."""
    towards = BLACK if contrast(BLACK, paper) > contrast(WHITE, paper) else WHITE
    mixed = [_mixed(ink, towards, step / STEPS) for step in range(STEPS + 1)]
    return next((one for one in mixed if contrast(one, paper) >= least), towards)


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    return Colour(*[round(a + (b - a) * share) for a, b in zip(one, other, strict=True)])


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
