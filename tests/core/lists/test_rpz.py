from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import dns.rdata
import dns.rdatatype
import dns.zone
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from resolver.core.lists.line import Bad, Ignored, Quiet
from resolver.core.lists.reader import parse_list
from resolver.core.lists.rpz import MAX_LINES, MAX_RECORDS, MAX_RETRIES, is_rpz, read_rpz
from resolver.core.lists.rule import Action, Effect, Own, Rule, Scope, Trigger
from resolver.core.lists.rules import Resolution
from resolver.core.names import from_text, to_text
from tests.core.lists.said import shown

HEAD = (
    "$TTL 300\n$ORIGIN rpz.example.\n@ SOA localhost. root.localhost. 1 3600 600 86400 300\n  NS localhost.\n"
)
NAMELESS = "$TTL 300\n@ SOA localhost. root.localhost. 1 3600 600 86400 300\n  NS localhost.\n"


def said(text: str, head: str = HEAD) -> list[str]:
    """Return what a zone says behind its head, in words, reasons included."""
    return [
        f"bad: {one.reason}" if isinstance(one, Bad) else shown(one)
        for _, _, all_ in read_rpz((head + text).encode(errors="surrogateescape"))
        for one in all_
    ]


def rule_of(text: str) -> Rule | Trigger:
    (one,) = [one for _, _, all_ in read_rpz((HEAD + text).encode()) for one in all_]
    assert isinstance(one, Rule | Trigger)
    return one


def data_of(text: str) -> list[str]:
    """Return the records of the one rule of a zone as a zone file has them."""
    own = rule_of(text).own
    assert own is not None
    assert own.action is Action.DATA
    return [f"{dns.rdatatype.to_text(kind)} {show(kind, data)}" for kind, data in own.records]  # type: ignore[arg-type]


def show(kind: int, data: bytes) -> str:
    return dns.rdata.from_wire("IN", kind, data, 0, len(data)).to_text()  # type: ignore[arg-type]


# Triggers and actions


@pytest.mark.parametrize("head", [HEAD, NAMELESS, ""])
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ads.example CNAME .", "exact ads.example as nxdomain"),
        ("*.ads.example CNAME .", "below ads.example as nxdomain"),
        ("ads.example CNAME *.", "exact ads.example as nodata"),
        ("ads.example CNAME rpz-passthru.", "allow exact ads.example"),
        ("*.ads.example CNAME rpz-passthru.", "allow below ads.example"),
        ("ads.example CNAME rpz-drop.", "exact ads.example as drop"),
        ("ads.example CNAME rpz-tcp-only.", "exact ads.example as tcp-only"),
        ("ads.example CNAME RPZ-Drop.", "exact ads.example as drop"),
    ],
)
def test_a_name_is_blocked_or_let_through_as_its_record_says(head: str, line: str, expected: str) -> None:
    assert said(line, head) == [expected]


def test_a_blocked_name_is_a_plain_block_that_asks_for_nxdomain() -> None:
    assert rule_of("ads.example CNAME .") == Rule(
        "ads.example", Scope.EXACT, Effect.BLOCK, 5, own=Own(Action.NXDOMAIN)
    )


def test_an_alias_to_the_own_name_is_the_old_style_of_letting_through() -> None:
    assert said("ads.example CNAME ads.example.") == ["allow exact ads.example"]
    assert said("ADS.example CNAME ads.EXAMPLE.") == ["allow exact ads.example"]


def test_an_alias_to_the_own_name_in_the_zone_is_no_exception() -> None:
    assert data_of("ads.example CNAME ads.example") == ["CNAME ads.example.rpz.example."]


def test_a_wildcard_that_leads_to_its_own_text_is_data_as_in_bind_and_unbound() -> None:
    assert data_of("*.ads.example CNAME *.ads.example.") == ["CNAME *.ads.example."]


@pytest.mark.parametrize("target", ["rpz-passthru", "rpz-drop", "rpz-nothing.", "rpz-nothing"])
def test_an_action_that_there_is_not_or_without_its_root_dot_is_a_mistake(target: str) -> None:
    assert said(f"ads.example CNAME {target}") == ["bad: no action of a policy zone"]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("A 192.0.2.1", "A 192.0.2.1"),
        ("AAAA 2001:db8::1", "AAAA 2001:db8::1"),
        ("CNAME garden.example.", "CNAME garden.example."),
        ("CNAME garden", "CNAME garden.rpz.example."),
        ("CNAME @", "CNAME rpz.example."),
        ("CNAME *.garden.example.", "CNAME *.garden.example."),
        ('TXT "a b" c', 'TXT "a b" "c"'),
        (r'TXT "a\"b\059c;(d"', 'TXT "a\\"b;c;(d"'),
        ("MX 10 mail.example.", "MX 10 mail.example."),
        ("SRV 1 2 3 mail.example.", "SRV 1 2 3 mail.example."),
        ("PTR host.example.", "PTR host.example."),
    ],
)
def test_any_other_record_is_an_answer_of_the_rules_own(record: str, expected: str) -> None:
    assert data_of(f"ads.example {record}") == [expected]


def test_a_target_with_a_wildcard_keeps_its_star_for_the_name_that_is_asked() -> None:
    own = rule_of("*.ads.example CNAME *.garden.example.").own
    assert own == Own(Action.DATA, ((5, b"\1*\6garden\7example\0"),))


def test_all_records_of_a_name_that_stand_together_are_one_rule() -> None:
    text = (
        "ads.example A 192.0.2.1\n  A 192.0.2.2\n; why\nads.example.rpz.example. 60 IN TXT x\n A 192.0.2.1\n"
    )
    found = [one for line in read_rpz((HEAD + text + "b.example CNAME .").encode()) for one in line[2]]
    assert found[0] is Quiet.COMMENT
    assert [shown(one) for one in found[1:]] == [
        "exact ads.example as data 1:c0000201 1:c0000202 16:0178",
        "exact b.example as nxdomain",
    ]


def test_records_of_two_names_are_two_rules_with_the_lines_they_begin_on() -> None:
    text = "a.example A 192.0.2.1\n A 192.0.2.2\n*.a.example A 192.0.2.1\n"
    lines = [(line, shown(one)) for line, _, all_ in read_rpz((HEAD + text).encode()) for one in all_]
    assert lines == [
        (5, "exact a.example as data 1:c0000201 1:c0000202"),
        (7, "below a.example as data 1:c0000201"),
    ]


def test_nothing_but_null_and_loopback_addresses_is_a_block_with_a_null_address() -> None:
    assert said("a.example A 0.0.0.0\n AAAA ::\n*.a.example A 127.0.0.1") == [
        "exact a.example as null",
        "below a.example as null",
    ]
    assert data_of("a.example A 0.0.0.0\n TXT x") == ["A 0.0.0.0", 'TXT "x"']


@pytest.mark.parametrize(
    "text",
    [
        "a.example A 192.0.2.1\n CNAME .",
        "a.example CNAME garden.example.\n A 192.0.2.1",
        "a.example CNAME garden.example.\n CNAME other.example.",
        "a.example CNAME .\n A 192.0.2.1",
        "a.example CNAME .\na.example CNAME rpz-passthru.",
    ],
)
def test_a_cname_record_beside_others_is_a_mistake_and_the_first_counts(text: str) -> None:
    first, second = sorted(said(text), key=lambda one: one.startswith("bad"))
    assert first.startswith("exact a.example as ")
    assert second == "bad: a CNAME record beside others of its name"


def test_a_record_said_twice_counts_once() -> None:
    assert data_of("a.example CNAME g.example.\na.example CNAME g.example.") == ["CNAME g.example."]
    assert said("a.example CNAME .\na.example CNAME .") == ["exact a.example as nxdomain"] * 2


def test_a_name_has_no_more_records_than_the_limit() -> None:
    text = "".join(f"a.example TXT t{number}\n" for number in range(MAX_RECORDS + 2))
    assert said(text)[:2] == [f"bad: more than {MAX_RECORDS} records of one name"] * 2
    assert said(text)[2].count("16:") == MAX_RECORDS


@pytest.mark.parametrize(
    "record", ["CAA 0 issue x.example", "HTTPS 1 .", "DNAME x.example.", "NS ns.example.", r"TYPE65280 \# 0"]
)
def test_types_that_are_not_read_are_left_out_and_counted(record: str) -> None:
    assert said(f"ads.example {record}") == ["ignored record type"]


@pytest.mark.parametrize(
    ("owner", "network"),
    [
        ("24.0.2.0.192", "192.0.2.0/24"),
        ("32.1.2.0.192", "192.0.2.1/32"),
        ("1.0.0.0.128", "128.0.0.0/1"),
        ("128.66.zz.db8.2001", "2001:db8::66/128"),
        ("32.zz.db8.2001", "2001:db8::/32"),
        ("128.1.zz", "::1/128"),
        ("128.8.7.6.5.4.3.db8.2001", "2001:db8:3:4:5:6:7:8/128"),
        ("128.zz.7.6.5.4.3.db8.2001", "2001:db8:3:4:5:6:7:0/128"),
        ("48.ZZ.1.DB8.2001", "2001:db8:1::/48"),
    ],
)
@pytest.mark.parametrize(("label", "side"), [("rpz-ip", "answer"), ("rpz-client-ip", "client")])
def test_an_address_trigger_has_its_prefix_and_the_address_turned_round(
    owner: str, network: str, label: str, side: str
) -> None:
    assert said(f"{owner}.{label} CNAME .") == [f"{side} {network} as nxdomain"]
    assert said(f"{owner}.{label} CNAME rpz-passthru.") == [f"allow {side} {network}"]
    assert said(f"{owner}.{label} A 192.0.2.9") == [f"{side} {network} as data 1:c0000209"]


@pytest.mark.parametrize(
    "owner",
    [
        *("24.1.2.0.192", "0.0.0.0.0", "0.zz", "33.1.2.0.192", "129.1.zz", "24.2.0.192", "24.0.256.0.192"),
        *("024.0.2.0.192", "24.0.02.0.192", "x.0.2.0.192", "64.zz.1.zz", "128.1.2.3.4.5.6.7.8.9"),
        *("128.7.6.5.4.3.db8.2001", "128.8.zz.7.6.5.4.3.db8.2001", "128.12345.zz", "128.g.zz", "24", "*"),
        *("*.24.0.2.0.192", "24.192.0.2.0/24"),
    ],
)
@pytest.mark.parametrize("label", ["rpz-ip", "rpz-client-ip"])
def test_an_address_trigger_that_is_none_or_stands_for_every_address_is_a_mistake(
    owner: str, label: str
) -> None:
    assert said(f"{owner}.{label} CNAME .") == ["bad: no network"]


def test_triggers_about_name_servers_are_left_out_and_counted() -> None:
    text = (
        "ns.example.rpz-nsdname CNAME .\n*.ns.example.rpz-nsdname CNAME .\n24.0.2.0.192.rpz-nsip A 192.0.2.1"
    )
    assert said(text) == ["ignored nsdname", "ignored nsdname", "ignored nsip"]


def test_a_trigger_that_there_is_not_is_a_mistake() -> None:
    assert said("a.example.rpz-other CNAME .") == ["bad: no trigger of a policy zone"]


# Names


@pytest.mark.parametrize(
    ("owner", "reason"),
    [
        ("*", "a rule for every name"),
        ("@", "a rule for the zone itself"),
        ("com", "a single label"),
        ("*.com", "a single label"),
        ("*.*.example", "a wildcard where none can be taken"),
        ("a.*.example", "a wildcard where none can be taken"),
        ("*a.example", "a wildcard where none can be taken"),
        ("a..example", "an empty label"),
        ("a" * 64 + ".example", "a label over 63 bytes"),
        ("a." * 127 + "example", "a name over 253 characters"),
        (r"a\.b.example", "a character that no host name holds"),
        (r"a\000.example", "a character that no host name holds"),
        ("a.1", "ends in a number, as no name does"),
        ("\udcff.example", "not UTF-8"),
    ],
)
def test_no_name_widens(owner: str, reason: str) -> None:
    assert said(f"{owner} CNAME .") == [f"bad: {reason}"]


def test_a_name_of_the_machine_or_an_address_is_no_rule() -> None:
    assert said("localhost CNAME .\nlocalhost.localdomain CNAME .") == ["local", "local"]
    assert said("192.0.2.1 CNAME .") == ["ignored address"]


@pytest.mark.parametrize(
    "owner",
    [
        "ADS.Example",
        r"\097ds.example",
        r"a\ds.example",
        "ads.example.rpz.example.",
        "ads.example.RPZ.Example.",
    ],
)
def test_upper_case_escapes_and_the_name_in_full_change_nothing(owner: str) -> None:
    assert said(f"{owner} CNAME .") == ["exact ads.example as nxdomain"]


@pytest.mark.parametrize("owner", ["bücher.example", "BÜCHER.example", "bücher.example.rpz.example."])
def test_letters_beyond_ascii_become_an_a_label(owner: str) -> None:
    assert said(f"{owner} CNAME .") == ["exact xn--bcher-kva.example as nxdomain"]


@pytest.mark.parametrize("owner", ["ads.example.", "*.ads.example.", "ads.examplerpz.example.", "example."])
@pytest.mark.parametrize("head", [HEAD, NAMELESS])
def test_an_absolute_name_that_does_not_end_in_the_zones_is_skipped_and_counted(
    owner: str, head: str
) -> None:
    assert said(f"{owner} CNAME .\nb.example CNAME .", head) == [
        "bad: out of zone",
        "exact b.example as nxdomain",
    ]


def test_the_zones_name_is_that_of_its_soa_record() -> None:
    head = "$ORIGIN .\nrpz.example SOA . . 1 2 3 4 5\n"
    text = "a.example.rpz.example CNAME .\nb.example CNAME .\n$ORIGIN example.rpz.example.\nc CNAME .\n"
    assert said(text, head) == [
        "exact a.example as nxdomain",
        "bad: out of zone",
        "exact c.example as nxdomain",
    ]


def test_without_a_soa_record_the_zones_name_is_the_first_origin() -> None:
    text = "$ORIGIN rpz.example.\na.example CNAME .\nb.example.rpz.example. CNAME .\nc.example. CNAME .\n"
    assert said(text, "") == [
        "exact a.example as nxdomain",
        "exact b.example as nxdomain",
        "bad: out of zone",
    ]


def test_an_origin_may_be_relative() -> None:
    text = "$ORIGIN example\na CNAME .\n*.a CNAME .\n@ CNAME .\n$ORIGIN sub\nx CNAME .\n"
    expected = ["exact a.example as nxdomain", "below a.example as nxdomain"]
    assert said(text) == [*expected, "bad: a single label", "exact x.sub.example as nxdomain"]
    assert said(text, NAMELESS) == said(text)


def test_names_below_an_origin_that_cannot_be_read_are_never_read_below_another_one() -> None:
    text = "$ORIGIN a..b\nx.example CNAME .\n@ CNAME .\nb.example.rpz.example. CNAME .\n"
    text += "$ORIGIN rpz.example.\nc.example CNAME ."
    assert said(text) == [
        "bad: empty label in 'a..b.rpz.example.'",
        *["bad: relative to an origin that could not be read"] * 2,
        "exact b.example as nxdomain",
        "exact c.example as nxdomain",
    ]


@pytest.mark.parametrize(
    "line", ["$ORIGIN a (", '$origin "a', "$ORIGIN", "$ORIGIN a b", '$ORIGIN "a."', "$ORIGIN " + "a" * 5000]
)
def test_an_origin_that_is_not_one_name_leaves_no_origin(line: str) -> None:
    assert said(f"{line}\nx.example CNAME .\nb.example.rpz.example. CNAME .")[1:] == [
        "bad: relative to an origin that could not be read",
        "exact b.example as nxdomain",
    ]


def test_a_relative_target_in_a_zone_without_a_name_leads_nowhere_that_is_known() -> None:
    assert said("a.example CNAME garden", NAMELESS) == [
        "bad: a target relative to a zone whose name the file does not say"
    ]


# Zone files


@pytest.mark.parametrize(
    "record",
    ["60 CNAME .", "IN CNAME .", "60 IN CNAME .", "IN 60 CNAME .", "in 1h30m cname .", "\t 1W\tCNAME\t.\t"],
)
def test_ttl_and_class_stand_in_either_order_or_not_at_all(record: str) -> None:
    assert said(f"ads.example {record}") == ["exact ads.example as nxdomain"]


@pytest.mark.parametrize(
    "record", ["CH CNAME .", "60 60 CNAME .", "IN IN CNAME .", "CNMAE .", "60", "", ". CNAME"]
)
def test_a_record_of_another_class_or_without_a_type_is_a_mistake(record: str) -> None:
    assert said(f"ads.example {record}") == ["bad: a record without a type that there is"]


@pytest.mark.parametrize(
    "record",
    [
        *("CNAME", "CNAME . .", 'CNAME "."', "A 192.0.2", "A x", "AAAA 192.0.2.1", "AAAA fe80::1%x", "TXT"),
        *("MX mail.example.", "MX x mail.example.", "MX 65536 mail.example.", "CNAME a..b.", r"CNAME a\300."),
    ],
)
def test_data_of_another_kind_is_a_mistake(record: str) -> None:
    (one,) = said(f"ads.example {record}")
    assert one.startswith("bad: ")


def test_the_zones_own_records_and_directives_say_nothing() -> None:
    soa = "@ IN SOA ns.example. root.example. (\n\t1 ; serial\n\t1h 15m ; more\n\t1w 5m )\n"
    assert said(f'$TTL 1h\n{soa}@ NS ns.example.\n TXT "a list"\n A 192.0.2.1\n{soa}', "") == []
    assert said("a.example SOA . . 1 2 3 4 5") == ["bad: a SOA record below the zone's name"]


def test_comments_stand_on_lines_of_their_own_and_behind_records() -> None:
    text = "; c\n  ; c\n\n \t\nads.example CNAME . ; c\nb.example CNAME .;c\n"
    assert said(text) == [
        "comment",
        "comment",
        "exact ads.example as nxdomain",
        "exact b.example as nxdomain",
    ]


def test_a_line_without_an_owner_is_about_the_one_before_it() -> None:
    assert said("a.example TXT x\n$ORIGIN other.rpz.example.\n  TXT y") == [
        "exact a.example as data 16:0178 16:0179"
    ]
    assert said("a.example CNAME .\n  CNAME .") == ["exact a.example as nxdomain"] * 2


@pytest.mark.parametrize(
    "line", ["out.example. A 192.0.2.1", "com A 192.0.2.1", '"a.example A', "a.example (", "b.example x"]
)
def test_a_line_without_an_owner_is_never_about_one_before_a_bad_line(line: str) -> None:
    found = said(f"good.example A 192.0.2.1\n{line}\n  A 192.0.2.2\n")
    assert "exact good.example as data 1:c0000201" in found
    assert not any("c0000202" in one and "b.example" not in one for one in found)


def test_a_record_may_go_on_over_lines_in_parentheses() -> None:
    assert said("a.example ( ; c\n TXT\n ( x )\n y)\nb.example CNAME ( . )\n") == [
        "exact a.example as data 16:01780179",
        "exact b.example as nxdomain",
    ]
    assert [
        line for line, _, _ in read_rpz((HEAD + "a.example (\nCNAME .\n)\nb.example CNAME .").encode())
    ] == [5, 8]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a.example CNAME ( .", "a parenthesis without an end"),
        ("a.example CNAME . )", "a parenthesis that was not open"),
        ('a.example TXT "x', "a quote or a backslash that is not closed"),
        ('a.example TXT x"y"', "a quote or a backslash that is not closed"),
        ("a.example TXT x\\", "a quote or a backslash that is not closed"),
        ('"a.example" CNAME .', "a name in quotes"),
        ("a.example TXT " + "x" * 5000, "a line over 4096 bytes"),
        ("$INCLUDE other.zone", "a list reads no other file"),
        ("$INCLUDE", "a list reads no other file"),
        ("$OTHER x", "no directive of a zone file"),
        ("$TTL", "$TTL needs one time"),
        ("$TTL soon", "$TTL needs one time"),
        ("$ORIGIN", "$ORIGIN needs one name"),
        ("# c", "a record without a type that there is"),
    ],
)
def test_a_bad_line_costs_that_line_only(line: str, reason: str) -> None:
    found = said(f"first.example CNAME .\n{line}\nlast.example.rpz.example. CNAME .")
    assert found == ["exact first.example as nxdomain", f"bad: {reason}", "exact last.example as nxdomain"]


def test_generated_names_are_left_out_and_counted() -> None:
    assert said("$GENERATE 1-4000000000 a$.example CNAME .") == ["ignored generate"]


def test_a_parenthesis_without_an_end_costs_its_line_even_if_another_one_is_closed_later() -> None:
    text = "a.example CNAME ( .\nb.example CNAME .\nc.example TXT x\n )\nd.example CNAME .\n"
    assert said(text) == [
        "bad: no data of a record of type CNAME",
        "exact b.example as nxdomain",
        "bad: a parenthesis that was not open",
        "exact c.example as data 16:0178",
        "exact d.example as nxdomain",
    ]


def test_a_soa_record_without_its_end_costs_no_rule() -> None:
    text = "@ SOA . . ( 1\n 2 3 4 5\na.example CNAME .\nb.example TXT ( x )\n"
    assert said(text, "")[-2:] == ["exact a.example as nxdomain", "exact b.example as data 16:0178"]


def test_a_record_has_no_more_lines_than_the_limit() -> None:
    inside = " x\n" * (MAX_LINES - 2)
    assert len(said(f"a.example TXT (\n{inside} )\n")) == 1
    assert said(f"a.example TXT (\n{inside} x\n )\nb.example CNAME .\n")[-1] == "exact b.example as nxdomain"
    assert said(f"a.example TXT (\n{inside} x\n )\n")[0] == "bad: a parenthesis without an end"


def test_a_byte_order_mark_and_the_kind_of_line_end_change_nothing() -> None:
    text = HEAD + "a.example CNAME .\nb.example TXT (\n x )\nc.example A 192.0.2.1\n"
    plain = list(read_rpz(text.encode()))
    assert list(read_rpz(("\ufeff" + text.replace("\n", "\r\n")).encode())) == plain
    assert list(read_rpz(text.encode()[:-1])) == plain


# Whatever the bytes

PIECES = st.sampled_from(
    [
        *(
            "\n",
            "\n",
            "\n",
            "\r\n",
            " ",
            " ",
            "\t",
            ";",
            "(",
            ")",
            '"',
            "\\",
            "@",
            "*",
            "*.",
            ".",
            "$",
            "\\000",
            "\0",
            "ü",
        ),
        *(
            "a.example",
            "b.example",
            "com",
            "localhost",
            "rpz.example.",
            "CNAME",
            " CNAME .",
            " CNAME *.",
            " A 192.0.2.1",
        ),
        *(
            "\n$ORIGIN ",
            "\n$TTL ",
            "\n$INCLUDE ",
            " IN ",
            " 60 ",
            " SOA . . 1 2 3 4 5",
            " TXT ",
            "\na.example TXT (",
        ),
        *(
            "24.0.2.0.192.rpz-ip",
            ".rpz-client-ip",
            ".rpz-nsdname",
            "128.1.zz",
            " CNAME rpz-passthru.",
            "\udcff",
        ),
    ]
)
SOUP = st.lists(PIECES, max_size=40).map(lambda pieces: "".join(pieces).encode(errors="surrogateescape"))
HEADS = st.sampled_from([b"", HEAD.encode(), NAMELESS.encode()])


@given(HEADS, SOUP | st.binary(max_size=200))
def test_whatever_the_bytes_nothing_is_raised_and_every_rule_is_sound(head: bytes, data: bytes) -> None:
    lines = 1 + (head + data).count(b"\n")
    for number, text, all_ in read_rpz(head + data):
        assert 1 <= number <= lines
        assert len(text) <= 4096
        for one in all_:
            if isinstance(one, Rule):
                assert to_text(from_text(one.name)) == one.name
                assert "." in one.name
                assert one.scope in (Scope.EXACT, Scope.BELOW)
            if isinstance(one, Trigger):
                assert one.network.prefixlen > 0
            if isinstance(one, Rule | Trigger) and one.own:
                assert bool(one.own.records) == (one.own.action is Action.DATA)
                assert all(show(kind, wire) for kind, wire in one.own.records)


@given(SOUP, st.sampled_from(["a.example", "*.a.example"]))
def test_the_fast_way_says_what_the_slow_one_does(data: bytes, owner: str) -> None:
    assume(b"(" not in data)  # there the line is a part of another record, whose text keeps its case

    def all_said(line: str) -> list[tuple[int, object]]:
        text = HEAD.encode() + data + b"\n" + line.encode() + b"\n" + data
        return [(number, one) for number, _, all_ in read_rpz(text) for one in all_]

    assert all_said(f"{owner} CNAME .") == all_said(f"{owner} cname .")


def steps(data: bytes) -> int:
    """Count the lines of Python that reading takes."""
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for _ in read_rpz(data):
            pass
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "line",
    [
        *(
            "a.example CNAME .",
            "(",
            "a.example TXT (",
            "a.example TXT ( x )",
            " )",
            '"',
            "a.example A 192.0.2.1",
        ),
        *("$ORIGIN a", ";", "", "\\", "a.example TXT ( x\n y", "(\n)"),
    ],
)
def test_twice_the_lines_take_twice_the_steps_whatever_they_are(line: str) -> None:
    def cost(lines: int) -> int:
        return steps((HEAD + f"{line}\n" * lines).encode())

    fixed = MAX_RETRIES + 2
    assert cost(fixed + 800) - cost(fixed + 400) <= 1.1 * (cost(fixed + 400) - cost(fixed)) + 100


# A list among others


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "a.example CNAME .",
        NAMELESS.replace("$TTL 300\n", "") + "a.example CNAME .",
        "; c\n" * 50 + NAMELESS + "\n\n*.a.example 60 IN CNAME *. ; c\n",
        "$TTL 1h\n@ IN SOA (\n . . 1 2 3 4 5 )\na.example IN 60 cname rpz-passthru.\r\n",
        "\ufeff$ORIGIN rpz.example.\na.example CNAME rpz-drop.",
        "rpz.example. 300 IN SOA . . 1 2 3 4 5\na.example.rpz.example. 300 IN CNAME .\n",
    ],
)
def test_a_policy_zone_is_recognised_by_its_head_and_a_rule(text: str) -> None:
    assert is_rpz(text.encode())
    parsed = parse_list(text.encode(), "x")
    assert len(parsed.rules) == 1
    assert parsed.tally.bad == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.example\n",
        "a.example CNAME .\n",
        "; $TTL 300\n; a.example CNAME .\n",
        HEAD,
        HEAD + "www CNAME web\n",
        "||a.example^$ttl\n0.0.0.0 soa.example # CNAME .\n",
        'local-data: "a.example CNAME ."\n',
    ],
)
def test_other_lists_are_not_taken_for_a_policy_zone(text: str) -> None:
    assert not is_rpz(text.encode())


def test_a_policy_zone_is_a_list_whose_closest_encloser_counts() -> None:
    text = (
        HEAD
        + "; c\na.example CNAME .\n24.0.2.0.192.rpz-ip CNAME .\nx CNAME .\nns.example.rpz-nsdname CNAME .\n"
    )
    parsed = parse_list(text.encode(), "x", format="rpz")
    assert [shown(rule) for rule in parsed.rules] == ["exact a.example as nxdomain"]
    assert parsed.tally.resolution is Resolution.ENCLOSER
    assert (parsed.tally.comments, parsed.tally.bad) == (1, 1)
    assert parsed.tally.ignored == {"nsdname": 1}
    assert [shown(trigger) for trigger in parsed.triggers] == ["answer 192.0.2.0/24 as nxdomain"]
    assert [str(mistake) for mistake in parsed.mistakes] == ["x:8: a single label: 'x CNAME .'"]


NAMES = st.lists(st.text("abc-_09", min_size=1, max_size=6), min_size=1, max_size=3).map(
    lambda labels: ".".join([*labels, "example"])
)
RECORDS = [
    "CNAME .",
    "CNAME *.",
    "CNAME rpz-drop.",
    "A 192.0.2.1",
    "TXT x",
    "AAAA 2001:db8::1",
    "MX 5 m.example.",
]


@given(st.dictionaries(NAMES, st.sampled_from(RECORDS), min_size=1, max_size=10))
def test_what_dnspython_writes_is_read_back(names: dict[str, str]) -> None:
    text = HEAD + "".join(f"{name} {record}\n" for name, record in names.items())
    zone = dns.zone.from_text(text, "rpz.example.", relativize=False)
    for relativize in (False, True):
        written = (HEAD if relativize else "$ORIGIN rpz.example.\n") + zone.to_text(relativize=False)
        found = {
            one.name: one.own
            for _, _, all_ in read_rpz(written.encode())
            for one in all_
            if isinstance(one, Rule)
        }
        assert set(found) == set(names)
        for name, record in names.items():
            own = found[name]
            assert own is not None
            if own.action is Action.DATA:
                ((kind, data),) = own.records
                assert (
                    show(kind, data)
                    == dns.rdata.from_text("IN", record.split()[0], record.split(" ", 1)[1]).to_text()
                )


def test_a_kind_of_rule_that_is_left_out_is_never_shortened() -> None:
    assert not [
        one
        for _, _, all_ in read_rpz((HEAD + "24.0.2.0.192.rpz-nsip CNAME .\n").encode())
        for one in all_
        if not isinstance(one, Ignored)
    ]
