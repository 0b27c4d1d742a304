"""One time for all that is done within it."""

from __future__ import annotations

import pytest

from resolver.edge import deadline as deadline_module
from resolver.edge.deadline import Deadline


def test_what_is_left_shrinks_and_then_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(deadline_module, "monotonic", lambda: now[0])
    deadline = Deadline(10)
    assert (deadline.left(), deadline.left(3)) == (10, 3)
    now[0] = 109.0
    assert (deadline.left(), deadline.left(3)) == (1, 1)
    now[0] = 110.0
    with pytest.raises(TimeoutError, match="took longer than 10 s"):
        deadline.left()
