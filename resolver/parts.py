"""From the configuration to the values that the core works with."""

from __future__ import annotations

from pathlib import Path

from resolver.config import Config
from resolver.config.model import DEFAULT_UPSTREAM, Kind, ListSettings, Mode
from resolver.core.cache import Ageing
from resolver.core.clients import Clients
from resolver.core.lists.rule import Trigger
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList
from resolver.core.routes import Routes
from resolver.edge.builder import Build, Loaded, Source
from resolver.edge.server import ServerSpec
from resolver.edge.upstream import GroupSpec
from resolver.shipped import shipped_folder
from resolver.system import read_system_resolvers

CONTROL_SOCKET = "control.sock"
"""Name of the socket in the state folder on which the running server takes commands."""
ENGINE = "python"
"""The engine that answers."""


def list_sources(config: Config) -> tuple[Source, ...]:
    """Return where the lists come from, in the order of the configuration."""
    return tuple(
        [
            Source(name, _path(found), found.format, found.match, found.kind is Kind.ALLOW, found.record)
            for name, found in config.lists.items()
        ]
    )


def make_policy(config: Config, build: Build, generation: int) -> Policy:
    """Return the policy that a configuration makes of compiled lists."""
    lists = [
        _policy_list(loaded, triggers, config.lists.get(loaded.name, ListSettings()))
        for loaded, triggers in zip(build.lists, build.triggers, strict=True)
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


def _policy_list(loaded: Loaded, triggers: tuple[Trigger, ...], settings: ListSettings) -> PolicyList:
    """Return a list as the policy knows it; one of an older table may not be configured any more."""
    shadow = settings.mode is Mode.SHADOW
    return PolicyList(loaded.name, loaded.record, settings.trusted, shadow, triggers)


def make_clients(config: Config, policy: Policy) -> Clients:
    """Return who may ask, under a policy."""
    return Clients(policy, config.access.clients, config.access.rate)


def make_routes(config: Config) -> Routes:
    """Return which names are asked where."""
    return Routes({domain: route.upstream for route in config.routes for domain in route.domains})


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


def make_ageing(config: Config) -> Ageing:
    """Return how long answers live."""
    cache = config.cache
    return Ageing(int(cache.max_ttl), int(cache.negative_ttl), int(cache.stale), cache.prefetch)


def _path(settings: ListSettings) -> Path:
    return settings.path if settings.path is not None else shipped_folder() / f"{settings.shipped}.yaml"
