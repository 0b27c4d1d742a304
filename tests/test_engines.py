"""Which engine runs, and what is said of it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from resolver import native
from resolver.cli import main
from resolver.config import Config
from resolver.config.model import Engine
from resolver.core.errors import EngineError
from resolver.engines import chosen, make_parts
from resolver.observe.counters import Counters
from tests.twins import needs_native


@pytest.fixture
def unbuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it as if the native part had not been built."""
    monkeypatch.setattr(native, "problem", lambda: "it was not built")


@needs_native
def test_the_native_part_runs_where_it_was_built_unless_it_is_switched_off() -> None:
    assert [chosen(engine) for engine in Engine] == ["native", "python", "native"]
    assert make_parts(Config(), Counters()).name == "native"


@pytest.mark.usefixtures("unbuilt")
def test_without_it_all_runs_on_python_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert make_parts(Config(), Counters()).name == "python"
        assert make_parts(Config(engine=Engine.PYTHON), Counters()).name == "python"
    assert [record.getMessage() for record in caplog.records] == [
        "the native part cannot run, all answers come from Python: it was not built"
    ]


@pytest.mark.usefixtures("unbuilt")
def test_who_asks_for_the_native_part_in_vain_is_told_so() -> None:
    with pytest.raises(EngineError, match="engine: native: it was not built; `auto` runs without it"):
        chosen(Engine.NATIVE)


def test_a_missing_module_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(native, "_native", raising=False)
    monkeypatch.setitem(sys.modules, "resolver.native._native", None)
    assert native.problem() == native.NOT_BUILT


def test_the_version_says_which_engine_runs() -> None:
    output = CliRunner().invoke(main, ["--version"]).output
    assert output.endswith(f", engine {chosen(Engine.AUTO)}\n")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where the native part is looked for, and not where it was built."""
    monkeypatch.setattr(native, "__path__", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, native.MODULE, raising=False)
    monkeypatch.delattr(native, "_native", raising=False)
    return tmp_path


@pytest.mark.usefixtures("elsewhere")
def test_where_no_compiler_was_it_is_said_what_builds_the_native_part() -> None:
    assert native.problem() == native.NOT_BUILT


def test_a_native_part_that_cannot_be_loaded_is_told_from_one_that_is_not_there(elsewhere: Path) -> None:
    (elsewhere / "_native.abi3.so").write_bytes(b"no library")
    assert "_native.abi3.so" in (native.problem() or "")
