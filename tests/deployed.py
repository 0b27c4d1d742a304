"""What deploy/ holds, for the tests that check it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.programs import need

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"


def run(*command: str, cwd: Path = DEPLOY) -> str:
    """Return what a command says; fail with it where the command fails."""
    done = subprocess.run(
        [need(command[0]), *command[1:]], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def load(path: str) -> Any:
    """Return what a YAML file of deploy/ says."""
    return yaml.safe_load((DEPLOY / path).read_text())
