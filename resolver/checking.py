"""`nxwhy check`: what is wrong with a configuration and its lists, and what the server would refuse."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from resolver.appearance import appearance_faults
from resolver.config import Config
from resolver.core.errors import SignatureFault
from resolver.core.guards import Protected, Update
from resolver.core.keys import Secret, draw_secret
from resolver.core.patterns import Patterns
from resolver.core.steps import Steps
from resolver.edge import minisign
from resolver.edge.builder import Build, compile_read
from resolver.edge.forms import Form
from resolver.edge.intake import (
    Read,
    Source,
    blocked_at_any_time,
    complaints,
    history,
    objection,
    read,
)
from resolver.engines import make_steps
from resolver.listing import counted
from resolver.parts import (
    failed_tests,
    has_servers,
    list_sources,
    make_upstreams,
    protected_names,
    waiting_tests,
)
from resolver.record_checks import record_warnings

SHOWN = 5
"""How many patterns that would not be applied are told one by one."""


class Checked(NamedTuple):
    """What a check found; warnings are no mistakes."""

    warnings: list[str]
    mistakes: list[str]


def check(config: Config, told: Callable[[str], object], today: date) -> Checked:
    """Read all lists as their sources are now and judge them as a build would. Writes nothing.

    `told` hears what is done next. Reviews that should have been before `today` are warned of.
    """
    sources = list_sources(config)
    steps = make_steps(config.engine)
    guards = _Guards(config, steps)
    warnings = [str(warning) for warning in config.warnings]
    warnings += _unverifiable(config)
    if not has_servers(make_upstreams(config)):
        warnings.append(
            "no upstream server: `upstreams` names none, nor does the system any that is not nxwhy"
        )
    mistakes = appearance_faults(config)
    found = []
    for number, source in enumerate(sources, 1):
        told(f"reading {source.name} ({number} of {len(sources)})")
        now = read(source, None, steps)
        found.append(now)
        if now.parsed is None and source.url and not source.path.exists():
            warnings.append(f"{now.error}; nothing of list {source.name} can be checked")
            continue
        mistakes += now.faults or ([_unread(config, source, now.error)] if now.error else [])
        mistakes += map(str, now.parsed.mistakes if now.parsed else ())
        mistakes += guards.against(source, now)
        if now.parsed and now.parsed.hint:
            warnings.append(f"{source.name}: {now.parsed.hint}")
    read_lists = [(source, one.parsed) for source, one in zip(sources, found, strict=True)]
    warnings += record_warnings(config, read_lists, today)
    told("compiling")
    built = compile_read(sources, found, steps)
    mistakes += failed_tests(config, built)
    warnings += waiting_tests(config, built)
    warnings += _not_applied(sources, built)
    return Checked(warnings, mistakes)


def _unread(config: Config, source: Source, error: str) -> str:
    """Return what is wrong with a list; where its file is not there, what names it may be wrong."""
    missing = not source.url and not source.path.exists()
    return config.remark(("lists", source.name, "path"), error) if missing else error


def _unverifiable(config: Config) -> Iterator[str]:
    """Yield which lists will not be fetched since their signatures cannot be checked, and what would help."""
    for name, settings in config.lists.items():
        if settings.minisign is None:
            continue
        try:
            minisign.public_key(settings.minisign)
            minisign.need()
        except SignatureFault as fault:
            yield config.remark(("lists", name, "minisign"), f"will not be fetched: {fault}")


def _not_applied(sources: Sequence[Source], built: Build) -> list[str]:
    """Return which patterns of the lists no query would meet, and why: the first, and how many more."""
    refused = Patterns([(n, one) for n, patterns in enumerate(built.patterns) for one in patterns]).refused
    said = [
        f"{sources[number].shown}:{pattern.line}: pattern not applied: {pattern.text}: {reason}"
        for number, pattern, reason in refused[:SHOWN]
    ]
    more = len(refused) - SHOWN
    return [*said, f"and {counted(more, 'more pattern')} not applied"] if more > 0 else said


class _Guards:
    """What the guards of a build would say. `state` is only read."""

    def __init__(self, config: Config, steps: Steps) -> None:
        self._steps = steps
        self._state = config.state
        self._protected: tuple[Protected, ...] = protected_names(config)
        self._secret: Secret = draw_secret(random.SystemRandom())

    def against(self, source: Source, now: Read) -> Iterator[str]:
        """Yield what a build would say of a list: of its content if that is new, and of what is in force."""
        index = history(self._state, source.name).index()
        form = self._form(now)
        is_new = now.version not in (index.current, index.accepted, index.rejected) and not index.pinned
        reason = objection(source, index, form, self._protected, self._secret) if form and is_new else None
        if reason:
            yield f"{source.shown}: {reason}"
        standing = now
        if form is None or reason or index.pinned or now.version == index.rejected:
            standing = read(source, self._state, self._steps)
            form = self._form(standing)
        refused = reason is not None and standing.version == now.version  # nothing else is in force
        if form is None or refused or now.version == index.accepted:
            return
        update = Update(form.parsed, form.words)
        hits = blocked_at_any_time(update, source, self._protected, self._secret)
        known = index.known(standing.version)
        yield from complaints(source, standing, hits, known.despite if known else ())

    def _form(self, found: Read) -> Form | None:
        if found.parsed is None:
            return None
        return Form(found.parsed, self._steps.words(found.parsed.rules, self._secret), "")
