"""What the tests of the native parts share."""

from __future__ import annotations

import pytest

from tests.native.caching import Library, build_library


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The native answer cache, compiled once."""
    return build_library(tmp_path_factory.mktemp("native"))
