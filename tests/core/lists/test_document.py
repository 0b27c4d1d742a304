from __future__ import annotations

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resolver.core.lists import document
from resolver.core.lists.document import DocumentFault, compose, fields, scalar
from tests.config.hostile import DEEPER
from tests.steps import does_not_grow


@pytest.fixture(params=["the compiled loader", "the Python loader"], autouse=True)
def _loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "the Python loader":
        monkeypatch.setattr(document, "_LOADER", yaml.SafeLoader)


def root(text: str) -> yaml.Node:
    node = compose(text, 3, 1 << 18)
    assert node is not None
    return node


def test_a_value_is_given_as_it_is_written() -> None:
    parts = fields(root("a: 2026-11-22\nb: no\nc: 'x'\nd:\n"), ["a", "b", "c", "d"], "the file")
    assert {key: scalar(value) for key, value in parts.items()} == {
        "a": "2026-11-22",
        "b": "no",
        "c": "x",
        "d": None,
    }


def test_an_empty_document_has_no_root() -> None:
    assert compose("# nothing\n", 3, 9) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\n", "line 1, column 4: anchors and aliases are not taken"),
        ("a: *x\n", "line 1, column 4: anchors and aliases are not taken"),
        ("a:\n- !!python/name:os.system x\n", "line 2, column 3: tags are not taken"),
        ("a: !x 1\n", "line 1, column 4: tags are not taken"),
        ("[[[[1]]]]\n", "line 1, column 4: nested too deeply"),
        ("a: 1\n  b: 2\n", "no valid YAML: mapping values are not allowed"),
        ("a: [\n", "no valid YAML"),
        ("a: 1\n--- \nb: 2\n", "no valid YAML"),
        ("a: \x00\n", "no valid YAML"),
        ('a: "\\U00110000"\n', "no valid YAML"),
        ("%TAG ! x\n", "no valid YAML"),
    ],
)
def test_what_must_not_become_a_tree_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(DocumentFault) as caught:
        compose(text, 3, 1 << 18)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\n", "line 2, column 1: unknown key 'b'; the file has a"),
        ("a: 1\na: 2\n", "line 2, column 1: key 'a' stands twice"),
        ("- a\n", "line 1, column 1: the file must be a mapping"),
        ("[a]: 1\n", "line 1, column 1: a plain value is needed here"),
        ("<<: {a: 1}\n", "line 1, column 1: unknown key '<<'; the file has a"),
    ],
)
def test_a_mapping_with_a_wrong_key_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(DocumentFault) as caught:
        fields(root(text), ["a"], "the file")
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["[a, {b: c}, d]", "- a\n- b: c\n- d\n"])
def test_a_document_has_no_more_keys_and_values_than_are_allowed(text: str) -> None:
    assert compose(text, 3, 6) is not None
    with pytest.raises(DocumentFault, match="more than 5 keys and values"):
        compose(text, 3, 5)


@pytest.mark.parametrize("deeper", DEEPER)
def test_a_deep_document_costs_neither_stack_nor_steps(deeper: str) -> None:
    def read(depth: int) -> None:
        with pytest.raises(DocumentFault):
            compose(deeper * depth, 3, 1 << 18)

    does_not_grow(read, 2000, 500_000)  # PyYAML looks 1024 characters ahead for a key


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("ab:-&*!|>[]{},#?'\"%\n \t\u00e9\x00", max_size=60) | st.text(max_size=60))
def test_only_a_document_fault_comes_out_whatever_the_text(text: str) -> None:
    try:
        node = compose(text, 3, 1 << 18)
    except DocumentFault:
        return
    assert node is None or isinstance(node, yaml.Node)
