"""What a configuration may hold and how long it may take, whatever somebody puts in its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from resolver.config import ConfigError, load, read
from resolver.config.model import MAX_ENTRIES
from resolver.config.reader import MAX_NODES, MAX_PROBLEMS
from tests.config.hostile import crowded
from tests.steps import does_not_grow


def test_a_pipe_in_place_of_the_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "nxwhy.yaml")
    with pytest.raises(ConfigError, match="not a regular file"):
        read(tmp_path / "nxwhy.yaml", {})


def many(what: str, count: int) -> str:
    entries = ", ".join([f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(count)])
    domains = ", ".join([f"a{n}.example" for n in range(count)])
    routes = ", ".join([f"{{domains: [a{n}.example], upstream: default}}" for n in range(count)])
    return {
        "access.clients": f"access: {{clients: [{entries}]}}",
        "groups.kids.clients": f"groups: {{kids: {{block: [wechat], clients: [{entries}]}}}}",
        "routes.0.domains": f"routes: [{{upstream: default, domains: [{domains}]}}]",
        "routes": f"routes: [{routes}]",
    }[what]


@pytest.mark.parametrize("what", ["access.clients", "groups.kids.clients", "routes.0.domains", "routes"])
def test_networks_and_routes_are_bounded(what: str) -> None:
    load(many(what, MAX_ENTRIES), "x", folder=Path("/"), environment={})
    with pytest.raises(ConfigError) as caught:
        load(many(what, MAX_ENTRIES + 1), "x", folder=Path("/"), environment={})
    (problem,) = caught.value.problems
    assert (problem.where, problem.message) == (what, "holds more than 10,000 entries")


@pytest.mark.parametrize(
    "text",
    [
        "access: {clients: [" + "x, " * 40_000 + "x]}",
        "groups: {default: {block: [" + "b, " * 40_000 + "b]}}",
        "lists: {" + "".join([f"l{n}: {{pth: a}}, " for n in range(30_000)]) + "}",
        "".join([f"k{n}: 1\n" for n in range(40_000)]),
        "log: {}\n" * 40_000,
        "log: [" + "{[a]: b}, " * 25_000 + "]",
    ],
    ids=["networks", "unknown lists", "unknown keys", "unknown keys at the top", "doubled keys", "no keys"],
)
def test_mistakes_are_counted_up_to_a_bound(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text, "x", folder=Path("/"), environment={})
    assert len(caught.value.problems) <= MAX_PROBLEMS
    assert caught.value.brief().count("\n") <= 20


def test_a_configuration_of_more_keys_and_values_than_are_read_is_not_read_to_its_end() -> None:
    def read(values: int) -> None:
        with pytest.raises(ConfigError, match="more than 131072 keys and values"):
            load(crowded(values), "x", folder=Path("/"), environment={})

    does_not_grow(read, MAX_NODES, 500_000)
