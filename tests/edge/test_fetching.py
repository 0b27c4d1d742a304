"""How fetches fare, as those who look at the lists are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from resolver.core.errors import ChildError
from resolver.edge.fetch_request import FetchRequest
from resolver.edge.fetching import Fetcher, Job


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


def test_a_list_that_is_no_longer_fetched_is_forgotten(tmp_path: Path) -> None:
    fetcher = Fetcher(tmp_path / "fetched")
    fetcher.due([job(tmp_path)], 1.0)
    fetcher.due([], 1.0)
    assert fetcher.reports == {}
