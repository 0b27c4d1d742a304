"""`nxwhy requests`: what people asked for on the notice page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner, Result

from resolver.cli import main
from resolver.edge.desk import FILE, append
from resolver.web.requests import Wish

WISH = Wish("chat.example", "192.0.2.7", "home \u202ework\x1b[31m", "a@pupil.example", "chat", "default")


def run(folder: Path, *arguments: str, more: str = "") -> Result:
    config = folder / "nxwhy.yaml"
    config.write_text(f"state: .\n{more}")
    found = CliRunner().invoke(main, ["requests", "--config", str(config), *arguments])
    assert found.exit_code == 0, found.output
    return found


def test_without_a_request_it_is_said_whether_there_is_a_form_to_ask_by(tmp_path: Path) -> None:
    found = run(tmp_path)
    assert (found.stdout, found.stderr) == (
        "",
        "the notice page has no form to ask by; `notice.requests: true` puts it there\n",
    )
    found = run(tmp_path, more="listen: {notice: [192.0.2.1:80]}\nnotice: {requests: true}\n")
    assert (found.stdout, found.stderr) == ("", "nobody asked for anything yet\n")
    found = run(tmp_path, "--json")
    assert (json.loads(found.stdout), found.stderr) == ([], "")


def test_each_request_is_a_line_that_cannot_write_on_the_terminal(tmp_path: Path) -> None:
    append(tmp_path, WISH, 0.0)
    append(tmp_path, replace(WISH, why="maths", reply=""), 60.0)
    assert run(tmp_path).stdout.splitlines() == [
        "1970-01-01T00:00:00+00:00 chat.example for 192.0.2.7 (list chat): home \ufffdwork\ufffd[31m;"
        " answer to a@pupil.example",
        "1970-01-01T00:01:00+00:00 chat.example for 192.0.2.7 (list chat): maths",
    ]


def test_programs_get_all_of_them_as_they_were_written(tmp_path: Path) -> None:
    append(tmp_path, WISH, 0.0)
    with (tmp_path / FILE).open("a") as file:
        file.write('{"time": "half a line')
    (found,) = json.loads(run(tmp_path, "--json").stdout)
    assert found["why"] == WISH.why
