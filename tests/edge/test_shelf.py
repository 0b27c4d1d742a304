from __future__ import annotations

import logging
from pathlib import Path

import pytest

from resolver.edge import shelf as shelf_module
from resolver.edge.builder import Build, Order, build_file, open_built
from resolver.edge.fetching import Report
from resolver.edge.history import History
from resolver.edge.intake import Source
from resolver.edge.shelf import Shelf
from resolver.listing import lists_document, lists_text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "ads.txt"
    made.write_text("a.example\n")
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(shelf_module.time, "time", lambda: now[0])  # type: ignore[attr-defined]
    return now


def compiled(path: Path) -> Build:
    build_file(Order((Source("ads", path),)), path.parent / "state")
    return open_built(path.parent / "state")


def test_an_empty_shelf_has_nothing() -> None:
    shelf = Shelf()
    assert (shelf.names(), shelf.states(), shelf.missing(), shelf.summary()) == ([], (), [], {})


def test_failures_are_counted_and_the_last_success_is_remembered(path: Path, clock: list[float]) -> None:
    shelf = Shelf()
    shelf.note(compiled(path))
    path.write_text("<html>")
    for now in (200.0, 300.0):
        clock[0] = now
        shelf.note(compiled(path))
        shelf.looked()
    (state,) = shelf.states()
    assert (state.failed, state.failures, state.last_success_s, state.names) == (True, 2, 100.0, 1)
    path.write_text("b.example\n")
    clock[0] = 400.0
    shelf.note(compiled(path))
    (state,) = shelf.states()
    assert (state.failed, state.failures, state.last_success_s) == (False, 2, 400.0)


def test_a_look_that_finds_a_good_list_as_it_was_counts_as_success(path: Path, clock: list[float]) -> None:
    shelf = Shelf()
    shelf.note(compiled(path))
    clock[0] = 200.0
    shelf.looked()
    assert shelf.states()[0].last_success_s == 200.0


def test_a_version_that_cannot_be_kept_is_logged_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(History, "add", fail)
    shelf = Shelf()
    for _ in range(2):
        shelf.note(compiled(path))
    assert caplog.text.count("its version is not kept: No space left on device") == 1
    (shown,) = lists_document(compiled(path), {})
    assert shown["unkept"] == "No space left on device"
    assert "ads: its version is not kept: No space left on device" in lists_text([shown])


def test_a_list_of_which_nothing_is_in_force_is_missing(path: Path) -> None:
    path.unlink()
    shelf = Shelf()
    shelf.note(compiled(path))
    assert shelf.missing() == ["ads"]
    assert shelf.states()[0].last_success_s is None
    assert shelf.summary() == {
        "ads": {
            "names": 0,
            "bad_lines": 0,
            "held": None,
            "error": f"{path}: No such file or directory",
        }
    }


def test_what_is_new_or_wrong_is_logged_once_a_build(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    shelf = Shelf()

    def said() -> list[tuple[str, str]]:
        caplog.clear()
        shelf.note(compiled(path))
        return [(record.levelname, record.message.partition(":")[0]) for record in caplog.records]

    assert said() == [("INFO", "list in force")]
    assert said() == []
    path.write_text("z.example\n")  # as many names, and others
    assert said() == [("INFO", "list in force")]
    path.write_text("a.example\nb.example\nsome bad line\n")
    assert said() == [("INFO", "list in force"), ("WARNING", "bad line")]
    path.unlink()
    assert said() == [("ERROR", "list refused")]
    assert "the last good copy stays in force" in caplog.text


def test_a_list_is_no_younger_than_its_last_good_fetch(path: Path, clock: list[float]) -> None:
    clock[0] = 500.0
    reports = {"ads": Report(success_s=300.0)}
    shelf = Shelf(reports, lambda _: 560.0)
    shelf.note(compiled(path))
    shelf.looked()
    assert shelf.states()[0].last_success_s == 300.0
    assert not shelf.states()[0].failed

    reports["ads"] = Report(300.0, 2, "404")
    shelf.looked()
    (state,) = shelf.states()
    assert (state.last_success_s, state.failed, state.failures, state.next_fetch_s) == (300.0, True, 2, 560.0)
    live = shelf.live(500.0)["ads"]
    assert (live["age_s"], live["next_fetch_s"], live["fetch_error"]) == (200.0, 60, "404")


def test_a_hit_in_shadow_is_a_hit_of_its_own_kind(path: Path) -> None:
    shelf = Shelf()
    shelf.note(compiled(path))
    shelf.note_hits({}, {}, 1.0)
    assert shelf.live(2.0)["ads"]["last_hit_s"] is None
    shelf.note_hits({("ads", "a"): 1}, {("ads", "a"): 2, ("ads", "b"): 3}, 5.0)
    shelf.note_hits({("ads", "a"): 1}, {("ads", "a"): 2, ("ads", "b"): 3}, 7.0)
    live = shelf.live(9.0)["ads"]
    assert (live["hits"], live["shadow_hits"], live["last_hit_s"]) == (1, 5, 4.0)
    assert shelf.states()[0].last_hit_s == 5.0


def test_a_header_that_speaks_against_the_reading_is_logged_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("# Wildcard domains\na.example\n")
    shelf = Shelf()
    shelf.note(compiled(path))
    shelf.note(compiled(path))
    assert caplog.text.count("`match: subtree`") == 1


def test_a_list_that_is_still_to_be_fetched_is_no_failure_until_a_fetch_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nxwhy")
    fetches: dict[str, Report] = {}
    shelf = Shelf(fetches)
    source = Source("web", tmp_path / "web.list", url="https://lists.example/a")
    build_file(Order((source,)), tmp_path / "state")
    shelf.note(open_built(tmp_path / "state"))
    (line,) = caplog.records
    assert (line.levelname, line.message) == ("INFO", "nothing of a list is there yet; it is being fetched")
    assert (shelf.states()[0].failures, shelf.missing()) == (0, ["web"])
    fetches["web"] = Report(error="no route")
    shelf.note(open_built(tmp_path / "state"))
    assert caplog.records[-1].levelname == "ERROR"
    assert caplog.records[-1].message.startswith("list refused: https://lists.example/a: not fetched yet; ")
