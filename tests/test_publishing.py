"""What is said in public of the lists in force, and what is not."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from resolver.cli import main
from resolver.config import Config, load
from resolver.core.lists.record import Status
from resolver.edge.builder import Build, build
from resolver.edge.history import History, Version, content_id
from resolver.edge.intake import history
from resolver.parts import list_sources
from resolver.publishing import Publisher, publish, statement_of
from resolver.web.transparency import Listed, Statement

CHAT = """\
record:
  title: {en: Chat, de: Plaudern}
  text: {en: No chat., de: Kein Plaudern.}
  history: [{status: enforced, date: 2026-01-20}]
names: [chat.example, secret-name.example]
"""
CONFIG = """\
server: {name: dns.corp.example}
lists:
  chat: {path: private/chat.yaml}
  ads: {url: "https://lists.example/token-5ecret/ads.txt?key=5ecret#5ecret", record: {title: Ads}}
  trial: {path: private/trial.txt, mode: shadow}
  unused: {path: private/unused.txt}
  resting: {path: private/resting.txt, mode: off}
  staff: {path: private/staff.txt, kind: allow}
groups:
  default: {block: [chat, ads, trial, resting]}
  bosses: {clients: [192.0.2.7], block: [chat], allow: [staff]}
answer: {language: de, contact: "mailto:it@corp.example", organisation: {en: Corp IT, de: IT der Firma}}
state: state
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "chat.yaml").write_text(CHAT)
    for name in ("trial", "unused", "resting", "staff"):
        (tmp_path / "private" / f"{name}.txt").write_text(f"{name}.example\nchat.example\n")
    (tmp_path / "nxwhy.yaml").write_text(CONFIG)
    return load(CONFIG, "nxwhy.yaml", folder=tmp_path, environment={})


def made(config: Config) -> Build:
    return build(list_sources(config), config.state)


def stated(config: Config) -> Statement:
    return statement_of(config, made(config), config.state)


def listed(config: Config) -> dict[str, Listed]:
    return {one.reason.list: one for one in stated(config).lists}


def test_the_lists_that_count_for_somebody_are_said_and_no_others(config: Config) -> None:
    found = listed(config)
    assert list(found) == ["chat", "ads", "trial", "staff"]
    assert [(one.allows, one.shadow, one.for_all) for one in found.values()] == [
        (False, False, True),
        (False, False, False),
        (False, True, False),
        (True, False, False),
    ]
    assert [one.in_force for one in found.values()] == [True, False, True, True]


def test_a_list_is_for_everybody_only_where_clients_in_no_group_have_it_too(config: Config) -> None:
    fewer = config.model_copy(update={"groups": {"bosses": config.groups["bosses"]}})
    assert not listed(fewer)["chat"].for_all


def test_a_record_is_said_in_the_language_of_the_configuration_with_what_it_leaves_out(
    config: Config,
) -> None:
    reason = listed(config)["chat"].reason
    assert (reason.title, reason.why, reason.organisation) == ("Plaudern", "Kein Plaudern.", "IT der Firma")
    assert reason.contact == "mailto:it@corp.example"
    assert [step.status for step in reason.history] == [Status.ENFORCED]
    statement = stated(config)
    assert (statement.server, statement.organisation) == ("dns.corp.example", "IT der Firma")


def test_names_are_counted_with_those_of_no_other_list(config: Config) -> None:
    chat = listed(config)["chat"]
    assert (chat.names, chat.own_names) == (2, 1)


def test_the_versions_that_are_kept_are_said_the_newest_first(config: Config) -> None:
    kept: History = history(config.state, "chat")
    for time_s, text in ((1.0, b"old"), (2.0, b"new")):
        kept.prepare(content_id(text), text)
        kept.add(Version(content_id(text), time_s, len(text), len(text), "new content"))
    versions = listed(config)["chat"].versions
    assert [(one.time_s, one.in_force) for one in versions] == [(2.0, True), (1.0, False)]
    assert listed(config)["trial"].versions == ()


def test_no_name_no_client_no_path_and_nothing_of_a_url_but_its_host_is_said(
    config: Config, tmp_path: Path
) -> None:
    for path in publish(config, made(config), tmp_path / "public"):
        text = path.read_text()
        for private in ("5ecret", "private/", str(tmp_path), "192.0.2.7", "secret-name", "bosses", ".yaml"):
            assert private not in text
        assert "lists.example" in text


def test_a_table_of_an_earlier_run_with_lists_that_are_gone_is_no_trouble(config: Config) -> None:
    fewer = config.model_copy(update={"lists": {"chat": config.lists["chat"]}})
    statement = statement_of(fewer, made(config), config.state)
    assert [one.reason.list for one in statement.lists] == ["chat"]


def test_published_files_can_be_read_by_everybody_and_replace_the_ones_before(
    config: Config, tmp_path: Path
) -> None:
    folder = tmp_path / "a" / "public"
    for _ in range(2):
        written = publish(config, made(config), folder)
    assert [path.name for path in written] == ["index.html", "transparency.json"]
    assert sorted(folder.iterdir()) == written
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o644}


async def test_it_is_made_once_for_what_is_in_force(config: Config) -> None:
    publisher = Publisher(config, made(config), config.state)
    files = await publisher.files()
    assert await publisher.files() is files


def test_the_command_writes_it_without_a_server(config: Config, tmp_path: Path) -> None:
    words = ["transparency", "--config", str(tmp_path / "nxwhy.yaml")]
    done = CliRunner().invoke(main, [*words, "--output", str(tmp_path / "public")])
    assert done.exit_code == 0, done.output
    assert done.stdout.split() == [
        str(tmp_path / "public" / name) for name in ("index.html", "transparency.json")
    ]
    lists = json.loads((tmp_path / "public" / "transparency.json").read_text())["lists"]
    assert [one["list"] for one in lists] == ["chat", "ads", "trial", "staff"]


def test_the_command_says_where_it_cannot_write(config: Config, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    words = [
        "transparency",
        "--config",
        str(tmp_path / "nxwhy.yaml"),
        "--output",
        str(tmp_path / "taken" / "x"),
    ]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1
    assert f"{tmp_path / 'taken' / 'x'}: Not a directory" in done.output
