"""Taking lists for a build: the new content if the guards let it, the last good version otherwise."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from resolver.core.compiler import make_words
from resolver.core.errors import HistoryError, ListRefused
from resolver.core.guards import DEFAULT_BOUNDS, Bounds, Protected, Update, refusal
from resolver.core.keys import Secret
from resolver.core.lists.parsed import ParsedList
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Scope
from resolver.edge.files import open_regular
from resolver.edge.forms import FORM, Form, Forms
from resolver.edge.history import History, Index, Version, content_id
from resolver.edge.suffixes import public_suffixes

MAX_BYTES = 256 << 20
"""Largest list file read."""
HISTORY = "history"
"""Name of the folder of versions in the state folder."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a list comes from and how it is read; `path` is where its text is, wherever that came from."""

    name: str
    path: Path
    format: str = "auto"
    match: Scope = Scope.EXACT
    allow: bool = False
    record: Record | None = None
    bounds: Bounds = DEFAULT_BOUNDS
    url: str = ""
    trusted: bool = False

    @property
    def shown(self) -> str:
        """What messages call it."""
        return self.url or str(self.path)


class Text(NamedTuple):
    """The content of a list that counts: that of its source, or the last good one with what is wrong now."""

    data: bytes
    error: str | None = None
    held: str = ""


class Read(NamedTuple):
    """The rules of a list, or None; what is wrong with it, or None; the version, and why it is held."""

    parsed: ParsedList | None
    error: str | None
    version: str = ""
    held: str = ""


def history(state: Path, name: str) -> History:
    """Return the versions of a list."""
    return History(state / HISTORY / name)


def read(source: Source, state: Path | None) -> Read:
    """Return the rules of a list, or of its last good version, and what is wrong with it now. Writes nothing.

    `state` is the state folder; None: there are no versions.
    """
    kept = None if state is None else history(state, source.name)
    try:
        text = _taken_last(source, kept, _choose(source, kept))
    except ListRefused as exc:
        return Read(None, str(exc))
    try:
        return Read(_parse(source, text.data), text.error, content_id(text.data), text.held)
    except ListRefused as exc:
        try:
            last = _last_good(kept, exc)
            return Read(_parse(source, last.data), last.error, content_id(last.data))
        except ListRefused:
            return Read(None, str(exc))


class Taken(NamedTuple):
    """What a build takes of a list: its form, or None, and what `Read` says of it."""

    form: Form | None
    read: Read


class Intake:
    """Takes lists for a build: the new content if the guards let it, the last good one otherwise."""

    def __init__(self, state: Path, forms: Forms, secret: Secret, protected: Sequence[Protected]) -> None:
        self.forms = forms
        self._state, self._secret, self._protected = state, secret, tuple(protected)

    def take(self, source: Source) -> Taken:
        """Return a list, or its last good version, and what is wrong with it now."""
        kept = history(self._state, source.name)
        try:
            text = _choose(source, kept)
            return self._taken(source, kept, text)
        except ListRefused as exc:
            try:
                return self._taken(source, kept, _last_good(kept, exc))
            except ListRefused:
                return Taken(None, Read(None, str(exc)))

    def _taken(self, source: Source, kept: History, text: Text) -> Taken:
        version = content_id(text.data)
        digest = blake2b(text.data, digest_size=16, key=_settings(source)).hexdigest()
        form = self.forms.find(source.name, digest)
        index = kept.index()
        if form is None:
            parsed = _parse(source, text.data)
            form = Form(parsed, make_words(parsed.rules, self._secret), digest)
            if text.error is None and version not in (index.current, index.accepted):
                self._guard(source, kept, form, version)
            self.forms.keep(source.name, form)
        if version != index.current and text.error is None:
            made = Version(version, time.time(), form.parsed.size, len(text.data), _cause(index))
            with contextlib.suppress(OSError):  # a full disk must not stop a good list
                kept.add(made, text.data)
        return Taken(form, Read(form.parsed, text.error, version, text.held))

    def _guard(self, source: Source, kept: History, form: Form, version: str) -> None:
        """Raise ListRefused for content that must not come into force, and note it for the owner."""
        index = kept.index()
        before = index.in_force()
        update = Update(form.parsed, form.words, before.rules if before else None)
        protected = () if source.allow else (*self._protected, *(public_suffixes() if source.url else ()))
        reason = refusal(update, source.bounds, protected, self._secret)
        if reason is None:
            return
        with contextlib.suppress(OSError):
            kept.save(replace(index, refused=version))
        raise ListRefused(source.shown, f"{reason}; `nxwhy lists accept {source.name}` takes it all the same")


def two_versions(source: Source, state: Path, given: Sequence[str]) -> tuple[set[str], set[str]]:
    """Return what two versions of a list say, by default the one before and the one in force.

    Raises HistoryError, ListRefused.
    """
    kept = history(state, source.name)
    index = kept.index()
    current = index.in_force()
    if current is None or len(given) > 2:
        raise HistoryError("give no more than two versions" if given else "this list has no version yet")
    ids = [index.version(start).id for start in given]
    if not ids:
        place = index.versions.index(current)
        if place == 0:
            raise HistoryError("this list has one version only")
        ids = [index.versions[place - 1].id]
    before, after = (*ids, current.id)[:2]
    return _words(source, kept.text(before)), _words(source, kept.text(after))


def _words(source: Source, data: bytes) -> set[str]:
    """Return what a content says, a line of words a rule."""
    return {
        " ".join([rule.name, *["important"] * (rule.effect >= 2), *["allow"] * rule.effect.allows])
        + ("" if rule.scope is Scope.EXACT else f" ({rule.scope.name.lower()})")
        for rule in _parse(source, data).rules
    }


def _cause(index: Index) -> str:
    return "accepted by hand" if index.accepted else "new content" if index.versions else "first content"


def _choose(source: Source, kept: History | None) -> Text:
    """Return the content that counts, before anything is parsed. Raises ListRefused."""
    index = Index() if kept is None else kept.index()
    if kept is not None and index.pinned and index.current:
        return Text(_kept_text(kept, index.current), held="pinned")
    try:
        data = _read_file(source)
    except ListRefused as exc:
        return _last_good(kept, exc)
    version = content_id(data)
    if kept is not None and version == index.rejected and index.current:
        return Text(_kept_text(kept, index.current), held="rolled back")
    return Text(data)


def _taken_last(source: Source, kept: History | None, text: Text) -> Text:
    """Return the content that is in force in the place of one that the guards refused when it was built."""
    index = Index() if kept is None else kept.index()
    version = content_id(text.data)
    if text.error is not None or index.refused != version or version in (index.current, index.accepted):
        return text
    reason = f"the guards refused its content; `nxwhy lists accept {source.name}` takes it all the same"
    return _last_good(kept, ListRefused(source.shown, reason))


def _last_good(kept: History | None, refused: ListRefused) -> Text:
    """Return the version in force. Raises the refusal where there is none."""
    version = None if kept is None else kept.index().current
    if kept is None or version is None:
        raise refused
    return Text(_kept_text(kept, version), str(refused))


def _kept_text(kept: History, version: str) -> bytes:
    try:
        return kept.text(version)
    except HistoryError as exc:
        raise ListRefused("history", str(exc)) from exc


def _settings(source: Source) -> bytes:
    """Return what the rules depend on besides the text; short enough for a key."""
    said = str(source.path), source.format, source.match, source.allow, source.trusted, FORM
    return blake2b(repr(said).encode(errors="surrogateescape"), digest_size=16).digest()


def _parse(source: Source, data: bytes) -> ParsedList:
    from resolver.core.lists.reader import parse_list  # noqa: PLC0415 - not for who only maps a table

    return parse_list(
        data,
        source.shown,
        format=source.format,
        match=source.match,
        allow=source.allow,
        trusted=source.trusted,
    )


def _read_file(source: Source) -> bytes:
    try:
        with open_regular(source.path) as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as exc:
        reason = "not fetched yet" if source.url else exc.strerror
        raise ListRefused(source.shown, reason or str(exc)) from exc
    except OSError as exc:
        raise ListRefused(source.shown, exc.strerror or str(exc)) from exc
    if len(data) > MAX_BYTES:
        raise ListRefused(source.shown, f"larger than {MAX_BYTES >> 20} MiB")
    return data
