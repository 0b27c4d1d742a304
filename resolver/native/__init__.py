"""The native part: answers what is known without the interpreter. Optional: `engines.py` chooses it."""

from __future__ import annotations

MODULE = "resolver.native._native"
NOT_BUILT = (
    "it was not built; with a C compiler and Python's headers (Debian: gcc python3-dev), install nxwhy again"
    " (in a checkout: `make clean`, then `make run`)"
)


def problem() -> str | None:
    """Say why the native part cannot run here, or None if it can."""
    try:
        from resolver.native import _native  # noqa: F401, PLC0415
    except ImportError as exc:
        from importlib.util import find_spec  # noqa: PLC0415 - not where all is well

        return NOT_BUILT if find_spec(MODULE) is None else str(exc)
    return None
