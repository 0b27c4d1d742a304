from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest
from click.testing import CliRunner

from resolver.cli import main
from resolver.config import read
from resolver.core.errors import ReplayError
from resolver.core.names import from_text, to_text
from resolver.replaying import (
    SHOWN,
    Change,
    Seen,
    by_name,
    changes,
    policy_of,
    read_journal,
    read_seen,
    summary,
)

OLD = "lists: {ads: {path: ads.txt}}\nstate: state\n"
NEW = (
    "lists: {ads: {path: ads.txt}, more: {path: more.txt}, staff: {path: staff.txt, kind: allow}}\n"
    "groups: {default: {block: [ads, more]}, "
    "staff: {clients: [192.0.2.0/24], block: [ads], allow: [staff]}}\n"
    "state: state\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "old.yaml": OLD,
        "new.yaml": NEW,
        "ads.txt": "ads.example\n",
        "more.txt": "more.example\n",
        "staff.txt": "ads.example\n",
        "seen.txt": "ads.example\nmore.example # twice\n\nads.example 192.0.2.7\nopen.example\n",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_names_that_another_configuration_blocks_or_frees_are_shown_with_the_list(folder: Path) -> None:
    words = ["replay", str(folder / "seen.txt"), "--with", str(folder / "new.yaml")]
    done = CliRunner().invoke(main, [*words, "--config", str(folder / "old.yaml")])
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "+ more.example (more) for 127.0.0.1",
        "- ads.example (ads) for 192.0.2.7",
    ]
    assert done.stderr.splitlines() == [
        "ads: 0 newly blocked, 1 freed",
        "more: 1 newly blocked, 0 freed",
        "2 of 4 names change",
    ]
    assert not (folder / "state").exists()


def test_the_same_configuration_changes_nothing(folder: Path) -> None:
    words = ["replay", "-", "--with", str(folder / "old.yaml"), "--config", str(folder / "old.yaml")]
    done = CliRunner().invoke(main, words, input="ads.example\n")
    assert (done.stdout, done.stderr) == ("", "0 of 1 names change\n")


def event(name: str, client: str = "192.0.2.7", qtype: str = "A") -> dict[str, str]:
    return {"name": name, "client": client, "type": qtype}


def test_a_journal_is_counted_by_name_and_the_names_with_most_queries_come_first() -> None:
    events = [event("a.example"), event("b.example"), event("b.example", "2001:db8::1"), event("b.example")]
    queries = read_journal(events)
    found = [Change(seen, True, "ads") for seen in queries]
    assert list(by_name(found, queries)) == [
        "+ b.example (ads): 3 queries of 2 clients",
        "+ a.example (ads): 1 query of 1 client",
    ]
    assert summary(found, queries).splitlines()[-1] == "3 of 3 questions change"


def test_a_network_of_the_journal_stands_for_its_clients_and_where_there_are_none_somebody_does() -> None:
    somebody = ip_address("192.0.2.9")
    found = read_journal([event("a.example", "192.0.2.0/24"), event("a.example", "", "AAAA")], somebody)
    name = from_text("a.example")
    assert list(found) == [Seen(name, ip_address("192.0.2.0"), 1), Seen(name, somebody, 28)]


def test_a_rule_for_one_type_changes_what_was_asked_for_that_type(folder: Path) -> None:
    (folder / "more.txt").write_text("||ads.example^$dnstype=AAAA\n")
    config = read(folder / "new.yaml", {})
    before = read(folder / "old.yaml", {}).model_copy(update={"lists": {}, "groups": {}})
    new = config.model_copy(update={"lists": {"more": config.lists["more"]}})
    seen = read_journal([event("ads.example", "198.51.100.1", qtype) for qtype in ("A", "AAAA")])
    old, changed = (policy_of(one, lambda _: None) for one in (before, new))
    assert [change.seen.qtype for change in changes(old, changed, seen)] == [28]


@pytest.mark.parametrize(
    "line", ["a..example", "a.example 192.0.2.300", "a.example 192.0.2.1 more", "\udce4"]
)
def test_a_line_that_is_no_name_costs_only_itself_and_is_told(line: str) -> None:
    found = read_seen(["a.example", line, "b.example"], "seen")
    assert [to_text(one.name) for one in found.seen] == ["a.example", "b.example"]
    bad, count = found.left_out()
    assert bad.startswith("seen:2: ")
    assert bad.isprintable()
    assert count == "1 line left out"


def test_of_many_such_lines_the_first_are_told_and_how_many_there_are() -> None:
    found = read_seen(["a..example"] * 8 + ["a.example"], "seen")
    assert len(found.left_out()) == SHOWN + 1
    assert found.left_out()[-1] == "8 lines left out"
    assert read_seen(["a.example"], "seen").left_out() == []


def test_a_file_without_any_line_that_can_be_read_is_refused() -> None:
    with pytest.raises(ReplayError, match=r"seen:1: .*\n1 line left out\nno line could be read"):
        read_seen(["a..example"], "seen")
    assert read_seen(["# nothing"], "seen").seen == []


def test_the_command_goes_on_behind_a_bad_line(folder: Path) -> None:
    path = folder / "bad.txt"
    path.write_text("a..example\nmore.example\n")
    words = ["replay", str(path), "--with", str(folder / "new.yaml"), "--config", str(folder / "old.yaml")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0
    assert done.stdout == "+ more.example (more) for 127.0.0.1\n"
    bad, count, *_ = done.stderr.splitlines()
    assert bad.startswith(f"{path}:1: ")
    assert count == "1 line left out"
