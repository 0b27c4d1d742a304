"""What has to fit together in a configuration, beyond single values."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator
from ipaddress import ip_address
from typing import NamedTuple

from resolver.config.draft import Location
from resolver.config.messages import meant
from resolver.config.model import DEFAULT_UPSTREAM, Config, Kind
from resolver.config.quantities import Endpoint, shown
from resolver.core.policy import DEFAULT_GROUP
from resolver.core.replies import AnswerMode

DOCKERS = "127.0.0.11"
"""Where Docker answers in a container: what is sent there goes elsewhere, whoever listens."""
_UNLESS = ", unless the system leads elsewhere what is sent there"
MAX_SUGGESTIONS = 20
"""How many unknown names are compared with the known ones: each costs as much as there are."""


class Finding(NamedTuple):
    """Something that does not fit, and whether it is a mistake or only worth a warning."""

    location: Location
    message: str
    fatal: bool = True
    rests_on: Location | None = None
    """What else must be as it was written, or this may only follow from another mistake."""


def check(config: Config, lists: Collection[str], upstreams: Collection[str]) -> Iterator[Finding]:
    """Yield everything that does not fit together.

    `lists` and `upstreams` are the names that were written, with those of which nothing is left in `config`.
    """
    yield from _lists(config)
    yield from _groups(config, frozenset(lists))
    yield from _upstreams(config, frozenset(upstreams))
    yield from _listeners(config)
    yield from _page(config)
    for place, one in enumerate(config.server.designated):
        if one.name is None and config.server.name is None:
            yield Finding(("server", "designated", place), "needs a `name`, here or as `server.name`")
    for place, network in enumerate(config.access.clients):
        if network.prefixlen == 0:
            said = "everybody may ask: an open resolver is used for attacks"
            yield Finding(("access", "clients", place), said, fatal=False)


def is_own(at: Endpoint, listen: Collection[Endpoint]) -> bool:
    """Say whether one of our listeners would get what is sent there from this machine.

    Where we listen on all addresses, every address of this machine is ours, or we could not listen there.
    """
    everywhere = Endpoint("::" if ":" in at.host else "0.0.0.0", at.port)
    return at in listen or (everywhere in listen and at.host != DOCKERS and _is_local(at.host))


def _is_local(host: str) -> bool:
    """Say whether this machine has an address: then the system sends from it, too. Nothing is sent."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((host, 53))
            return ip_address(host).is_loopback or ip_address(sock.getsockname()[0]) == ip_address(host)
    except OSError:
        return False


def _lists(config: Config) -> Iterator[Finding]:
    used = {name for group in config.groups.values() for name in (*group.block, *group.allow)}
    for name, settings in config.lists.items():
        given = [key for key in ("path", "url", "shipped") if getattr(settings, key) is not None]
        if not given:
            yield Finding(("lists", name), "needs `path`, `url` or `shipped`")
        if len(given) > 1:
            said = " and ".join([f"`{key}`" for key in given])
            yield Finding(("lists", name), f"has {said}: one is enough")
        for key in ("refresh", "sha256", "minisign", "ca"):
            if settings.url is None and key in settings.model_fields_set:
                yield Finding(("lists", name, key), "is for lists with a `url`")
        if name not in used and config.lists_given:
            said = "is in no group, so it blocks and allows nothing"
            yield Finding(("lists", name), said, fatal=False)


def _groups(config: Config, written: frozenset[str]) -> Iterator[Finding]:
    suggestions = MAX_SUGGESTIONS
    if DEFAULT_GROUP not in config.groups:
        said = f"there is no group `{DEFAULT_GROUP}`: for clients in no group nothing is blocked"
        yield Finding(("groups",), said, fatal=False)
    for name, group in config.groups.items():
        for role, kind in (("block", Kind.BLOCK), ("allow", Kind.ALLOW)):
            for place, used in enumerate(getattr(group, role)):
                settings = config.lists.get(used)
                at: Location = ("groups", name, role, place)
                if settings is None and used not in written:
                    said = f"there is no list {shown(used)}"
                    suggestions -= 1
                    yield Finding(at, (suggestions >= 0 and meant(used, config.lists, said)) or said)
                elif settings is not None and settings.kind is not kind:
                    does = "blocks" if settings.kind is Kind.BLOCK else "allows"
                    yield Finding(at, f"list {shown(used)} {does}: name it under `{settings.kind}`")
        if name == DEFAULT_GROUP and group.clients:
            said = "this group is for the clients in no other; leave it out"
            yield Finding(("groups", name, "clients"), said)
        if name != DEFAULT_GROUP and not group.clients:
            yield Finding(("groups", name), "has no `clients`")
        notice = config.answer.notice
        if group.answer is AnswerMode.NOTICE and notice.ipv4 is None and notice.ipv6 is None:
            said = "needs the address of the notice page: set `answer.notice.ipv4` or `ipv6`"
            yield Finding(("groups", name, "answer"), said, rests_on=("answer", "notice"))


def _upstreams(config: Config, written: frozenset[str]) -> Iterator[Finding]:
    if config.upstreams and DEFAULT_UPSTREAM not in written:
        yield Finding(("upstreams",), f"needs a group `{DEFAULT_UPSTREAM}`, for names without a route")
    suggestions = MAX_SUGGESTIONS
    seen: dict[bytes, int] = {}
    for place, route in enumerate(config.routes):
        if route.upstream not in {DEFAULT_UPSTREAM} | config.upstreams.keys() | written:
            said = f"there is no upstream {shown(route.upstream)}"
            suggestions -= 1
            yield Finding(
                ("routes", place, "upstream"),
                (suggestions >= 0 and meant(route.upstream, config.upstreams, said)) or said,
            )
        for number, domain in enumerate(route.domains):
            if seen.setdefault(domain, place) != place:
                yield Finding(("routes", place, "domains", number), "another route has this domain already")
    listen = frozenset(config.listen.dns)
    for name, group in config.upstreams.items():
        for place, server in enumerate(group.servers):
            at = server.endpoint
            if is_own(at, listen):
                sure = at in listen or at.host in ("127.0.0.1", "::1")
                said = "this is our own address: a loop" + ("" if sure else _UNLESS)
                yield Finding(("upstreams", name, "servers", place), said, fatal=sure)


def _listeners(config: Config) -> Iterator[Finding]:
    listen = config.listen
    wanted: list[tuple[Location, Endpoint]] = [(("listen", "dns", n), at) for n, at in enumerate(listen.dns)]
    wanted += [(("listen", "notice", n), at) for n, at in enumerate(listen.notice)]
    wanted += [(("listen", "notice_tls", n), at) for n, at in enumerate(listen.notice_tls)]
    if listen.admin is not None:
        wanted.append((("listen", "admin"), listen.admin))
    everywhere = {at for _, at in wanted if ip_address(at.host).is_unspecified}
    taken: set[Endpoint] = set()
    for location, at in wanted:
        whole = Endpoint("::" if ":" in at.host else "0.0.0.0", at.port)
        if at.port and at in taken:
            yield Finding(location, f"{at} stands twice")
        elif at.port and at != whole and whole in everywhere:
            yield Finding(location, f"{whole} takes this address already")
        taken.add(at)


def _page(config: Config) -> Iterator[Finding]:
    page, listen = config.notice, config.listen
    for key, other in (("certificate", "key"), ("key", "certificate")):
        if getattr(page, key) is not None and getattr(page, other) is None:
            yield Finding(("notice", key), f"needs `{other}` beside it")
    if page.certificate is not None and not listen.notice_tls:
        yield Finding(("notice", "certificate"), "nobody sees it without `listen.notice_tls`", fatal=False)
    if page.model_fields_set and not (listen.notice or listen.notice_tls):
        yield Finding(("notice",), "nobody sees the page without `listen.notice`", fatal=False)
