from __future__ import annotations

from datetime import date

import pytest
import yaml

from resolver.core.errors import ListRefused
from resolver.core.lists import annotated, document
from resolver.core.lists.annotated import MAX_BYTES, is_annotated
from resolver.core.lists.parsed import ParsedList
from resolver.core.lists.reader import parse_list
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Action, Effect, Own
from tests.core.lists.said import rules


@pytest.fixture(params=["the compiled loader", "the Python loader"], autouse=True)
def _loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "the Python loader":
        monkeypatch.setattr(document, "_LOADER", yaml.SafeLoader)


def parse(text: str, allow: bool = False) -> ParsedList:
    return parse_list(text.encode(), "chat.yaml", format="annotated", allow=allow)


FILE = """\
# A comment
schema: 1
record:
  title: Chat
  class: policy
  text: >-
    Chat is closed
    during lessons.
  since: 2026-11-22
names:
- chat.example
- name: Cdn.example.
  match: exact
  note: pictures
  collateral: the shop
- {name: shared.example, enabled: false, collateral: mail}
- {name: help.chat.example, effect: allow, enabled: true}
"""


def test_a_file_gives_its_record_its_rules_with_line_and_note_and_counts_what_is_off() -> None:
    parsed = parse(FILE)
    assert parsed.record == Record(
        title="Chat", text="Chat is closed during lessons.", since=date(2026, 11, 22)
    )
    assert rules(parsed) == ["subtree chat.example", "exact cdn.example", "allow subtree help.chat.example"]
    assert [(rule.line, rule.note) for rule in parsed.rules] == [(11, ""), (12, "pictures"), (17, "")]
    assert parsed.tally.ignored == {"disabled": 1}
    assert parsed.tally.lines == 17
    assert parsed.mistakes == ()


def test_the_file_may_say_that_its_names_are_exact() -> None:
    parsed = parse("match: exact\nnames: [a.example, {name: b.example, match: subtree}]\n")
    assert rules(parsed) == ["exact a.example", "subtree b.example"]
    assert parsed.record is None


@pytest.mark.parametrize("action", ["nxdomain", "nodata", "null", "refused", "drop"])
def test_an_entry_may_ask_for_an_answer_of_its_own(action: str) -> None:
    (rule,) = parse(f"names: [{{name: a.example, answer: {action}}}]").rules
    assert rule.own == Own(Action(action))


def test_in_an_allow_list_no_entry_asks_for_an_answer() -> None:
    (rule,) = parse("names: [{name: a.example, answer: nodata}]", allow=True).rules
    assert (rule.effect, rule.own) == (Effect.ALLOW, None)


def test_an_empty_template_is_a_list() -> None:
    assert parse("record: {title: Later}\nnames: []\n").record == Record("Later")


def test_in_an_allow_list_every_name_is_let_through() -> None:
    assert rules(parse("names: [a.example, {name: b.example, effect: allow}]", allow=True)) == [
        "allow subtree a.example",
        "allow subtree b.example",
    ]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("a..b", "an empty label"),
        ("'*.a.example'", "a wildcard where none can be taken"),
        ("example", "a single label"),
        ("192.0.2.1", "an address, not a name"),
        ("localhost", "a name of the machine itself"),
        ("", "an entry without a name"),
        ("{note: x}", "an entry without a name"),
        ("{name: b.example, match: below}", "`match` must be exact or subtree"),
        ("{name: b.example, enabled: no}", "`enabled` must be true or false"),
        ("{name: b.example, effect: }", "`effect` must be block or allow"),
        ("{name: b.example, answer: data}", "`answer` must be nxdomain or nodata or null or refused or drop"),
        ("{name: b.example, effect: allow, answer: nodata}", "`answer` is for names that are blocked"),
        ("{name: b.example, note: '%s'}" % ("x" * 301), "note: 301 characters, over 300"),
        ('{name: b.example, collateral: "\\a"}', "collateral: holds a control character"),
        ("{name: a..b, enabled: false}", "an empty label"),
        ("{name: [b.example]}", "a plain value is needed here"),
        ("{name: b.example, note: {a: b}}", "a plain value is needed here"),
    ],
)
def test_a_wrong_entry_is_a_mistake_with_its_line_and_the_others_count(entry: str, reason: str) -> None:
    parsed = parse(f"names:\n- a.example\n- {entry}\n- c.example\n")
    assert rules(parsed) == ["subtree a.example", "subtree c.example"]
    assert [(mistake.line, mistake.reason) for mistake in parsed.mistakes] == [(3, reason)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("names: [a.example\n", "no valid YAML"),
        ("schema: 1\n", "1:1: holds no `names` list"),
        ("# nothing\n", "holds no `names` list"),
        ("names:\n", "holds no `names` list"),
        ("names: a.example\n", "holds no `names` list"),
        ("- a.example\n", "1:1: the file must be a mapping"),
        ("schema: 2\nnames: []\n", "1:9: `schema` must be 1"),
        ("match: all\nnames: []\n", "1:8: `match` must be exact or subtree"),
        ("names: []\nname: x\n", "2:1: unknown key 'name'"),
        ("names: []\nnames: []\n", "2:1: key 'names' stands twice"),
        ("names:\n- {name: a.example, enabeld: false}\n", "2:21: unknown key 'enabeld'"),
        ("names:\n- {name: a.example, name: b.example}\n", "2:21: key 'name' stands twice"),
        ("names:\n- [a.example]\n", "2:3: an entry must be a mapping"),
        ("names:\n- name: [[a.example]]\n", "2:10: nested too deeply"),
        ("record: x\nnames: []\n", "1:9: the record must be a mapping"),
        ("record: {text: x}\nnames: []\n", "1:9: record.title: missing"),
        (
            "record:\n  title: x\n  class: y\nnames: []\n",
            "3:10: record.class: 'y' is not one of",
        ),
        (
            "record: {title: x, since: soon}\nnames: []\n",
            "1:27: record.since: 'soon' is not a date",
        ),
        ("record: {title: x, colour: red}\nnames: []\n", "1:20: record.colour: unknown; the keys are title"),
        (
            "a: &a [x, x]\nb: &b [*a, *a]\nnames: [*b]\n",
            "1:4: anchors and aliases are not taken",
        ),
        ("names:\n- a.example\n- &x b.example\n", "3:3: anchors and aliases are not taken"),
        ("names:\n- !!str a.example\n", "2:3: tags are not taken"),
    ],
)
def test_a_file_that_is_built_wrong_is_refused_whole_with_the_place(text: str, reason: str) -> None:
    with pytest.raises(ListRefused) as caught:
        parse(text)
    assert reason in str(caught.value)
    assert caught.value.source == "chat.yaml"


WRONG = """\
record:
  title: {en: x, de_CH: y}
  since: soon
  history:
  - {status: gone, date: 2026-01-02}
  - {status: lifted, date: 2026-01-01, who: me}
names: []
"""


def test_every_mistake_of_a_record_is_told_with_its_place() -> None:
    with pytest.raises(ListRefused) as caught:
        parse(WRONG)
    assert [fault.partition(": ")[::2] for fault in caught.value.faults] == [
        ("chat.yaml:2:18", "record.title.de_CH: 'de_CH' is no language tag as en or zh-Hans"),
        ("chat.yaml:3:10", "record.since: 'soon' is not a date as 2026-11-22"),
        (
            "chat.yaml:5:14",
            "record.history.0.status: 'gone' is not one of listed, notified, enforced, shadow, lifted",
        ),
        ("chat.yaml:6:40", "record.history.1.who: unknown; the keys are status, date, reference, note"),
    ]
    assert str(caught.value) == "; ".join(caught.value.faults)


def test_a_message_about_a_list_shows_the_first_mistakes_of_its_record_and_how_many_more() -> None:
    with pytest.raises(ListRefused) as caught:
        parse("record: {a: 1, b: 1, c: 1, d: 1, e: 1, f: 1}\nnames: []\n")
    assert len(caught.value.faults) == 7
    shown = "; ".join([*caught.value.faults[:5], "and 2 more: `nxwhy check` says them all"])
    assert str(caught.value) == shown


def test_a_key_of_a_record_that_stands_twice_is_told_wherever_it_is() -> None:
    with pytest.raises(ListRefused, match=r"chat\.yaml:1:26: key 'en' stands twice"):
        parse("record: {title: {en: x,  en: y}}\nnames: []\n")


def test_a_list_knows_where_its_record_and_the_fields_of_it_stand() -> None:
    places = parse(FILE).places
    assert (places[""], places["title"], places["since"]) == ((4, 3), (4, 10), (9, 10))


def test_a_file_that_is_no_utf8_or_too_large_is_refused() -> None:
    with pytest.raises(ListRefused, match="not UTF-8 at byte 9"):
        parse_list(b"names: [ \xff]", "x", format="annotated")
    with pytest.raises(ListRefused, match="for the annotated format"):
        parse_list(b"names: []\n" + b"#" * MAX_BYTES, "x", format="annotated")


@pytest.mark.parametrize("entry", [b"a,", b"{a: b},"])
def test_a_file_of_the_largest_size_with_too_many_entries_is_refused(
    entry: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    if document._LOADER is yaml.SafeLoader:  # which takes seconds for as many as are allowed
        monkeypatch.setattr(annotated, "MAX_NODES", 1 << 14)
    data = b"names: [" + entry * ((MAX_BYTES - 16) // len(entry)) + b"a]\n"
    assert is_annotated(data)
    with pytest.raises(ListRefused, match=f"more than {annotated.MAX_NODES} keys and values"):
        parse_list(data, "x")


@pytest.mark.parametrize(
    "text",
    [
        "names: []",
        "names:\n- a.example\n",
        "schema: 1\n",
        "\n# c\n  # d\r\n\r\n---\nrecord:\r\n",
        "match: exact\n",
        "\ufeffschema: 1\n",
    ],
)
def test_the_format_is_recognised_by_the_first_key(text: str) -> None:
    assert is_annotated(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "names",
        "names.example\n",
        "a.example\nnames: []\n",
        "server:\n",
        "schema:1.example",
        "! names: x\n",
    ],
)
def test_other_lists_are_not_taken_for_it(text: str) -> None:
    assert not is_annotated(text.encode())
