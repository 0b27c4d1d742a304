"""The lists that ship."""

from __future__ import annotations

from pathlib import Path

SHIPPED = ("wechat", "line", "bbm", "linkedin", "imo", "canaries")
"""The lists that are on where no configuration says otherwise."""
OPTIONAL = ("doh-bypass",)
"""Those that are off until a configuration names them."""
TEMPLATES = ("vchat",)
"""The files beside them that have no names yet: somebody has to fill them first."""


def shipped_folder() -> Path:
    """Return the folder of the shipped lists: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "blocklists"
    return inside if inside.is_dir() else package.parent / "blocklists"
