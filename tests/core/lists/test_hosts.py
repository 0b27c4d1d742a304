from __future__ import annotations

import pytest

from resolver.core.lists.hosts import read_hosts
from resolver.core.lists.reader import parse_list
from resolver.core.lists.rule import Scope
from tests.core.lists.said import reasons, says


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "127.0.0.1", "::", "::1", "fe80::1%lo0", "255.255.255.255", "ff02::1", "192.0.2.7"]
)
def test_any_address_means_block(address: str) -> None:
    assert says(read_hosts, f"{address} ads.example") == "exact ads.example"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0.0.0.0 a.example b.example\tc.example", "exact a.example, exact b.example, exact c.example"),
        ("0.0.0.0 \t  ads.example", "exact ads.example"),
        ("0.0.0.0\tads.example # why", "exact ads.example"),
        ("0.0.0.0 ads.example#why", "exact ads.example"),
        ("0.0.0.0 ads.example##why", "exact ads.example"),
        ("0.0.0.0 ADS.Example.", "exact ads.example"),
        ("0.0.0.0 bücher.example", "exact xn--bcher-kva.example"),
        ("0.0.0.0 under_score.example", "exact under_score.example"),
        ("0.0.0.0 ads.example:443", "bad"),
        ("0.0.0.0 https://ads.example/", "bad"),
        ("0.0.0.0 user@ads.example", "bad"),
        ("0.0.0.0 a..b", "bad"),
        ("0.0.0.0 " + "a" * 64 + ".example", "bad"),
        ("0.0.0.0 ||ads.example^", "bad"),
        ("127.0.0.1 local broadcasthost ip6-allhosts", "local, local, local"),
        ("# 0.0.0.0 ads.example", "comment"),
        ("127.0.0.1 localhost", "local"),
        ("127.0.0.1 localhost.localdomain", "local"),
        ("fe80::1%lo0 localhost", "local"),
        ("ff02::1 ip6-allnodes", "local"),
        ("0.0.0.0 0.0.0.0", "local"),
        ("127.0.0.1 localhost ads.example", "local, exact ads.example"),
        ("0.0.0.0", "ignored address"),
        ("0.0.0.0 # nothing", "ignored address"),
        ("0.0.0.0 lan", "bad"),
        ("0.0.0.0 *.ads.example", "bad"),
        ("0.0.0.0 good.example a..b", "exact good.example, bad"),
        ("0.0.0.0\xa0ads.example", "bad"),
        ("0.0.0.0 ads\x1c.example", "bad"),
        ("ads.example", "bad"),
    ],
)
def test_a_line_of_a_hosts_file_is_an_address_and_names(line: str, expected: str) -> None:
    assert says(read_hosts, line) == expected


@pytest.mark.parametrize("line", ["999.1.1.1 bad.example", "a.example b.example", "0.0.0.00 ads.example"])
def test_without_an_address_no_name_is_taken(line: str) -> None:
    assert reasons(read_hosts(line, 1, Scope.EXACT)) == ["no address in front of the name"]


def test_a_name_in_a_hosts_file_never_takes_in_what_is_below() -> None:
    assert says(read_hosts, "0.0.0.0 ads.example", Scope.SUBTREE) == "exact ads.example"


def test_nine_names_a_line_as_in_hosts_win_are_nine_rules() -> None:
    names = [f"ads{number}.example" for number in range(1, 10)]
    line = f"0.0.0.0 {' '.join(names)}"
    assert says(read_hosts, line) == ", ".join([f"exact {name}" for name in names])
    parsed = parse_list(f"{line}\r\n{line}\r\n".encode(), "hosts.win")
    assert [rule.line for rule in parsed.rules] == [1] * 9 + [2] * 9
    assert (parsed.tally.lines, parsed.tally.formats) == (2, {"hosts": 18})
