"""What the README shows is what happens: every command in it is run, every line it prints is found."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from resolver.core.lists.reader import parse_list
from tests.programs import need
from tests.servers import ROOT, command, environment, free_port, process, until_it_answers

README = (ROOT / "README.md").read_text()
DNS, ADMIN = free_port(), free_port()
PORTS = {"5335": str(DNS), "8053": str(ADMIN)}
"""The test uses other ports than the defaults, which may be taken where it runs."""


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def sessions() -> Iterator[tuple[str, list[str]]]:
    """Yield each command and the lines that the README shows of its output."""
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, *shown = part.splitlines()
            yield line, shown


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the README's configuration, and the server of `make run` beside it."""
    made = tmp_path_factory.mktemp("readme")
    (made / "nxwhy.yaml").write_text(blocks("yaml")[1])
    (made / "games.txt").write_text("games.example\n")
    (made / "run.yaml").write_text(
        f'listen: {{dns: ["127.0.0.1:{DNS}"], admin: "127.0.0.1:{ADMIN}"}}\n'
        "upstreams: {default: {servers: [127.0.0.9]}}\nstate: state\n"
    )
    argv = [sys.executable, "-m", "resolver", "serve", "--config", str(made / "run.yaml")]
    options = {"stderr": subprocess.DEVNULL, "env": environment(made), "cwd": made}
    with process(argv, **options) as running:
        until_it_answers(running, DNS, "wechat.com")
        yield made


def squeezed(text: str) -> str:
    """Return text with runs of blanks as one."""
    return re.sub(r"[ \t]+", " ", text)


@pytest.mark.parametrize(("line", "shown"), list(sessions()), ids=lambda value: str(value)[:40])
def test_a_command_prints_what_is_shown(folder: Path, line: str, shown: list[str]) -> None:
    for default, ours in PORTS.items():
        line = line.replace(default, ours)
    program, *words = shlex.split(line)
    if program == "nxwhy":
        if words[0] == "query":
            words += ["--server", f"127.0.0.1:{DNS}"]
        done = command(*words, folder=folder)
    else:
        argv = [need(program), *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    assert shown
    for expected in shown:
        assert squeezed(expected) in squeezed(done.stdout)


def test_the_list_shown_is_read_without_a_mistake() -> None:
    parsed = parse_list(blocks("yaml")[0].encode(), "README.md")
    assert (len(parsed.rules), parsed.tally.bad) == (1, 0)
    assert parsed.record is not None


def test_the_configuration_shown_is_good(folder: Path) -> None:
    done = command("check", "--config", "nxwhy.yaml", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_file_that_is_linked_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 4
    for link in links:
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"(?:`|^    )make ([a-z]+)", README, re.MULTILINE))
    assert {"run", "test", "check", "bench"} <= targets
    makefile = (ROOT / "Makefile").read_text()
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
