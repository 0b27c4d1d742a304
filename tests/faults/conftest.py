from __future__ import annotations

import pytest

from resolver.core import retries


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no busy machine make a sending look lost."""
    monkeypatch.setattr(retries, "FIRST_TIMEOUT_S", 30.0)
    monkeypatch.setattr(retries, "SHORTEST_TIMEOUT_S", 30.0)
