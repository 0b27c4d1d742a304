from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from resolver import checking, parts
from resolver.checking import Checked, check
from resolver.config import Config, Endpoint, load
from resolver.core.errors import ListRefused
from resolver.core.patterns import Patterns
from resolver.edge.builder import Order, build_file
from resolver.edge.history import accept
from resolver.edge.intake import history
from resolver.parts import list_sources, protected_names

TODAY = date(2026, 11, 22)
LISTS = "lists: {ads: {path: ads.txt}}\n"


def config(folder: Path, more: str = "", lists: str = LISTS) -> Config:
    return load(f"{lists}state: state\n{more}", "n.yaml", folder=folder, environment={})


@pytest.fixture(autouse=True)
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system name a resolver, wherever this runs."""
    monkeypatch.setattr(parts, "read_system_resolvers", lambda own: (Endpoint("192.0.2.53", 53),))


def checked(made: Config) -> Checked:
    return check(made, lambda _: None, TODAY)


def build(made: Config) -> None:
    build_file(Order(list_sources(made), protected_names(made)), made.state)


def names(count: int) -> str:
    return "".join([f"n{number}.example\n" for number in range(count)])


def test_a_list_that_was_not_fetched_yet_is_a_warning(tmp_path: Path) -> None:
    found = checked(config(tmp_path, lists="lists: {web: {url: 'https://lists.example/a'}}\n"))
    said = "https://lists.example/a: not fetched yet; nothing of list web can be checked"
    assert found == Checked([said], [])


def test_a_list_whose_file_is_not_there_is_a_mistake_where_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ads.txt"
    said = f"n.yaml:1:21: lists.ads.path: {path}: No such file or directory"
    assert checked(config(tmp_path)).mistakes == [said]


def test_a_test_that_fails_is_a_mistake_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "ads.txt").write_text("ads.example\n")
    made = config(tmp_path, "tests:\n- {name: ads.example, expect: open}\n")
    said = "tests.0: ads.example A for 127.0.0.1 should be open and is blocked by ads"
    assert checked(made).mistakes == [f"n.yaml:4:3: {said}"]


def test_an_annotated_list_that_is_built_wrong_is_a_mistake_where_that_is(tmp_path: Path) -> None:
    path = tmp_path / "ads.txt"
    path.write_text("names:\n- {name: a.example, enabeld: false}\n")
    assert checked(config(tmp_path)).mistakes[0].startswith(f"{path}:2:21: unknown key 'enabeld'")


def test_an_update_that_the_guards_would_refuse_is_a_mistake_until_it_is_accepted(tmp_path: Path) -> None:
    path, made = tmp_path / "ads.txt", config(tmp_path)
    path.write_text(names(200))
    assert checked(made).mistakes == []
    build(made)
    path.write_text(names(20))
    assert checked(made).mistakes == [f"{path}: shrunk from 200 rules to 20"]
    build(made)
    kept = history(made.state, "ads")
    kept.save(accept(kept.index()))
    assert checked(made).mistakes == []
    build(made)
    assert checked(made).mistakes == []


def test_a_fetched_list_is_held_to_the_public_suffixes(tmp_path: Path) -> None:
    made = config(tmp_path, lists="lists: {web: {url: 'https://lists.example/a'}}\n")
    path = made.state / "fetched" / "web.list"
    path.parent.mkdir(parents=True)
    path.write_text("||co.uk^\nlists.example\n")
    (mistake,) = checked(made).mistakes
    assert "lists.example (a list comes from there), line 2; co.uk (a public suffix), line 1" in mistake


@pytest.mark.parametrize("mode", ["enforced", "shadow"])
def test_a_name_that_must_stay_open_is_held_against_what_is_in_force(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "ads.txt"
    path.write_text("ads.example\nmail.corp.example\n")
    build(config(tmp_path))
    lists = f"lists: {{ads: {{path: ads.txt, mode: {mode}}}}}\n"
    made = config(tmp_path, "never_block: [mail.corp.example]\n", lists)
    said = [f"{path}:2: list ads blocks mail.corp.example (`never_block`)"] * (mode == "enforced")
    assert checked(made).mistakes == said
    if said:
        with pytest.raises(ListRefused, match=r"ads\.txt:2: list ads blocks mail\.corp\.example"):
            build(made)


def test_it_is_held_against_a_pinned_version_too_and_an_exception_of_the_owner_counts(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ads.txt"
    path.write_text("mail.corp.example\n")
    made = config(tmp_path, "never_block: [mail.corp.example]\n")
    build(config(tmp_path))
    kept = history(made.state, "ads")
    version = kept.index().current
    kept.save(replace(kept.index(), pinned=True))
    path.write_text("ads.example\n")
    said = f"{path}:1 (version {version}): list ads blocks mail.corp.example (`never_block`)"
    assert checked(made).mistakes == [said]
    (known,) = kept.index().versions
    kept.save(replace(kept.index(), versions=(replace(known, despite=("mail.corp.example",)),)))
    assert checked(made).mistakes == []


def test_a_check_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "ads.txt").write_text("mail.corp.example\n")
    made = config(tmp_path, "never_block: [mail.corp.example]\n")
    assert len(checked(made).mistakes) == 1
    assert not made.state.exists()


SAID = "record: {title: Ads, text: No ads., contact: 'tel:110'%s}\nnames: [ads.example]\n"


def doubts(folder: Path, lists: str, more: str = "") -> list[str]:
    found = checked(config(folder, more, f"lists:\n{lists}"))
    assert found.mistakes == []
    return [warning.replace(f"{folder}/", "") for warning in found.warnings]


def test_a_list_that_blocks_is_warned_of_where_it_does_not_say_why_or_whom_to_ask(tmp_path: Path) -> None:
    (tmp_path / "ads.txt").write_text("ads.example\n")
    (tmp_path / "chat.yaml").write_text("record:\n  title: Chat\n  text: No chat.\nnames: [chat.example]\n")
    lists = "  ads: {path: ads.txt}\n  chat: {path: chat.yaml}\n  own: {path: ads.txt, record: {title: x}}\n"
    assert doubts(tmp_path, lists) == [
        "n.yaml:2:8: lists.ads: blocks, and says neither why nor whom to ask: "
        "give a record with `text` and `contact`",
        "chat.yaml:2:3: record: blocks, and says not whom to ask: "
        "give `contact`, or `answer.contact` for all lists",
        "n.yaml:4:32: lists.own.record: blocks, and says neither why nor whom to ask: "
        "give a record with `text` and `contact`",
    ]
    assert doubts(tmp_path, lists, "answer: {contact: 'tel:110'}\n") == [
        "n.yaml:2:8: lists.ads: blocks, and does not say why: give `text`",
        "n.yaml:4:32: lists.own.record: blocks, and does not say why: give `text`",
    ]


def test_a_list_that_decides_nothing_or_lets_through_owes_no_reason(tmp_path: Path) -> None:
    (tmp_path / "ads.txt").write_text("ads.example\n")
    for how in ("mode: shadow", "mode: off", "kind: allow"):
        assert doubts(tmp_path, f"  ads: {{path: ads.txt, {how}}}\n") == []


def test_a_review_that_is_past_is_warned_of_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "ads.yaml"
    path.write_text(SAID % ", review: 2026-11-21")
    assert doubts(tmp_path, "  ads: {path: ads.yaml}\n") == [
        "ads.yaml:1:65: record.review: was to be reviewed by 2026-11-21"
    ]
    path.write_text(SAID % ", review: 2026-11-22")
    assert doubts(tmp_path, "  ads: {path: ads.yaml}\n") == []
    record = "{title: A, text: b, contact: 'tel:110', review: 2020-01-01}"
    assert doubts(tmp_path, f"  ads: {{path: ads.yaml, record: {record}}}\n") == [
        "n.yaml:2:81: lists.ads.record.review: was to be reviewed by 2020-01-01"
    ]


def test_the_lists_that_ship_are_warned_of_once_and_a_contact_for_all_settles_it(tmp_path: Path) -> None:
    lists = "  line: {shipped: line}\n  imo: {shipped: imo}\n"
    assert doubts(tmp_path, lists) == [
        "n.yaml:1:1: answer.contact: nobody is named to ask about line, imo: "
        "set this, as mailto:it@corp.example"
    ]
    assert doubts(tmp_path, lists, "answer: {contact: 'mailto:it@corp.example'}\n") == []


def test_every_mistake_of_a_record_in_a_list_is_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "ads.yaml"
    path.write_text("record: {title: x, since: soon, review: later}\nnames: [a.example]\n")
    found = checked(config(tmp_path, lists="lists: {ads: {path: ads.yaml}}\n"))
    assert found.mistakes == [
        f"{path}:1:27: record.since: 'soon' is not a date as 2026-11-22",
        f"{path}:1:41: record.review: 'later' is not a date as 2026-11-22",
    ]


def test_patterns_that_would_not_be_applied_are_warned_of_with_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "Patterns", partial(Patterns, use_re2=False))
    path, lists = tmp_path / "ads.txt", "  ads: {path: ads.txt, format: adblock, mode: shadow}\n"
    path.write_text("||ads.example^\n/^ads[0-9]+/\n/(a+)+x/\n")
    said = "pattern not applied: /(a+)+x/: needs google-re2: pip install 'nxwhy[regex]'"
    assert doubts(tmp_path, lists) == [f"ads.txt:3: {said}"]
    path.write_text("".join([f"/(a+)+x{number}/\n" for number in range(8)]))
    *shown, more = doubts(tmp_path, lists)
    assert len(shown) == checking.SHOWN
    assert more == "and 3 more patterns not applied"


def test_a_list_whose_signature_could_not_be_checked_is_warned_of_where_its_key_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state" / "fetched" / "ads.list"
    path.parent.mkdir(parents=True)
    path.write_text("ads.example\n")
    said = "record: {title: A, text: b, contact: 'tel:110'}"
    text = f"  ads: {{url: 'https://lists.example/a', minisign: %s, {said}}}\n"
    key = "RWQ" + "A" * 53
    where = "n.yaml:2:51: lists.ads.minisign: will not be fetched"
    assert doubts(tmp_path, text % "typo") == [f"{where}: not a public key of minisign"]
    assert doubts(tmp_path, text % key) == []
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    needed = "checking signatures needs more: pip install 'nxwhy[minisign]'"
    assert doubts(tmp_path, text % key) == [f"{where}: {needed}"]


def test_that_nobody_is_there_to_ask_is_worth_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ads.txt").write_text("a.example\n")
    said = "no upstream server: `upstreams` names none, nor does the system any that is not nxwhy"
    assert said not in checked(config(tmp_path)).warnings
    monkeypatch.setattr(parts, "read_system_resolvers", lambda own: ())
    assert said in checked(config(tmp_path)).warnings
    asks = config(tmp_path, "upstreams: {default: {servers: [192.0.2.53]}}\n")
    assert said not in checked(asks).warnings
