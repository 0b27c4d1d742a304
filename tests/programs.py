"""Programs of the system that tests run."""

from __future__ import annotations

import os
import shutil

import pytest

SERVERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where servers live, which the PATH of ordinary users lacks."""


def need(name: str) -> str:
    """Return the path of a program; without it skip the test, or fail it where CI is set."""
    path = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *SERVERS)))
    if path is not None:
        return path
    reason = f"needs the program {name}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
