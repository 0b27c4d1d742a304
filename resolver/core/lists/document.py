"""A YAML file as a tree with positions, read so that no file can make it large or deep.

Only what people write by hand is taken: mappings, lists and plain values. Anchors, aliases and tags are
refused before anything is built, so that no alias can multiply itself and no tag can name a type.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import yaml

from resolver.core.errors import ResolverError

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


class DocumentFault(ResolverError):
    """A place in a document that cannot be taken, and why."""

    def __init__(self, mark: Mark | None, reason: str) -> None:
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        super().__init__(where + reason)
        self.mark, self.reason = mark, reason

    @property
    def place(self) -> str:
        """Where it is, to stand behind the name of the file; empty where that is not known."""
        return f":{self.mark.line + 1}:{self.mark.column + 1}" if self.mark else ""


def compose(text: str, max_depth: int, max_nodes: int) -> yaml.Node | None:
    """Return the root of a document, None when it is empty. Raises DocumentFault.

    `max_nodes` bounds its mappings, lists, keys and values: each takes some 8 µs and 1 KB, short or long.
    """
    try:
        _check(text, max_depth, max_nodes)
        return yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as exc:
        raise DocumentFault(exc.problem_mark, f"no valid YAML: {exc.problem or exc.context}") from exc
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


def _check(text: str, max_depth: int, max_nodes: int) -> None:
    """Read the events, which costs no recursion, and refuse what must not become a tree."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise DocumentFault(event.start_mark, "anchors and aliases are not taken")
        if getattr(event, "tag", None) is not None:
            raise DocumentFault(event.start_mark, "tags are not taken")
        nodes += isinstance(event, yaml.NodeEvent)
        if nodes > max_nodes:
            raise DocumentFault(event.start_mark, f"more than {max_nodes} keys and values")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > max_depth:
                raise DocumentFault(event.start_mark, "nested too deeply")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
