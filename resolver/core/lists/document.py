"""A YAML file as a tree with positions, read so that no file can make it large or deep.

Only what people write by hand is taken: mappings, lists and plain values. Anchors, aliases and tags are
refused before anything is built, so that no alias can multiply itself and no tag can name a type.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import yaml

from resolver.core.errors import ResolverError
from resolver.core.lists.yaml_hint import hint

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = "tag:yaml.org,2002:null"


class Mark(Protocol):
    """A place in a text, as both of PyYAML's loaders give it."""

    @property
    def line(self) -> int:
        """The line, from 0."""

    @property
    def column(self) -> int:
        """The column, from 0."""

    @property
    def index(self) -> int:
        """The place in the text, from 0."""


Place = tuple[str | int, ...]
"""The way to a part of a document: keys, and numbers of what stands in lists, from 0."""
Marks = dict[Place, Mark]
"""Where parts of a document stand."""
KEY = "[key]"
"""Stands behind the way to a value for its key, as pydantic has it."""


class DocumentFault(ResolverError):
    """A place in a document that cannot be taken, and why."""

    def __init__(self, mark: Mark | None, reason: str) -> None:
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        super().__init__(where + reason)
        self.mark, self.reason = mark, reason


def compose(text: str, max_depth: int, max_nodes: int) -> yaml.Node | None:
    """Return the root of a document, None when it is empty. Raises DocumentFault.

    `max_nodes` bounds its mappings, lists, keys and values: each takes some 8 µs and 1 KB, short or long.
    """
    try:
        _check(text, max_depth, max_nodes)
        return yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as exc:
        meant = _meant(text, exc.problem_mark)
        raise DocumentFault(exc.problem_mark, f"no valid YAML: {exc.problem or exc.context}{meant}") from exc
    except (yaml.YAMLError, ValueError) as exc:
        raise DocumentFault(None, f"no valid YAML: {' '.join(str(exc).split())[:200]}") from exc


def fields(node: yaml.Node, known: Collection[str], what: str) -> dict[str, yaml.Node]:
    """Return the values of a mapping by key. Raises DocumentFault for unknown and doubled keys."""
    if not isinstance(node, yaml.MappingNode):
        raise DocumentFault(node.start_mark, f"{what} must be a mapping")
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = scalar(key) or ""
        if name not in known:
            raise DocumentFault(key.start_mark, f"unknown key {name[:40]!r}; {what} has {', '.join(known)}")
        if name in found:
            raise DocumentFault(key.start_mark, f"key {name!r} stands twice")
        found[name] = value
    return found


def scalar(node: yaml.Node) -> str | None:
    """Return a plain value as it is written, None for an empty one. Raises DocumentFault."""
    if not isinstance(node, yaml.ScalarNode):
        raise DocumentFault(node.start_mark, "a plain value is needed here")
    return None if node.tag == _NULL else str(node.value)


def plain(node: yaml.Node, place: Place, marks: Marks) -> object:
    """Return a node as mappings, lists and text, and note where each part of it stands.

    Raises DocumentFault for doubled keys and for keys that are no plain text.
    """
    marks.setdefault(place, node.start_mark)
    if isinstance(node, yaml.ScalarNode):
        return scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return [plain(one, (*place, number), marks) for number, one in enumerate(node.value)]
    found: dict[str, object] = {}
    for key, value in node.value:
        name = scalar(key) or ""
        if name in found:
            raise DocumentFault(key.start_mark, f"key {name[:40]!r} stands twice")
        marks[(*place, name, KEY)] = key.start_mark
        found[name] = plain(value, (*place, name), marks)
    return found


def _check(text: str, max_depth: int, max_nodes: int) -> None:
    """Read the events, which costs no recursion, and refuse what must not become a tree."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            meant = _meant(text, event.start_mark)
            raise DocumentFault(event.start_mark, f"anchors and aliases are not taken{meant}")
        if getattr(event, "tag", None) is not None:
            raise DocumentFault(event.start_mark, f"tags are not taken{_meant(text, event.start_mark)}")
        nodes += isinstance(event, yaml.NodeEvent)
        if nodes > max_nodes:
            raise DocumentFault(event.start_mark, f"more than {max_nodes} keys and values")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > max_depth:
                raise DocumentFault(event.start_mark, "nested too deeply")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _meant(text: str, mark: Mark | None) -> str:
    return hint(text, mark.index) if mark else ""
