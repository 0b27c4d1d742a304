"""The wheel carries all of the package and the lists that ship."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.servers import ROOT, free_port, process, rcode, until_it_answers


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a wheel of a copy of the tracked files, so that nothing left over gets in."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    argv = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",  # which would fetch what is installed here
        "--wheel-dir",
        str(made),
        str(source),
    ]
    subprocess.run(argv, check=True, timeout=120)
    (found,) = made.glob("*.whl")
    return found


def test_the_wheel_holds_every_module_and_list(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "resolver").rglob("*.py")}
    lists = {f"resolver/blocklists/{path.name}" for path in (ROOT / "blocklists").glob("*.yaml")}
    assert len(lists) == 8
    texts = {str(path.relative_to(ROOT)) for path in (ROOT / "resolver/web/languages").glob("*.yaml")}
    assert len(texts) == 6
    assert texts | {"resolver/web/style.css"} <= packed
    assert modules | lists | {"resolver/py.typed"} <= packed
    assert not [name for name in packed if name.startswith(("tests", "deploy"))]


def test_installed_in_an_empty_folder_it_blocks_the_same(
    wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("new")  # the path of a Unix socket has to be short
    installed, empty, home = folder / "installed", folder / "empty", folder / "home"
    empty.mkdir()
    home.mkdir()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(installed), str(wheel)], check=True, timeout=60)
    port = free_port()
    (empty / "nxwhy.yaml").write_text(f'listen: {{dns: ["127.0.0.1:{port}"], admin: off}}\n')
    environment = {**os.environ, "PYTHONPATH": str(installed), "HOME": str(home)}
    nxwhy = str(installed / "bin" / "nxwhy")
    explained = subprocess.run(
        [nxwhy, "explain", "wechat.com"],
        cwd=empty,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(installed / "resolver" / "blocklists" / "wechat.yaml") in explained.stdout
    argv = [nxwhy, "serve", "--config", "nxwhy.yaml"]
    with process(argv, cwd=empty, env=environment) as running:
        until_it_answers(running, port, "localhost")
        for name in ("wechat.com", "line.me", "bbm.com", "www.linkedin.com", "imo.im"):
            assert rcode(port, name) == 3
