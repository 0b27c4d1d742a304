"""States of fetches on disk: there again after a restart, and never in the way."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resolver.core.errors import StateError
from resolver.core.refresh import FetchState, Validators
from resolver.edge.fetched import MAX_BYTES, FetchStore

ORIGIN = "https://lists.example/ sha256:ab"
STATE = FetchState(ORIGIN, Validators('"one"', "Mon, 23 Nov 2026 12:00:00 GMT"), "ab", 10.5, 20.0, 2)
NEW = FetchState(ORIGIN)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "fetched"


STATES = st.builds(
    FetchState,
    st.text(st.characters(codec="utf-8"), max_size=50),
    st.builds(
        Validators,
        st.none() | st.text("abc\"/ '\\", min_size=1),
        st.none() | st.text("abc, :", min_size=1),
    ),
    st.none() | st.text("0123456789abcdef"),
    st.none() | st.floats(0, 1e11),
    st.none() | st.floats(0, 1e11),
    st.integers(0, 10**9),
)


@given(STATES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
def test_what_is_kept_is_there_again(folder: Path, state: FetchState) -> None:
    FetchStore(folder).save("ads", state)
    assert FetchStore(folder).load("ads", state.origin) == state


def test_lists_have_files_of_their_own(folder: Path) -> None:
    store = FetchStore(folder)
    store.save("ads", STATE)
    assert store.load("trackers", ORIGIN) == NEW
    store.forget("ads")
    store.forget("ads")
    assert store.load("ads", ORIGIN) == NEW


def test_a_list_that_moved_or_is_held_to_something_else_is_new(folder: Path) -> None:
    store = FetchStore(folder)
    store.save("ads", STATE)
    assert store.load("ads", "https://lists.example/") == FetchState("https://lists.example/")


GOOD = json.dumps(
    {
        "origin": ORIGIN,
        "validators": {"etag": None, "last_modified": None},
        "sha256": None,
        "last_success_s": 1,
        "last_attempt_s": 2.5,
        "failures": 0,
    }
)


def test_the_form_of_a_file_stays_what_it_is(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "ads.json").write_text(GOOD)
    assert FetchStore(folder).load("ads", ORIGIN) == FetchState(
        ORIGIN, last_success_s=1.0, last_attempt_s=2.5
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "\xff\xfe",
        "[" * 20000,
        GOOD[: len(GOOD) // 2],
        GOOD.replace("2.5", "NaN"),
        GOOD.replace("2.5", "Infinity"),
        GOOD.replace("2.5", "-1"),
        GOOD.replace("2.5", '"soon"'),
        GOOD.replace("2.5", "true"),
        GOOD.replace("2.5", "1" + "0" * 400),
        GOOD.replace("2.5", "1" + "0" * 9000),
        GOOD.replace('"failures": 0', '"failures": -1'),
        GOOD.replace('"failures": 0', '"failures": false'),
        GOOD.replace('"failures": 0', '"failures": 0.5'),
        GOOD.replace('"sha256": null', '"sha256": 1'),
        GOOD + " " * MAX_BYTES,
    ],
)
def test_a_damaged_file_is_as_if_nothing_had_been_fetched(folder: Path, text: str) -> None:
    folder.mkdir(parents=True)
    (folder / "ads.json").write_bytes(text.encode("latin-1"))
    store = FetchStore(folder)
    assert store.load("ads", ORIGIN) == NEW
    store.save("ads", STATE)
    assert store.load("ads", ORIGIN) == STATE


def test_damaged_validators_are_not_sent(folder: Path) -> None:
    folder.mkdir(parents=True)
    damaged = GOOD.replace('"etag": null', '"etag": "a\\r\\nHost: other.example"')
    (folder / "ads.json").write_text(damaged)
    assert FetchStore(folder).load("ads", ORIGIN).validators == Validators()


def test_what_is_no_file_is_as_if_nothing_had_been_fetched(folder: Path) -> None:
    folder.mkdir(parents=True)
    os.mkfifo(folder / "ads.json")
    assert FetchStore(folder).load("ads", ORIGIN) == NEW


def test_a_state_that_cannot_be_written_leaves_the_old_one_and_no_rubbish(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FetchStore(folder)
    store.save("ads", STATE)

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StateError, match=r"ads\.json: No space left"):
            store.save("ads", NEW)
    (folder / "line.json").mkdir()
    with pytest.raises(StateError, match=r"line\.json: Is a directory"):
        store.save("line", NEW)
    with pytest.raises(StateError):
        store.forget("line")
    assert sorted(path.name for path in folder.iterdir()) == ["ads.json", "line.json"]
    assert store.load("ads", ORIGIN) == STATE


def test_nobody_else_can_read_what_is_kept(folder: Path) -> None:
    FetchStore(folder).save("ads", STATE)
    assert (folder / "ads.json").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
