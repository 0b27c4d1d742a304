"""How many examples the properties try: as many as hypothesis does by itself, or as `make fuzz` asks for."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("usual", deadline=None)  # a shared machine may be slow at any moment
settings.register_profile(
    "fuzz",
    max_examples=int(os.environ.get("NXWHY_EXAMPLES", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("fuzz" if "NXWHY_EXAMPLES" in os.environ else "usual")
