"""The resolver as its users meet it: the real command, real clients, real upstream servers."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from resolver.cli import main
from tests.programs import need
from tests.servers import (
    ROOT,
    Nxwhy,
    ask,
    command,
    environment,
    free_port,
    nsd,
    nxwhy,
    process,
    rcode,
    unbound,
    until_it_answers,
)

pytestmark = pytest.mark.timeout(120)

NAMES = ("wechat.com", "web.wechat.com", "line.me", "bbm.com", "linkedin.com", "imo.im")
TYPES = ("A", "AAAA", "HTTPS", "MX", "TXT", "ANY")


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with nsd(tmp_path_factory.mktemp("nsd")) as port:
        yield port


@pytest.fixture(scope="module")
def server(upstream: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nxwhy]:
    """A server that no test changes."""
    with nxwhy(tmp_path_factory.mktemp("nxwhy"), f'"127.0.0.1:{upstream}"') as running:
        yield running


@pytest.fixture
def own(upstream: int, tmp_path: Path) -> Iterator[Nxwhy]:
    """A server for one test, which may change it."""
    with nxwhy(tmp_path, f'"127.0.0.1:{upstream}"') as running:
        yield running


def dig(port: int, *words: str) -> str:
    argv = [need("dig"), "@127.0.0.1", "-p", str(port), "+tries=1", "+time=5", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.shipped
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
@pytest.mark.parametrize("name", NAMES)
def test_dig_reads_nxdomain_soa_and_the_reason_for_every_type(
    server: Nxwhy, name: str, transport: str
) -> None:
    words = [word for qtype in TYPES for word in (name, qtype, transport)]
    answers = dig(server.port, *words).split(";; Got answer:")[1:]
    assert len(answers) == len(TYPES)
    for answer in answers:
        assert "status: NXDOMAIN" in answer
        assert re.search(r"flags: qr rd ra;", answer)
        assert re.search(r"EDE: 15 \(Blocked\): \(.*blocked on this network by its owner", answer)
        assert re.search(rf"^{name}\.\s+30\s+IN\s+SOA\s", answer, re.MULTILINE)


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_other_names_get_the_real_answer_from_nsd(server: Nxwhy, transport: str) -> None:
    assert dig(server.port, "www.up.example", "A", transport, "+short").strip() == "192.0.2.1"
    assert dig(server.port, "www.up.example", "AAAA", transport, "+short").strip() == "2001:db8::1"
    assert dig(server.port, "txt.up.example", "TXT", transport, "+short").strip() == '"a text"'


@pytest.mark.shipped
def test_unbound_in_between_gives_the_same_answers(upstream: int, tmp_path: Path) -> None:
    folder = tmp_path / "unbound"
    folder.mkdir()
    with unbound(folder, upstream) as port, nxwhy(tmp_path, f'"127.0.0.1:{port}"') as running:
        assert dig(running.port, "www.up.example", "+short").strip() == "192.0.2.1"
        assert "status: NXDOMAIN" in dig(running.port, "line.me")


@pytest.mark.parametrize("name", ["wechat.com", "www.up.example", "localhost"])
def test_dig_finds_the_cookie_that_it_sent_good(server: Nxwhy, name: str) -> None:
    sent = "24a5ac1234567890"
    first = re.search(r"; COOKIE: (\w+) \(good\)", dig(server.port, name, f"+cookie={sent}"))
    assert first is not None
    assert first[1].startswith(sent)
    assert f"; COOKIE: {first[1]} (good)" in dig(server.port, name, f"+cookie={first[1]}")
    assert "status: FORMERR" in dig(server.port, name, f"+cookie={sent}00")


def test_kdig_reads_the_same(server: Nxwhy) -> None:
    argv = [need("kdig"), "@127.0.0.1", "-p", str(server.port), "web.wechat.com", "HTTPS", "+edns"]
    answer = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout
    assert "status: NXDOMAIN" in answer
    assert re.search(r"EDE: 15 \(Blocked\): 'WeChat: ", answer)


def test_an_answer_that_leads_to_a_blocked_name_is_blocked_and_says_which(server: Nxwhy) -> None:
    answer = dig(server.port, "leads.up.example")
    assert "status: NXDOMAIN" in answer
    assert "EDE: 15 (Blocked): (web.wechat.com (WeChat: " in answer


def test_no_name_that_must_never_be_blocked_is(server: Nxwhy) -> None:
    listed = yaml.safe_load((Path(__file__).parents[1] / "data" / "never.yaml").read_text())
    texts = re.findall(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", json.dumps(listed))
    assert "cloudfront.net" in texts
    assert {rcode(server.port, name) for name in texts} == {2}  # nsd knows none of them: asked, not blocked


def test_a_name_added_to_a_list_is_blocked_soon_and_no_query_is_lost(own: Nxwhy, tmp_path: Path) -> None:
    """How soon is for `make bench-lists` to say."""
    queries = tmp_path / "queries"
    queries.write_text("".join([f"h{number}.up.example A\n" for number in range(1000)]))
    assert rcode(own.port, "new.up.example") == 0
    argv = [need("dnsperf"), *f"-s 127.0.0.1 -p {own.port} -d {queries} -l 60 -t 3 -Q 5000 -c 4".split()]
    with process(argv, stdout=subprocess.PIPE) as load:
        assert load.stdout is not None

        def wait_for_answers(count: int) -> None:
            until = answered(own.admin) + count
            while answered(own.admin) < until:
                assert load.poll() is None

        wait_for_answers(3000)  # the load has to stand before the edit
        path = own.folder / "blocklists" / "wechat.yaml"
        path.write_text(path.read_text() + "- new.up.example\n")
        while rcode(own.port, "new.up.example") != 3:
            assert load.poll() is None
        wait_for_answers(18_000)  # in over 3 s: whatever got no answer by then is lost
        load.send_signal(signal.SIGINT)
        report = load.stdout.read()
    assert re.search(r"Queries lost:\s+0 ", report), report
    assert int(re.findall(r"Queries completed:\s+(\d+)", report)[0]) > 20_000, report


@pytest.mark.shipped
def test_a_broken_list_keeps_the_old_one_and_says_so(own: Nxwhy) -> None:
    path = own.folder / "blocklists" / "line.yaml"
    path.write_text("<!DOCTYPE html><html>login</html>")
    own.log_until("the last good copy stays in force")
    assert rcode(own.port, "line.me") == 3
    done = own.command("reload")
    assert done.returncode == 1
    assert "a web page, not a list" in done.stdout
    assert 'nxwhy_list_refresh_failed{list="line"} 1.0' in get(own.admin, "/metrics")[1]


@pytest.mark.shipped
def test_a_broken_list_stays_in_force_over_a_restart(upstream: int, tmp_path: Path) -> None:
    with nxwhy(tmp_path, f'"127.0.0.1:{upstream}"'):
        pass
    (tmp_path / "blocklists" / "line.yaml").write_text("names: [")
    with nxwhy(tmp_path, f'"127.0.0.1:{upstream}"') as running:
        assert rcode(running.port, "line.me") == 3


def test_a_mistake_in_the_configuration_changes_nothing_and_is_shown(own: Nxwhy) -> None:
    good = own.config.read_text()
    own.config.write_text(good + "cach: {}\n")
    done = own.command("reload")
    assert done.returncode == 1
    assert re.search(r"nxwhy\.yaml:12:1: cach: unknown key; is `cache` meant\?", done.stderr)
    assert rcode(own.port, "wechat.com") == 3
    own.config.write_text(good.replace("bbm, ", ""))
    done = own.command("reload")
    assert done.returncode == 0, done.stderr
    assert rcode(own.port, "bbm.com") != 3
    assert rcode(own.port, "wechat.com") == 3


def test_sighup_reads_everything_again(own: Nxwhy) -> None:
    (own.folder / "extra.txt").write_text("other.extra.example\n")
    own.process.send_signal(signal.SIGHUP)
    own.log_until("reloaded")
    assert rcode(own.port, "www.other.extra.example") == 3


def test_sigterm_ends_with_status_0_in_time_though_upstream_is_silent(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        upstream = silent.getsockname()[1]
        with nxwhy(tmp_path, f'"127.0.0.1:{upstream}"', timeout="30s") as running:
            ask(running.port, "slow.up.example", timeout_s=0.05)
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(20) == 0


def test_without_a_usable_upstream_what_is_known_is_answered(tmp_path: Path) -> None:
    with nxwhy(tmp_path, f'"127.0.0.1:{free_port()}"') as running:
        assert rcode(running.port, "wechat.com") == 3
        assert dig(running.port, "localhost", "+short").strip() == "127.0.0.1"
        answer = dig(running.port, "www.up.example")
        assert "status: SERVFAIL" in answer
        assert re.search(r"EDE: 2[23] ", answer)


def test_without_any_upstream_it_starts_and_says_so(tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "nxwhy.yaml"
    config.write_text(f'listen: {{dns: ["127.0.0.1:{port}"], admin: off}}\nstate: state\n')
    # the real command, on a system whose resolv.conf names nobody
    program = "from resolver import parts; parts.read_system_resolvers = lambda own: ()\n"
    program += "from resolver.cli import main; main(prog_name='nxwhy')"
    argv = [sys.executable, "-c", program, "serve", "--config", str(config)]
    with process(argv, stderr=subprocess.PIPE, env=environment(tmp_path), cwd=tmp_path) as running:
        until_it_answers(running, port, "wechat.com")
        assert rcode(port, "wechat.com") == 3
        answer = dig(port, "www.up.example")
        assert "status: SERVFAIL" in answer
        assert "EDE: 22 (No Reachable Authority): (no upstream server is configured)" in answer
        running.terminate()
        assert running.stderr is not None
        assert (
            "no upstream server: only blocked, cached and local names are answered" in running.stderr.read()
        )
        assert running.wait(20) == 0


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_has_a_help_that_says_what_it_does(name: str) -> None:
    done = command(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: nxwhy {name} ")
    assert (main.commands[name].help or "").split("\n")[0].split(":")[0][:60] in done.stdout


def test_a_shell_completes_commands_and_options() -> None:
    words = {"nxwhy ex": "explain", "nxwhy query --ser": "--server"}
    for typed, completed in words.items():
        done = subprocess.run(
            [sys.executable, "-m", "resolver"],
            env={
                **environment(ROOT),
                "_NXWHY_COMPLETE": "bash_complete",
                "COMP_WORDS": typed,
                "COMP_CWORD": str(typed.count(" ")),
            },
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert done.stdout.split() == [f"plain,{completed}"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_printed(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"_NXWHY_COMPLETE={shell}_source" in (ROOT / "docs" / "operations.md").read_text()
    monkeypatch.setenv("_NXWHY_COMPLETE", f"{shell}_source")
    done = command()
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_NXWHY_COMPLETE={shell}_complete" in done.stdout


def test_a_taken_port_and_a_taken_state_folder_are_named(own: Nxwhy, tmp_path: Path) -> None:
    done = own.command("serve")
    assert done.returncode == 1
    assert "another server runs on" in done.stderr
    config = tmp_path / "second.yaml"
    config.write_text(f'listen: {{dns: ["127.0.0.1:{own.port}"], admin: off}}\nstate: second\n')
    done = command("serve", "--config", str(config))
    assert done.returncode == 1
    assert f"127.0.0.1:{own.port}" in done.stderr


def get(port: int, path: str, host: str = "127.0.0.1") -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()


def answered(admin: int) -> float:
    """Return how many queries got a reply so far."""
    lines = [
        line for line in get(admin, "/metrics")[1].splitlines() if line.startswith("nxwhy_dns_requests_t")
    ]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def test_metrics_are_what_prometheus_wants(server: Nxwhy) -> None:
    status, text = get(server.admin, "/metrics")
    assert status == 200
    assert 'nxwhy_list_names{list="wechat"}' in text
    checked = subprocess.run(
        [need("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.parametrize("engine", ["python", "auto"])
def test_what_is_asked_upstream_is_counted_for_each_server_with_either_engine(
    engine: str, upstream: int, tmp_path: Path
) -> None:
    with nxwhy(tmp_path, f'"127.0.0.1:{upstream}"', f"engine: {engine}") as running:
        for number in range(40):
            assert rcode(running.port, f"n{number}.up.example") == 0
        text = get(running.admin, "/metrics")[1]
        server = f'{{server="127.0.0.1:{upstream}",upstream="default"}}'
        for name, count in (("requests_total", 40), ("up", 1), ("duration_seconds_count", 40)):
            assert f"nxwhy_upstream_{name}{server} {count}.0" in text
        assert "nxwhy_upstream_inflight 0.0" in text


def test_probes_are_answered(server: Nxwhy) -> None:
    assert get(server.admin, "/healthz")[0] == 200
    assert get(server.admin, "/readyz")[0] == 200


def test_the_notice_page_names_the_list(server: Nxwhy) -> None:
    status, text = get(server.notice, "/any/path", "web.wechat.com")
    assert status == 403
    assert "WeChat and WeCom are blocked on this network by its owner." in text


def test_query_shows_the_reason(server: Nxwhy) -> None:
    for words in (("--tcp",), ()):
        done = command("query", "web.wechat.com", "--server", f"127.0.0.1:{server.port}", *words)
        assert done.returncode == 0, done.stderr
        assert "NXDOMAIN" in done.stdout
        assert "Blocked: WeChat: " in done.stdout
    done = command("query", "web.wechat.com", "--server", f"127.0.0.1:{free_port()}")
    assert done.returncode == 1


def test_explain_agrees_with_the_server(server: Nxwhy) -> None:
    for name in (*NAMES, "www.up.example", "notwechat.com"):
        words = ["explain", name, "--json", "--config", str(server.config)]
        document = json.loads(CliRunner().invoke(main, words).stdout)
        assert document["blocked"] == (rcode(server.port, name) == 3)
