from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.lists.rule import Action, Effect, Own, Rule, Scope, When
from resolver.core.lists.unbound import read_unbound
from resolver.core.names import from_text, to_text
from tests.core.lists.said import reasons, says
from tests.hostile_lists import LONGEST, UNBOUND, Line
from tests.steps import grows_as_its_input


@pytest.mark.parametrize("kind", ["always_nxdomain", "static", "redirect", "inform_redirect"])
def test_a_zone_is_blocked_with_all_below_as_the_group_blocks(kind: str) -> None:
    assert read_unbound(f'local-zone: "ads.example" {kind}', 7, Scope.EXACT) == (
        Rule("ads.example", Scope.SUBTREE, Effect.BLOCK, 7),
    )


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("always_null", Action.NULL),
        ("always_nodata", Action.NODATA),
        ("refuse", Action.REFUSED),
        ("always_refuse", Action.REFUSED),
        ("deny", Action.DROP),
        ("inform_deny", Action.DROP),
        ("always_deny", Action.DROP),
        ("truncate", Action.TCP_ONLY),
    ],
)
def test_a_type_that_says_what_to_answer_asks_for_it(kind: str, action: Action) -> None:
    assert says(read_unbound, f'local-zone: "ads.example" {kind}') == f"subtree ads.example as {action}"


@pytest.mark.parametrize(("kind", "qtype"), [("block_a", 1), ("block_aaaa", 28)])
def test_half_a_block_is_for_one_type_alone(kind: str, qtype: int) -> None:
    assert read_unbound(f'local-zone: "ads.example" {kind}', 7, Scope.EXACT) == (
        Rule(
            "ads.example",
            Scope.SUBTREE,
            Effect.BLOCK,
            7,
            own=Own(Action.NODATA),
            when=When(frozenset([qtype])),
        ),
    )


def test_an_always_transparent_zone_is_an_exception() -> None:
    assert (
        says(read_unbound, 'local-zone: "ok.ads.example" always_transparent')
        == "allow subtree ok.ads.example"
    )


@pytest.mark.parametrize("kind", ["transparent", "typetransparent", "inform", "nodefault", "noview", "ipset"])
def test_a_zone_that_only_holds_data_or_is_logged_is_left_out_and_counted(kind: str) -> None:
    assert says(read_unbound, f'local-zone: "ads.example" {kind}') == "ignored transparent"


@pytest.mark.parametrize(
    "line",
    [
        'local-zone: "ads.example" static',
        "local-zone: 'ads.example' static",
        "local-zone: ads.example static",
        "local-zone: ads.example. static",
        'local-zone: "ads.example." static',
        'local-zone: "ADS.Example" static',
        'local-zone:"ads.example" static',
        "local-zone:ads.example static",
        'local-zone: "ads.example"static',
        'local-zone: "ads.example" "static"',
        "local-zone: 'ads.example' 'static'",
        'local-zone: \t "ads.example"\t static',
        'local-zone: "ads.example" static # comment',
        'local-zone: "ads.example" static #',
    ],
)
def test_quotes_a_root_dot_upper_case_blanks_and_comments_change_nothing(line: str) -> None:
    assert says(read_unbound, line) == "subtree ads.example"


def test_a_zone_said_twice_is_no_mistake() -> None:
    line = 'local-zone: "ads.example" static'
    assert read_unbound(line, 1, Scope.EXACT) == read_unbound(line, 1, Scope.EXACT)


@pytest.mark.parametrize("line", ["server:", "server: ", "server: # comment"])
def test_the_heading_of_the_section_is_left_out_and_counted(line: str) -> None:
    assert says(read_unbound, line) == "ignored option"


def test_a_line_may_hold_several_statements() -> None:
    line = (
        "server: local-zone: a.example static local-zone: 'b.example' deny local-data: 'c.example A 0.0.0.0'"
    )
    expected = "ignored option, subtree a.example, subtree b.example as drop, exact c.example as null"
    assert says(read_unbound, line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "do-ip6: no",
        'include: "/etc/x.conf"',
        "access-control: 192.0.2.0/24 allow",
        'local-data-ptr: "192.0.2.1 a.example"',
        'local-zone-tag: "a.example" "b"',
        'local-zone-override: "a.example" 192.0.2.0/24 static',
        "forward-zone:",
        "remote-control:",
        "python-script: x.py # why",
    ],
)
def test_any_other_key_is_left_out_and_counted(line: str) -> None:
    assert says(read_unbound, line) == "ignored option"


def test_what_follows_another_key_is_its_value_and_never_a_rule() -> None:
    assert says(read_unbound, 'python-script: local-zone: "a.example" static') == "ignored option"


@pytest.mark.parametrize(
    "record",
    [
        "ads.example A 0.0.0.0",
        "ads.example. A 0.0.0.0",
        "ads.example. IN A 0.0.0.0",
        "ads.example 60 IN A 0.0.0.0",
        "ads.example IN 60 A 0.0.0.0",
        "ads.example 1h IN A 0.0.0.0",
        "ads.example 60 A 0.0.0.0",
        "ADS.example in a 0.0.0.0",
        "ads.example\tA\t0.0.0.0",
        "ads.example A 0.0.0.0 ; comment",
        "ads.example A 127.0.0.1",
        "ads.example AAAA ::",
        "ads.example IN AAAA ::1",
    ],
)
@pytest.mark.parametrize("quote", "\"'")
def test_a_null_address_or_one_of_the_machine_itself_blocks_the_name_alone(record: str, quote: str) -> None:
    assert (
        says(read_unbound, f"local-data: {quote}{record}{quote}", Scope.SUBTREE)
        == "exact ads.example as null"
    )


@pytest.mark.parametrize(
    ("record", "data"),
    [
        ("A 192.0.2.1", "1:c0000201"),
        ("AAAA 2001:db8::1", "28:20010db8000000000000000000000001"),
        ("CNAME Own.example.", "5:036f776e076578616d706c6500"),
        ("CNAME .", "5:00"),
        ("PTR b.example", "12:0162076578616d706c6500"),
        ("MX 10 b.example", "15:000a0162076578616d706c6500"),
        ("SRV 1 2 443 b.example", "33:0001000201bb0162076578616d706c6500"),
        ('TXT "a b"', "16:03612062"),
        ("TXT a", "16:0161"),
        ('TXT "a b" c ""', "16:03612062016300"),
        (r'TXT "\"\065\\"', "16:0322415c"),
        ('TXT "a;b#c"', "16:05613b622363"),
        ("TXT ü", "16:02c3bc"),
    ],
)
def test_any_other_record_is_an_answer_for_the_name_alone(record: str, data: str) -> None:
    assert says(read_unbound, f"local-data: 'a.example {record}'") == f"exact a.example as data {data}"


@pytest.mark.parametrize("record", ["NS b.example", "SOA a b 1 2 3 4 5", r"TYPE65 \# 3 000100", "HTTPS 1 ."])
def test_a_type_of_record_that_we_do_not_write_is_left_out_and_counted(record: str) -> None:
    assert says(read_unbound, f"local-data: 'a.example {record}'") == "ignored record"


def test_a_record_of_another_class_is_left_out_and_counted() -> None:
    assert says(read_unbound, "local-data: 'a.example CH A 0.0.0.0'") == "ignored record"


@pytest.mark.parametrize(
    "record",
    [
        "A",
        "A 0.0.0",
        "A ::",
        "A 0.0.0.0 extra",
        "A 192.0.2.256",
        "AAAA 0.0.0.0",
        "AAAA fe80::1%if0",
        "CNAME",
        "CNAME a..b",
        "CNAME *.garden.example",
        "CNAME " + "ü" * 300,
        "MX b.example",
        "MX 65536 b.example",
        "MX -1 b.example",
        "MX ١ b.example",
        "SRV 1 2 b.example",
        "TXT",
        "TXT " + "a" * 256,
        r"TXT \256",
    ],
)
def test_a_record_without_good_data_is_a_mistake(record: str) -> None:
    kind = record.split(maxsplit=1)[0]
    assert reasons(read_unbound(f"local-data: 'a.example {record}'", 1, Scope.EXACT)) == [
        f"no data of a record of type {kind}"
    ]


@pytest.mark.parametrize("record", ["a.example", "a.example 60 IN", "", " ", "; c"])
def test_a_record_without_a_type_is_a_mistake(record: str) -> None:
    assert says(read_unbound, f"local-data: '{record}'") == "bad"


def test_a_quote_that_does_not_end_is_a_mistake() -> None:
    assert reasons(read_unbound("local-data: 'a.example TXT \"a'", 1, Scope.EXACT)) == [
        "a quote without an end in a record"
    ]
    for line in ('local-zone: "a.example static', "local-data: 'a.example A 0.0.0.0"):
        assert "lacks a value or a closing quote" in reasons(read_unbound(line, 1, Scope.EXACT))[0]


@pytest.mark.parametrize(
    "line",
    [
        'local-zone: "ads.example"',
        'local-zone: "ads.example" # static',
        "local-zone:",
        "local-data:",
        'local-zone: "ads.example" nosuch',
        'local-zone: "ads.example" STATIC',
        'local-zone: "ads.example" static# comment',
        'local-zone: "" static',
        "local-data: ads.example A 0.0.0.0",
        "LOCAL-ZONE: ads.example static",
        "local-zone : ads.example static",
        "0.0.0.0 ads.example",
        "ads.example",
    ],
)
def test_a_line_that_unbound_would_refuse_is_a_mistake(line: str) -> None:
    assert "bad" in says(read_unbound, line).split(", ")
    assert "ads.example" not in says(read_unbound, line)


@pytest.mark.parametrize(
    "name",
    [
        ".",
        "com",
        "*.ads.example",
        "*",
        "a..b",
        r"x\.ads.example",
        "ads.example#",
        "a" * 64 + ".example",
        "999.1.1.1",
        "x y.example",
        "ads.\udcffexample",
    ],
)
def test_a_name_that_is_none_or_reaches_too_far_is_a_mistake(name: str) -> None:
    assert says(read_unbound, f'local-zone: "{name}" always_nxdomain', Scope.SUBTREE) == "bad"
    if " " not in name:
        assert says(read_unbound, f'local-data: "{name} A 0.0.0.0"', Scope.SUBTREE) == "bad"


def test_the_machine_itself_is_dropped_quietly_and_an_address_as_a_name_ignored() -> None:
    assert says(read_unbound, 'local-zone: "localhost." static') == "local"
    assert says(read_unbound, 'local-data: "localhost A 127.0.0.1"') == "local"
    assert says(read_unbound, 'local-zone: "192.0.2.1" refuse') == "ignored address"


def test_letters_beyond_ascii_are_fine() -> None:
    assert says(read_unbound, 'local-zone: "bücher.example" static') == "subtree xn--bcher-kva.example"


@pytest.mark.parametrize("line", ['# local-zone: "ads.example" static', "#", "! x", "; x"])
def test_a_comment_says_nothing(line: str) -> None:
    assert says(read_unbound, line) == "comment"


WORDS = (
    "local-zone: local-data: server: static deny IN A AAAA TXT CNAME MX 0.0.0.0 192.0.2.1 a.example ü 60 \\0"
)
PIECES = st.sampled_from([*WORDS.split(), *" \t\"';#\\*."])
LINES = st.text(min_size=1) | st.lists(PIECES, min_size=1, max_size=16).map("".join)


@given(
    LINES
    | LINES.map('local-zone: "{}" deny'.format)
    | LINES.map("local-data: '{}'".format)
    | LINES.map("local-data: 'a.example TXT {}'".format)
    | LINES.map("local-data: 'a.example CNAME {}'".format)
)
def test_whatever_the_text_a_rule_has_a_canonical_name_that_is_no_single_label(line: str) -> None:
    for said in read_unbound(line, 1, Scope.SUBTREE):
        if isinstance(said, Rule):
            assert to_text(from_text(said.name)) == said.name
            assert "." in said.name
            assert said.own is None or all(len(data) <= 4096 for _, data in said.own.records)


@given(
    st.text("abc-_1", min_size=1, max_size=8).map("{}.example".format),
    st.sampled_from(["static", "deny", "block_a", "nodefault", "always_transparent", "nosuch"]),
)
def test_the_quick_way_and_the_careful_way_agree(name: str, kind: str) -> None:
    quick = read_unbound(f'local-zone: "{name}" {kind}', 3, Scope.EXACT)
    assert list(quick) == list(read_unbound(f"local-zone: '{name.upper()}.' {kind} # c", 3, Scope.EXACT))


@given(
    st.text("abc-_1;\\ ", min_size=1, max_size=8).map("{}.example".format),
    st.sampled_from(
        ["A 0.0.0.0", "IN A 0.0.0.0", "AAAA ::", "IN  AAAA  ::", "A ::", "AAAA 0.0.0.0", "A 0.0.0.0x"]
    ),
)
def test_the_quick_way_and_the_careful_way_of_a_record_agree(name: str, record: str) -> None:
    quick = says(read_unbound, f'local-data: "{name} {record}"')
    assert quick == says(read_unbound, f"local-data: '{name.upper()} {record} ; c' # c")


@pytest.mark.parametrize("line", UNBOUND, ids=str)
def test_a_line_takes_no_more_steps_than_its_length_has_it(line: Line) -> None:
    grows_as_its_input(lambda size: read_unbound(line.of(size), 1, Scope.EXACT), 1000, LONGEST)
