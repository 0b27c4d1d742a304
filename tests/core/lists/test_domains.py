from __future__ import annotations

import pytest

from resolver.core.lists.domains import read_domains
from resolver.core.lists.line import LineReader
from resolver.core.lists.reader import read_any
from resolver.core.lists.rule import Scope
from tests.core.lists.said import says


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ads.example", "exact ads.example"),
        ("ads.example#c", "exact ads.example"),
        ("ads.example \t# c", "exact ads.example"),
        ("# ads.example", "comment"),
        ("! ads.example", "comment"),
        ("; ads.example", "comment"),
        ("[Adblock Plus]", "comment"),
        ("ADS.Example", "exact ads.example"),
        ("ads.example.", "exact ads.example"),
        ("_ads.under_score.example", "exact _ads.under_score.example"),
        ("bücher.example", "exact xn--bcher-kva.example"),
        ("192.0.2.1", "ignored address"),
        ("2001:db8::1", "ignored address"),
        ("ads.example:443", "bad"),
        ("https://ads.example/", "bad"),
        ("user@ads.example", "bad"),
        ("999.1.1.1", "bad"),
        ("a..b", "bad"),
        ("a" * 64 + ".example", "bad"),
        ("*ads*", "bad"),
        ("ads[0-9].example", "bad"),
        ("localhost", "local"),
        ("lan", "bad"),
        ("a.example b.example", "bad"),
        ("0.0.0.0 ads.example", "bad"),
        ("*.ads.example", "bad"),
        ("||ads.example^", "bad"),
        ("=ads.example", "bad"),
        ("ads.*", "bad"),
        ("shop.example##.ad", "ignored cosmetic"),
    ],
)
def test_a_line_of_a_plain_list_is_one_name(line: str, expected: str) -> None:
    assert says(read_domains, line) == expected


def test_how_far_a_bare_name_reaches_is_the_owners_choice() -> None:
    assert says(read_domains, "ads.example", Scope.SUBTREE) == "subtree ads.example"


@pytest.mark.parametrize("line", ["ads.example @work", "*.ads.example @work", "=ads.example @work"])
@pytest.mark.parametrize("read", [read_domains, read_any])
def test_a_name_with_a_schedule_as_dnscrypt_proxy_has_it_is_a_mistake(read: LineReader, line: str) -> None:
    assert says(read, line) == "bad"  # it was meant for some hours only
