"""docs/why.md: its example is read, and its pictures are there."""

from __future__ import annotations

import re
from pathlib import Path

from resolver.config import load
from resolver.core.replies import AnswerMode
from tests.servers import ROOT

TEXT = (ROOT / "docs" / "why.md").read_text()


def test_the_example_is_taken_without_a_warning() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)\n```", TEXT, re.DOTALL)
    config = load(example, "nxwhy.yaml", folder=Path("/etc/nxwhy"), environment={})
    assert config.warnings == ()
    assert config.groups["default"].answer is AnswerMode.NOTICE


def test_every_picture_is_there_small_and_described() -> None:
    shown = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", TEXT)
    assert {path for _, path in shown} == {
        f"pictures/{path.name}" for path in (ROOT / "docs" / "pictures").iterdir()
    }
    assert all(len(words) > 20 for words, _ in shown)
    assert all((ROOT / "docs" / path).stat().st_size < 64 << 10 for _, path in shown)
