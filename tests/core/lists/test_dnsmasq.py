from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.lists.dnsmasq import read_dnsmasq
from resolver.core.lists.rule import Effect, Pattern, Rule, Scope
from resolver.core.names import from_text, to_text
from tests.core.lists.said import reasons, says
from tests.hostile_lists import DNSMASQ, LONGEST, Line
from tests.steps import grows_as_its_input


@pytest.mark.parametrize("option", ["address", "local", "server"])
def test_a_name_with_nothing_behind_it_is_blocked_with_all_below_as_the_group_blocks(option: str) -> None:
    assert read_dnsmasq(f"{option}=/ads.example/", 7, Scope.EXACT) == (
        Rule("ads.example", Scope.SUBTREE, Effect.BLOCK, 7),
    )


def test_a_number_sign_as_address_asks_for_null_addresses() -> None:
    assert says(read_dnsmasq, "address=/ads.example/#") == "subtree ads.example as null"


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "::", "::1", "127.0.0.53", "0:0::0"])
def test_a_null_address_or_one_of_the_machine_itself_is_a_plain_block(address: str) -> None:
    assert says(read_dnsmasq, f"address=/ads.example/{address}") == "subtree ads.example"


@pytest.mark.parametrize(
    ("address", "data"),
    [("192.0.2.1", "1:c0000201"), ("2001:db8::1", "28:20010db8000000000000000000000001")],
)
def test_any_other_address_is_a_redirect(address: str, data: str) -> None:
    assert says(read_dnsmasq, f"address=/ads.example/{address}") == f"subtree ads.example as data {data}"


def test_ipv4_and_ipv6_of_a_name_are_two_rules_on_two_lines() -> None:
    lines = ["address=/ads.example/0.0.0.0", "address=/ads.example/::"]
    assert [says(read_dnsmasq, line) for line in lines] == ["subtree ads.example"] * 2
    lines = ["address=/ads.example/192.0.2.1", "address=/ads.example/2001:db8::1"]
    assert len({says(read_dnsmasq, line) for line in lines}) == 2


@pytest.mark.parametrize("option", ["server", "local"])
def test_the_usual_upstream_servers_for_a_name_are_an_exception(option: str) -> None:
    assert says(read_dnsmasq, f"{option}=/ok.example/#") == "allow subtree ok.example"
    assert says(read_dnsmasq, f"{option}=/*.ok.example/#") == "allow below ok.example"


@pytest.mark.parametrize(
    "line",
    [
        "server=/x.example/192.0.2.53",
        "server=/x.example/192.0.2.53#5353",
        "server=/x.example/#5353",
        "server=/x.example/192.0.2.53@if0",
        "server=/x.example/2001:db8::53",
        "server=/x.example/ns.example",
        "server=/x.example/0.0.0.0",
        "server=/x.example/y.example/192.0.2.53",
        "server=/#/192.0.2.53",
        "server=//192.0.2.53",
        "local=/x.example/192.0.2.53",
        "server=192.0.2.53",
        "server=#",
    ],
)
def test_where_else_to_ask_is_never_a_block(line: str) -> None:
    assert says(read_dnsmasq, line) == "ignored forward"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("address=/a.example/b.example/c.example/0.0.0.0", "a b c"),
        ("local=/a.example/b.example/", "a b"),
    ],
)
def test_a_line_may_name_several_domains(line: str, expected: str) -> None:
    assert says(read_dnsmasq, line) == ", ".join(f"subtree {name}.example" for name in expected.split())


def test_what_stands_behind_the_last_slash_holds_for_every_domain_of_the_line() -> None:
    said = says(read_dnsmasq, "address=/a.example/*.b.example/*c.example/#")
    assert said == "subtree a.example as null, below b.example as null, pattern *c.example as null"
    assert (
        says(read_dnsmasq, "server=/a.example/b.example/#")
        == "allow subtree a.example, allow subtree b.example"
    )


def test_a_domain_that_cannot_be_read_costs_itself_alone() -> None:
    assert (
        says(read_dnsmasq, "local=/a.example/b..c/#d/e.example/")
        == "subtree a.example, bad, bad, subtree e.example"
    )


def test_a_dot_in_front_changes_nothing() -> None:
    assert says(read_dnsmasq, "address=/.ads.example/") == "subtree ads.example"


def test_a_wildcard_label_leaves_the_name_itself_open() -> None:
    assert says(read_dnsmasq, "address=/*.ads.example/") == "below ads.example"


def test_a_star_without_a_dot_crosses_the_borders_of_labels() -> None:
    (said,) = read_dnsmasq("address=/*Ads-1.example/#", 7, Scope.EXACT)
    assert isinstance(said, Pattern)
    assert (said.text, said.regex, said.line) == ("*ads-1.example", r"ads-1\.example$", 7)
    reached = ["ads-1.example", "superads-1.example", "x.ads-1.example", "x.superads-1.example"]
    assert all(re.search(said.regex, name) for name in reached)
    assert not re.search(said.regex, "ads-1.example.com")
    assert not re.search(said.regex, "ads-1xexample")
    assert says(read_dnsmasq, "server=/*ok.example/#") == "allow pattern *ok.example"


@pytest.mark.parametrize("name", ["#", "*", "*.", ".", "**", "*.*", ".*", "..", "*.*."])
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("address=/{}/", "would block every name"),
        ("address=/{}/0.0.0.0", "would block every name"),
        ("address=/{}/192.0.2.1", "would block every name"),
        ("local=/{}/", "would block every name"),
        ("server=/{}/#", "would allow every name"),
    ],
)
def test_a_line_for_every_name_is_a_mistake(line: str, reason: str, name: str) -> None:
    assert reasons(read_dnsmasq(line.format(name), 1, Scope.SUBTREE)) == [reason]


@pytest.mark.parametrize(
    "name",
    [
        "com",
        "*.com",
        "*com",
        ".com",
        "a..b",
        "..ads.example",
        "a*b.example",
        "*.*.ads.example",
        "**ads.example",
        "*a*.example",
        "*bücher.example",
        "x example",
        "ads.example:53",
        "a" * 64 + ".example",
        "*" + "a" * 64 + ".example",
        "999.1.1.1",
        "ads.\udcffexample",
    ],
)
def test_a_name_that_is_none_or_reaches_too_far_is_a_mistake(name: str) -> None:
    assert says(read_dnsmasq, f"address=/{name}/", Scope.SUBTREE) == "bad"


def test_names_without_a_dot_are_left_out_and_counted() -> None:
    assert says(read_dnsmasq, "local=//") == "ignored single label"
    assert says(read_dnsmasq, "address=/ads.example//0.0.0.0") == "subtree ads.example, ignored single label"


def test_an_address_as_a_name_is_ignored_and_the_machine_itself_dropped_quietly() -> None:
    assert says(read_dnsmasq, "address=/192.0.2.1/") == "ignored address"
    assert says(read_dnsmasq, "local=/localhost/local/") == "local, local"


@pytest.mark.parametrize(
    "line",
    [
        "conf-file=/etc/x.conf",
        "conf-dir=/etc/x",
        "dhcp-range=192.0.2.10,192.0.2.20",
        "dhcp-script=/bin/sh",
        "bogus-nxdomain=192.0.2.1",
        "cname=a.example,b.example",
        "host-record=a.example,192.0.2.1",
        "rev-server=192.0.2.0/24,192.0.2.1",
        "ipset=/ads.example/set",
        "txt-record=a.example,x",
        "domain-needed",
        "log-queries # why",
    ],
)
def test_any_other_option_is_left_out_and_counted(line: str) -> None:
    assert says(read_dnsmasq, line) == "ignored option"


@pytest.mark.parametrize(
    "line",
    [
        "address = /ads.example/",
        "address=\t/ads.example/",
        "address=/ads.example/ # comment",
        "address=/ads.example/\t#comment",
        "address=/ads.example/ #",
        'address=/ads.example/0.0.0.0 # say "hi',
        "address=/ADS.Example/",
        "address=/ads.example./",
        'address="/ads.example/"',
        'address=/"ads.example"/0.0.0.0',
        'address=/ads.example/"0.0.0.0"',
    ],
)
def test_blanks_comments_upper_case_a_root_dot_and_quotes_change_nothing(line: str) -> None:
    assert says(read_dnsmasq, line) == "subtree ads.example"


def test_a_quoted_number_sign_begins_no_comment() -> None:
    assert says(read_dnsmasq, 'address=/ads.example/"#"') == "subtree ads.example as null"
    assert says(read_dnsmasq, 'address=/ads.example/" #"') == "bad"


def test_underscores_and_letters_beyond_ascii_are_fine() -> None:
    assert says(read_dnsmasq, "local=/_x.b_1.example/") == "subtree _x.b_1.example"
    assert says(read_dnsmasq, "local=/bücher.example/") == "subtree xn--bcher-kva.example"


@pytest.mark.parametrize("line", ["# address=/ads.example/", "#", "! x", "; x", "[x]"])
def test_a_comment_says_nothing(line: str) -> None:
    assert says(read_dnsmasq, line) == "comment"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("address=/ads.example/#c", "no address behind the name"),
        ("address=/ads.example/# c", "no address behind the name"),
        ("address=/ads.example/0.0.0.0#c", "no address behind the name"),
        ("address=/ads.example/192.0.2", "no address behind the name"),
        ("address=/ads.example/0", "no address behind the name"),
        ("address=/ads.example/localhost", "no address behind the name"),
        ("address=/ads.example/fe80::1%if0", "no address behind the name"),
        ("address=/ads.example/192.0.2.1,192.0.2.2", "no address behind the name"),
        ("address=/ads.example", "no slash behind the name"),
        ("local=/ads.example", "no slash behind the name"),
        ("address=ads.example", "no name between slashes"),
        ("address='/ads.example/'", "no name between slashes"),
        ("address=", "no name between slashes"),
        ("server=", "no name between slashes"),
        ("address", "no name between slashes"),
        ('address="/ads.example/', "no closing quote"),
        ("ADDRESS=/ads.example/", "no option of dnsmasq"),
        ("--address=/ads.example/", "no option of dnsmasq"),
        ("address:/ads.example/", "no option of dnsmasq"),
        ("0.0.0.0 ads.example", "no option of dnsmasq"),
        ("ads.example", "no option of dnsmasq"),
    ],
)
def test_a_line_that_dnsmasq_would_refuse_is_a_mistake(line: str, reason: str) -> None:
    assert reasons(read_dnsmasq(line, 1, Scope.EXACT)) == [reason]


PIECES = st.sampled_from(
    [*"/#*.\"' \t=", "address", "server", "local", "a.example", "ü", "192.0.2.1", "::", "x"]
)
LINES = st.text(min_size=1) | st.lists(PIECES, min_size=1, max_size=12).map("".join)


@given(LINES | LINES.map("address=/{}".format) | LINES.map("server=/{}/".format))
def test_whatever_the_text_a_rule_has_a_canonical_name_that_is_no_single_label(line: str) -> None:
    for said in read_dnsmasq(line, 1, Scope.SUBTREE):
        if isinstance(said, Rule):
            assert to_text(from_text(said.name)) == said.name
            assert "." in said.name
        if isinstance(said, Pattern):
            assert re.fullmatch(r"(?:[a-z0-9_-]+\\\.)+[a-z0-9_-]+\$", said.regex)


@given(
    st.text("abc-_1/", min_size=1, max_size=8).map("{}.example".format),
    st.sampled_from(["address", "local", "server"]),
    st.sampled_from(["", "0.0.0.0", "127.0.0.1", "::", "::1", "#", "192.0.2.1", "x"]),
)
def test_the_quick_way_and_the_careful_way_agree(name: str, option: str, target: str) -> None:
    quick = read_dnsmasq(f"{option}=/{name}/{target}", 3, Scope.EXACT)
    assert list(quick) == list(read_dnsmasq(f"{option} = /{name.upper()}/{target}", 3, Scope.EXACT))


@pytest.mark.parametrize("line", DNSMASQ, ids=str)
def test_a_line_takes_no_more_steps_than_its_length_has_it(line: Line) -> None:
    grows_as_its_input(lambda size: read_dnsmasq(line.of(size), 1, Scope.EXACT), 1000, LONGEST)
