from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from resolver.cli import main
from resolver.core.errors import ReplayError
from resolver.replaying import read_seen

OLD = "lists: {ads: {path: ads.txt}}\nstate: state\n"
NEW = (
    "lists: {ads: {path: ads.txt}, more: {path: more.txt}, staff: {path: staff.txt, kind: allow}}\n"
    "groups: {default: {block: [ads, more]}, "
    "staff: {clients: [192.0.2.0/24], block: [ads], allow: [staff]}}\n"
    "state: state\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "old.yaml": OLD,
        "new.yaml": NEW,
        "ads.txt": "ads.example\n",
        "more.txt": "more.example\n",
        "staff.txt": "ads.example\n",
        "seen.txt": "ads.example\nmore.example # twice\n\nads.example 192.0.2.7\nopen.example\n",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_names_that_another_configuration_blocks_or_frees_are_shown_with_the_list(folder: Path) -> None:
    words = ["replay", str(folder / "seen.txt"), "--with", str(folder / "new.yaml")]
    done = CliRunner().invoke(main, [*words, "--config", str(folder / "old.yaml")])
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "+ more.example (more) for 127.0.0.1",
        "- ads.example (ads) for 192.0.2.7",
    ]
    assert done.stderr.splitlines() == [
        "ads: 0 newly blocked, 1 freed",
        "more: 1 newly blocked, 0 freed",
        "2 of 4 names change",
    ]
    assert not (folder / "state").exists()


def test_the_same_configuration_changes_nothing(folder: Path) -> None:
    words = ["replay", "-", "--with", str(folder / "old.yaml"), "--config", str(folder / "old.yaml")]
    done = CliRunner().invoke(main, words, input="ads.example\n")
    assert (done.stdout, done.stderr) == ("", "0 of 1 names change\n")


@pytest.mark.parametrize("line", ["a..example", "a.example 192.0.2.300", "a.example 192.0.2.1 more"])
def test_a_line_that_is_no_name_is_told(line: str) -> None:
    with pytest.raises(ReplayError, match="seen:2: "):
        list(read_seen(["a.example", line], "seen"))
