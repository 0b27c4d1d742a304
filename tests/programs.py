"""Programs of the system that tests run."""

from __future__ import annotations

import os
import shutil

import pytest

SEARCH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))
"""Servers live in sbin, which the PATH of ordinary users lacks."""


def need(name: str) -> str:
    """Return the path of a program; without it skip the test, or fail it where CI is set."""
    path = shutil.which(name, path=SEARCH)
    if path is not None:
        return path
    reason = f"needs the program {name}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
