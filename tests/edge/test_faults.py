"""Exceptions that nobody caught."""

from __future__ import annotations

import asyncio
import logging
from typing import cast

import pytest

from resolver.edge.faults import EVERY_S, FaultLog


class Clock:
    """A loop that only says what time it is."""

    now_s = 100.0

    def time(self) -> float:
        return self.now_s


def test_a_flood_of_faults_is_one_line_a_second_and_the_rest_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, found = Clock(), FaultLog()
    loop = cast(asyncio.AbstractEventLoop, clock)
    for _ in range(1000):
        found.handle(loop, {"message": "a callback broke", "exception": ValueError("why")})
        clock.now_s += EVERY_S / 1001
    assert found.unlogged == 999
    clock.now_s += EVERY_S
    found.handle(loop, {"message": "another broke"})
    found.handle(loop, {})
    lines = [(record.getMessage(), vars(record)["fields"]["unlogged"]) for record in caplog.records]
    assert lines == [("a callback broke", 0), ("another broke", 999)]
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert "ValueError: why" in caplog.text
