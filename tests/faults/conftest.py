from __future__ import annotations

import pytest

from resolver.core import retries
from tests import twins


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no busy machine make a sending look lost."""
    monkeypatch.setattr(retries, "FIRST_TIMEOUT_S", 30.0)
    monkeypatch.setattr(retries, "SHORTEST_TIMEOUT_S", 30.0)


@pytest.fixture
def python_alone() -> None:
    """For what looks into the Python part, or is otherwise where the native one asks first."""
    if twins.chosen() == "native":
        pytest.skip("of the Python part")
