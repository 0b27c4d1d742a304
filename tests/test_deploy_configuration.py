"""The configurations in deploy/, read as the server reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from resolver.config import Config, load
from resolver.core.clients import PRIVATE
from resolver.shipped import SHIPPED
from tests.deployed import DEPLOY

TEXTS = {
    "nxwhy.yaml": (DEPLOY / "nxwhy.yaml").read_text(),
    "container/nxwhy.yaml": (DEPLOY / "container/nxwhy.yaml").read_text(),
    "kubernetes/config.yaml": yaml.safe_load((DEPLOY / "kubernetes/config.yaml").read_text())["data"][
        "nxwhy.yaml"
    ],
}


def deployed(name: str, text: str = "") -> Config:
    return load(text or TEXTS[name], name, folder=Path("/etc/nxwhy"), environment={})


@pytest.mark.parametrize("name", TEXTS)
def test_it_is_taken_without_a_warning(name: str) -> None:
    assert deployed(name).warnings == ()


@pytest.mark.parametrize("name", TEXTS)
def test_it_blocks_every_list_that_ships_and_keeps_out_strangers(name: str) -> None:
    config = deployed(name)
    assert {one: config.lists[one].shipped for one in config.lists} == {one: one for one in SHIPPED}
    assert config.groups["default"].block == SHIPPED
    assert config.access.clients == PRIVATE
    assert config.upstreams == {}
    assert config.state == Path("/var/lib/nxwhy")


def test_on_a_server_it_listens_on_every_address_and_shows_metrics_to_itself() -> None:
    listen = deployed("nxwhy.yaml").listen
    assert [str(at) for at in listen.dns] == ["0.0.0.0:53", "[::]:53"]
    assert str(listen.admin) == "127.0.0.1:8053"


def uncommented(text: str) -> str:
    """Return a text with the examples in its comments switched on."""
    lines = []
    for line in text.splitlines():
        bare = line.lstrip()
        example = bare.removeprefix("# ")
        is_example = bare.startswith("#") and (": " in example or example.endswith(":") or example[0] == "-")
        lines.append(line.replace("# ", "", 1) if is_example and not example[0].isupper() else line)
    return "\n".join(line for line in lines if not line.startswith("nxwhy on"))


@pytest.mark.parametrize("name", TEXTS)
def test_the_examples_in_its_comments_can_be_switched_on(name: str) -> None:
    config = deployed(name, uncommented(TEXTS[name]))
    keys: dict[str, Any] = config.upstreams
    assert "default" in keys
    if name == "nxwhy.yaml":
        assert {"ads", "staff"} <= config.lists.keys()
        assert config.groups["lab"].allow == ("staff",)
        assert [route.upstream for route in config.routes] == ["office"]
        assert config.answer.notice.ipv4 is not None
        assert config.listen.notice
    assert config.warnings == ()
