"""The table of lists that people see."""

from __future__ import annotations

from pathlib import Path

from resolver.edge.builder import build
from resolver.edge.fetching import Report
from resolver.edge.intake import Source
from resolver.edge.shelf import Shelf
from resolver.listing import lists_document, lists_text


def test_every_column_and_note_is_there(tmp_path: Path) -> None:
    text = "# Wildcard domains\na.example\na.example\n||b.example^\nx.b.example\nc.example##.x\na..b\n"
    (tmp_path / "ads.txt").write_text(text)
    made = build([Source("ads", tmp_path / "ads.txt", url="https://lists.example/ads")], None)
    shelf = Shelf({"ads": Report(None, 1, "404 Not Found")}, lambda _: 90.0)
    shelf.note(made)
    shelf.note_hits({("ads", "default"): 7}, {("ads", "lab"): 5}, 10.0)
    heads, row, *notes = lists_text(lists_document(made, shelf.live(30.0))).splitlines()
    assert dict(zip(heads.split(), row.split(maxsplit=11), strict=False)) == {
        "LIST": "ads",
        "NAMES": "3",
        "OWN": "3",
        "TWICE": "1",
        "COVERED": "1",
        "BAD": "1",
        "LINES": "7",
        "HITS": "7",
        "SHADOW": "5",
        "LAST": "20s",
        "AGE": "-",
        "FORMAT": "domains, adblock  ads",
    }
    assert notes == [
        "ads: not fetched: 404 Not Found",
        "ads: https://lists.example/ads:7: an empty label: 'a..b'",
        "ads: line 1 says '# Wildcard domains': its names may be meant with all below them, `match: subtree`",
        "ads: ignored: 1 cosmetic",
        "ads: fetched again in 1m",
    ]
