from __future__ import annotations

import pytest

from resolver.core.lists.rule import Scope
from resolver.core.lists.wildcards import read_wildcards
from tests.core.lists.said import says


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("*.ads.example", "subtree ads.example"),
        ("*.ADS.example.", "subtree ads.example"),
        ("*.ads.example#c", "subtree ads.example"),
        ("*.bücher.example", "subtree xn--bcher-kva.example"),
        ("ads.example", "exact ads.example"),
        ("# c", "comment"),
        ("*.localhost", "local"),
        ("*", "bad"),
        ("*.", "bad"),
        ("*..", "bad"),
        (".", "bad"),
        ("*.#c", "bad"),
        ("*.!c", "bad"),
        ("*.shop.example##.ad", "ignored cosmetic"),
        ("**.ads.example", "bad"),
        ("*ads.example", "bad"),
        ("a.*.example", "bad"),
        ("*.*.example", "bad"),
        ("*.example", "bad"),
        ("ads.*", "bad"),
    ],
)
def test_a_wildcard_stands_for_the_name_and_below_and_nowhere_else(line: str, expected: str) -> None:
    assert says(read_wildcards, line) == expected


def test_a_bare_name_beside_wildcards_reaches_as_far_as_the_owner_says() -> None:
    assert says(read_wildcards, "ads.example", Scope.SUBTREE) == "subtree ads.example"
