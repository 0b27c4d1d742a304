"""What the README shows is what happens: every command in it is run, every line it prints is found."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from resolver.config.model import Engine
from resolver.core.lists.reader import parse_list
from resolver.engines import chosen
from resolver.shipped import SHIPPED
from tests.programs import need
from tests.servers import ROOT, command, environment, free_port, process, until_it_answers

README = (ROOT / "README.md").read_text()
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(kind: str, start: str = "") -> list[str]:
    """Return the fenced blocks of a kind that begin with a text."""
    return [text for found, text in FENCE.findall(README) if found == kind and text.startswith(start)]


def block(start: str) -> str:
    (found,) = blocks("yaml", start)
    return found


def steps(session: str) -> list[tuple[str, list[str]]]:
    """Return each command of a block and the lines that are shown of its output."""
    parts = [part.splitlines() for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]]
    return [(line, shown) for line, *shown in parts]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the README's configuration and the lists, and a server as `make run` starts it.

    It listens on ports of its own, since the defaults may be taken where the test runs.
    """
    dns, admin = free_port(), free_port()
    (tmp_path / "nxwhy.yaml").write_text(block("listen:"))
    (tmp_path / "games.txt").write_text("games.example\n")
    (tmp_path / "blocklists").mkdir()
    for name in SHIPPED:
        (tmp_path / "blocklists" / f"{name}.yaml").write_bytes(
            (ROOT / "blocklists" / f"{name}.yaml").read_bytes()
        )
    paths = ", ".join([f"{name}: {{path: blocklists/{name}.yaml}}" for name in SHIPPED])
    (tmp_path / "run.yaml").write_text(
        f'listen: {{dns: ["127.0.0.1:{dns}"], admin: "127.0.0.1:{admin}"}}\n'
        f"upstreams: {{default: {{servers: [127.0.0.9]}}}}\nlists: {{{paths}}}\n"
        f"groups: {{default: {{block: [{', '.join(SHIPPED)}]}}}}\nstate: state\n"
    )
    monkeypatch.setenv("NXWHY_CONFIG", "run.yaml")
    monkeypatch.setenv("DNS_PORT", str(dns))
    monkeypatch.setenv("ADMIN_PORT", str(admin))
    argv = [sys.executable, "-m", "resolver", "serve"]
    options = {"stderr": subprocess.DEVNULL, "env": environment(tmp_path), "cwd": tmp_path}
    with process(argv, **options) as running:
        until_it_answers(running, dns, "wechat.com")
        yield tmp_path


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the README against the server of the test."""
    ports = environment(folder)
    line = line.replace("5335", ports["DNS_PORT"]).replace("8053", ports["ADMIN_PORT"])
    program, *words = shlex.split(line)
    if program == "nxwhy":
        more = ["--server", f"127.0.0.1:{ports['DNS_PORT']}"] if words[0] == "query" else []
        return command(*words, *more, folder=folder)
    need(program)
    return subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, timeout=30, cwd=folder, check=False
    )


def squeezed(text: str) -> str:
    """Return text with runs of blanks as one."""
    return re.sub(r"[ \t]+", " ", text)


@pytest.mark.parametrize("session", blocks("console"), ids=lambda session: session.splitlines()[0][2:32])
def test_commands_print_what_is_shown_in_this_order(folder: Path, session: str) -> None:
    assert any(shown for _, shown in steps(session))
    for line, shown in steps(session):
        done = run(line, folder)
        assert done.returncode == 0, done.stderr
        rest = squeezed(done.stdout)
        for expected in [one.replace("engine native", f"engine {chosen(Engine.AUTO)}") for one in shown]:
            _, found, rest = rest.partition(squeezed(expected))
            assert found, f"{line!r} does not print {expected!r} there:\n{done.stdout}"


def test_all_fenced_blocks_are_checked() -> None:
    kinds = {(kind, text.split(":")[0] if kind == "yaml" else "") for kind, text in FENCE.findall(README)}
    assert kinds == {("console", ""), ("yaml", "schema"), ("yaml", "listen"), ("yaml", "scrape_configs")}
    assert README.count("```") == 2 * len(FENCE.findall(README))


def test_the_list_shown_is_an_excerpt_of_the_one_that_ships() -> None:
    shown = block("schema:")
    lines = iter((ROOT / "blocklists" / "wechat.yaml").read_text().splitlines())
    assert [line for line in shown.splitlines() if line not in lines] == []
    parsed = parse_list(shown.encode(), "README.md")
    assert (len(parsed.rules), parsed.tally.bad) == (2, 0)
    assert parsed.record is not None


def test_prometheus_takes_the_job_shown(tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text(block("scrape_configs:"))
    argv = [need("promtool"), "check", "config", "--syntax-only", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def test_every_file_that_is_named_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    paths = re.findall(r"`((?:deploy|docs|resolver|tests|blocklists|\.ci)/[^` ]*)`", README)
    paths += re.findall(r"^    ([a-z]+/\S*) ", README, re.MULTILINE)
    assert len(links) > 4
    assert len(paths) > 8
    for path in {*links, *paths}:
        assert path.startswith("https://") or (ROOT / path).exists(), path


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"(?:`|^    )make ([a-z]+)", README, re.MULTILINE))
    assert {"run", "test", "check", "help"} <= targets
    makefile = (ROOT / "Makefile").read_text()
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
