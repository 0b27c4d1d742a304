"""Reading list files and compiling them into a table, here or in a process of its own.

A list that cannot be read, or must not be taken, is replaced by its last good copy; that is kept in the state
folder, so that it outlives a restart too. So does the table: the file that the server maps.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import mmap
import os
import pickle
import random
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pydantic import TypeAdapter

from resolver.core.compiler import Part, compile_slots, make_words
from resolver.core.errors import ListRefused, TableFault
from resolver.core.keys import Secret, draw_secret
from resolver.core.lists.parsed import ParsedList, Tally
from resolver.core.lists.reader import parse_list
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Scope, Trigger
from resolver.core.lists.rules import Resolution, Rules
from resolver.core.stored import triggers_from_json, triggers_to_json
from resolver.core.table import SLOTS_AT, Table, header, meaning, open_table
from resolver.core.table import build as compile_in_memory
from resolver.edge.atomic import replacing, sweep
from resolver.edge.forms import FORM, NO_FORM, Form, Forms

MAX_BYTES = 256 << 20
"""Largest list file read."""
TABLE, LISTS, SECRET = "table", "lists", "secret"
"""Names in the state folder: the table, the folder of copies and parsed forms, and in that the secret."""
_DRAWS = 3
"""How many secrets are tried when names crowd."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a list comes from and how it is to be read."""

    name: str
    path: Path
    format: str = "auto"
    match: Scope = Scope.EXACT
    allow: bool = False
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of one list. With `error` set, its last good copy is in force, if there is one."""

    name: str
    record: Record
    tally: Tally
    mistakes: tuple[str, ...]
    error: str | None
    in_force: bool


@dataclass(frozen=True, slots=True)
class Build:
    """A table, what became of each list, in the order of the table's numbers, and the triggers of each."""

    table: Table
    lists: tuple[Loaded, ...]
    triggers: tuple[tuple[Trigger, ...], ...]


class Read(NamedTuple):
    """The rules of a list, or None, and what is wrong with it, or None."""

    parsed: ParsedList | None
    error: str | None


_LOADED = TypeAdapter(tuple[Loaded, ...])


def read(source: Source, state: Path | None) -> Read:
    """Return the rules of a list, or of its last good copy, and what is wrong with it now. Writes nothing.

    `state` is the state folder; None: there are no copies.
    """
    try:
        return Read(_parse(source, _read_file(source.path)), None)
    except ListRefused as exc:
        with contextlib.suppress(ListRefused):
            if state is not None:
                return Read(_parse(source, _read_file(_copy_path(state, source))), str(exc))
        return Read(None, str(exc))


def build(sources: Sequence[Source], state: Path | None) -> Build:
    """Read and compile all lists in memory. Writes nothing."""
    return compile_read(sources, [read(source, state) for source in sources])


def compile_read(sources: Sequence[Source], found: Sequence[Read]) -> Build:
    """Compile lists that were read, in the order of the sources."""
    rules = [one.parsed.rules if one.parsed else Rules() for one in found]
    ways = [one.parsed.tally.resolution if one.parsed else Resolution.STRONGEST for one in found]
    table = compile_in_memory(rules, draw_secret(random.SystemRandom()), ways)
    lists = tuple([_describe(source, *one) for source, one in zip(sources, found, strict=True)])
    return Build(table, lists, tuple([one.parsed.triggers if one.parsed else () for one in found]))


def build_file(sources: Sequence[Source], state: Path) -> None:
    """Read and compile all lists, and put the table into the state folder. Raises ListRefused.

    Lists that did not change are not parsed. Whatever ends the process leaves the old table or the new one.
    """
    for draw in range(_DRAWS):
        try:
            secret = _secret(state, anew=draw > 0)
            forms = Forms(state / LISTS, secret)
            taken = [_take(source, state, forms, secret) for source in sources]
            if _stands(state, sources, taken, secret):
                return
            _write_table(state / TABLE, sources, taken, secret)
        except TableFault:
            continue
        except OSError as exc:
            raise ListRefused("build", exc.strerror or str(exc)) from exc
        forms.prune(frozenset([source.name for source in sources]))
        return
    raise ListRefused("build", "names crowd in the table, whatever the secret")


def open_built(state: Path) -> Build:
    """Return the table in the state folder, mapped. Raises TableFault."""
    try:
        with open_regular(state / TABLE) as file:
            mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    except (OSError, ValueError) as exc:
        raise TableFault(str(exc)) from exc
    table = open_table(memoryview(mapped))
    mapped.madvise(mmap.MADV_DONTNEED)  # the check looked at all of it; what lookups need comes back
    mapped.madvise(mmap.MADV_RANDOM)
    try:
        triggers = tuple([triggers_from_json(said) for said in table.extra["triggers"]])
        return Build(table, _LOADED.validate_python(table.extra["lists"]), triggers)
    except (KeyError, ValueError) as exc:
        raise TableFault("holds no lists that we can read") from exc


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; a pipe or a device would hold us up for ever. Raises OSError."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a regular file")
    return file


def _take(source: Source, state: Path, forms: Forms, secret: Secret) -> tuple[Form | None, str | None]:
    """Return a list, or its last good copy, and what is wrong with it now; keep a copy of a good one."""
    kept = _copy_path(state, source)
    try:
        data = _read_file(source.path)
        form = _form(source, data, forms, secret)
    except ListRefused as exc:
        try:
            return _form(source, _read_file(kept), forms, secret), str(exc)
        except ListRefused:
            return None, str(exc)
    with contextlib.suppress(OSError):  # a full disk must not stop a good list
        if not kept.exists() or kept.read_bytes() != data:
            with replacing(kept) as file:
                file.write(data)
    return form, None


def _form(source: Source, data: bytes, forms: Forms, secret: Secret) -> Form:
    """Return the parsed form of a list's text, as it was kept or anew. Raises ListRefused."""
    digest = blake2b(data, digest_size=16, key=_settings(source)).hexdigest()
    form = forms.find(source.name, digest)
    if form is None:
        parsed = _parse(source, data)
        form = Form(parsed, make_words(parsed.rules, secret), digest)
        forms.keep(source.name, form)
    return form


def _settings(source: Source) -> bytes:
    """Return what the rules depend on besides the text; short enough for a key."""
    said = str(source.path), source.format, source.match, source.allow, FORM
    return blake2b(repr(said).encode(errors="surrogateescape"), digest_size=16).digest()


def _write_table(
    path: Path, sources: Sequence[Source], taken: Sequence[tuple[Form | None, str | None]], secret: Secret
) -> None:
    """Compile lists into the file that is mapped. Raises TableFault, OSError."""
    forms = [form or NO_FORM for form, _ in taken]
    loaded = [
        _describe(source, form and form.parsed, error)
        for source, (form, error) in zip(sources, taken, strict=True)
    ]
    with replacing(path) as file:
        slots = memoryview(b"")

        def allocate(number: int) -> memoryview:
            nonlocal slots
            size = SLOTS_AT + 8 * number
            os.posix_fallocate(file.fileno(), 0, size)  # a full disk says so here, and not by a signal later
            slots = memoryview(mmap.mmap(file.fileno(), size))[SLOTS_AT:].cast("Q")
            return slots

        parts = [Part(form.parsed.rules, form.words, form.parsed.tally.resolution) for form in forms]
        made = compile_slots(parts, secret, allocate)
        about = {
            "stamp": _stamp(sources, taken),
            "lists": _LOADED.dump_python(tuple(loaded), mode="json"),
            "triggers": [triggers_to_json(form.parsed.triggers) for form in forms],
        }
        said = meaning(made, about)
        file.write(header(secret, slots, said))
        file.seek(0, os.SEEK_END)
        file.write(said)


def _stands(
    state: Path, sources: Sequence[Source], taken: Sequence[tuple[Form | None, str | None]], secret: Secret
) -> bool:
    """Say whether the table that is there was made of just this."""
    try:
        table = open_built(state).table
    except TableFault:
        return False
    return table.secret == secret and table.extra.get("stamp") == _stamp(sources, taken)


def _stamp(sources: Sequence[Source], taken: Sequence[tuple[Form | None, str | None]]) -> str:
    """Return what tells one build from another."""
    said = [
        (source, form and form.digest, error) for source, (form, error) in zip(sources, taken, strict=True)
    ]
    return blake2b(repr(said).encode(errors="surrogateescape"), digest_size=16).hexdigest()


def _secret(state: Path, *, anew: bool) -> Secret:
    """Return the secret of this installation, made at the first build. Raises OSError."""
    path = state / LISTS / SECRET
    if not anew:
        with contextlib.suppress(OSError, ValueError):
            prime, factor = map(int, path.read_text("ascii").split())
            return Secret(prime, factor)
    secret = draw_secret(random.SystemRandom())
    with replacing(path) as file:
        file.write(f"{secret.prime} {secret.factor}\n".encode())
    return secret


def _describe(source: Source, parsed: ParsedList | None, error: str | None) -> Loaded:
    own = parsed.record if parsed else None
    return Loaded(
        name=source.name,
        record=source.record or own or Record(title=source.name),
        tally=parsed.tally if parsed else Tally(),
        mistakes=tuple([str(mistake) for mistake in parsed.mistakes]) if parsed else (),
        error=error,
        in_force=parsed is not None,
    )


def _parse(source: Source, data: bytes) -> ParsedList:
    return parse_list(data, str(source.path), format=source.format, match=source.match, allow=source.allow)


def _copy_path(state: Path, source: Source) -> Path:
    return state / LISTS / f"{source.name}.list"


def _read_file(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ListRefused(str(path), exc.strerror or str(exc)) from exc
    if len(data) > MAX_BYTES:
        raise ListRefused(str(path), f"larger than {MAX_BYTES >> 20} MiB")
    return data


def main() -> None:
    """Serve one build to the parent process: sources and state folder as a pickle on standard input.

    The table goes into the state folder; a refusal ends with its message on standard error and status 1.
    """
    gc.disable()  # millions of values that stay, and none of them in a cycle
    sources, state = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent, over a pipe
    sweep(state)
    sweep(state / LISTS)
    try:
        build_file(sources, state)
    except ListRefused as exc:
        sys.exit(str(exc))
