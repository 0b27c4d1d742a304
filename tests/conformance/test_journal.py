"""The journal of queries as an owner meets it: switched on, asked, replayed, switched off."""

from __future__ import annotations

import json
import select
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import ROOT, Nxwhy, ask, environment, nxwhy, process
from tests.twins import TWINS, Twin

pytestmark = pytest.mark.timeout(240)
ON = "journal: {queries: memory, keep: 1h}\n"


@pytest.fixture(params=TWINS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Nxwhy]:
    twin: Twin = request.param
    with nxwhy(tmp_path, "127.0.0.9", f"engine: {twin}\n{ON}", timeout="100ms") as running:
        yield running


def events(server: Nxwhy, *words: str) -> list[dict[str, object]]:
    done = server.command("journal", "--json", *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def change(server: Nxwhy, before: str, after: str) -> None:
    text = server.config.read_text()
    assert before in text
    server.config.write_text(text.replace(before, after))
    done = server.command("reload")
    assert done.returncode == 0, done.stderr


def test_what_was_asked_can_be_looked_up_until_the_journal_is_switched_off(server: Nxwhy) -> None:
    assert "on: the last 10,000 queries for up to 1h, in memory" in server.log_until('"message": "serving"')
    for name in ("ads.extra.example", "www.ads.extra.example", "wechat.com", "open.example"):
        for _ in range(3):
            ask(server.port, name)
    mode = (server.folder / "state" / "control.sock").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600

    found = events(server, "--last", "12")
    assert [(one["name"], one["verdict"], one["list"]) for one in found] == [
        *[("ads.extra.example", "blocked", "extra")] * 3,
        *[("www.ads.extra.example", "blocked", "extra")] * 3,
        *[("wechat.com", "blocked", "wechat")] * 3,
        *[("open.example", "open", "")] * 3,
    ]
    assert {(one["client"], one["type"], one["protocol"], one["group"]) for one in found} == {
        ("127.0.0.1", "A", "udp", "default")
    }
    assert str(found[6]["reason"]).startswith("WeChat: ")
    # threads tell of their queries some at a time, so which of them came last of all is not sure
    below = events(server, "--name", "WWW.ads.extra.example", "--last", "2")
    assert [one["name"] for one in below] == ["www.ads.extra.example"] * 2
    assert events(server, "--client", "192.0.2.0/24") == []
    assert {one["name"] for one in events(server, "--blocked", "--client", "127.0.0.1")} == {
        *("ads.extra.example", "www.ads.extra.example", "wechat.com")
    }
    shown = server.command("journal", "--name", "wechat.com", "--last", "3").stdout.splitlines()
    assert shown[0].split() == ["TIME", "CLIENT", "TYPE", "NAME", "ANSWER", "TOOK", "WHY"]
    for line in shown[1:]:
        assert "blocked by list wechat, group default: WeChat: " in line

    with urllib.request.urlopen(f"http://127.0.0.1:{server.admin}/metrics") as page:
        metrics = page.read().decode()
    assert "nxwhy_journal_dropped_total 0.0" in metrics
    assert "nxwhy_journal_entries 0.0" not in metrics
    assert "extra.example" not in metrics
    assert "the journal of queries is on: " in server.command("check").stdout
    assert "the journal of queries is on: " in server.command("lists").stderr

    change(server, ON, "journal: {queries: off}\n")
    assert "the journal of queries is off" in server.log_until("the journal of queries is")
    done = server.command("journal")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the journal is off, nothing is kept of queries; `journal: {queries: memory}`" in done.stderr
    assert "journal" not in server.command("lists").stderr
    ask(server.port, "wechat.com")
    change(server, "journal: {queries: off}\n", ON)
    assert events(server) == []


def test_nothing_of_queries_is_kept_unless_it_is_switched_on(tmp_path: Path) -> None:
    with nxwhy(tmp_path, "127.0.0.9") as server:
        assert '"journal": "off"' in server.log_until('"message": "serving"')
        done = server.command("journal")
        assert (done.returncode, done.stdout) == (1, "")
        assert "the journal is off" in done.stderr
        assert "journal" not in server.command("check").stdout
        with urllib.request.urlopen(f"http://127.0.0.1:{server.admin}/metrics") as page:
            assert "nxwhy_journal_entries 0.0" in page.read().decode()


def test_who_follows_sees_what_comes_and_ends_it_with_ctrl_c(server: Nxwhy) -> None:
    argv = [sys.executable, "-m", "resolver", "journal", "--follow", "--json", "--last", "0"]
    argv += ["--name", "extra.example", "--config", str(server.config)]
    options = {"stdout": subprocess.PIPE, "env": environment(server.folder), "cwd": ROOT}
    with process(argv, **options) as following:
        assert following.stdout is not None
        for number in range(400):  # it may not have begun to look yet
            ask(server.port, f"n{number}.ads.extra.example")
            if select.select([following.stdout], [], [], 0.1)[0]:
                break
        assert json.loads(following.stdout.readline())["verdict"] == "blocked"
        following.send_signal(signal.SIGINT)
        assert following.wait(20) == 0


def test_a_changed_configuration_is_tried_on_what_was_asked(server: Nxwhy) -> None:
    for name, times in (("www.ads.extra.example", 3), ("fresh.example", 2), ("wechat.com", 4), ("x.test", 1)):
        for _ in range(times):
            ask(server.port, name)
    new = server.folder / "new.yaml"
    (server.folder / "extra2.txt").write_text("fresh.example\nx.test\n")
    text = server.config.read_text()
    new.write_text(text.replace("extra.txt", "extra2.txt"))
    done = server.command("replay", "journal", "--with", str(new))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "- www.ads.extra.example (extra): 3 queries of 1 client",
        "+ fresh.example (extra): 2 queries of 1 client",
        "+ x.test (extra): 1 query of 1 client",
    ]
    assert "extra: 2 newly blocked, 1 freed" in done.stderr
    assert "3 of 4 questions change" in done.stderr
