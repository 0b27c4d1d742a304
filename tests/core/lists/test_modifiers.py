from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.lists.line import Bad, Ignored
from resolver.core.lists.modifiers import Modifiers, read_modifiers, split
from resolver.core.lists.query_types import TYPE_NUMBERS
from resolver.core.lists.rule import Action, Own, When
from resolver.core.names import from_text


def read(text: str) -> Modifiers:
    found = read_modifiers(text, allows=False)
    assert isinstance(found, Modifiers), found
    return found


def test_modifiers_may_stand_in_any_order_and_mean_the_same() -> None:
    one = read(
        "important,badfilter,dnstype=A|AAAA,client=192.0.2.1|2001:db8::/32,denyallow=a.example|b.example"
    )
    other = read(
        "denyallow=B.example|a.example.,client=2001:db8::/32|192.0.2.1,dnstype=aaaa|a|A,badfilter,important"
    )
    assert one == other
    assert (one.important, one.cancels, one.spared, one.narrow) == (
        True,
        True,
        ("a.example", "b.example"),
        True,
    )


@pytest.mark.parametrize(
    ("value", "types", "but_types"),
    [
        ("A", {1}, set()),
        ("a|AAAA|https", {1, 28, 65}, set()),
        ("TYPE65|type1", {1, 65}, set()),
        ("~A", set(), {1}),
        ("~A|~SVCB", set(), {1, 64}),
        ("A|~AAAA", {1}, set()),
        ("~A|A", {1}, set()),
        ("ANY", {255}, set()),
        ("TYPE65534", {65534}, set()),
    ],
)
def test_types_are_names_or_numbers_and_negated_ones_mean_nothing_beside_others(
    value: str, types: set[int], but_types: set[int]
) -> None:
    assert read(f"dnstype={value}").when == When(frozenset(types), frozenset(but_types))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "|",
        "A|",
        "~",
        "none",
        "NONE",
        "reserved",
        "TYPE0",
        "TYPE65535",
        "TYPE65536",
        "TYPE01",
        "NOSUCH",
        "A # c",
    ],
)
def test_a_type_that_there_is_not_is_a_mistake(value: str) -> None:
    assert isinstance(read_modifiers(f"dnstype={value}", allows=False), Bad)


@pytest.mark.parametrize(
    ("value", "clients", "but_clients"),
    [
        ("192.0.2.1", ["192.0.2.1"], []),
        ("192.0.2.1/24", ["192.0.2.0/24"], []),
        ("2001:db8::1|192.0.2.1", ["192.0.2.1", "2001:db8::1"], []),
        ("~192.0.2.1", [], ["192.0.2.1"]),
        ("192.0.2.0/24|~192.0.2.1", ["192.0.2.0/24"], ["192.0.2.1"]),
        ("'192.0.2.1'", ["192.0.2.1"], []),
        ('~"192.0.2.1"', [], ["192.0.2.1"]),
    ],
)
def test_clients_are_addresses_and_networks(value: str, clients: list[str], but_clients: list[str]) -> None:
    assert read(f"client={value}").when == When(
        clients=tuple(map(ip_network, clients)), but_clients=tuple(map(ip_network, but_clients))
    )


@pytest.mark.parametrize(
    "value",
    [
        *(
            "kitchen",
            "'Frank\\'s laptop'",
            '"Mary\\, John"',
            "'a\\|b'",
            "192.0.2.1|kitchen",
            "~'Mary\\'s, Ann'",
        ),
        *("fe80::1%eth0", "192.0.2.0/33", "999.1.1.1", "'~192.0.2.1'"),
    ],
)
def test_a_rule_for_a_client_by_name_is_ignored_whole(value: str) -> None:
    value = value.replace("s, ", "s\\, ")
    assert read_modifiers(f"client={value}", allows=False) == Ignored("client name")


@pytest.mark.parametrize("value", ["", "|", "192.0.2.1|", "~", "''", "192.0.2.1||192.0.2.2"])
def test_a_client_without_a_value_is_a_mistake(value: str) -> None:
    assert read_modifiers(f"client={value}", allows=False) == Bad("`client` without a value")


def test_names_that_are_spared_may_be_top_level_domains() -> None:
    assert read("denyallow=COM|bücher.example").spared == ("com", "xn--bcher-kva.example")


@pytest.mark.parametrize(
    "value", ["", "|", "a.example|", "~a.example", "*.example", "a..b", ".", "a b", "a" * 64]
)
def test_a_name_to_spare_that_is_none_is_a_mistake(value: str) -> None:
    assert isinstance(read_modifiers(f"denyallow={value}", allows=False), Bad)


MAIL = from_text("mail.example")


@pytest.mark.parametrize(
    ("value", "own"),
    [
        ("NXDOMAIN", Own(Action.NXDOMAIN)),
        ("REFUSED", Own(Action.REFUSED)),
        ("NOERROR", Own(Action.NODATA)),
        ("NXDOMAIN;;", Own(Action.NXDOMAIN)),
        ("REFUSED;A;192.0.2.1", Own(Action.REFUSED)),
        ("NOERROR;;", Own(Action.NODATA)),
        ("0.0.0.0", Own(Action.NULL)),
        ("::", Own(Action.NULL)),
        ("127.0.0.1", Own(Action.NULL)),
        ("NOERROR;A;0.0.0.0", Own(Action.NULL)),
        ("192.0.2.1", Own(Action.DATA, ((1, bytes([192, 0, 2, 1])),))),
        ("2001:db8::1", Own(Action.DATA, ((28, bytes.fromhex("20010db8" + "0" * 22 + "01")),))),
        ("mail.example", Own(Action.DATA, ((5, MAIL),))),
        ("NOERROR;A;192.0.2.1", Own(Action.DATA, ((1, bytes([192, 0, 2, 1])),))),
        ("NOERROR;cname;MAIL.example.", Own(Action.DATA, ((5, MAIL),))),
        ("NOERROR;PTR;mail.example", Own(Action.DATA, ((12, MAIL),))),
        ("NOERROR;MX;10 mail.example", Own(Action.DATA, ((15, b"\0\x0a" + MAIL),))),
        ("NOERROR;SRV;1 2 53 mail.example", Own(Action.DATA, ((33, b"\0\1\0\2\0\x35" + MAIL),))),
        ("NOERROR;TXT;hello; world\\, all", Own(Action.DATA, ((16, b"\x11hello; world, all"),))),
    ],
)
def test_an_answer_is_a_code_an_address_a_name_or_a_record(value: str, own: Own) -> None:
    assert read(f"dnsrewrite={value}").own == own


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("SERVFAIL", "response code"),
        ("NOTIMP;;", "response code"),
        ("NOERROR;HTTPS;1 . alpn=h3", "record"),
        ("NOERROR;CAA;0 issue x.example", "record"),
    ],
)
def test_an_answer_that_we_do_not_give_is_ignored(value: str, kind: str) -> None:
    assert read_modifiers(f"dnsrewrite={value}", allows=False) == Ignored(kind)


@pytest.mark.parametrize(
    "value",
    [
        *("", "NOSUCH", "nosuch;;", "NOERROR;A", ";;", "NOERROR;NOSUCH;x", "NOERROR;A;mail.example"),
        *("NOERROR;A;", "NOERROR;;x", "NOERROR;AAAA;192.0.2.1", "*.garden.example", "a..b", "a b.example"),
        *("NOERROR;MX;mail.example", "NOERROR;MX;70000 mail.example", "NOERROR;TXT;" + "x" * 256, "a" * 64),
    ],
)
def test_an_answer_that_is_broken_is_a_mistake(value: str) -> None:
    assert isinstance(read_modifiers(f"dnsrewrite={value}", allows=False), Bad)


def test_an_exception_from_answers_is_ignored() -> None:
    for text in ("dnsrewrite", "dnsrewrite=", "dnsrewrite=192.0.2.1", "important,dnsrewrite"):
        assert read_modifiers(text, allows=True) == Ignored("rewrite exception")


@pytest.mark.parametrize("text", ["client=192.0.2.1,client=192.0.2.2", "dnstype=A,important,dnstype=AAAA"])
def test_a_modifier_with_two_values_is_a_mistake(text: str) -> None:
    assert isinstance(read_modifiers(text, allows=False), Bad)


@pytest.mark.parametrize("text", ["denyallow", "client", "dnstype", "dnsrewrite"])
def test_a_modifier_that_lacks_its_value_is_a_mistake(text: str) -> None:
    assert isinstance(read_modifiers(text, allows=False), Bad)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b", ["a", "b"]),
        (r"a\,b,c", [r"a\,b", "c"]),
        (r"a\\,b", [r"a\\", "b"]),
        ("a\\", ["a\\"]),
        (",", ["", ""]),
    ],
)
def test_a_backslash_keeps_a_separator_from_separating(text: str, parts: list[str]) -> None:
    assert split(text, ",") == parts


def test_types_are_those_of_the_registry() -> None:
    dnspython = pytest.importorskip("dns.rdatatype")
    for name, number in TYPE_NUMBERS.items():
        try:
            known = dnspython.RdataType[name.replace("-", "_")]
        except KeyError:
            continue
        assert int(known) == number, name


@given(st.text(max_size=60), st.booleans())
def test_whatever_the_text_there_is_an_answer(text: str, allows: bool) -> None:
    assert read_modifiers(text, allows=allows)
