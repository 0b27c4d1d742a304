"""The C sources: clean for two compilers, and the corpus finds nothing under the sanitizers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.native import answering, corpus
from tests.servers import ROOT

SOURCES = sorted((ROOT / "resolver" / "native").glob("*.c"))
PLAIN = [path for path in SOURCES if not path.name.startswith("module")]
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2", "-pthread"]
IN_CI = "CI" in os.environ


@pytest.fixture(params=["gcc", "clang"])
def compiler(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if shutil.which(name) is None:
        assert not IN_CI, f"{name} is not installed"
        pytest.skip(f"{name} is not installed")
    return name


def test_every_source_compiles_without_a_warning(compiler: str, tmp_path: Path) -> None:
    headers = Path(sysconfig.get_path("include"))
    for path in SOURCES:
        if path not in PLAIN and not (headers / "Python.h").exists():
            continue
        limited = [f"-I{headers}", "-DPy_LIMITED_API=0x030B0000"]
        argv = [compiler, *STRICT, *limited, "-c", str(path), "-o", str(tmp_path / "made.o")]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_only_the_module_knows_of_python() -> None:
    for path in (ROOT / "resolver" / "native").glob("*.[ch]"):
        assert ("Python.h" in path.read_text()) == (path.name == "module.h"), path.name


@pytest.mark.parametrize(
    ("driver", "messages"),
    [("driver.c", corpus.packed(3, 2000)), ("records_driver.c", answering.packed(3, 2000))],
    ids=["queries", "answers"],
)
def test_the_corpus_finds_nothing_under_the_sanitizers(
    compiler: str, driver: str, messages: bytes, tmp_path: Path
) -> None:
    made, written = tmp_path / "driver", tmp_path / "corpus"
    written.write_bytes(messages)
    folder = ROOT / "resolver" / "native"
    argv = [
        *(
            compiler,
            *STRICT,
            "-g",
            "-fsanitize=address,undefined",
            "-fno-sanitize-recover=all",
            f"-I{folder}",
        ),
        *(str(ROOT / "tests" / "native" / driver), *map(str, PLAIN), "-o", str(made)),
    ]
    built = subprocess.run(argv, capture_output=True, text=True, check=False)
    if "cannot find" in built.stderr and not IN_CI:
        pytest.skip("the sanitizers' runtime is not installed")
    assert built.returncode == 0, built.stderr
    run = subprocess.run([str(made), str(written), "5"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
