"""While time passes and everything changes, what is answered natively is what Python answers."""

from __future__ import annotations

import os

import pytest

from tests.native.differential import walk
from tests.twins import needs_native

pytestmark = [needs_native, pytest.mark.fuzz]
MESSAGES = int(os.environ.get("NXWHY_EXAMPLES", "100")) * 60
"""How many are asked in all; `make native-differential` asks a million."""


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_messages_get_the_same_answer_or_are_handed_over_while_answers_age_and_policies_change(
    seed: int,
) -> None:
    counts = walk(1000 * seed, MESSAGES // 3)
    assert counts["answered natively"] > MESSAGES // 60
    assert counts["from the cache"] > 0
    assert counts["with a cookie"] > 0
