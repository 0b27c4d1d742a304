"""When the journal is tended."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from resolver import recording
from resolver.config import Config
from resolver.config.model import JournalSettings
from resolver.recording import Recorder


async def test_a_journal_that_is_switched_off_and_on_again_is_tended_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recording, "GATHER_S", 0.001)
    tasks: list[asyncio.Task[None]] = []

    def spawn(work: Coroutine[Any, Any, None]) -> None:
        tasks.append(asyncio.create_task(work))

    service: Any = SimpleNamespace(journal=None)
    recorder = Recorder(service, None, spawn)
    off, on = Config(), Config(journal=JournalSettings.model_validate({"queries": "memory"}))
    for config in (on, off, on, off, on):
        recorder.put_in_force(config)
    assert len(tasks) == 1
    recorder.put_in_force(off)
    await asyncio.gather(*tasks)
    recorder.put_in_force(on)
    assert len(tasks) == 2
    recorder.put_in_force(off)
    await asyncio.gather(*tasks)
