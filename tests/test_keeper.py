"""What is written down of a change."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from resolver.config import load
from resolver.edge.audit import FILE
from resolver.edge.builder import Order, build_file, open_built
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
