"""The public suffixes: names under which others register theirs, so that no list means all of one."""

from __future__ import annotations

from importlib.resources import files
from itertools import takewhile

from resolver.core.errors import NameFault
from resolver.core.guards import Protected
from resolver.core.names import from_text, to_text


def public_suffixes() -> list[Protected]:
    """Return the public suffixes of the package's copy of the list, without those that companies added.

    They are read from its file, since the package only answers for one name at a time.
    """
    with (files("publicsuffixlist") / "public_suffix_list.dat").open(encoding="utf-8") as lines:
        official = takewhile(lambda line: "===END ICANN DOMAINS===" not in line, lines)
        names = [_plain(line.strip()) for line in official if line[:1].isalnum()]
    return [Protected(name, "a public suffix", below=True) for name in names if name is not None]


def _plain(name: str) -> str | None:
    """Return the canonical text of a suffix, None for what is no name."""
    try:
        return to_text(from_text(name))
    except NameFault:
        return None
