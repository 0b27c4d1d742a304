from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from resolver.config import Config, load
from resolver.core.errors import NameFault
from resolver.core.lists.parsed import ParsedList
from resolver.core.lists.reader import parse_list
from resolver.core.lists.rule import Action, Effect, Own, Side, Trigger
from resolver.core.names import from_text
from resolver.edge.builder import Order, build_file, open_built
from resolver.parts import list_sources, make_policy
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


UNBOUND = """\
local-zone: "v6.example" block_aaaa
local-zone: "gone.example" always_deny
local-zone: "slow.example" truncate
local-zone: "null.example" always_null
local-data: "wall.example A 192.0.2.9"
"""


@pytest.fixture
def richer(tmp_path: Path) -> Config:
    (tmp_path / "own.conf").write_text(UNBOUND)
    (tmp_path / "trial.txt").write_text("www.example\n")
    text = (
        "lists:\n"
        "  own: {path: own.conf, format: unbound, trusted: true}\n"
        "  trial: {path: trial.txt, mode: shadow}\n"
        "upstreams: {default: {servers: [192.0.2.53]}}\n"
        "state: state\n"
    )
    return load(text, "n.yaml", folder=tmp_path, environment={})


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("gone.example", "none at all"),
        ("slow.example", "truncated over UDP; over TCP: upstream default"),
        ("null.example", "null (TTL 30 s)"),
        ("wall.example", "data A (TTL 30 s)"),
    ],
)
def test_the_answer_that_a_rule_asks_for_is_shown(richer: Config, name: str, answer: str) -> None:
    found = trace(richer, name, "192.0.2.7")
    assert found.answer == answer
    assert ", asks for " in found.text()
    decided = found.document()["decided_by"]
    assert isinstance(decided, dict)
    assert decided["rule"]["answer"]


def test_a_condition_is_shown_and_judged_for_the_type(richer: Config) -> None:
    four, six = (trace(richer, "v6.example", "192.0.2.7", qtype) for qtype in (1, 28))
    assert (four.found.verdict.blocks, six.found.verdict.blocks) == (False, True)
    assert "only for types AAAA (not met)" in four.text()
    assert "only for types AAAA, asks for nodata" in six.text()
    assert (four.found.rule, six.found.rule and six.found.rule.line) == (None, 1)
    assert "v6.example AAAA for 192.0.2.7" in six.text()


def test_what_a_list_in_shadow_would_do_is_shown(richer: Config) -> None:
    found = trace(richer, "www.example", "192.0.2.7")
    assert not found.found.verdict.blocks
    assert "list trial, if it were enforced, would block" in found.text()
    assert "(group default, in shadow)" in found.text()
    assert found.document()["shadow"] == {"list": "trial", "group": "default", "step": "block"}
    assert trace(richer, "other.example", "::1").document()["shadow"] is None


def test_rules_about_addresses_are_shown(richer: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    triggers = (
        Trigger(ip_network("192.0.2.0/24"), Side.CLIENT, Effect.BLOCK, 7, Own(Action.REFUSED)),
        Trigger(ip_network("203.0.113.0/24"), Side.ANSWER, Effect.BLOCK, 8),
    )

    def parse_with_triggers(*args: Any, **settings: Any) -> ParsedList:
        found = parse_list(*args, **settings)
        return replace(found, triggers=triggers) if settings["format"] == "unbound" else found

    monkeypatch.setattr("resolver.core.lists.reader.parse_list", parse_with_triggers)
    found = trace(richer, "a.example", "192.0.2.7")
    assert found.answer == "refused (TTL 30 s)"
    assert "block the client 192.0.2.0/24, asks for refused, " in found.text()
    assert "rules about the addresses in an answer, judged when it is there: 1" in found.text()
    decided = found.document()["decided_by"]
    assert isinstance(decided, dict)
    assert (decided["rule"], decided["client_rule"]["line"]) == (None, 7)


def test_patterns_block_and_are_shown_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "ads.txt").write_text("/^ads[0-9]+\\./\n||track*.example^$dnstype=AAAA\n@@||ads7.example^\n")
    text = "lists: {ads: {path: ads.txt}}\nupstreams: {default: {servers: [192.0.2.53]}}\nstate: state\n"
    config = load(text, "n.yaml", folder=tmp_path, environment={})
    found = trace(config, "ads12.example", "192.0.2.7")
    assert found.found.verdict.blocks
    assert f"block /^ads[0-9]+\\./, found in the name, {tmp_path}/ads.txt:1" in found.text()
    assert not trace(config, "myads12.example", "192.0.2.7").found.verdict.blocks
    assert not trace(config, "ads7.example", "192.0.2.7").found.verdict.blocks
    assert not trace(config, "tracker.example", "192.0.2.7").found.verdict.blocks
    assert trace(config, "tracker.example", "192.0.2.7", 28).found.verdict.blocks
    build_file(Order(list_sources(config)), config.state)
    policy = make_policy(config, open_built(config.state), 1)
    profile = policy.profile_for(ip_address("192.0.2.7"))
    for _ in range(2):
        assert profile.decide(from_text("ads12.example")).blocks
        assert not profile.decide(from_text("tracker.example")).blocks
        assert profile.decide(from_text("tracker.example"), 28).blocks
