"""Reading list files and compiling them into a table, here or in a process of its own.

A list that cannot be read, or must not be taken, is replaced by its last good version; that is kept in the
state folder, so that it outlives a restart too. So does the table: the file that the server maps.
"""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import pickle
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from resolver.core.compiler import Part, compile_slots
from resolver.core.errors import ListRefused, TableFault
from resolver.core.guards import Protected
from resolver.core.keys import Secret, draw_secret
from resolver.core.lists.parsed import Tally
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Pattern, Trigger
from resolver.core.lists.rules import Resolution, Rules
from resolver.core.steps import PYTHON, Steps
from resolver.core.stored import (
    patterns_from_json,
    patterns_to_json,
    record_from_json,
    record_to_json,
    triggers_from_json,
    triggers_to_json,
)
from resolver.core.table import SLOTS_AT, Table, header, meaning, open_table
from resolver.core.table import build as compile_in_memory
from resolver.edge.files import open_regular, replacing, sweep
from resolver.edge.forms import NO_FORM, Forms
from resolver.edge.intake import HISTORY, NOT_FETCHED, Intake, Read, Source, Taken, read

TABLE, LISTS, SECRET = "table", "lists", "secret"
"""Names in the state folder: the table, the folder of parsed forms, and in that the secret of the keys."""
BUILD = "build"
"""What the messages call that refuse a whole build."""
_DRAWS = 3
"""How many secrets are tried when names crowd."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of one list. With `error` set, its last good version is in force, if there is one.

    `version` is the id of the content in force; `held` says why it is not that of the source, `hint` what its
    header says against the way it is read, and `unkept` why that version could not be kept.
    """

    name: str
    record: Record
    tally: Tally
    mistakes: tuple[str, ...]
    error: str | None
    in_force: bool
    version: str = ""
    held: str = ""
    hint: str = ""
    unkept: str = ""

    @property
    def awaited(self) -> bool:
        """Whether nothing of it is there only since it is still to be fetched."""
        return not self.in_force and self.error is not None and self.error.endswith(f": {NOT_FETCHED}")


@dataclass(frozen=True, slots=True)
class Build:
    """A table, what became of each list, in the table's order, and the rules of each that no table holds."""

    table: Table
    lists: tuple[Loaded, ...]
    triggers: tuple[tuple[Trigger, ...], ...]
    patterns: tuple[tuple[Pattern, ...], ...]


def build(
    sources: Sequence[Source],
    state: Path | None,
    told: Callable[[str], object] = lambda _: None,
    steps: Steps = PYTHON,
) -> Build:
    """Read and compile all lists in memory; `told` hears what is done next. Writes nothing."""
    found = []
    for number, source in enumerate(sources, 1):
        told(f"reading {source.name} ({number} of {len(sources)})")
        found.append(read(source, state, steps))
    told("compiling")
    return compile_read(sources, found, steps)


def compile_read(sources: Sequence[Source], found: Sequence[Read], steps: Steps = PYTHON) -> Build:
    """Compile lists that were read, in the order of the sources."""
    rules = [one.parsed.rules if one.parsed else Rules() for one in found]
    ways = [one.parsed.tally.resolution if one.parsed else Resolution.STRONGEST for one in found]
    table = compile_in_memory(rules, draw_secret(random.SystemRandom()), ways, steps)
    parsed = [one.parsed or NO_FORM.parsed for one in found]
    triggers, patterns = tuple([one.triggers for one in parsed]), tuple([one.patterns for one in parsed])
    return Build(table, tuple(map(_describe, sources, found)), triggers, patterns)


@dataclass(frozen=True, slots=True)
class Order:
    """What to build: the lists, what no list may block, and what a build must pass to come into force.

    `complaints` looks at the finished build and returns what speaks against it, in words.
    """

    sources: tuple[Source, ...]
    protected: tuple[Protected, ...] = ()
    complaints: Callable[[Build], list[str]] | None = None


def build_file(order: Order, state: Path, steps: Steps = PYTHON) -> None:
    """Read and compile all lists, and put the table into the state folder. Raises ListRefused.

    Lists that did not change are not parsed. Whatever ends the process leaves the old table or the new one.
    """
    sources = order.sources
    for draw in range(_DRAWS):
        try:
            secret = _secret(state, anew=draw > 0)
            with Intake(state, Forms(state / LISTS, secret), secret, order.protected, steps) as intake:
                taken = [intake.take(source) for source in sources]
                _refuse([text for one in taken for text in one.against])
                standing = None if intake.new else _standing(state, sources, taken, secret)
                if standing is None:
                    _write_table(state / TABLE, order, taken, secret, intake.keep, steps)
                else:
                    _try(order, standing)
        except TableFault:
            continue
        except OSError as exc:
            raise ListRefused(BUILD, exc.strerror or str(exc)) from exc
        intake.forms.prune(frozenset([source.name for source in sources]))
        return
    raise ListRefused(BUILD, "names crowd in the table, whatever the secret")


def sweep_state(state: Path) -> None:
    """Remove what killed builders left in the folders that nobody else writes to."""
    for folder in (state, state / LISTS, *(state / HISTORY).glob("*")):
        sweep(folder)


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
        triggers = tuple(map(triggers_from_json, table.extra["triggers"]))
        patterns = tuple(map(patterns_from_json, table.extra["patterns"]))
        lists = tuple(map(_loaded_from_json, table.extra["lists"]))
        if not len(lists) == len(table.counts) == len(triggers) == len(patterns):
            raise ValueError("not one of each for every list")
        return Build(table, lists, triggers, patterns)
    except (LookupError, TypeError, ValueError) as exc:
        raise TableFault("holds no lists that we can read") from exc


def _loaded_to_json(loaded: Loaded) -> dict[str, Any]:
    return {**asdict(loaded), "record": record_to_json(loaded.record)}


def _loaded_from_json(said: dict[str, Any]) -> Loaded:
    record, tally = record_from_json(said["record"]), Tally(**said["tally"])
    return Loaded(**{**said, "record": record, "tally": tally, "mistakes": tuple(said["mistakes"])})


def _write_table(
    path: Path,
    order: Order,
    taken: Sequence[Taken],
    secret: Secret,
    keep: Callable[[], Mapping[str, str]],
    steps: Steps,
) -> None:
    """Compile lists into the file that is mapped. Raises TableFault, ListRefused, OSError.

    `keep` writes down what is new in them once nothing speaks against it.
    """
    sources = order.sources
    forms = [one.form or NO_FORM for one in taken]
    loaded = tuple([_describe(source, one.read) for source, one in zip(sources, taken, strict=True)])
    with replacing(path) as file:
        slots = memoryview(b"")

        def allocate(number: int) -> memoryview:
            nonlocal slots
            size = SLOTS_AT + 8 * number
            os.posix_fallocate(file.fileno(), 0, size)  # a full disk says so here, and not by a signal later
            slots = memoryview(mmap.mmap(file.fileno(), size))[SLOTS_AT:].cast("Q")
            return slots

        parts = [Part(form.parsed.rules, form.words, form.parsed.tally.resolution) for form in forms]
        made = compile_slots(parts, secret, allocate, steps)
        triggers = tuple([form.parsed.triggers for form in forms])
        patterns = tuple([form.parsed.patterns for form in forms])
        finished = Build(Table(slots, secret, made), loaded, triggers, patterns)
        _try(order, finished)
        unkept = keep()
        about = {
            "stamp": _stamp(sources, taken),
            "sources": known_by(sources),
            "lists": [_loaded_to_json(replace(one, unkept=unkept.get(one.name, ""))) for one in loaded],
            "triggers": list(map(triggers_to_json, triggers)),
            "patterns": list(map(patterns_to_json, patterns)),
        }
        said = meaning(made, about)
        file.write(header(secret, slots, said))
        file.seek(0, os.SEEK_END)
        file.write(said)


def _try(order: Order, finished: Build) -> None:
    """Raise ListRefused where something speaks against a build, also an old one: the tests may be new."""
    _refuse(order.complaints(finished) if order.complaints else [])


def _refuse(against: Sequence[str]) -> None:
    """Raise ListRefused where something speaks against a build."""
    if against:
        raise ListRefused(BUILD, "; ".join(against))


def _standing(state: Path, sources: Sequence[Source], taken: Sequence[Taken], secret: Secret) -> Build | None:
    """Return the build that is there, if it was made of just this."""
    try:
        found = open_built(state)
    except TableFault:
        return None
    same = found.table.secret == secret and found.table.extra.get("stamp") == _stamp(sources, taken)
    return found if same else None


def known_by(sources: Sequence[Source]) -> str:
    """Return what tells the sources of one build from those of another, whatever they hold."""
    said = [
        (source.name, str(source.path), source.format, source.match.name, source.allow, source.trusted)
        for source in sources
    ]
    return _digest(said)


def _stamp(sources: Sequence[Source], taken: Sequence[Taken]) -> str:
    """Return what tells one build from another."""
    said = [
        (source, one.form and one.form.digest, one.read[1:])
        for source, one in zip(sources, taken, strict=True)
    ]
    return _digest(said)


def _digest(said: list[Any]) -> str:
    return blake2b(repr(said).encode(errors="surrogateescape"), digest_size=16).hexdigest()


def _secret(state: Path, *, anew: bool) -> Secret:
    """Return the secret of this installation, made at the first build. Raises OSError.

    One that somebody else wrote or may read is no secret: with it, forms could be signed that run what is in
    them.
    """
    path = state / LISTS / SECRET
    if not anew:
        with contextlib.suppress(OSError, ValueError), open_regular(path) as file:
            found = os.fstat(file.fileno())
            if found.st_uid == os.geteuid() and not found.st_mode & 0o077:
                prime, factor = map(int, file.read(64).split())
                return Secret(prime, factor)
    secret = draw_secret(random.SystemRandom())
    with replacing(path) as file:
        file.write(f"{secret.prime} {secret.factor}\n".encode())
    return secret


def _describe(source: Source, found: Read) -> Loaded:
    parsed = found.parsed
    own = parsed.record if parsed else None
    return Loaded(
        name=source.name,
        record=source.record or own or Record(title=source.name),
        tally=parsed.tally if parsed else Tally(),
        mistakes=tuple([str(mistake) for mistake in parsed.mistakes]) if parsed else (),
        error=found.error,
        in_force=parsed is not None,
        version=found.version,
        held=found.held,
        hint=parsed.hint if parsed else "",
    )


def main(steps: Steps = PYTHON) -> None:
    """Serve one build to the parent process, which pickles an order and the state folder.

    The table goes into the state folder; a refusal ends with its message on standard error and status 1.
    """
    gc.disable()  # millions of values that stay, and none of them in a cycle
    order, state = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent, over a pipe
    sweep_state(state)
    try:
        build_file(order, state, steps)
    except ListRefused as exc:
        sys.exit(str(exc))
