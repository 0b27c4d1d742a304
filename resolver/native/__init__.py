"""The native part: answers what is known without the interpreter. Optional: `engines.py` chooses it."""

from __future__ import annotations


def problem() -> str | None:
    """Say why the native part cannot run here, or None if it can."""
    try:
        from resolver.native import _native  # noqa: F401, PLC0415
    except ImportError as exc:
        return "it was not built" if "_native" in (exc.name or str(exc)) else str(exc)
    return None
