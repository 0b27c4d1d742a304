"""Every version of a list that was accepted, and the owner's word on which one counts.

One folder a list: the texts, compressed, by a hash of their content, and an index. The version in force is
the last good copy too. Versions are bounded in number and age.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from resolver.core.errors import HistoryError
from resolver.edge import files

MAX_VERSIONS, MAX_AGE_S = 12, 180 * 86400.0
"""Most versions kept of one list, and how long those are kept that are not in force."""
INDEX = "index.json"
_ID = re.compile(r"[0-9a-f]{16}").fullmatch
_LEVEL = 1  # of zlib: a list of 17 MB in a quarter of a second, to 45 % of its size


@dataclass(frozen=True, slots=True)
class Version:
    """One accepted content. `rules` is how many it has, `time_s` when it came into force, in Unix seconds.

    `despite` are the names of `never_block` that it blocks and was accepted by hand with.
    """

    id: str
    time_s: float
    rules: int
    bytes: int
    cause: str
    despite: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Index:
    """What is known of a list's versions, the oldest first.

    `rejected` is a content that the owner rolled back from, `accepted` one to take whatever the guards say.
    """

    versions: tuple[Version, ...] = ()
    current: str | None = None
    pinned: bool = False
    rejected: str | None = None
    accepted: str | None = None
    refused: str | None = field(default=None)
    """What the guards refused last: `accept` means this."""

    @property
    def is_rolled_back(self) -> bool:
        """Whether an older version is in force than the source holds, which was rejected."""
        newest = [version.id for version in self.versions[-1:]]
        return self.rejected is not None and self.current not in newest

    def version(self, start: str) -> Version:
        """Return the version whose id begins so. Raises HistoryError where none or several do."""
        found = [version for version in self.versions if version.id.startswith(start)]
        if len(found) != 1:
            known = ", ".join([version.id for version in self.versions]) or "none"
            raise HistoryError(f"{start!r} is no version; there are {known}")
        return found[0]

    def known(self, id: str | None) -> Version | None:
        """Return the version with an id, if it is kept."""
        return next((version for version in self.versions if version.id == id), None)

    def in_force(self) -> Version | None:
        """Return the version that counts."""
        return self.known(self.current)


def content_id(data: bytes) -> str:
    """Return the id of a content."""
    return blake2b(data, digest_size=8).hexdigest()


class History:
    """The versions of one list, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def index(self) -> Index:
        """Return what is known; what is missing or damaged is as if there were none."""
        try:
            with files.open_regular(self._folder / INDEX) as file:
                kept = json.loads(file.read(1 << 20))
            versions = tuple([_version(version) for version in kept.pop("versions")])
            return Index(versions, **kept)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return Index()

    def save(self, index: Index) -> None:
        """Write the index. Raises OSError."""
        files.replace(self._folder / INDEX, json.dumps(asdict(index), indent=1).encode())

    def text(self, version: str) -> bytes:
        """Return the content of a version. Raises HistoryError."""
        try:
            with files.open_regular(self._path(version)) as file:
                data = zlib.decompress(file.read())
        except (OSError, zlib.error) as exc:
            raise HistoryError(f"{self._path(version)}: {exc}") from exc
        if content_id(data) != version:
            raise HistoryError(f"{self._path(version)}: damaged")
        return data

    def prepare(self, version: str, data: bytes) -> None:
        """Write down a content that may be accepted; other threads go on meanwhile. Raises OSError.

        Another one that was not is removed.
        """
        self._sweep({version, *[known.id for known in self.index().versions]})
        if not self._path(version).exists():
            files.replace(self._path(version), zlib.compress(data, _LEVEL))

    def add(self, version: Version) -> None:
        """Keep an accepted content that was prepared, and make it the one in force. Raises OSError.

        The text is on disk before the index names it, so that an end in between loses nothing.
        """
        index = self.index()
        others = [known for known in index.versions if known.id != version.id]
        kept = _bounded([*others, version], version.time_s)
        self.save(replace(index, versions=kept, current=version.id, accepted=None, refused=None))
        self._sweep({known.id for known in kept})

    def _sweep(self, ids: Set[str]) -> None:
        """Remove all other texts."""
        for path in self._folder.glob("*.z"):
            if path.stem not in ids:
                with suppress(OSError):
                    path.unlink()

    def _path(self, version: str) -> Path:
        if not _ID(version):
            raise HistoryError(f"{version!r} is no version")
        return self._folder / f"{version}.z"


def roll_back(index: Index, start: str) -> Index:
    """Return the index with another version in force, until the source holds something new.

    Raises HistoryError.
    """
    version = index.version(start)
    latest = index.rejected if index.is_rolled_back else index.current  # what the source holds now
    return replace(
        index, current=version.id, rejected=None if latest == version.id else latest, accepted=None
    )


def accept(index: Index) -> Index:
    """Return the index with the guards' last refusal lifted. Raises HistoryError."""
    if index.refused is None:
        raise HistoryError("nothing of this list was refused")
    return replace(index, accepted=index.refused, rejected=None)


def _version(kept: Mapping[str, Any]) -> Version:
    """Return a version from what JSON held. Raises TypeError."""
    return Version(**{**kept, "despite": tuple(kept.get("despite", ()))})


def _bounded(versions: Sequence[Version], now: float) -> tuple[Version, ...]:
    """Return the newest versions; the last of `versions` is the one in force."""
    young = [version for version in versions[:-1] if now - version.time_s <= MAX_AGE_S]
    return (*young[-(MAX_VERSIONS - 1) :], versions[-1])
