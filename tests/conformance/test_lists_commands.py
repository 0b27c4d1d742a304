"""Lists from the web, their guards, their versions and what an owner orders, as an owner meets them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import Nxwhy, environment, free_port, process, rcode, until_it_answers
from tests.webservers import Handler, Web, web

pytestmark = pytest.mark.timeout(240)
NXDOMAIN, SERVFAIL = 3, 2
PACE_S, LONGEST_S = 0.01, 50.0
"""How often we ask while a list is built, which needs its time too; and how long that may take at most."""


def names(count: int) -> bytes:
    return "".join([f"n{number}.example\n" for number in range(count)]).encode()


@pytest.fixture
def page() -> Iterator[Web]:
    with web(lambda handler: handler.answer(names(200))) as running:
        yield running


@pytest.fixture
def server(tmp_path: Path, page: Web) -> Iterator[Nxwhy]:
    port, admin = free_port(), free_port()
    config = tmp_path / "nxwhy.yaml"
    config.write_text(
        f"""listen: {{dns: ["127.0.0.1:{port}"], admin: "127.0.0.1:{admin}"}}
upstreams: {{default: {{servers: [127.0.0.1:9], timeout: 100ms}}}}
lists:
  web: {{url: "{page.url(host="127.0.0.1")}", refresh: 1h}}
  own: {{path: own.txt}}
state: state
"""
    )
    (tmp_path / "own.txt").write_text("own.example\n")
    with process(
        [sys.executable, "-m", "resolver", "serve", "--config", str(config)],
        stderr=subprocess.PIPE,
        env=environment(tmp_path),
        cwd=tmp_path,
    ) as running:
        until_it_answers(running, port, "own.example")
        yield Nxwhy(running, port, admin, 0, tmp_path, config)


def serve(page: Web, body: bytes) -> None:
    def script(handler: Handler) -> None:
        handler.answer(body)

    page.script = script


def shown(server: Nxwhy, name: str = "web") -> dict[str, object]:
    done = server.command("lists", "--json")
    (found,) = [one for one in json.loads(done.stdout) if one["list"] == name]
    return dict(found)


def metrics(server: Nxwhy) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.admin}/metrics") as answer:
        return str(answer.read().decode())


def test_a_fetched_list_is_in_force_and_a_bad_update_of_it_waits_for_the_owner(
    server: Nxwhy, page: Web
) -> None:
    server.log_until("reloaded")
    assert rcode(server.port, "n7.example") == NXDOMAIN
    before = shown(server)
    first = str(before["version"])
    assert before["next_fetch_s"] is not None

    serve(page, names(20))
    done = server.command("lists", "refresh", "web")
    assert "shrunk from 200 rules to 20" in done.stderr
    assert done.returncode == 1
    assert rcode(server.port, "n199.example") == NXDOMAIN
    assert "shrunk from 200 rules to 20" in str(shown(server)["error"])
    assert 'nxwhy_list_refresh_failed{list="web"} 1' in metrics(server)

    assert server.command("lists", "accept", "web").returncode == 0
    assert rcode(server.port, "n199.example") == SERVFAIL
    assert rcode(server.port, "n7.example") == NXDOMAIN

    told = server.command("lists", "diff", "web")
    assert told.stderr == "0 added, 180 removed\n"
    assert "- n199.example\n" in told.stdout
    rows = server.command("lists", "history", "web").stdout.splitlines()
    assert [row.split()[0] for row in rows[1:]] == [shown(server)["version"], first]

    assert server.command("lists", "rollback", "web", first[:4]).returncode == 0
    assert rcode(server.port, "n199.example") == NXDOMAIN
    assert shown(server)["held"] == "rolled back"
    assert "web: 200 names; rolled back\n" in server.command("reload").stdout
    assert "the oldest version is in force" in server.command("lists", "diff", "web").stderr

    assert server.command("lists", "pin", "web").returncode == 0
    serve(page, names(150))
    assert server.command("lists", "refresh", "web").returncode == 0
    assert shown(server)["names"] == 200
    assert "web: the list follows its source again" in server.command("lists", "unpin", "web").stdout
    assert shown(server)["names"] == 150

    entries = [
        json.loads(line) for line in (server.folder / "state" / "audit.jsonl").read_text().splitlines()
    ]
    counts = [entry["after"]["names"] for entry in entries if entry.get("list") == "web" and entry["after"]]
    assert counts == [200, 20, 200, 200, 150]
    assert [entry["cause"] for entry in entries if entry.get("list") == "web"][1:3] == [
        "accept web",
        f"rollback web {first[:4]}",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rollback", "own", "ffff"], "is no version; there are"),
        (["accept", "own"], "nothing of this list was refused"),
        (["pin", "none"], "'none' is no list; there are web, own"),
        (["refresh", "own"], "is no list with a `url`"),
        (["diff", "own"], "this list has one version only"),
    ],
)
def test_an_order_that_makes_no_sense_is_answered_and_changes_nothing(
    server: Nxwhy, words: list[str], said: str
) -> None:
    done = server.command("lists", *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert rcode(server.port, "own.example") == NXDOMAIN


@contextmanager
def asked_all_the_time(port: int, name: str) -> Iterator[list[int]]:
    """Ask for a name again and again until the end of the block; gives what came of each query."""
    found: list[int] = []
    done = threading.Event()

    def go_on() -> None:
        while not done.wait(PACE_S):
            found.append(rcode(port, name))

    asking = threading.Thread(target=go_on)
    asking.start()
    try:
        yield found
    finally:
        done.set()
        asking.join()


def test_a_file_that_vanishes_leaves_its_list_in_force_and_comes_back(server: Nxwhy) -> None:
    server.log_until("reloaded")
    path = server.folder / "own.txt"
    with asked_all_the_time(server.port, "own.example") as answers:
        path.unlink()
        said = server.log_until("list refused", LONGEST_S)
        assert f"{path}: No such file or directory; the last good copy stays in force" in said
        server.log_until("reloaded", LONGEST_S)
        assert rcode(server.port, "n7.example") == NXDOMAIN  # nor does it touch another list
        found = shown(server, "own")
        assert (found["error"], found["in_force"]) == (f"{path}: No such file or directory", True)
        assert 'nxwhy_list_refresh_failed{list="own"} 1' in metrics(server)
        path.write_text("own.example\nback.example\n")
        server.log_until("reloaded", LONGEST_S)
    assert set(answers) == {NXDOMAIN}
    assert rcode(server.port, "back.example") == NXDOMAIN
    found = shown(server, "own")
    assert (found["error"], found["names"]) == (None, 2)


def test_a_list_that_cannot_be_fetched_stays_and_is_told(server: Nxwhy, page: Web) -> None:
    server.log_until("reloaded")
    page.script = lambda handler: handler.answer(b"gone", status=404)
    done = server.command("lists", "refresh", "web")
    assert "404" in done.stderr
    assert done.returncode == 1
    assert "404" in str(shown(server)["fetch_error"])
    assert 'nxwhy_list_refresh_failed{list="web"} 1' in metrics(server)
    assert server.command("lists").returncode == 1
    assert rcode(server.port, "n7.example") == NXDOMAIN
