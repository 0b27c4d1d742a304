"""What the tests of the native parts share."""

from __future__ import annotations

import pytest

from resolver.core import retries
from tests.native.caching import Library, build_library


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The native answer cache, compiled once."""
    return build_library(tmp_path_factory.mktemp("native"))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no busy machine make a sending look lost."""
    monkeypatch.setattr(retries, "FIRST_TIMEOUT_S", 30.0)
    monkeypatch.setattr(retries, "SHORTEST_TIMEOUT_S", 30.0)
