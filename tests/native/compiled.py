"""The native parts compiled as tests need them: alone, without Python."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

NATIVE = Path(__file__).resolve().parents[2] / "resolver" / "native"
STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread", f"-I{NATIVE}")


def compiler(name: str = "cc") -> str:
    """Return the path of a C compiler; where there is none the test is skipped."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no C compiler: {name} is not installed")
    return found


def compile_c(to: Path, sources: list[Path], *flags: str, using: str = "cc") -> Path:
    """Compile sources into one file, warnings being errors."""
    command = [compiler(using), *STRICT, *flags, "-o", str(to), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return to
