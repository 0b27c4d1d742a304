"""Taking lists for a build: the new content if the guards let it, the last good version otherwise."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Self

from resolver.core.errors import HistoryError, ListRefused
from resolver.core.guards import DEFAULT_BOUNDS, Bounds, Hit, Protected, Update, hits, refusal
from resolver.core.keys import Secret
from resolver.core.lists.parsed import ParsedList
from resolver.core.lists.record import Record
from resolver.core.lists.rule import AnyRule, Scope
from resolver.core.lists.wording import wording
from resolver.core.steps import PYTHON, Steps
from resolver.edge.computing import within
from resolver.edge.files import open_regular
from resolver.edge.forms import FORM, Form, Forms
from resolver.edge.history import History, Index, Version, content_id
from resolver.edge.suffixes import public_suffixes

MAX_BYTES = 256 << 20
"""Largest list file read."""
READ_S = 60.0
"""Most seconds of the processor for one list; a build has 300 for all. A million usual lines take one."""
NOT_FETCHED = "not fetched yet"
"""Why nothing is there of a list with a `url` that was named just now."""
HISTORY = "history"
"""Name of the folder of versions in the state folder."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a list comes from and how it is read; `path` is where its text is, wherever that came from.

    `enforced` says that it decides: it is neither off nor in shadow.
    """

    name: str
    path: Path
    format: str = "auto"
    match: Scope = Scope.EXACT
    allow: bool = False
    record: Record | None = None
    bounds: Bounds = DEFAULT_BOUNDS
    url: str = ""
    trusted: bool = False
    enforced: bool = True

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
    faults: tuple[str, ...] = ()
    """The places that the error is made of, where it is of places in the list."""

    @property
    def earlier(self) -> str:
        """The version, where it is not the content that the source has now."""
        return self.version if self.held or self.error else ""


def history(state: Path, name: str) -> History:
    """Return the versions of a list."""
    return History(state / HISTORY / name)


def read(source: Source, state: Path | None, steps: Steps = PYTHON) -> Read:
    """Return the rules of a list, or of its last good version, and what is wrong with it now. Writes nothing.

    `state` is the state folder; None: there are no versions.
    """
    kept = None if state is None else history(state, source.name)
    try:
        text = _taken_last(source, kept, _choose(source, kept))
    except ListRefused as exc:
        return Read(None, str(exc))
    try:
        return Read(_parse(source, text.data, steps), text.error, content_id(text.data), text.held)
    except ListRefused as exc:
        try:
            last = _last_good(kept, exc)
            return Read(_parse(source, last.data, steps), last.error, content_id(last.data))
        except ListRefused:
            return Read(None, str(exc), faults=exc.faults)


class Taken(NamedTuple):
    """What a build takes of a list: its form, or None, and what `Read` says of it.

    `against` are the names that no list may block at any time and that this one does, in words.
    """

    form: Form | None
    read: Read
    against: tuple[str, ...] = ()


class New(NamedTuple):
    """A version that is not in force yet, and its text on the way to the disk."""

    list: str
    version: Version
    prepared: Future[None]


class Intake:
    """Takes lists for a build: the new content if the guards let it, the last good one otherwise.

    A list's text is packed aside while lists are read. What is `new` is kept once the build is accepted.
    """

    def __init__(
        self,
        state: Path,
        forms: Forms,
        secret: Secret,
        protected: Sequence[Protected],
        steps: Steps = PYTHON,
    ) -> None:
        self.forms, self._steps = forms, steps
        self.new: list[New] = []
        self._aside = ThreadPoolExecutor(1)
        self._prepared = self._aside.submit(lambda: None)
        self._state, self._secret, self._protected = state, secret, tuple(protected)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._aside.shutdown()

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
        is_new = version != index.current and text.error is None
        prepared = self._prepare(kept, version, text.data) if is_new else None
        if form is None:
            with within(READ_S, ListRefused(source.shown, f"takes more than {READ_S:g} s to read")):
                parsed = _parse(source, text.data, self._steps)
                form = Form(parsed, self._steps.words(parsed.rules, self._secret), digest)
            if text.error is None and version not in (index.current, index.accepted):
                self._guard(source, kept, form, version)
            self.forms.keep(source.name, form)
        with within(READ_S, ListRefused(source.shown, f"takes more than {READ_S:g} s to check")):
            update = Update(form.parsed, form.words)
            found = blocked_at_any_time(update, source, self._protected, self._secret)
        despite = _despite(index, version, found)
        if prepared is not None:
            size = form.parsed.size
            made = Version(version, time.time(), size, len(text.data), _cause(index), despite)
            self.new.append(New(source.name, made, prepared))
        read = Read(form.parsed, text.error, version, text.held)
        return Taken(form, read, complaints(source, read, found, despite))

    def keep(self) -> dict[str, str]:
        """Keep what is new, and make it what is in force; return why that failed, by list."""
        failed = {}
        for one in self.new:
            try:
                one.prepared.result()
                history(self._state, one.list).add(one.version)
            except OSError as exc:  # a full disk must not stop a good list
                failed[one.list] = exc.strerror or str(exc)
        return failed

    def _prepare(self, kept: History, version: str, data: bytes) -> Future[None]:
        """Begin to pack a text, once the one before is done: there are never more than two in memory."""
        wait([self._prepared])
        self._prepared = self._aside.submit(kept.prepare, version, data)
        return self._prepared

    def _guard(self, source: Source, kept: History, form: Form, version: str) -> None:
        """Raise ListRefused for content that must not come into force, and note it for the owner."""
        with within(READ_S, ListRefused(source.shown, f"takes more than {READ_S:g} s to check")):
            reason = objection(source, kept.index(), form, self._protected, self._secret)
        if reason is None:
            return
        said = f"{reason}; `nxwhy lists accept {source.name}` takes it all the same"
        try:
            kept.save(replace(kept.index(), refused=version))
        except OSError as exc:
            said += f", once it can be written down: {exc.strerror or exc}"
        raise ListRefused(source.shown, said)


def objection(
    source: Source, index: Index, form: Form, protected: Sequence[Protected], secret: Secret
) -> str | None:
    """Return what the guards have against new content, None if it may come into force."""
    before = index.in_force()
    update = Update(form.parsed, form.words, before.rules if before else None, bool(source.url))
    named = () if source.allow else (*protected, *(public_suffixes() if source.url else ()))
    return refusal(update, source.bounds, named, secret)


def blocked_at_any_time(
    update: Update, source: Source, protected: Sequence[Protected], secret: Secret
) -> list[Hit]:
    """Return the names that no list may block, also in what is in force, and that this one does."""
    always = () if source.allow else [one for one in protected if one.always]
    return hits(update, always, secret) if always else []


def complaints(source: Source, read: Read, found: Sequence[Hit], despite: Sequence[str]) -> tuple[str, ...]:
    """Return what a list in force blocks that it must not, but for what the owner accepted."""
    if not source.enforced:
        return ()
    version = f" (version {read.earlier})" if read.earlier else ""
    return tuple(
        [
            f"{source.shown}:{hit.line}{version}: list {source.name} blocks {hit.name} ({hit.why})"
            for hit in found
            if hit.name not in despite
        ]
    )


def _despite(index: Index, version: str, found: Sequence[Hit]) -> tuple[str, ...]:
    """Return which names a version may block since the owner accepted it with them."""
    if version == index.accepted:
        return tuple([hit.name for hit in found])
    known = index.known(version)
    return known.despite if known else ()


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
            only = "this list has one version only"
            oldest = "the oldest version is in force; `diff LIST A B` compares any two"
            raise HistoryError(only if len(index.versions) == 1 else oldest)
        ids = [index.versions[place - 1].id]
    before, after = (*ids, current.id)[:2]
    return _words(source, kept.text(before)), _words(source, kept.text(after))


def _words(source: Source, data: bytes) -> set[str]:
    """Return what a content says, a line of words a rule."""
    parsed = _parse(source, data)
    rules: Iterable[AnyRule] = chain(parsed.rules, parsed.patterns, parsed.triggers)
    return {wording(rule) for rule in rules}


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
    if kept is not None and index.rejected and index.current and content_id(data) == index.rejected:
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


def _parse(source: Source, data: bytes, steps: Steps = PYTHON) -> ParsedList:
    from resolver.core.lists.reader import parse_list  # noqa: PLC0415 - not for who only maps a table

    return parse_list(
        data,
        source.shown,
        format=source.format,
        match=source.match,
        allow=source.allow,
        trusted=source.trusted,
        scan=steps.scan,
    )


def _read_file(source: Source) -> bytes:
    try:
        with open_regular(source.path) as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as exc:
        reason = NOT_FETCHED if source.url else exc.strerror
        raise ListRefused(source.shown, reason or str(exc)) from exc
    except OSError as exc:
        raise ListRefused(source.shown, exc.strerror or str(exc)) from exc
    if len(data) > MAX_BYTES:
        raise ListRefused(source.shown, f"larger than {MAX_BYTES >> 20} MiB")
    return data
