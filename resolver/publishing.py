"""The transparency document of what is in force: made from it, kept while that stays, written as files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from resolver.config import Config
from resolver.config.model import Kind, Mode
from resolver.core import names
from resolver.core.compiler import Count
from resolver.core.lists.record import in_language
from resolver.core.policy import DEFAULT_GROUP
from resolver.core.reasons import make_reason
from resolver.edge import intake
from resolver.edge.builder import Build, Loaded
from resolver.edge.files import replacing
from resolver.parts import record_defaults
from resolver.web import transparency
from resolver.web.transparency import Listed, Statement, Version

FILE_MODE = 0o644
"""Of published files: whoever runs the web server has to read them."""


def statement_of(config: Config, build: Build, state: Path) -> Statement:
    """Return what is said of the lists that count for somebody; `state` is the folder with their versions."""
    answer = config.answer
    lists = [
        _listed(config, loaded, count, state)
        for loaded, count in zip(build.lists, build.table.counts, strict=True)
        if _groups_of(config, loaded.name)
    ]
    return Statement(
        tuple(lists),
        "" if config.server.name is None else names.to_text(config.server.name),
        in_language(answer.organisation, answer.language, ())[0],
        answer.contact,
    )


def _groups_of(config: Config, name: str) -> list[str]:
    """Return the groups for which a list counts."""
    settings = config.lists.get(name)  # the table may be that of an earlier run
    if settings is None or settings.mode is Mode.OFF:
        return []
    return [group for group, found in config.groups.items() if name in (*found.block, *found.allow)]


def _listed(config: Config, loaded: Loaded, count: Count, state: Path) -> Listed:
    settings, defaults = config.lists[loaded.name], record_defaults(config)
    groups = _groups_of(config, loaded.name)
    index = intake.history(state, loaded.name).index()
    return Listed(
        make_reason(defaults.complete(loaded.record), (defaults.language,), by=loaded.name),
        count.names,
        count.own,
        allows=settings.kind is Kind.ALLOW,
        shadow=settings.mode is Mode.SHADOW,
        for_all=DEFAULT_GROUP in groups and len(groups) == len(config.groups),
        in_force=loaded.in_force,
        publisher=urlsplit(settings.url or "").hostname or "",
        versions=tuple(
            [
                Version(version.time_s, version.rules, version.id == index.current)
                for version in reversed(index.versions)
            ]
        ),
    )


class Publisher:
    """Makes the document of what is in force when it is asked for, once."""

    def __init__(self, config: Config, build: Build, state: Path) -> None:
        self._of = config, build, state
        self._lock = asyncio.Lock()
        self._files: Mapping[str, bytes] = {}

    async def files(self) -> Mapping[str, bytes]:
        """Return both forms of the document by the names of their files."""
        async with self._lock:
            if not self._files:
                self._files = await asyncio.to_thread(_made, *self._of)
            return self._files


def _made(config: Config, build: Build, state: Path) -> Mapping[str, bytes]:
    return transparency.files(statement_of(config, build, state))


def publish(config: Config, build: Build, folder: Path) -> list[Path]:
    """Write both forms into a folder, each so that a reader finds the old or the new. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, data in _made(config, build, config.state).items():
        with replacing(folder / name) as file:
            file.write(data)
            os.fchmod(file.fileno(), FILE_MODE)
        written.append(folder / name)
    return written
