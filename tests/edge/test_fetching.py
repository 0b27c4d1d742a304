"""How fetches fare, as those who look at the lists are told."""

from __future__ import annotations

import asyncio
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from resolver.core.errors import ChildError
from resolver.edge import fetching
from resolver.edge.fetch_request import FetchRequest
from resolver.edge.fetching import Fetcher, Job, keep_fetching


def job(tmp_path: Path) -> Job:
    return Job("ads", FetchRequest((tmp_path / "ads.txt").as_uri(), tmp_path / "fetched"), 3600.0, ())


async def test_a_fetch_that_comes_to_nothing_is_reported_until_one_is_good(tmp_path: Path) -> None:
    fetcher, one = Fetcher(tmp_path / "fetched"), job(tmp_path)
    assert fetcher.due([one], 1.0) == [one]
    assert fetcher.reports["ads"] == (None, 0, None)
    with pytest.raises(ChildError):
        await fetcher.fetch(one)
    success_s, failures, error = fetcher.reports["ads"]
    assert (success_s, failures) == (None, 1)
    assert "No such file" in str(error)
    (tmp_path / "ads.txt").write_text("ads.example\n")
    await fetcher.fetch(one)
    success_s, failures, error = fetcher.reports["ads"]
    assert success_s is not None
    assert (failures, error) == (1, None)


async def test_the_last_good_fetch_is_known_after_a_restart(tmp_path: Path) -> None:
    fetcher, one = Fetcher(tmp_path / "fetched"), job(tmp_path)
    (tmp_path / "ads.txt").write_text("ads.example\n")
    await fetcher.fetch(one)
    again = Fetcher(tmp_path / "fetched")
    again.due([one], 1.0)
    assert again.reports["ads"] == fetcher.reports["ads"]


async def test_a_host_that_is_dead_does_not_hold_up_the_lists_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    last_begun = asyncio.Event()
    running = most = 0

    async def run(_: str, given: bytes, __: float) -> str:
        nonlocal running, most
        begun.append(pickle.loads(given).name)
        running += 1
        most = max(most, running)
        if len(begun) == 11:
            last_begun.set()
        if len(begun) < fetching.AT_ONCE:  # all but one of those at a time wait for the last list
            await last_begun.wait()
        running -= 1
        raise ChildError("a dead host")

    monkeypatch.setattr(fetching, "run_child", run)
    one = job(tmp_path)
    jobs = [replace(one, name=f"list{number}") for number in range(11)]
    async with asyncio.timeout(60):
        await keep_fetching(Fetcher(tmp_path / "fetched"), jobs)
    assert sorted(begun) == sorted([one.name for one in jobs])
    assert most == fetching.AT_ONCE


async def test_one_list_is_fetched_once_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = most = 0

    async def run(*_: object) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return "unchanged"

    monkeypatch.setattr(fetching, "run_child", run)
    fetcher, one = Fetcher(tmp_path / "fetched"), job(tmp_path)
    await asyncio.gather(*[fetcher.fetch(one) for _ in range(3)])
    assert most == 1


def test_a_list_that_is_no_longer_fetched_is_forgotten(tmp_path: Path) -> None:
    fetcher = Fetcher(tmp_path / "fetched")
    fetcher.due([job(tmp_path)], 1.0)
    fetcher.due([], 1.0)
    assert fetcher.reports == {}
