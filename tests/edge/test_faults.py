"""Exceptions that nobody caught."""

from __future__ import annotations

import asyncio
import logging

import pytest

from resolver.edge import faults
from resolver.edge.faults import FaultLog


async def test_a_flood_of_faults_is_one_line_a_second_and_the_rest_is_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "EVERY_S", 0.2)
    loop, found = asyncio.get_running_loop(), FaultLog()
    for _ in range(1000):
        found.handle(loop, {"message": "a callback broke", "exception": ValueError("why")})
    assert found.unlogged == 999
    await asyncio.sleep(0.25)
    found.handle(loop, {"message": "another broke"})
    found.handle(loop, {})
    lines = [(record.getMessage(), vars(record)["fields"]["unlogged"]) for record in caplog.records]
    assert lines == [("a callback broke", 0), ("another broke", 999)]
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert "ValueError: why" in caplog.text
