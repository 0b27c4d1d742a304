"""How many examples the properties try: as many as hypothesis does by itself, or as `make fuzz` asks for.

And the fixture for tests that hold for both twins.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests import shipped, twins

settings.register_profile(  # a shared machine may be slow at any moment
    "usual", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "fuzz",
    max_examples=int(os.environ.get("NXWHY_EXAMPLES", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("fuzz" if "NXWHY_EXAMPLES" in os.environ else "usual")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what only holds for the lists as they ship, where the owner edited them; CI knows no owner."""
    if "CI" in os.environ or shipped.as_shipped():
        return
    for item in items:
        if item.get_closest_marker("shipped"):
            item.add_marker(pytest.mark.skip(reason="the lists in blocklists/ were edited"))


@pytest.fixture(scope="module", params=twins.TWINS)
def on_both(request: pytest.FixtureRequest) -> Iterator[twins.Twin]:
    """Run the tests of a module on the Python parts and on the native ones."""
    twin: twins.Twin = request.param
    twins.use(twin)
    yield twin
    twins.use("python")
