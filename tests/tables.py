"""Tables made in memory for tests."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from resolver.core.keys import draw_secret
from resolver.core.lists.rule import Rule
from resolver.core.lists.rules import Resolution, collect
from resolver.core.table import Table
from resolver.core.table import build as build_table

SECRET = draw_secret(random.Random(2026))


def build(lists: Sequence[Iterable[Rule]], resolutions: Sequence[Resolution] = ()) -> Table:
    """Compile rules; a list is known by its place in `lists`."""
    return build_table([collect(rules) for rules in lists], SECRET, resolutions)
