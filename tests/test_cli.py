from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from resolver import ask, parts
from resolver.cli import main
from resolver.config import Endpoint
from resolver.config.model import Engine
from resolver.engines import chosen
from resolver.shipped import SHIPPED
from tests.servers import environment


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env={"HOME": "/nonexistent", "NXWHY_CONFIG": None})


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "ads.txt").write_text("ads.example\nsome bad line\n*.wild.example\n")
    (tmp_path / "staff.txt").write_text("good.ads.example\n")
    (tmp_path / "nxwhy.yaml").write_text(
        "lists:\n"
        "  ads: {path: ads.txt, match: subtree, record: {title: Advertising, class: requested}}\n"
        "  staff: {path: staff.txt, kind: allow}\n"
        "groups:\n"
        "  default: {block: [ads]}\n"
        "  lab: {clients: [192.0.2.0/24], block: [ads], allow: [staff], answer: refused}\n"
        "state: state\n"
    )
    return str(tmp_path / "nxwhy.yaml")


def test_check_says_that_the_defaults_are_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "read_system_resolvers", lambda own: (Endpoint("192.0.2.53", 53),))
    result = run("check")
    assert (result.exit_code, result.output) == (
        0,
        f"warning: answer.contact: nobody is named to ask about {', '.join(SHIPPED)}: "
        f"set this, as mailto:it@corp.example\n"
        f"the defaults: good; {len(SHIPPED)} lists, engine {chosen(Engine.AUTO)}\n",
    )


@pytest.mark.parametrize("command", ["check", "serve", "reload"])
def test_a_configuration_without_its_option_is_told_the_option(command: str) -> None:
    result = run(command, "nxwhy.yaml")
    assert result.exit_code == 2
    assert result.stderr.endswith(
        "Got unexpected extra argument (nxwhy.yaml); is `--config nxwhy.yaml` meant?\n"
    )
    assert "meant?" not in run(command, "nxwhy").stderr


def test_check_counts_one_list_as_one(file: str) -> None:
    path = Path(file).parent / "ads.txt"
    path.write_text("ads.example\n")
    Path(file).write_text("lists: {ads: {path: ads.txt}}\nstate: state\n")
    result = run("check", "--config", file)
    assert ": good; 1 list, engine " in result.stdout


def test_check_says_bad_lines_of_lists_with_file_and_line(file: str) -> None:
    result = run("check", "--config", file)
    assert result.exit_code == 1
    assert f"{Path(file).parent / 'ads.txt'}:2: " in result.stderr
    assert result.stdout == ""


def test_check_says_warnings_and_they_do_not_count(file: str) -> None:
    Path(file).write_text("access: {clients: ['0.0.0.0/0']}")
    result = run("check", "--config", file)
    assert result.exit_code == 0
    assert result.stderr.startswith(f"warning: {file}:1:20: access.clients.0: everybody may ask")


def test_check_says_a_list_that_is_not_there(file: str) -> None:
    (Path(file).parent / "ads.txt").unlink()
    result = run("check", "--config", file)
    assert result.exit_code == 1
    path = Path(file).parent / "ads.txt"
    said = f"{file}:2:15: lists.ads.path: {path}: No such file or directory"
    assert said in result.stderr.splitlines()


def test_check_says_that_queries_are_kept(file: str) -> None:
    Path(file).write_text("journal: {queries: memory, entries: 500, clients: none}\n")
    result = run("check", "--config", file)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:] == [
        "the journal of queries is on: the last 500 queries for up to 1d, in memory, without clients"
    ]


@pytest.mark.parametrize(
    "command", [["check"], ["serve"], ["lists"], ["journal"], ["explain", "a.example"], ["reload"]]
)
def test_every_command_says_mistakes_as_editors_read_them(file: str, command: list[str]) -> None:
    Path(file).write_text("zzz: 1\ncache: {size: 1}\n")
    result = run(*command, "--config", file)
    assert result.exit_code == 1
    first, second = result.stderr.splitlines()
    assert first.startswith(f"{file}:1:1: zzz: unknown key")
    assert second == f"{file}:2:15: cache.size: must be at least 1MiB"


def test_the_configuration_can_be_named_by_the_environment(file: str) -> None:
    result = CliRunner().invoke(main, ["lists"], env={"NXWHY_CONFIG": file})
    assert "Advertising" in result.output


def test_explain_says_which_line_blocks_and_why(file: str) -> None:
    result = run("explain", "WWW.Ads.example.", "--config", file)
    assert result.exit_code == 0
    assert f"{Path(file).parent / 'ads.txt'}:1" in result.output
    for said in ("www.ads.example", "list ads, group default", "Advertising", "nxdomain (TTL 30 s)"):
        assert said in result.output


@pytest.mark.parametrize("command", ["explain", "query"])
def test_a_url_is_not_taken_for_a_name(command: str) -> None:
    result = run(command, "https://www.ads.example/page")
    assert result.exit_code == 2
    assert "is a URL; write the name in it alone, as www.example" in result.output


def test_explain_judges_for_the_client(file: str) -> None:
    allowed = run("explain", "good.ads.example", "--client", "192.0.2.7", "--config", file, "--json")
    blocked = run("explain", "ads.example", "--client", "192.0.2.7", "--config", file, "--json")
    default = run("explain", "good.ads.example", "--config", file, "--json")
    said = json.loads(allowed.output)
    assert (said["blocked"], said["groups"], said["decided_by"]["list"]) == (False, ["lab"], "staff")
    assert (said["decided_by"]["step"], said["decided_by"]["rule"]["line"]) == ("allow", 1)
    assert json.loads(blocked.output)["answer"] == "refused (TTL 30 s)"
    assert json.loads(default.output)["blocked"]


def test_explain_judges_for_the_type(file: str) -> None:
    for given, shown in (("aaaa", "AAAA"), ("TYPE999", "TYPE999")):
        said = json.loads(run("explain", "ads.example", "--type", given, "--config", file, "--json").output)
        assert (said["type"], said["blocked"]) == (shown, True)
    assert run("explain", "ads.example", "--type", "nothing", "--config", file).exit_code == 1


def test_explain_says_that_no_list_has_a_say(file: str) -> None:
    assert "no list has a say" in run("explain", "other.example", "--config", file).output
    said = json.loads(run("explain", "other.example", "--config", file, "--json").output)
    assert (said["blocked"], said["decided_by"]) == (False, None)


@pytest.mark.parametrize("arguments", [["a..example"], ["a.example", "--client", "here"], ["x" * 64]])
def test_explain_refuses_what_is_no_name_and_no_address(arguments: list[str]) -> None:
    result = run("explain", *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")


def test_explain_warns_of_a_list_that_cannot_be_read(file: str) -> None:
    path = Path(file).parent / "ads.txt"
    path.unlink()
    result = run("explain", "ads.example", "--config", file)
    assert f"warning: {path}: No such file or directory" in result.output


def test_lists_shows_each_list(file: str) -> None:
    result = run("lists", "--config", file)
    assert result.exit_code == 0
    head, ads, staff, *notes = result.output.splitlines()
    assert head.split()[:8] == ["LIST", "NAMES", "OWN", "TWICE", "COVERED", "BAD", "LINES", "HITS"]
    assert head.split()[8:] == ["SHADOW", "LAST", "AGE", "FORMAT", "TITLE"]
    assert ads.split()[:7] == ["ads", "2", "2", "0", "0", "1", "3"]
    assert ads.split()[7:] == ["-", "-", "-", "-", "wildcards,", "domains", "Advertising"]
    assert staff.split()[:6] == ["staff", "1", "1", "0", "0", "0"]
    assert notes[0].startswith(f"ads: {Path(file).parent / 'ads.txt'}:2: ")


def test_lists_for_programs_ends_with_1_where_a_list_is_not_in_force(file: str) -> None:
    (Path(file).parent / "staff.txt").unlink()
    result = run("lists", "--config", file, "--json")
    assert result.exit_code == 1
    ads, staff = json.loads(result.stdout)
    assert (ads["list"], ads["names"], ads["bad_lines"], ads["in_force"]) == ("ads", 2, 1, True)
    assert ads["record"] == {"title": "Advertising", "class": "requested", "language": "en"}
    assert (staff["in_force"], staff["names"]) == (False, 0)
    assert "No such file" in staff["error"]


def test_reload_says_that_no_server_runs(file: str) -> None:
    result = run("reload", "--config", file)
    assert result.exit_code == 1
    assert "no server runs on" in result.stderr


@pytest.mark.parametrize("words", [["journal"], ["replay", "journal", "--with", "nxwhy.yaml"]])
def test_the_journal_is_that_of_a_running_server(
    file: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(file).parent)
    result = run(*words, "--config", file)
    assert result.exit_code == 1
    assert "no server runs on" in result.stderr


def test_serve_says_a_state_folder_that_cannot_be_made(file: str) -> None:
    (Path(file).parent / "state").write_text("")
    result = run("serve", "--config", file)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {Path(file).parent / 'state'}")


@pytest.mark.parametrize("dnssec", [False, True])
def test_query_asks_for_dnssec_records_where_told(dnssec: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def query(*_: object, dnssec: bool, **__: object) -> str:
        asked.append(dnssec)
        return "an answer"

    monkeypatch.setattr(ask, "query", query)
    done = run("query", "wechat.com", *["--dnssec"] * dnssec)
    assert (done.output, asked) == ("an answer\n", [dnssec])


@pytest.mark.parametrize("seconds", ["nan", "inf", "0", "-1", "301"])
def test_query_refuses_to_wait_for_no_time_or_for_ever(seconds: str) -> None:
    done = run("query", "wechat.com", "--timeout", seconds)
    assert done.exit_code == 2
    assert f"{seconds} is not above 0 and up to 300" in done.output


def on_a_terminal(file: str, *words: str) -> tuple[int, str]:
    """Return the status of a command whose standard error is a terminal, and what it shows there."""
    master, slave = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "resolver", *words, "--config", file],
        stderr=slave,
        stdout=subprocess.DEVNULL,
        env=environment(Path(file).parent),
        timeout=30,
        check=False,
    )
    os.close(slave)
    shown = os.read(master, 65536).decode()
    os.close(master)
    return done.returncode, shown


@pytest.mark.parametrize(
    ("words", "work"),
    [
        (("reload",), "building"),
        (("lists", "refresh", "ads"), "fetching and building"),
        (("lists", "unpin", "ads"), "building"),
        (("explain", "a..b"), "reading the lists"),
    ],
)
def test_who_waits_at_a_terminal_is_told_what_for_and_nothing_stays(
    file: str, words: tuple[str, ...], work: str
) -> None:
    status, shown = on_a_terminal(file, *words)
    assert status == 1
    assert shown.startswith(f"{work}...\r\033[KError: ")


def test_long_work_says_on_a_terminal_how_far_it_is_and_leaves_nothing_behind(file: str) -> None:
    status, shown = on_a_terminal(file, "check")
    assert status == 1
    assert "\r\033[Kreading ads (1 of 2)..." in shown
    assert shown.index("compiling") < shown.rindex("\r\033[K") < shown.index("some bad line")
