"""Reading a configuration in tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from resolver.config import Config, ConfigError, load

FOLDER = Path("/etc/nxwhy")
HOME = {"HOME": "/home/owner"}


def config(text: str) -> Config:
    """Return the configuration in a text."""
    return load(text, "n.yaml", folder=FOLDER, environment=HOME)


def mistakes(text: str) -> list[str]:
    """Return what is wrong with a text, a line each, without the name of the file."""
    with pytest.raises(ConfigError) as caught:
        config(text)
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return [str(problem).removeprefix("n.yaml:") for problem in caught.value.problems]


def warnings(text: str) -> list[str]:
    """Return what a text is warned of, a line each, without the name of the file."""
    return [str(warning).removeprefix("n.yaml:") for warning in config(text).warnings]
