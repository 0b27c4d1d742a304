from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.lists.document import DocumentFault, compose
from resolver.core.lists.yaml_hint import ADDRESS, MAX_LINE, hint

TABS = "; use blanks to indent, not tabs"
COMMENT = "; what is behind `#` in the line above is a comment, unless it is in quotes"


def quotes(begin: str) -> str:
    return f"; a text that begins with `{begin}` needs quotes"


def reason(text: str) -> str:
    with pytest.raises(DocumentFault) as caught:
        compose(text, 8, 1000)
    return caught.value.reason


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a:\n\tb: 1\n", TABS),
        ("a:\n  b: 1\n\tc: 2\n", TABS),
        ("a:\n- b: 1\n \t c: 2\n", TABS),
        ("names:\n- *.ads.example\n", quotes("*")),
        ("names: [*.ads.example]\n", quotes("*")),
        ("names:\r\n- {name: *.\u00e4.example}\r\n", quotes("*")),
        ("a: *x\n", quotes("*")),
        ("- a\n- &b\n", quotes("&")),
        ("- !b\n", quotes("!")),
        ("- ||ads.example^\n", quotes("|")),
        ("- @@||ads.example^\n", quotes("@")),
        ("dns: [::1]\n", ADDRESS),
        ("dns: [::1]:53\n", ADDRESS),
        ("dns: [2001:db8::1]:53\n", ADDRESS),
        ("dns:\n- [fe80::1]:53\n", ADDRESS),
        ("dns: [192.0.2.1, [::]:53]\n", ADDRESS),
        ("notice: {colour: #0f6272}\n", COMMENT),
    ],
)
def test_what_is_meant_is_told_behind_the_mistake(text: str, meant: str) -> None:
    assert reason(text).endswith(meant)


@pytest.mark.parametrize(
    "text",
    [
        "a: [x]:y\n",
        "a: [1:2]:y\n",
        "a: {x: [1]: 3}\n",
        'a: "*\n',
        "a: [b # c\nd: e\n",
        "a: x: *y\n",
        "a: [\n",
    ],
)
def test_nothing_is_guessed_where_it_is_not_known(text: str) -> None:
    assert ";" not in reason(text)


def test_a_long_line_is_not_looked_at() -> None:
    assert hint(" " * MAX_LINE + "*", MAX_LINE) == quotes("*")
    for text in (" " * 1_000_000 + "*", ": " * 500_000 + "\n"):
        assert hint(text, len(text)) == ""


@given(st.text("ab:*#[]{}-\t\n \"'1.|@", max_size=24), st.integers(0, 24))
def test_any_place_in_any_text_can_be_asked_about(text: str, index: int) -> None:
    assert hint(text, min(index, len(text))).count(";") <= 1
