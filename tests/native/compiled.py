"""The native parts compiled as tests need them: alone, without Python."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.programs import need

NATIVE = Path(__file__).resolve().parents[2] / "resolver" / "native"
STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread", f"-I{NATIVE}")


def compile_c(to: Path, sources: list[Path], *flags: str, using: str = "cc") -> Path:
    """Compile sources into one file, warnings being errors; skip the test where there is no compiler."""
    command = [need(using), *STRICT, "-o", str(to), *map(str, sources), *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return to
