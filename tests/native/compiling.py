"""C sources -> a shared object for ctypes, or a test that is skipped where there is no compiler."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

NATIVE = Path(__file__).resolve().parents[2] / "resolver" / "native"
STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror")


def compile_shared(sources: Sequence[Path], target: Path, options: Sequence[str] = ("-O2",)) -> Path:
    """Return a shared object of some sources."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    words = [compiler, *STRICT, *options, "-fPIC", "-shared", "-o", str(target), *map(str, sources)]
    subprocess.run(words, check=True, capture_output=True, text=True)
    return target
