"""The parsed form of each list, kept so that a list which did not change is not parsed again.

A file that is damaged, or is not that of the list at hand, is as good as none.
"""

from __future__ import annotations

import contextlib
import pickle
from functools import partial
from hashlib import blake2b, file_digest
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple

from resolver.core.keys import Secret
from resolver.core.lists.parsed import ParsedList, Tally
from resolver.core.lists.rules import Rules
from resolver.core.steps import Words
from resolver.edge.files import replacing

FORM = 4
"""Version of the form; what another one wrote is parsed anew."""
_SUM = 32


class Form(NamedTuple):
    """A list that was parsed, and its words for a table's secret."""

    parsed: ParsedList
    words: Words
    digest: str
    """Of its content, and of the settings that it was read with."""


NO_FORM = Form(ParsedList(Rules(), Tally()), Words((), 0), "")
"""That of a list of which nothing is in force."""


class Forms:
    """The parsed forms in a folder. They are signed with the secret, since reading one runs what is in it."""

    def __init__(self, folder: Path, secret: Secret) -> None:
        self._folder = folder
        self._key = repr((FORM, secret)).encode()

    def find(self, name: str, digest: str) -> Form | None:
        """Return the form of a list whose content and settings have this digest."""
        try:
            with self._path(name).open("rb") as file:
                signature = file.read(_SUM)
                if self._sign(file) != signature:
                    return None
                file.seek(_SUM)
                form = pickle.load(file)  # noqa: S301 - signed by ourselves
        except Exception:  # pickle raises whatever the bytes make it raise
            return None
        return form if isinstance(form, Form) and form.digest == digest else None

    def keep(self, name: str, form: Form) -> None:
        """Write a form down, if the disk lets us."""
        with contextlib.suppress(OSError), replacing(self._path(name), sync=False) as file:
            file.write(bytes(_SUM))
            pickle.dump(form, file, protocol=pickle.HIGHEST_PROTOCOL)
            file.seek(_SUM)
            signature = self._sign(file)
            file.seek(0)
            file.write(signature)

    def prune(self, names: frozenset[str]) -> None:
        """Remove the forms of lists that are no more."""
        for path in self._folder.glob("*.form"):
            if path.stem not in names:
                path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.form"

    def _sign(self, file: BufferedIOBase) -> bytes:
        return file_digest(file, partial(blake2b, key=self._key[:64], digest_size=_SUM)).digest()
