from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.colours import BLACK, WHITE, Colour, contrast, parse_colour, readable_on
from resolver.web.markup import NIGHT, PAPER, STYLE, style

PART = st.integers(0, 255)
COLOURS = st.builds(Colour, PART, PART, PART)


@given(COLOURS)
def test_a_colour_is_read_as_it_is_written(one: Colour) -> None:
    assert parse_colour(str(one)) == parse_colour(str(one).upper()) == one


@pytest.mark.parametrize("text", ["red", "#fff", "0f6272", "#0f62721", "#0f627g", "", "#0f6272;}", "#٠f6272"])
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no colour as #0f6272"):
        parse_colour(text)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(BLACK, WHITE) == contrast(WHITE, BLACK) == 21
    assert contrast(WHITE, WHITE) == 1
    assert round(contrast(parse_colour("#767676"), WHITE), 2) == 4.54


@given(COLOURS, st.sampled_from([4.5, 7.0]))
def test_whatever_colour_an_owner_names_can_be_read_by_day_and_by_night(one: Colour, least: float) -> None:
    for paper in (PAPER, NIGHT):
        assert contrast(readable_on(paper, one, least), paper) >= least


def test_a_colour_that_can_be_read_stays_as_it_is() -> None:
    assert readable_on(WHITE, parse_colour("#0f6272")) == parse_colour("#0f6272")


def test_the_style_stands_on_the_papers_that_colours_are_made_for() -> None:
    for paper in ("--paper: #fff", f"--paper: {NIGHT}"):
        assert paper in STYLE
    assert style(Colour(255, 255, 0)) != STYLE
