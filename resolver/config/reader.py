"""YAML text -> one frozen Config, with every mistake at once, each at its file:line:column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from resolver.config.checks import check
from resolver.config.draft import Draft, Location
from resolver.config.messages import LONGEST, keys_at, message
from resolver.config.model import Config
from resolver.config.problem import ConfigError, Places, Problem
from resolver.config.quantities import shown
from resolver.core.lists.document import KEY, DocumentFault, compose, scalar
from resolver.core.lists.yaml_hint import ADDRESS, comment_hint
from resolver.regular import open_regular

MAX_BYTES = 1 << 20
"""Largest configuration file."""
MAX_DEPTH = 8
MAX_NODES = 1 << 17
"""Most keys and values: reading them takes a second or two."""
MAX_PROBLEMS = 10_000
"""How many mistakes are counted, and how many warnings."""
PLACED = (("lists",), ("answer",), ("notice",))
"""Parts of which more may be said once they were read."""
ROUNDS = 4
"""How often what is wrong is left out, to find more in the rest; what was missing may leave more behind."""


def read(path: Path, environment: Mapping[str, str]) -> Config:
    """Return the configuration in a file. Raises ConfigError."""
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ConfigError((Problem(str(path), 1, 1, "", exc.strerror or str(exc)),)) from exc
    if len(data) > MAX_BYTES:
        raise ConfigError((Problem(str(path), 1, 1, "", f"larger than {MAX_BYTES >> 20} MiB"),))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        before = data[: exc.start].decode("utf-8-sig")
        raise ConfigError((Problem(str(path), *_end_of(before), "", "not UTF-8"),)) from exc
    return load(text, str(path), folder=path.parent, environment=environment, path=path)


def default(environment: Mapping[str, str]) -> Config:
    """Return what holds without a configuration file."""
    return Config(state=state_folder(environment))


def load(
    text: str, source: str, *, folder: Path, environment: Mapping[str, str], path: Path | None = None
) -> Config:
    """Return the configuration in a text. Relative paths start from `folder`. Raises ConfigError."""
    bad = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if bad is not None:
        at = _end_of(text[: bad.start()])
        raise ConfigError(
            (Problem(source, *at, "", f"the character U+{ord(bad[0]):04X} must not stand here"),)
        )
    try:
        root = compose(text, MAX_DEPTH, MAX_NODES)
    except DocumentFault as fault:
        mark = fault.mark
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ConfigError((Problem(source, *at, "", fault.reason),)) from fault
    empty = root is None or _is_empty(root)
    if empty and path is not None:  # an editor stopped between two writes, or the disk was full
        said = "says nothing; write {} for what holds without a file"
        raise ConfigError((Problem(source, 1, 1, "", said),))
    reading = _Reading(text, source)
    values = {} if root is None or empty else reading.value(root, ())
    if not isinstance(values, dict):
        reading.note((), "the configuration must be a mapping of keys")
        raise ConfigError(tuple(reading.problems))
    values.setdefault("state", str(state_folder(environment)))
    config = reading.config(values)
    if reading.problems or config is None:
        raise ConfigError(tuple(sorted(reading.problems)))
    return config.placed(folder, path, tuple(sorted(reading.warnings)), reading.places())


def state_folder(environment: Mapping[str, str]) -> Path:
    """Return where state is kept unless the owner says so: systemd's folder, or the user's own."""
    given = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    home = Path(environment.get("XDG_STATE_HOME", ""))
    if not home.is_absolute():  # to be ignored, says the XDG Base Directory Specification
        home = Path(environment.get("HOME", "") + "/.local/state")
    return home / "nxwhy"


class _Reading:
    """One text being read: where everything stands, and what is wrong so far."""

    def __init__(self, text: str, source: str) -> None:
        self._text, self._source = text, source
        self._nodes: dict[Location, yaml.Node] = {}
        self._empty: list[Location] = []
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def value(self, node: yaml.Node, location: Location) -> Any:
        """Return a node as mappings, lists and text, and remember where each part stands."""
        self._nodes.setdefault(location, node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*location, place)) for place, item in enumerate(node.value)]
        if _is_empty(node) and "record" not in location:  # a record is often a form that is not filled in
            self._empty.append(location)
        return node.value

    def config(self, values: dict[str, Any]) -> Config | None:
        """Return the values as a Config after noting every mistake; what is wrong is left out of it.

        So one look finds both single values that are wrong and values that do not fit together. None where
        nothing can be made of the rest.
        """
        draft = Draft(values)
        for location in self._empty:
            meant = comment_hint(self._text, self._nodes[location].start_mark.index)
            self.note(location, f"has no value: write one, or leave it out{meant}")
        draft.leave_out(self._empty)
        for attempt in range(ROUNDS):
            try:
                config = Config.model_validate(draft.values).completed()
            except ValidationError as exc:
                errors = _without_echoes(exc.errors(include_url=False))
            else:
                for finding in check(config, draft.names("lists"), draft.names("upstreams")):
                    location = draft.as_written(finding.location)
                    if all(draft.is_whole(place) for place in (location, finding.rests_on) if place):
                        self.note(location, finding.message, fatal=finding.fatal)
                return config
            for error in errors[:MAX_PROBLEMS] if attempt == 0 else ():
                self.note(draft.as_written(_place(error)), message(error))
            draft.leave_out([_place(error, of_key=False) for error in errors])
        return None

    def places(self) -> Places:
        """Return where lists and their records stand, what holds for all of them, and the tests."""
        found = {
            location: (node.start_mark.line + 1, node.start_mark.column + 1)
            for location, node in self._nodes.items()
            if location[:1] in (("lists",), ("answer",), ("tests",), ("notice",))
            and KEY not in location
            and len(location) <= 4
        }
        return Places(self._source, found)

    def note(self, location: Location, message: str, *, fatal: bool = True) -> None:
        """Note a problem at a value, or at the nearest thing around it that the text has."""
        known = location
        while known and known not in self._nodes:
            known = known[:-1]
        mark = self._nodes[known].start_mark if known in self._nodes else None
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        where = ".".join([_part(part) for part in location if part != KEY])
        self._keep(Problem(self._source, line, column, where, message), fatal=fatal)

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        found: dict[str, Any] = {}
        known = keys_at(location)
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                meant = ADDRESS if _is_address(key) else ""
                self._note_at(key, location, f"a key must be plain text{meant}")
                continue
            name = str(key.value)  # as written: `null` is a name like others
            place = (*location, name)
            if name in found:
                self._note_at(key, place, "this key stands twice")
                continue
            self._nodes[*place, KEY] = key
            if known is not None and name not in known:
                self._nodes[place] = key  # the key is what is wrong, not its value
                found[name] = ""
            else:
                found[name] = self.value(value, place)
        return found

    def _note_at(self, node: yaml.Node, location: Location, said: str) -> None:
        mark, where = node.start_mark, ".".join(map(_part, location))
        self._keep(Problem(self._source, mark.line + 1, mark.column + 1, where, said), fatal=True)

    def _keep(self, problem: Problem, *, fatal: bool) -> None:
        kept = self.problems if fatal else self.warnings
        if len(kept) < MAX_PROBLEMS:
            kept.append(problem)


def _without_echoes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Return errors without those that only follow from others: a list is too short without its bad entry."""
    within = {error["loc"][:length] for error in errors for length in range(len(error["loc"]))}
    return [error for error in errors if error["type"] != "too_short" or error["loc"] not in within]


def _place(error: ErrorDetails, *, of_key: bool = True) -> Location:
    location: Location = error["loc"]
    return location if of_key or location[-1] != KEY else location[:-1]


def _part(part: str | int) -> str:
    """Return a key or place as it is shown on the way to a value."""
    text = str(part)
    return text if text.replace("_", "").replace("-", "").isalnum() and len(text) <= LONGEST else shown(text)


def _is_address(node: yaml.Node) -> bool:
    """Say whether a list is an IPv6 address in brackets that lacks quotes."""
    if not isinstance(node, yaml.SequenceNode) or len(node.value) != 1:
        return False
    (inner,) = node.value
    return isinstance(inner, yaml.ScalarNode) and inner.value.count(":") > 1


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and scalar(node) is None and not node.value


def _end_of(text: str) -> tuple[int, int]:
    """Return line and column behind a text, from 1, by YAML's line breaks."""
    lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", text)
    return len(lines), len(lines[-1]) + 1
