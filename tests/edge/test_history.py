from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.errors import HistoryError
from resolver.edge.history import (
    MAX_AGE_S,
    MAX_VERSIONS,
    History,
    Index,
    Version,
    accept,
    content_id,
    roll_back,
)
from resolver.edge.orders import carry_out


@pytest.fixture
def kept(tmp_path: Path) -> History:
    return History(tmp_path / "history" / "ads")


def add(kept: History, text: str, time_s: float = 1.0) -> str:
    data = text.encode()
    kept.prepare(content_id(data), data)
    kept.add(Version(content_id(data), time_s, 1, len(data), "new content"))
    return content_id(data)


def test_what_was_added_is_found_and_in_force(kept: History) -> None:
    first, second = add(kept, "a.example"), add(kept, "b.example")
    assert kept.text(first) == b"a.example"
    assert kept.index().current == second
    assert [version.id for version in kept.index().versions] == [first, second]


def test_a_content_that_comes_again_is_one_version(kept: History) -> None:
    first, second = add(kept, "a"), add(kept, "b")
    assert add(kept, "a", 2.0) == first
    assert [version.id for version in kept.index().versions] == [second, first]


def test_versions_are_bounded_in_number_and_their_texts_go_with_them(kept: History, tmp_path: Path) -> None:
    ids = [add(kept, str(number)) for number in range(MAX_VERSIONS + 5)]
    assert [version.id for version in kept.index().versions] == ids[-MAX_VERSIONS:]
    assert len(list((tmp_path / "history" / "ads").glob("*.z"))) == MAX_VERSIONS
    with pytest.raises(HistoryError):
        kept.text(ids[0])


def test_versions_are_bounded_in_age_but_the_one_in_force_stays(kept: History) -> None:
    add(kept, "a", 1.0)
    second = add(kept, "b", 2.0 + MAX_AGE_S)
    assert [version.id for version in kept.index().versions] == [second]


def test_a_damaged_text_is_refused(kept: History, tmp_path: Path) -> None:
    first = add(kept, "a.example")
    path = tmp_path / "history" / "ads" / f"{first}.z"
    for damage in (b"", b"x", path.read_bytes()[:-1], zlib.compress(b"b.example")):
        path.write_bytes(damage)
        with pytest.raises(HistoryError):
            kept.text(first)


@given(
    st.one_of(
        st.binary(max_size=60),
        st.sampled_from([b"[]", b"{}", b'{"versions": [{}]}', b'{"versions": 3}', b"[" * 100_000]),
    )
)
def test_a_damaged_index_is_as_good_as_none(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("history")
    (folder / "index.json").write_bytes(data)
    assert History(folder).index() == Index()


@pytest.mark.parametrize("name", ["", "../../etc", "0" * 15, "g" * 16])
def test_only_a_version_names_a_file(kept: History, name: str) -> None:
    with pytest.raises(HistoryError):
        kept.text(name)


A, B, C = (Version(letter * 16, 1.0, 1, 1, "new content") for letter in "abc")
INDEX = Index((A, B, C), current=C.id)


def test_to_roll_back_puts_another_version_in_force_and_the_present_one_aside() -> None:
    back = roll_back(INDEX, "a")
    assert (back.current, back.rejected) == (A.id, C.id)
    assert (roll_back(back, "b").current, roll_back(back, "b").rejected) == (B.id, C.id)
    assert (roll_back(back, "c").current, roll_back(back, "c").rejected) == (C.id, None)


def test_a_version_after_a_rollback_can_be_rolled_back_too(kept: History) -> None:
    texts = [b"one.example\n", b"two.example\n", b"three.example\n"]
    one, two, three = [Version(content_id(text), 1.0, 1, len(text), "new content") for text in texts]
    for version, text in zip((one, two), texts, strict=False):
        kept.prepare(version.id, text)
        kept.add(version)
    kept.save(roll_back(kept.index(), one.id))
    kept.prepare(three.id, texts[2])
    kept.add(three)
    assert (kept.index().current, kept.index().is_rolled_back) == (three.id, False)
    kept.save(roll_back(kept.index(), one.id))
    assert (kept.index().current, kept.index().rejected) == (one.id, three.id)
    assert kept.index().is_rolled_back


@pytest.mark.parametrize("start", ["", "d"])
def test_a_version_is_named_by_a_beginning_that_no_other_has(start: str) -> None:
    with pytest.raises(HistoryError, match="is no version; there are a"):
        INDEX.version(start)


def test_only_what_was_refused_can_be_accepted() -> None:
    assert accept(replace(INDEX, refused="d" * 16)).accepted == "d" * 16
    with pytest.raises(HistoryError):
        accept(INDEX)


def test_a_content_that_was_prepared_stays_until_another_one_is(kept: History, tmp_path: Path) -> None:
    first = add(kept, "a")
    for text in (b"b", b"c"):
        kept.prepare(content_id(text), text)
    assert kept.index().current == first
    assert {path.stem for path in tmp_path.rglob("*.z")} == {first, content_id(b"c")}
    assert add(kept, "c") == kept.index().current


def test_unpin_says_that_a_list_stays_rolled_back(kept: History) -> None:
    kept.save(replace(roll_back(INDEX, "a"), pinned=True))
    assert carry_out("unpin", kept).endswith("but stays rolled back until that has a new version")
    kept.save(replace(INDEX, pinned=True))
    assert carry_out("unpin", kept) == "the list follows its source again"
