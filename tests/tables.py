"""Tables made in memory for tests."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from resolver.core.keys import draw_secret
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Effect, Rule, Scope
from resolver.core.lists.rules import Resolution, collect
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList
from resolver.core.replies import AnswerMode
from resolver.core.table import Table
from resolver.core.table import build as build_table
from tests import twins

SECRET = draw_secret(random.Random(2026))


def blocking(name: str, generation: int = 0) -> Policy:
    """Return a policy with one list, which blocks one name for all."""
    rules = [Rule(name, Scope.SUBTREE, Effect.BLOCK, 1)]
    group = Group("default", (), frozenset([0]), AnswerMode.NXDOMAIN)
    lists = [PolicyList("ads", Record("Ads", text="No ads."))]
    return Policy(build([rules]), lists, [group], AnswerSettings(), generation)


def build(lists: Sequence[Iterable[Rule]], resolutions: Sequence[Resolution] = ()) -> Table:
    """Compile rules; a list is known by its place in `lists`."""
    return build_table([collect(rules) for rules in lists], SECRET, resolutions, twins.steps())
