"""What keeping the lists comes to."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from resolver.config import Config, load
from resolver.core.errors import ListRefused, TableFault
from resolver.edge.audit import FILE
from resolver.edge.builder import TABLE, Order, build_file, open_built
from resolver.edge.intake import history
from resolver.keeper import Keeper
from resolver.parts import list_sources


async def test_a_list_that_counts_in_another_way_is_written_down(tmp_path: Path) -> None:
    (tmp_path / "ads.txt").write_text("a.example\n")

    def config(settings: str) -> str:
        return f"lists: {{ads: {{path: ads.txt{settings}}}}}\nstate: .\n"

    before, after = (
        load(config(settings), "n.yaml", folder=tmp_path, environment={})
        for settings in ("", ", mode: shadow, match: subtree")
    )
    build_file(Order(list_sources(before)), before.state)
    build, keeper = open_built(before.state), Keeper(before.state)
    keeper.shelf.note(build)
    await keeper.note_changes("nothing", before, before, replace(build))
    assert not (tmp_path / FILE).exists()
    await keeper.note_changes("n.yaml", before, after, build)
    (entry,) = map(json.loads, (tmp_path / FILE).read_text().splitlines())
    same = {"kind": "block", "format": "auto", "trusted": False}
    assert entry["before"] == {"mode": "enforced", "match": "exact", **same}
    assert entry["after"] == {"mode": "shadow", "match": "subtree", **same}
    assert (entry["list"], entry["cause"]) == ("ads", "n.yaml")


async def test_the_table_of_an_earlier_run_serves_where_its_lists_are_those_of_the_configuration(
    tmp_path: Path,
) -> None:
    def config(lists: str) -> Config:
        return load(f"lists: {{{lists}}}\nstate: .\n", "n.yaml", folder=tmp_path, environment={})

    (tmp_path / "ads.txt").write_text("a.example\n")
    before = config("ads: {path: ads.txt}")
    build_file(Order(list_sources(before)), before.state)
    keeper = Keeper(before.state)
    (tmp_path / "ads.txt").write_text("b.example\n")  # which is looked at once we serve
    for same in ("ads: {path: ads.txt}", "ads: {path: ads.txt, record: {title: Ads}}"):
        assert [one.name for one in keeper.last(config(same)).lists] == ["ads"]
    for other in (
        "other: {path: ads.txt}",
        "ads: {path: other.txt}",
        "ads: {path: ads.txt, match: subtree}",
        "ads: {path: ads.txt, kind: allow}",
        "ads: {path: ads.txt}, more: {path: more.txt}",
        "",
    ):
        with pytest.raises(TableFault, match="other lists"):
            keeper.last(config(other))


async def test_a_restart_makes_no_list_younger_than_it_was(tmp_path: Path) -> None:
    (tmp_path / "ads.txt").write_text("a.example\n")
    config = load("lists: {ads: {path: ads.txt}}\nstate: .\n", "n.yaml", folder=tmp_path, environment={})
    build_file(Order(list_sources(config)), config.state)
    (version,) = history(config.state, "ads").index().versions
    os.utime(tmp_path / TABLE, (1e9, 1e9))
    keeper = Keeper(config.state)
    keeper.put_in_force(config, keeper.last(config))
    assert keeper.shelf.states()[0].last_success_s == 1e9
    (tmp_path / "ads.txt").unlink()
    build_file(Order(list_sources(config)), config.state)
    keeper.put_in_force(config, open_built(config.state))
    assert keeper.shelf.states()[0].last_success_s == 1e9
    again = Keeper(config.state)
    again.put_in_force(config, again.last(config))
    assert again.shelf.states()[0].last_success_s == version.time_s


async def test_a_test_of_a_list_that_was_never_fetched_refuses_no_build_until_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = load(
        "lists: {ads: {url: 'https://lists.example/a'}}\n"
        "groups: {default: {block: [ads]}}\n"
        "tests: [{name: ads.example, expect: blocked}]\n"
        "state: .\n",
        "n.yaml",
        folder=tmp_path,
        environment={},
    )
    keeper, (source,) = Keeper(config.state), list_sources(config)
    with caplog.at_level(logging.WARNING):
        assert not (await keeper.build(config)).lists[0].in_force
    (said,) = [record.getMessage() for record in caplog.records]
    where = "n.yaml:3:9: tests.0"
    assert said.startswith(f"a test is tried again once its list is fetched: {where}: ads.example A")
    source.path.parent.mkdir()
    source.path.write_text("other.example\n")
    with pytest.raises(ListRefused, match=r"tests\.0: ads\.example A"):
        await keeper.build(config)
    source.path.write_text("ads.example\n")
    assert (await keeper.build(config)).lists[0].in_force
    assert len(caplog.records) == 1
