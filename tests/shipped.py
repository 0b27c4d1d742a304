"""Whether the lists in blocklists/ are as they ship. Owners edit them there, which is no mistake."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "blocklists"
KNOWN = Path(__file__).with_name("data") / "blocklists.sha256"
"""What they ship with: `python -m tests.shipped > tests/data/blocklists.sha256` after a change that ships."""


def digest() -> str:
    """Return what stands for the content of all lists."""
    made = sha256()
    for path in sorted(filter(Path.is_file, FOLDER.iterdir())):
        made.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return made.hexdigest()


def as_shipped() -> bool:
    """Say whether nobody has edited them."""
    return digest() == KNOWN.read_text().strip()


if __name__ == "__main__":
    print(digest())
