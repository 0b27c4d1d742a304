from __future__ import annotations

import json
from pathlib import Path

from resolver.edge import audit


def test_a_line_that_a_crash_tore_costs_no_other(tmp_path: Path) -> None:
    audit.write(tmp_path, "start", [{"list": "ads"}], 0.0)
    with (tmp_path / audit.FILE).open("ab") as file:
        file.write(b'{"time": "19')
    audit.write(tmp_path, "reload", [{"list": "ads"}, {"list": "chat"}], 1.0)
    first, torn, *rest = (tmp_path / audit.FILE).read_bytes().splitlines()
    assert torn == b'{"time": "19'
    assert [json.loads(line)["cause"] for line in (first, *rest)] == ["start", "reload", "reload"]
