from __future__ import annotations

from pathlib import Path

import pytest

from resolver.config import Config, load
from resolver.core.errors import NameFault
from resolver.edge.builder import Order, build_file
from resolver.parts import list_sources
from resolver.tracing import trace


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "ads.yaml").write_text("a.example\n||b.example^\n@@||good.b.example^\n")
    text = (
        "lists: {ads: {path: ads.yaml, record: {title: Advertising, contact: 'mailto:it@corp.example'}}}\n"
        "upstreams: {default: {servers: [192.0.2.53]}, office: {servers: [192.0.2.54]}}\n"
        "routes: [{domains: [corp.example], upstream: office}]\n"
        "state: state\n"
    )
    return load(text, "n.yaml", folder=tmp_path, environment={})


def test_what_is_asked_elsewhere_is_said(config: Config) -> None:
    assert trace(config, "www.corp.example", "127.0.0.1").answer != trace(config, "x.example", "::1").answer
    assert "office" in trace(config, "www.corp.example", "127.0.0.1").answer


def test_the_rule_that_decided_is_shown_with_its_file_and_line(config: Config, tmp_path: Path) -> None:
    found = trace(config, "www.b.example", "192.0.2.7")
    rule = {"name": "b.example", "scope": "subtree", "effect": "block", "note": ""}
    decided = found.document()["decided_by"]
    assert isinstance(decided, dict)
    assert decided["rule"] == rule | {"file": str(tmp_path / "ads.yaml"), "line": 2}
    assert decided["record"]["contact"] == "mailto:it@corp.example"
    assert f"block b.example, with all below it, {tmp_path / 'ads.yaml'}:2" in found.text()


def test_the_last_good_copy_is_judged_when_the_list_is_broken(config: Config, tmp_path: Path) -> None:
    build_file(Order(list_sources(config)), config.state)
    (tmp_path / "ads.yaml").write_text("<html>")
    found = trace(config, "a.example", "192.0.2.7")
    assert found.found.verdict.blocks
    assert found.warnings == (f"{tmp_path / 'ads.yaml'}: a web page, not a list",)


@pytest.mark.parametrize(("name", "client"), [("a..example", "192.0.2.1"), ("a.example", "192.0.2.0/24")])
def test_what_is_no_name_or_no_address_is_refused(config: Config, name: str, client: str) -> None:
    with pytest.raises(NameFault):
        trace(config, name, client)


def test_a_mapped_address_is_the_ipv4_client(config: Config) -> None:
    assert trace(config, "a.example", "::ffff:192.0.2.7").found.groups == ("default",)


def test_an_explanation_writes_nothing(config: Config) -> None:
    trace(config, "a.example", "192.0.2.7")
    assert not config.state.exists()
