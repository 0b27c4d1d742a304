"""Any text is a configuration or is refused with problems, in steps that grow as it does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.config import ConfigError, load
from tests.config.hostile import MISTAKEN, mistaken
from tests.config.reading import FOLDER, HOME
from tests.config.test_model import FULL
from tests.config.test_reader import KEYS
from tests.steps import grows_as_its_input


def loads_or_refuses(text: str) -> None:
    """Fail where `text` raises anything but ConfigError, or one that says nothing."""
    try:
        load(text, "n.yaml", folder=FOLDER, environment=HOME)
    except ConfigError as exc:
        problems = exc.problems
    else:
        return
    assert problems
    lines = len(re.findall("[\r\n\x85\u2028\u2029]", text)) + 2  # the end may count as a line of its own
    for problem in problems:
        assert problem.message
        assert "\n" not in str(problem)
        assert not re.search("validation|Input|<class", problem.message)
        assert 1 <= problem.line <= lines
        assert problem.column >= 1


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    loads_or_refuses(text)


@given(st.text(alphabet="a1:-[]{},&*!|>'\"%@?# \n\t~.\\", max_size=80))
def test_any_yaml_is_read_or_refused(text: str) -> None:
    loads_or_refuses(text)


TOKENS = [
    *"{}[]:,-?'\"\n#",
    *[
        " ",
        "  ",
        "\n  ",
        "null",
        "no",
        "''",
        "1",
        "[a, b]",
        "{a: b}",
        "[[a]]",
        "off",
        "\\0",
        "~x/y",
        "\u0663",
        "x" * 99,
    ],
    *["default", "ads", "private", "servers", "dns", "0.0.0.0:0", "[::1]:53", "::/0", "notice"],
]


@given(st.data())
def test_a_good_configuration_with_anything_changed_is_read_or_refused(data: st.DataObject) -> None:
    text = FULL
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 12))
        text = text[:start] + data.draw(st.sampled_from(TOKENS)) + text[start + length :]
    loads_or_refuses(text)


WORDS = ["a", "''", "null", "no", "1", "192.0.2.1", "192.0.2.1:53", "private", "off", "line", "1d"]
SOME_KEYS = ["default", "lab", "path", "record", "title", "servers", "clients", "block", "dns", "ipv4"]
VALUES = st.recursive(
    st.sampled_from(WORDS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda found: f"[{', '.join(found)}]"),
        st.dictionaries(st.sampled_from(SOME_KEYS), inner, max_size=3).map(
            lambda found: "{" + ", ".join([f"{key}: {value}" for key, value in found.items()]) + "}"
        ),
    ),
    max_leaves=8,
)


@given(st.text(st.sampled_from("a./\\-_ \0~"), max_size=8) | st.text(max_size=8))
def test_no_name_of_a_list_leads_out_of_the_folder_of_copies(name: str) -> None:
    text = f"lists: {{{json.dumps(name)}: {{shipped: line}}}}"
    try:
        found = load(text, "n.yaml", folder=FOLDER, environment=HOME)
    except ConfigError:
        return
    (taken,) = found.lists
    copy = Path("/state/lists") / f"{taken}.list"
    assert copy.parent == Path("/state/lists")
    assert not copy.name.startswith(".")


@given(st.sampled_from(KEYS.split(", ")), VALUES)
def test_any_shape_of_any_key_is_read_or_refused(key: str, value: str) -> None:
    loads_or_refuses(f"{key}: {value}")


@pytest.mark.parametrize("line", MISTAKEN)
@pytest.mark.parametrize("item", ["x{}", "192.0.2.1:{}", "'{} '"])
def test_a_large_file_of_mistakes_is_read_in_steps_that_grow_as_it_does(line: str, item: str) -> None:
    grows_as_its_input(lambda count: loads_or_refuses(mistaken(line, item, count)), 250, 1000)
