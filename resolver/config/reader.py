"""YAML text -> one frozen Config, with every mistake at once, each at its file:line:column."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from resolver.config.checks import check
from resolver.config.model import Config
from resolver.config.problem import ConfigError, Problem
from resolver.core.lists.document import DocumentFault, compose, scalar

MAX_BYTES = 1 << 20
"""Largest configuration file."""
MAX_DEPTH = 8

Location = tuple[str | int, ...]
"""The way to a value: keys and places in lists, from the top."""

LATER = {
    "tls": "DNS over TLS is not there yet",
    "https": "DNS over HTTPS is not there yet",
    "url": "lists are not fetched yet: give a `path`",
    "refresh": "lists are not fetched yet: give a `path`",
    "journal": "there is no query log yet",
}
"""Keys that the design has and this version has not."""


def read(path: Path, environment: Mapping[str, str]) -> Config:
    """Return the configuration in a file. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ConfigError((Problem(str(path), 1, 1, "", exc.strerror or str(exc)),)) from exc
    if len(data) > MAX_BYTES:
        raise ConfigError((Problem(str(path), 1, 1, "", f"larger than {MAX_BYTES >> 20} MiB"),))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data[: exc.start].count(b"\n") + 1
        raise ConfigError((Problem(str(path), line, 1, "", "not UTF-8"),)) from exc
    return load(text, str(path), folder=path.parent, environment=environment, path=path)


def default(environment: Mapping[str, str]) -> Config:
    """Return what holds without a configuration file."""
    return Config(state=state_folder(environment))


def load(
    text: str, source: str, *, folder: Path, environment: Mapping[str, str], path: Path | None = None
) -> Config:
    """Return the configuration in a text. Relative paths start from `folder`. Raises ConfigError."""
    try:
        root = compose(text, MAX_DEPTH)
    except DocumentFault as fault:
        mark = fault.mark
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ConfigError((Problem(source, *at, "", fault.reason),)) from fault
    reading = _Reading(source)
    values = reading.value(root, ()) if root is not None else {}
    if not isinstance(values, dict):
        raise ConfigError((Problem(source, 1, 1, "", "the configuration must be a mapping of keys"),))
    values.setdefault("state", str(state_folder(environment)))
    config = reading.model(values)
    for location, message, fatal in check(config) if config is not None else ():
        if not reading.misses_a_part_of(location):
            reading.note(location, message, fatal=fatal)
    if reading.problems or config is None:
        raise ConfigError(tuple(sorted(reading.problems)))
    return config.placed(folder, path, tuple(sorted(reading.warnings)))


def state_folder(environment: Mapping[str, str]) -> Path:
    """Return where state is kept unless the owner says so: systemd's folder, or the user's own."""
    given = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    home = environment.get("XDG_STATE_HOME") or f"{environment.get('HOME', '')}/.local/state"
    return Path(home) / "nxwhy"


class _Reading:
    """One text being read: where everything stands, and what is wrong so far."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._nodes: dict[Location, yaml.Node] = {}
        self._left_out: set[Location] = set()
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def value(self, node: yaml.Node, location: Location) -> Any:
        """Return a node as mappings, lists and text, and remember where each part stands."""
        self._nodes.setdefault(location, node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*location, place)) for place, item in enumerate(node.value)]
        return node.value

    def model(self, values: dict[str, Any]) -> Config | None:
        """Return the values as a Config after noting every mistake; what is wrong is left out of it.

        So one look finds both single values that are wrong and values that do not fit together. None where
        nothing can be made of the rest.
        """
        try:
            return Config.model_validate(values)
        except ValidationError as exc:
            errors = exc.errors(include_url=False)
        for error in errors:
            self.note(error["loc"], _message(error["type"], error["msg"], error["loc"]))
        self._left_out = {error["loc"] for error in errors}
        for location in sorted(self._left_out, key=str, reverse=True):
            _leave_out(values, location)
        try:
            return Config.model_validate(values)
        except ValidationError:
            return None

    def misses_a_part_of(self, location: Location) -> bool:
        """Say whether something below a location was left out, so that it cannot be judged."""
        return any(left[: len(location)] == location for left in self._left_out)

    def note(self, location: Location, message: str, *, fatal: bool = True) -> None:
        """Note a problem at a value, or at the nearest thing around it that the text has."""
        known = location
        while known and known not in self._nodes:
            known = known[:-1]
        mark = self._nodes[known].start_mark if known in self._nodes else None
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        where = ".".join([str(part) for part in location if part != "[key]"])
        (self.problems if fatal else self.warnings).append(
            Problem(self._source, line, column, where, message)
        )

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            try:
                name = scalar(key) or ""
            except DocumentFault:
                self._nodes.setdefault((*location, "?"), key)
                self.note((*location, "?"), "a key must be plain text")
                continue
            place = (*location, name)
            if name in found:
                mark = key.start_mark
                self.problems.append(
                    Problem(
                        self._source,
                        mark.line + 1,
                        mark.column + 1,
                        ".".join(map(str, place)),
                        "this key stands twice",
                    )
                )
                continue
            if _is_unknown(location, name):
                self._nodes[place] = key  # the key is what is wrong, not its value
            found[name] = self.value(value, place)
        return found


def _message(kind: str, text: str, location: Location) -> str:
    if kind == "extra_forbidden":
        return _unknown(location)
    return "is missing" if kind == "missing" else text.removeprefix("Value error, ")


def _leave_out(values: Any, location: Location) -> None:
    """Take what stands at a location out of the values, as far as it is there."""
    for part in location[:-1]:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return
    last = location[-1]
    if isinstance(values, dict):
        values.pop(last, None)
    elif isinstance(values, list) and isinstance(last, int) and last < len(values):
        del values[last]


def _is_unknown(location: Location, name: str) -> bool:
    known = _keys_at(location)
    return known is not None and name not in known


def _unknown(location: Location) -> str:
    name = str(location[-1])
    close = difflib.get_close_matches(name, _keys_at(location[:-1]) or (), 1)
    if close:
        return f"unknown key; is `{close[0]}` meant?"
    return LATER.get(name) or f"unknown key; there are {', '.join(_keys_at(location[:-1]) or ())}"


def _keys_at(location: Location) -> tuple[str, ...] | None:
    """Return the keys that a place in the configuration can have, None where any may stand."""
    model: Any = Config
    for part in location:
        model = _step(model, part)
        if model is None:
            return None
    return tuple(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else None


def _step(model: Any, part: str | int) -> Any:
    if isinstance(model, type) and issubclass(model, BaseModel):
        field = model.model_fields.get(str(part))
        return None if field is None else field.annotation
    arguments = getattr(model, "__args__", ())
    return next(_models(arguments), None)


def _models(arguments: tuple[Any, ...]) -> Iterator[Any]:
    for argument in arguments:
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            yield argument
