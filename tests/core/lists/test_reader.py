from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.errors import ListError, ListRefused
from resolver.core.lists import reader
from resolver.core.lists.formats import FORMATS
from resolver.core.lists.line import Bad
from resolver.core.lists.parsed import Tally
from resolver.core.lists.reader import LINE_READERS, MAX_LINE, MAX_MISTAKES, parse_list, read_any
from resolver.core.lists.rule import Effect, Pattern, Rule, Scope, Side, Trigger
from resolver.core.names import from_text, to_text
from resolver.core.table import build as build_table
from tests.core.lists.said import rules, says
from tests.hostile_lists import BLANKS, LINES, LONGEST, Line
from tests.steps import grows_as_its_input, steps
from tests.tables import SECRET

MIXED = """\
! Title: mixed
# Version: 3
[Adblock Plus]

127.0.0.1 localhost
0.0.0.0 ads.example\t# why
*.wild.example
||block.example^
@@||ok.block.example^
plain.example#c
plain.example
||block.example^$third-party
shop.example##.ad
192.0.2.1
two.example names.example
"""


def test_formats_are_told_apart_line_by_line() -> None:
    parsed = parse_list(MIXED.encode(), "mixed.txt")
    assert rules(parsed) == [
        "exact ads.example",
        "subtree wild.example",
        "subtree block.example",
        "allow subtree ok.block.example",
        "exact plain.example",
        "exact plain.example",
    ]
    assert parsed.tally == Tally(
        lines=15,
        comments=3,
        local=1,
        bad=1,
        ignored={"modifier": 1, "cosmetic": 1, "address": 1},
        formats={"hosts": 1, "wildcards": 1, "adblock": 2, "domains": 2},
    )
    assert [str(mistake) for mistake in parsed.mistakes] == [
        "mixed.txt:15: no address in front of the name: 'two.example names.example'"
    ]
    assert [rule.line for rule in parsed.rules] == [6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ads.example", "exact ads.example"),
        ("ADS.example.", "exact ads.example"),
        ("under_score.example", "exact under_score.example"),
        ("0.0.0.0 ads.example $5 ^", "exact ads.example, bad, bad"),
        ("0.0.0.0 ads.example # costs $5^", "exact ads.example"),
        ("0.0.0.0 ads.example##x", "exact ads.example"),
        ("fe80::1%lo0 localhost", "local"),
        ("0.0.0.0 0.0.0.0", "local"),
        ("*.ads.example", "subtree ads.example"),
        ("*.ads.example # c", "subtree ads.example"),
        ("||ads.example^", "subtree ads.example"),
        ("||ads.example^$important", "important subtree ads.example"),
        ("@@||ads.example^", "allow subtree ads.example"),
        ("||ads.example", "pattern ||ads.example"),
        ("*.ads.example^", "below ads.example"),
        ("ads.example^", "pattern ads.example^"),
        ("/ads/", "pattern /ads/"),
        ("/banner.js", "ignored url"),
        ("shop.example##.ad", "ignored cosmetic"),
        ("##.ad", "ignored cosmetic"),
        ("## Section", "comment"),
        ("; c", "comment"),
        ("192.0.2.1", "ignored address"),
        ("2001:db8::1", "ignored address"),
        ("ads.example:443", "bad"),
        ("https://ads.example/", "bad"),
        ("user@ads.example", "bad"),
        ("a.example b.example", "bad"),
        ("999.1.1.1 bad.example", "bad"),
        ("a..b", "bad"),
        ("a" * 64 + ".example", "bad"),
        ("lan", "bad"),
        ("localhost", "local"),
        ("*", "bad"),
        (".", "bad"),
        ("*.", "bad"),
        ("**.x.example", "bad"),
        ("*x.example", "bad"),
        ("a.*.example", "bad"),
        ("||*^", "bad"),
        ("address=/ads.example/#", "subtree ads.example as null"),
        ('server = "/ads.example/"', "subtree ads.example"),
        ("local=/ads.example/b.example/ # c", "subtree ads.example, subtree b.example"),
        ("address=/#/", "bad"),
        ("server:", "ignored option"),
        ("server: # c", "ignored option"),
        ('local-zone: "ads.example" refuse', "subtree ads.example as refused"),
        ("local-data: 'ads.example A 0.0.0.0'", "exact ads.example as null"),
        ("server.ads.example", "exact server.ads.example"),
    ],
)
def test_a_line_is_read_in_the_format_that_it_looks_like(line: str, expected: str) -> None:
    assert says(read_any, line) == expected


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_a_byte_order_mark_and_the_kind_of_line_end_change_nothing(bom: str, ending: str) -> None:
    data = (bom + ending.join(["first.example", "", "0.0.0.0 second.example"])).encode()
    parsed = parse_list(data, "x")
    assert rules(parsed) == ["exact first.example", "exact second.example"]
    assert (parsed.tally.lines, parsed.tally.bad) == (3, 0)


def test_only_the_same_name_reach_and_effect_is_a_repeat() -> None:
    parsed = parse_list(b"a.example\nA.example.\n*.a.example\n@@||a.example^\n||a.example^\n", "x")
    assert rules(parsed) == [
        *("exact a.example", "exact a.example", "subtree a.example"),
        *("allow subtree a.example", "subtree a.example"),
    ]
    (count,) = build_table([parsed.rules], SECRET).counts
    assert (count.names, count.duplicates) == (1, 2)


@pytest.mark.parametrize("line", ["0.0.0.0 a.example", "a.example", "*.a.example", "||a.example^"])
def test_blanks_around_a_line_change_nothing(line: str) -> None:
    parsed = parse_list(f" \t {line} \t \n".encode(), "x")
    assert rules(parsed) == rules(parse_list(line.encode(), "x"))
    assert len(parsed.rules) == 1


def test_a_rule_with_badfilter_takes_back_every_rule_that_is_the_same_wherever_it_stands() -> None:
    data = b"""\
||a.example^
||b.example^
||b.example^$important
0.0.0.0 b.example
||b.example^$dnstype=AAAA|A
||ads*^
/ads/$client=192.0.2.1
||b.example^$badfilter
||ads*^$badfilter
||b.example^$badfilter,dnstype=A|AAAA
/ads/$badfilter,client=192.0.2.1
||c.example^$badfilter
||b.example^
"""
    parsed = parse_list(data, "x")
    assert rules(parsed) == ["subtree a.example", "important subtree b.example", "exact b.example"]
    assert [rule.line for rule in parsed.rules] == [1, 3, 4]
    assert parsed.patterns == ()
    assert (parsed.tally.cancelled, parsed.tally.bad) == (5, 0)


def test_names_that_were_read_in_bulk_can_be_taken_back() -> None:
    names = [f"n{number}.example" for number in range(3000)]
    data = "".join([f"||{name}^\n" for name in [*names, "n7.example"]]) + "||n7.example^$badfilter\n"
    for allow in (False, True):
        parsed = parse_list(data.encode(), "x", allow=allow)
        assert [rule.name for rule in parsed.rules] == names[:7] + names[8:]
        assert (parsed.tally.cancelled, parsed.tally.lines) == (2, 3002)


def test_a_list_that_takes_everything_back_is_taken() -> None:
    parsed = parse_list(b"||a.example^\n||a.example^$badfilter\na..b\n", "x")
    assert parsed.is_empty
    assert parsed.tally.cancelled == 1


REDIRECTS = b"""\
||a.example^$dnsrewrite=192.0.2.1
||b*^$dnsrewrite=c.example
address=/c.example/192.0.2.1
local-data: "d.example A 192.0.2.1"
||e.example^$dnsrewrite=0.0.0.0
"""


def test_an_answer_with_records_is_taken_only_from_a_list_that_is_trusted() -> None:
    parsed = parse_list(REDIRECTS, "x")
    assert (rules(parsed), parsed.patterns) == (["subtree e.example as null"], ())
    assert parsed.tally.ignored == {"redirect": 4}
    parsed = parse_list(REDIRECTS, "x", trusted=True)
    assert [rule.name for rule in parsed.rules] == ["a.example", "c.example", "d.example", "e.example"]
    assert [pattern.text for pattern in parsed.patterns] == ["||b*^"]
    assert parsed.tally.ignored == {}


def test_a_list_of_nothing_but_patterns_is_a_list() -> None:
    parsed = parse_list(b"||ads*^\n/track[0-9]/$important\na..b\n", "x")
    assert not parsed.is_empty
    assert [(one.text, one.line, one.effect) for one in parsed.patterns] == [
        ("||ads*^", 1, Effect.BLOCK),
        ("/track[0-9]/", 2, Effect.IMPORTANT_BLOCK),
    ]


def test_in_an_allow_list_patterns_and_triggers_allow_and_ask_for_no_answer() -> None:
    (pattern,) = parse_list(b"||ads*^$dnsrewrite=NXDOMAIN,important\n", "x", allow=True).patterns
    assert pattern == Pattern("||ads*^", r"(?:^|\.)ads", Effect.IMPORTANT_ALLOW, 1)
    zone = b"$TTL 60\n@ SOA a. b. 1 1 1 1 1\n24.0.2.0.192.rpz-ip CNAME .\n"
    (trigger,) = parse_list(zone, "x", allow=True, format="rpz").triggers
    assert trigger == Trigger(ip_network("192.0.2.0/24"), Side.ANSWER, Effect.ALLOW, 3)


HEADERS = [
    "# Syntax: Domains (wildcards) without *.",
    "! Syntax: Wildcard Domains",
    '# Entry: "example.com" should block access to "example.com" and "subdomain.example.com"',
]


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_that_means_names_with_all_below_them_is_a_hint_for_the_owner(header: str) -> None:
    data = f"\ufeff# Title: x\n{header}\nads.example\n".encode()
    assert parse_list(data, "x").hint == (
        f"line 2 says {header!r}: its names may be meant with all below them, `match: subtree`"
    )
    assert parse_list(data, "x").rules.kinds[0].scope is Scope.EXACT
    assert parse_list(data, "x", match=Scope.SUBTREE).hint == ""


@pytest.mark.parametrize(
    "text",
    [
        "# Title: x\nads.example\n",
        "# Wildcard domains\n*.ads.example\n",
        "# Wildcard domains\n0.0.0.0 ads.example\n",
        "wildcard.example\n",
        "ads.example\n" * 1000 + "# wildcard\n",
    ],
)
def test_a_list_without_such_a_header_or_without_bare_names_gives_no_hint(text: str) -> None:
    assert parse_list(text.encode(), "x").hint == ""


def test_match_is_for_bare_names_alone() -> None:
    data = b"a.example\n0.0.0.0 b.example\n||c.example^\n"
    assert rules(parse_list(data, "x", match=Scope.SUBTREE)) == [
        "subtree a.example",
        "exact b.example",
        "subtree c.example",
    ]


def test_an_allow_list_allows_whatever_its_format() -> None:
    data = b"a.example\n0.0.0.0 b.example\n||c.example^$important\n@@||d.example^\n"
    assert rules(parse_list(data, "x", allow=True)) == [
        "allow exact a.example",
        "allow exact b.example",
        "important allow subtree c.example",
        "allow subtree d.example",
    ]


@pytest.mark.parametrize(
    ("pinned", "good", "bad"),
    [
        ("hosts", "0.0.0.0 a.example", "a.example"),
        ("domains", "a.example", "0.0.0.0 a.example"),
        ("wildcards", "*.a.example", "||a.example^"),
        ("adblock", "||a.example^", "0.0.0.0 a.example"),
        ("dnsmasq", "local=/a.example/", "0.0.0.0 a.example"),
        ("unbound", 'local-zone: "a.example" static', "0.0.0.0 a.example"),
    ],
)
def test_a_pinned_format_takes_no_other(pinned: str, good: str, bad: str) -> None:
    parsed = parse_list(f"{good}\n{bad}\n".encode(), "x", format=pinned)
    assert (len(parsed.rules), parsed.tally.bad) == (1, 1)


def test_an_annotated_file_is_recognised_unless_a_format_is_pinned() -> None:
    data = b"schema: 1\nnames: [a.example]\n"
    assert rules(parse_list(data, "x")) == ["subtree a.example"]
    with pytest.raises(ListRefused, match="not one rule"):
        parse_list(data, "x", format="domains")


def test_a_bad_line_costs_itself_alone() -> None:
    lines = [b"a.example", b"\xff.example", b"x" * (MAX_LINE + 1), b"b\0.example", b"#" * 9000, b"c.example"]
    parsed = parse_list(b"\n".join(lines), "x")
    assert rules(parsed) == ["exact a.example", "exact c.example"]
    assert [(mistake.line, mistake.reason) for mistake in parsed.mistakes] == [
        (2, "not UTF-8"),
        (3, "a line over 4096 bytes"),
        (4, "a control character"),
        (5, "a line over 4096 bytes"),
    ]


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize("format", ["auto", "domains", "annotated"])
def test_32_mib_of_blanks_take_a_few_steps_for_each_of_their_pieces(blank: bytes, format: str) -> None:
    data = blank * ((32 << 20) // len(blank))

    def read() -> None:
        with pytest.raises(ListRefused, match="empty"):
            parse_list(data, "x", format=format)
        with pytest.raises(ListRefused, match=r"lines|not one rule|for the annotated format"):
            parse_list(data + b"*\n", "x", format=format)

    assert steps(read) <= len(data) >> 12


def test_blank_lines_say_nothing_however_many_and_long_and_are_counted() -> None:
    blank = b" " * 9000 + b"\n" * 300_000 + b"\t\r\n" * 100_000
    parsed = parse_list(blank + b"a.example\n" + blank + b"b..example", "x")
    assert (rules(parsed), parsed.rules.lines[0]) == (["exact a.example"], 400_001)
    assert [(mistake.line, mistake.reason) for mistake in parsed.mistakes] == [(800_002, "an empty label")]
    assert parsed.tally.lines == 800_002


def test_a_list_of_more_lines_than_we_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_LINES", 3)
    assert len(parse_list(b"a.example\n#\nb.example\n", "x").rules) == 2
    with pytest.raises(ListRefused, match="more than 3 lines"):
        parse_list(b"a.example\n#\nb.example\n\n", "x")


def test_a_comment_may_be_in_any_encoding() -> None:
    parsed = parse_list("# Größe\n0.0.0.0 a.example # Größe\n".encode("latin-1"), "x")
    assert (rules(parsed), parsed.tally.comments, parsed.tally.bad) == (["exact a.example"], 1, 0)


def test_all_mistakes_are_counted_and_the_first_are_kept_short_and_printable() -> None:
    data = b"a.example\n" + b"\xff" * 3000 + b"\n" + b"a..b\n" * 100
    parsed = parse_list(data, "x")
    assert parsed.tally.bad == 101
    assert len(parsed.mistakes) == MAX_MISTAKES
    assert all(isinstance(mistake, ListError) for mistake in parsed.mistakes)
    assert parsed.mistakes[0].text == "\ufffd" * 200


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \r\n\t\n", "empty"),
        (b"\xef\xbb\xbf\n", "empty"),
        (b"<!DOCTYPE html>\na.example\n", "a web page, not a list"),
        (b"\xef\xbb\xbf\n \t<HTML lang=en>\na.example\n", "a web page, not a list"),
        (b"<!doctype html>", "a web page, not a list"),
        (b"a..b\nc..d\n", "not one rule, 2 bad; the first: x:1: an empty label: 'a..b'"),
        (b"\xff\xfea\0.\0e\0x\0", "not one rule, 1 bad; the first: "),
    ],
)
@pytest.mark.parametrize("format", ["auto", "domains"])
def test_a_list_that_must_not_replace_a_good_one_is_refused(data: bytes, reason: str, format: str) -> None:
    with pytest.raises(ListRefused) as caught:
        parse_list(data, "x", format=format)
    assert caught.value.source == "x"
    assert caught.value.reason.startswith(reason)


def test_a_list_over_the_limit_is_refused() -> None:
    assert parse_list(b"a.example", "x", max_bytes=9).rules
    with pytest.raises(ListRefused, match="10 bytes, over 9"):
        parse_list(b"a.example\n", "x", max_bytes=9)


def test_an_unknown_format_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        ListRefused,
        match="'csv' is not one of auto, hosts, domains, wildcards, adblock, dnsmasq, unbound, rpz,"
        " annotated",
    ):
        parse_list(b"a.example", "x", format="csv")


@pytest.mark.parametrize("data", [b"# nothing yet\n", b"127.0.0.1 localhost\n", b"||a.example^$popup\n"])
def test_a_list_without_a_rule_and_without_a_mistake_is_taken(data: bytes) -> None:
    assert len(parse_list(data, "x").rules) == 0


PIECES = st.sampled_from(
    [
        *(b"\n \r \t # ! ; [ ] | || ^ @@ $ , important * *. . .. / : = - _ % ## #@# <html 0.0.0.0 ::1").split(
            b" "
        ),
        *(b"address=/ local=/ server=/ # */ 192.0.2.1 local-zone: local-data: server: ' \" A static").split(
            b" "
        ),
        *(b"a.example b.example localhost \xef\xbb\xbf \xff \x00 \xc3\xbc $badfilter names: schema: 1").split(
            b" "
        ),
        *(
            b"\n- name: a.example|\n  enabled: false|\nnames:\n- |{name: |}|[|]|&a |*a|\nrecord: {title: x}"
        ).split(b"|"),
    ]
)
SOUP = st.binary(max_size=200) | st.lists(PIECES, max_size=30).map(b"".join)


@given(SOUP, st.sampled_from(FORMATS), st.sampled_from([Scope.EXACT, Scope.SUBTREE]), st.booleans())
def test_only_a_refusal_comes_out_whatever_the_bytes(
    data: bytes, format: str, match: Scope, allow: bool
) -> None:
    try:
        parsed = parse_list(data, "x", format=format, match=match, allow=allow)
    except ListRefused:
        return
    assert all(to_text(from_text(rule.name)) == rule.name for rule in parsed.rules)
    assert all(1 <= rule.line <= parsed.tally.lines for rule in parsed.rules)
    assert all(rule.effect.allows for rule in parsed.rules) or not allow
    assert len(parsed.mistakes) == min(parsed.tally.bad, MAX_MISTAKES)
    assert all(mistake.text.encode() is not None for mistake in parsed.mistakes)


NAMES = st.lists(st.text("abcx-_019", min_size=1, max_size=8), min_size=1, max_size=4).map(
    lambda labels: ".".join([*labels, "example"])
)
WRITERS: list[tuple[str, Callable[[str], str], Scope]] = [
    ("hosts", lambda name: f"0.0.0.0 {name}", Scope.EXACT),
    ("domains", lambda name: name, Scope.EXACT),
    ("wildcards", lambda name: f"*.{name}", Scope.SUBTREE),
    ("adblock", lambda name: f"||{name}^", Scope.SUBTREE),
    ("dnsmasq", lambda name: f"local=/{name}/", Scope.SUBTREE),
    ("unbound", lambda name: f'local-zone: "{name}." always_nxdomain', Scope.SUBTREE),
    ("annotated", lambda name: f"- '{name}'", Scope.SUBTREE),
]


@given(st.lists(NAMES, min_size=1, max_size=20, unique=True), st.sampled_from(WRITERS), st.booleans())
def test_what_a_program_writes_is_read_back(
    names: list[str], writer: tuple[str, Callable[[str], str], Scope], pinned: bool
) -> None:
    format, write, scope = writer
    text = "\n".join(map(write, names))
    text = f"names:\n{text}" if format == "annotated" else text
    parsed = parse_list(text.encode(), "x", format=format if pinned else "auto")
    first = 2 if format == "annotated" else 1
    found = list(parsed.rules)
    assert found == [Rule(name, scope, found[0].effect, line) for line, name in enumerate(names, first)]


ODD_LINES = st.sampled_from(["", "# comment", "A.Example", "a..b", " x.example ", "192.0.2.1", "localhost"])
LIST_LINES = st.lists(st.one_of(NAMES, ODD_LINES), max_size=12)


@given(LIST_LINES, st.sampled_from(WRITERS[:-1]), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_lines_read_in_bulk_say_what_they_say_one_by_one(
    lines: list[str], writer: tuple[str, Callable[[str], str], Scope], ending: str, ended: bool
) -> None:
    format, write, _ = writer
    written = [write(line) if line and line[0] not in "# " else line for line in lines]
    data = (ending.join(written) + ending * ended).encode()
    expected = [
        said
        for number, line in enumerate(written, 1)
        if line.strip()
        for said in LINE_READERS[format](line.strip(), number, Scope.EXACT)
    ]
    try:
        parsed = parse_list(data, "x", format=format)
    except ListRefused:
        assert not any(isinstance(said, Rule) for said in expected)
        return
    assert list(parsed.rules) == [said for said in expected if isinstance(said, Rule)]
    assert parsed.tally.bad == sum(isinstance(said, Bad) for said in expected)


@pytest.mark.parametrize("line", [line for lines in LINES.values() for line in lines], ids=str)
def test_lines_that_say_one_thing_many_times_take_no_more_steps_than_their_length_has_it(line: Line) -> None:
    def read(size: int) -> None:
        parsed = parse_list(f"a.example\n{line.of(size)}\n{line.of(size)}\n".encode(), "x")
        assert next(iter(parsed.rules)).name == "a.example"

    grows_as_its_input(read, 1000, LONGEST)


def test_every_line_format_has_a_reader_that_takes_any_line() -> None:
    assert set(FORMATS) == {*LINE_READERS, "rpz", "annotated"}
