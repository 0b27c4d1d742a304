"""What has to fit together in a configuration, beyond single values."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator

from resolver.config.model import DEFAULT_UPSTREAM, Config, Kind
from resolver.core.policy import DEFAULT_GROUP
from resolver.core.replies import AnswerMode

Finding = tuple[tuple[str | int, ...], str, bool]
"""Where, what, and whether it is a mistake (True) or only worth a warning."""


def check(config: Config) -> Iterator[Finding]:
    """Yield everything that does not fit together."""
    yield from _lists(config)
    yield from _groups(config)
    yield from _upstreams(config)
    yield from _listeners(config)
    if any(network.prefixlen == 0 for network in config.access.clients):
        yield ("access", "clients"), "everybody may ask: an open resolver is used for attacks", False


def _lists(config: Config) -> Iterator[Finding]:
    used = {name for group in config.groups.values() for name in (*group.block, *group.allow)}
    for name, settings in config.lists.items():
        if (settings.path is None) == (settings.shipped is None):
            yield ("lists", name), "needs either `path` or `shipped`", True
        if name not in used and config.lists_given:
            yield ("lists", name), "is in no group, so it blocks and allows nothing", False


def _groups(config: Config) -> Iterator[Finding]:
    for name, group in config.groups.items():
        for role, kind in (("block", Kind.BLOCK), ("allow", Kind.ALLOW)):
            for place, used in enumerate(getattr(group, role)):
                settings = config.lists.get(used)
                at = ("groups", name, role, place)
                if settings is None:
                    yield at, f"there is no list {used!r}{_meant(used, config.lists)}", True
                elif settings.kind is not kind:
                    yield (
                        at,
                        f"list {used!r} is of kind {settings.kind}: name it there",
                        True,
                    )
        if name == DEFAULT_GROUP and group.clients:
            yield ("groups", name, "clients"), "this group is for the clients in no other; leave it out", True
        if name != DEFAULT_GROUP and not group.clients:
            yield ("groups", name), "has no `clients`", True
        notice = config.answer.notice
        if group.answer is AnswerMode.NOTICE and notice.ipv4 is None and notice.ipv6 is None:
            yield ("groups", name, "answer"), "`answer.notice` says no address of the notice page", True


def _upstreams(config: Config) -> Iterator[Finding]:
    if config.upstreams and DEFAULT_UPSTREAM not in config.upstreams:
        yield ("upstreams",), f"needs a group `{DEFAULT_UPSTREAM}`, for names without a route", True
    for place, route in enumerate(config.routes):
        if route.upstream not in {DEFAULT_UPSTREAM, *config.upstreams}:
            meant = _meant(route.upstream, config.upstreams)
            yield ("routes", place, "upstream"), f"there is no upstream {route.upstream!r}{meant}", True
    for name, settings in config.upstreams.items():
        for place, server in enumerate(settings.servers):
            if server.endpoint in config.listen.dns:
                yield ("upstreams", name, "servers", place), "this is our own address: a loop", True


def _listeners(config: Config) -> Iterator[Finding]:
    listen = config.listen
    for key, addresses in (("dns", listen.dns), ("notice", (*listen.notice, listen.admin))):
        counted = Counter([at for at in addresses if at is not None and at.port])
        for at, times in counted.items():
            if times > 1:
                yield ("listen", key), f"{at} stands twice", True


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; is {close[0]!r} meant?" if close else ""
