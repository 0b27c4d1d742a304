"""tests/programs.py: what happens to a test that wants a program."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.programs import need


def test_a_program_that_is_there_is_found_by_its_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "made-up").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert need("made-up") == str(tmp_path / "made-up")


def test_without_the_program_the_test_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs the program no-such-program"):
        need("no-such-program")


def test_without_the_program_the_test_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="needs the program no-such-program"):
        need("no-such-program")
