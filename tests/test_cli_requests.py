"""`nxwhy requests`: what people asked for on the notice page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner

from resolver.cli import main
from resolver.edge.desk import FILE, append
from resolver.web.requests import Wish

WISH = Wish("chat.example", "192.0.2.7", "home \u202ework\x1b[31m", "a@pupil.example", "chat", "default")


def run(folder: Path, *arguments: str) -> str:
    config = folder / "nxwhy.yaml"
    config.write_text("state: .\n")
    found = CliRunner().invoke(main, ["requests", "--config", str(config), *arguments])
    assert found.exit_code == 0, found.output
    return found.output


def test_without_a_request_nothing_is_said(tmp_path: Path) -> None:
    assert run(tmp_path) == ""
    assert json.loads(run(tmp_path, "--json")) == []


def test_each_request_is_a_line_that_cannot_write_on_the_terminal(tmp_path: Path) -> None:
    append(tmp_path, WISH, 0.0)
    append(tmp_path, replace(WISH, why="maths", reply=""), 60.0)
    assert run(tmp_path).splitlines() == [
        "1970-01-01T00:00:00+00:00 chat.example for 192.0.2.7 (list chat): home \ufffdwork\ufffd[31m;"
        " answer to a@pupil.example",
        "1970-01-01T00:01:00+00:00 chat.example for 192.0.2.7 (list chat): maths",
    ]


def test_programs_get_all_of_them_as_they_were_written(tmp_path: Path) -> None:
    append(tmp_path, WISH, 0.0)
    with (tmp_path / FILE).open("a") as file:
        file.write('{"time": "half a line')
    (found,) = json.loads(run(tmp_path, "--json"))
    assert found["why"] == WISH.why
