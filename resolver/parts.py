"""From the configuration to the values that the core works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from resolver.config import Config
from resolver.config.model import DEFAULT_UPSTREAM, Expectation, Kind, ListSettings, Mode, Queries, Route
from resolver.config.server import ServerSettings
from resolver.core import names
from resolver.core.cache import Ageing
from resolver.core.clients import Bucket, Clients
from resolver.core.guards import Bounds, Protected
from resolver.core.identity import Designation, Identity
from resolver.core.language import DEFAULT
from resolver.core.lists.query_types import type_text
from resolver.core.lists.record import Defaults
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList
from resolver.core.routes import Routes
from resolver.edge.builder import Build, Loaded
from resolver.edge.fetch_request import FetchRequest
from resolver.edge.fetching import FOLDER, Job, content_path
from resolver.edge.group import GroupSpec
from resolver.edge.intake import Source
from resolver.edge.server import ServerSpec
from resolver.observe.journal import Limits
from resolver.shipped import shipped_folder
from resolver.system import read_system_resolvers

CONTROL_SOCKET = "control.sock"
"""Name of the socket in the state folder on which the running server takes commands."""


def list_sources(config: Config) -> tuple[Source, ...]:
    """Return where the lists come from, in the order of the configuration."""
    return tuple(
        [
            Source(
                name,
                _path(config, name, found),
                found.format,
                found.match,
                found.kind is Kind.ALLOW,
                found.record,
                Bounds(found.guard.shrink, found.guard.grow, found.guard.bad),
                found.url or "",
                found.trusted,
                found.mode is Mode.ENFORCED,
            )
            for name, found in config.lists.items()
        ]
    )


def make_policy(config: Config, build: Build, generation: int) -> Policy:
    """Return the policy that a configuration makes of compiled lists."""
    defaults = record_defaults(config)
    shadows = {name for name, settings in config.lists.items() if settings.mode is Mode.SHADOW}
    lists = [
        PolicyList(
            loaded.name,
            defaults.complete(loaded.record),
            shadow=loaded.name in shadows,
            triggers=triggers,
            patterns=patterns,
            languages=(defaults.language,),
        )
        for loaded, triggers, patterns in zip(build.lists, build.triggers, build.patterns, strict=True)
    ]
    off = {name for name, settings in config.lists.items() if settings.mode is Mode.OFF}
    numbers = {known.name: number for number, known in enumerate(lists) if known.name not in off}
    groups = [
        Group(
            name,
            tuple(group.clients),
            frozenset([numbers[used] for used in (*group.block, *group.allow) if used in numbers]),
            group.answer,
        )
        for name, group in config.groups.items()
    ]
    notice = config.answer.notice
    settings = AnswerSettings(
        int(config.answer.ttl),
        () if notice.ipv4 is None else (notice.ipv4,),
        () if notice.ipv6 is None else (notice.ipv6,),
    )
    return Policy(build.table, lists, groups, settings, generation)


def record_defaults(config: Config) -> Defaults:
    """Return what holds for records that leave it out."""
    answer = config.answer
    return Defaults(answer.contact, answer.organisation, answer.language or DEFAULT)


def failed_tests(config: Config, build: Build) -> list[str]:
    """Return which tests of the owner's a configuration and its lists do not pass, in words."""
    return [said for said, awaited in _tests(config, build) if not awaited]


def waiting_tests(config: Config, build: Build) -> list[str]:
    """Return which tests fail and may pass once lists are there that were never fetched, in words.

    They must not refuse a build: nothing would be served, or reloaded, that could fetch the list.
    """
    if all(_has_come(config, loaded) for loaded in build.lists):
        return []
    return [
        f"{said}, but nothing of list {' or '.join(awaited)} is there yet"
        for said, awaited in _tests(config, build)
        if awaited
    ]


def _tests(config: Config, build: Build) -> Iterator[tuple[str, list[str]]]:
    """Yield each test that fails, in words, and the lists without content on which it depends."""
    policy = make_policy(config, build, 0)
    for number, trial in enumerate(config.tests):
        verdict = policy.profile_for(trial.client).decide(trial.name, trial.type)
        if verdict.blocks == (trial.expect is Expectation.BLOCKED):
            continue
        by = f" by {verdict.list.name}" if verdict.list else ""
        became = "blocked" if verdict.blocks else "open"
        shown = f"{names.to_text(trial.name)} {type_text(trial.type)} for {trial.client}"
        asked = {number for group in policy.groups_of(trial.client) for number in group.lists}
        awaited = [
            build.lists[number].name
            for number in sorted(asked)
            if not _has_come(config, build.lists[number])
            and (verdict.blocks or config.lists[build.lists[number].name].kind is Kind.BLOCK)
        ]
        said = f"{shown} should be {trial.expect} and is {became}{by}"
        yield config.remark(("tests", number), said), awaited


def _has_come(config: Config, loaded: Loaded) -> bool:
    """Say whether a list has content, or decides nothing, or cannot come by itself."""
    found = config.lists[loaded.name]
    return loaded.in_force or found.url is None or found.mode is not Mode.ENFORCED


def make_clients(config: Config, policy: Policy, bucket: Callable[[float], Bucket] = Bucket) -> Clients:
    """Return who may ask, under a policy."""
    return Clients(policy, config.access.clients, config.access.rate, bucket)


def journal_limits(config: Config) -> Limits | None:
    """Return how much is kept of queries; None: nothing."""
    wanted = config.journal
    if wanted.queries is Queries.OFF:
        return None
    return Limits(wanted.entries, wanted.size, wanted.keep, wanted.clients)


def make_routes(config: Config) -> Routes:
    """Return which names are asked where."""
    return Routes({domain: route.upstream for route in config.routes for domain in route.domains})


def make_identity(config: Config) -> Identity:
    """Return what we say of ourselves."""
    server = config.server
    name = server.name or b""
    return Identity(
        name,
        server.id,
        server.version,
        server.transparency or "",
        [
            Designation(
                one.name or name,
                tuple([spoken.value for spoken in one.alpn]),
                one.port,
                one.path if any(spoken.over_https for spoken in one.alpn) else "",
                one.addresses,
            )
            for one in server.designated
        ],
    )


def make_upstreams(config: Config) -> dict[str, GroupSpec]:
    """Return whom to ask; without a word of the owner the system's resolvers."""
    if not config.upstreams:
        servers = [ServerSpec(at.host, at.port) for at in read_system_resolvers(config.listen.dns)]
        return {DEFAULT_UPSTREAM: GroupSpec(tuple(servers))}
    return {
        name: GroupSpec(
            tuple(
                [
                    ServerSpec(server.endpoint.host, server.endpoint.port, server.tcp)
                    for server in group.servers
                ]
            ),
            group.strategy,
            group.timeout,
            group.trust_ad,
        )
        for name, group in config.upstreams.items()
    }


class Origins(NamedTuple):
    """Where answers come from: when it changes, what is cached may be wrong."""

    routes: tuple[Route, ...]
    upstreams: dict[str, GroupSpec]
    server: ServerSettings
    by_system: bool


def origins(config: Config, before: Origins | None = None) -> Origins:
    """Return where answers come from by a configuration, and by the system where that names no upstream.

    Whom the system named `before` stays while it names nobody: its file is being written, or it waits for its
    network.
    """
    found = Origins(config.routes, make_upstreams(config), config.server, not config.upstreams)
    if before is None or not (found.by_system and before.by_system) or has_servers(found.upstreams):
        return found
    return found._replace(upstreams=before.upstreams)


def has_servers(upstreams: Mapping[str, GroupSpec]) -> bool:
    """Say whether there is anybody to ask."""
    return any(group.servers for group in upstreams.values())


def make_ageing(config: Config) -> Ageing:
    """Return how long answers live."""
    cache = config.cache
    return Ageing(int(cache.max_ttl), int(cache.negative_ttl), int(cache.stale), cache.prefetch)


def fetch_jobs(config: Config) -> tuple[Job, ...]:
    """Return what is to be fetched, by way of the upstream servers for all that no route is for."""
    servers = make_upstreams(config).get(DEFAULT_UPSTREAM)
    return tuple(
        [
            Job(
                name,
                FetchRequest(
                    found.url,
                    config.state / FOLDER,
                    sha256=found.sha256,
                    minisign=found.minisign,
                    ca=found.ca,
                    label=name,
                ),
                found.refresh,
                servers.servers if servers else (),
            )
            for name, found in config.lists.items()
            if found.url is not None
        ]
    )


def protected_names(config: Config) -> tuple[Protected, ...]:
    """Return the names that no list may block: those that the owner says, and the hosts of lists."""
    named = [Protected(names.to_text(name), "`never_block`", always=True) for name in config.never_block]
    hosts = {urlsplit(found.url).hostname for found in config.lists.values() if found.url is not None}
    return (*named, *[Protected(host, "a list comes from there") for host in sorted(filter(None, hosts))])


def _path(config: Config, name: str, settings: ListSettings) -> Path:
    if settings.url is not None:
        return content_path(config.state / FOLDER, name)
    return settings.path if settings.path is not None else shipped_folder() / f"{settings.shipped}.yaml"
