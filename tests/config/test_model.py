from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path
from typing import Any

import pytest

from resolver.config import Config, Endpoint, default
from resolver.config.model import Kind, Trial
from resolver.config.server import Designated
from resolver.config.texts import Server
from resolver.core.clients import PRIVATE
from resolver.core.colours import ACCENT, Colour
from resolver.core.lists.rule import Scope
from resolver.core.replies import AnswerMode
from resolver.core.retries import Strategy
from resolver.shipped import OPTIONAL, SHIPPED, TEMPLATES, shipped_folder
from tests.config.reading import HOME, config, mistakes

FULL = """
listen:
  dns: [192.0.2.1:53, "[2001:db8::1]:53"]
  notice: [192.0.2.10:80]
  notice_tls: [192.0.2.10:443]
  admin: 127.0.0.1:9000
server:
  name: dns.corp.example
  id: dns1
  version: off
  transparency: https://dns.corp.example/transparency
  designated:
    - alpn: [dot]
    - alpn: [h2, h3]
      name: doh.corp.example
      port: 8443
      path: /q{?dns}
      addresses: [192.0.2.1, 2001:db8::1]
upstreams:
  default:
    servers: [192.0.2.53, "tcp://[2001:db8::53]:5353"]
    strategy: ordered
    timeout: 500ms
    trust_ad: yes
  office: {servers: [udp://198.51.100.53:54]}
routes:
  - {domains: [corp.example, 2.0.192.in-addr.arpa.], upstream: office}
lists:
  ads:
    path: lists/ads.txt
    format: hosts
    match: subtree
    record: {title: Advertising, class: requested, contact: "mailto:it@corp.example", since: 2026-01-31}
  line: {shipped: line}
  tracking: {url: "https://lists.example/t.txt", refresh: 1h, guard: {shrink: 20%, grow: off}, trusted: yes}
  staff: {path: /srv/allowed.txt, kind: allow}
groups:
  default: {block: [ads, line, tracking], answer: nodata}
  lab: {clients: [198.51.100.64/26, 2001:db8::/64], block: [ads], allow: [staff], answer: notice}
never_block: [corp.example]
tests: [{name: ads.example, type: aaaa, client: 192.0.2.7, expect: blocked}]
answer:
  {ttl: 1m, notice: {ipv4: 192.0.2.10, ipv6: "2001:db8::10"},
  language: ru, contact: "tel:+1-555-0100", organisation: {ru: Школа, en: School}, structured: 65001}
notice:
  colour: "#8a1c3b"
  logo: logo.svg
  text: {en: Ask in room 12., ru: Спросите в кабинете 12.}
  requests: yes
  certificate: /srv/notice.pem
  key: /srv/notice.key
cache: {size: 1GiB, max_ttl: 2h, negative_ttl: off, stale: off, prefetch: false}
access: {clients: [203.0.113.0/24], rate: off}
log: {level: debug, format: json}
journal: {queries: memory, entries: 100, size: 1MiB, keep: 1h, clients: network}
engine: python
state: state
"""


def values(config: Config) -> dict[str, Any]:
    """Return single values by their way from the top."""
    found: dict[str, Any] = {}

    def walk(part: Any, way: str) -> None:
        for key in type(part).model_fields:
            value = getattr(part, key)
            if hasattr(type(value), "model_fields"):
                walk(value, f"{way}{key}.")
            else:
                found[f"{way}{key}"] = value

    walk(config, "")
    return found


def test_the_defaults() -> None:
    found = values(config(""))
    assert {name: one.shipped for name, one in found.pop("lists").items()} == {one: one for one in SHIPPED}
    (group,) = found.pop("groups").items()
    assert (group[0], group[1].block, group[1].answer) == ("default", SHIPPED, AnswerMode.NXDOMAIN)
    assert found == {
        "listen.dns": (Endpoint("127.0.0.1", 5335),),
        "listen.notice": (),
        "listen.notice_tls": (),
        "listen.admin": Endpoint("127.0.0.1", 8053),
        "server.name": None,
        "server.id": "",
        "server.version": "nxwhy",
        "server.transparency": None,
        "server.designated": (),
        "upstreams": {},
        "routes": (),
        "never_block": (),
        "tests": (),
        "answer.ttl": 30,
        "answer.notice.ipv4": None,
        "answer.notice.ipv6": None,
        "answer.language": "en",
        "answer.contact": "",
        "answer.organisation": "",
        "answer.structured": 65015,
        "notice.colour": ACCENT,
        "notice.logo": None,
        "notice.text": "",
        "notice.requests": False,
        "notice.certificate": None,
        "notice.key": None,
        "cache.size": 64 << 20,
        "cache.max_ttl": 86400,
        "cache.negative_ttl": 3600,
        "cache.stale": 86400,
        "cache.prefetch": True,
        "access.clients": PRIVATE,
        "access.rate": 1000,
        "log.level": "info",
        "log.format": "auto",
        "journal.queries": "off",
        "journal.entries": 10_000,
        "journal.size": 8 << 20,
        "journal.keep": 86400,
        "journal.clients": "full",
        "engine": "auto",
        "state": Path("/home/owner/.local/state/nxwhy"),
    }


def test_every_key_can_be_set() -> None:
    made = config(FULL)
    found = values(made)
    lists, groups = found.pop("lists"), found.pop("groups")
    upstreams, routes = found.pop("upstreams"), found.pop("routes")
    assert found == {
        "listen.dns": (Endpoint("192.0.2.1", 53), Endpoint("2001:db8::1", 53)),
        "listen.notice": (Endpoint("192.0.2.10", 80),),
        "listen.notice_tls": (Endpoint("192.0.2.10", 443),),
        "listen.admin": Endpoint("127.0.0.1", 9000),
        "server.name": b"\3dns\4corp\7example\0",
        "server.id": "dns1",
        "server.version": "",
        "server.transparency": "https://dns.corp.example/transparency",
        "server.designated": (
            Designated(alpn=("dot",)),
            Designated(
                alpn=("h2", "h3"),
                name="doh.corp.example",
                port="8443",
                path="/q{?dns}",
                addresses=("192.0.2.1", "2001:db8::1"),
            ),
        ),
        "never_block": (b"\4corp\7example\0",),
        "tests": (Trial(name="ads.example", type=28, client="192.0.2.7", expect="blocked"),),
        "answer.ttl": 60,
        "answer.notice.ipv4": IPv4Address("192.0.2.10"),
        "answer.notice.ipv6": IPv6Address("2001:db8::10"),
        "answer.language": "ru",
        "answer.contact": "tel:+1-555-0100",
        "answer.organisation": (("ru", "Школа"), ("en", "School")),
        "answer.structured": 65001,
        "notice.colour": Colour(0x8A, 0x1C, 0x3B),
        "notice.logo": Path("/etc/nxwhy/logo.svg"),
        "notice.text": (("en", "Ask in room 12."), ("ru", "Спросите в кабинете 12.")),
        "notice.requests": True,
        "notice.certificate": Path("/srv/notice.pem"),
        "notice.key": Path("/srv/notice.key"),
        "cache.size": 1 << 30,
        "cache.max_ttl": 7200,
        "cache.negative_ttl": 0,
        "cache.stale": 0,
        "cache.prefetch": False,
        "access.clients": (ip_network("203.0.113.0/24"),),
        "access.rate": None,
        "log.level": "debug",
        "log.format": "json",
        "journal.queries": "memory",
        "journal.entries": 100,
        "journal.size": 1 << 20,
        "journal.keep": 3600,
        "journal.clients": "network",
        "engine": "python",
        "state": Path("/etc/nxwhy/state"),
    }
    assert found.keys() == values(config("")).keys() - {"lists", "groups", "upstreams", "routes"}
    assert upstreams["default"].servers == (
        Server(Endpoint("192.0.2.53", 53), False),
        Server(Endpoint("2001:db8::53", 5353), True),
    )
    assert (upstreams["default"].strategy, upstreams["default"].timeout) == (Strategy.ORDERED, 0.5)
    assert upstreams["default"].trust_ad
    assert upstreams["office"].servers == (Server(Endpoint("198.51.100.53", 54), False),)
    assert (upstreams["office"].strategy, upstreams["office"].timeout) == (Strategy.FASTEST, 2)
    assert not upstreams["office"].trust_ad
    (route,) = routes
    assert route.domains == (b"\x04corp\x07example\0", b"\x012\x010\x03192\x07in-addr\x04arpa\0")
    assert route.upstream == "office"
    assert (lists["ads"].path, lists["ads"].format) == (Path("/etc/nxwhy/lists/ads.txt"), "hosts")
    assert (lists["ads"].match, lists["ads"].kind) == (Scope.SUBTREE, Kind.BLOCK)
    assert lists["ads"].record.title == "Advertising"
    assert str(lists["ads"].record.since) == "2026-01-31"
    assert (lists["staff"].path, lists["staff"].kind) == (Path("/srv/allowed.txt"), Kind.ALLOW)
    assert (lists["staff"].match, lists["staff"].format) == (Scope.EXACT, "auto")
    assert lists["line"].shipped == "line"
    assert groups["lab"].clients == (ip_network("198.51.100.64/26"), ip_network("2001:db8::/64"))
    assert (groups["lab"].block, groups["lab"].allow) == (("ads",), ("staff",))
    assert (groups["lab"].answer, groups["default"].answer) == (AnswerMode.NOTICE, AnswerMode.NODATA)
    assert made.warnings == ()


@pytest.mark.parametrize("mode", list(AnswerMode))
def test_yaml_does_not_guess_at_an_answer_mode(mode: AnswerMode) -> None:
    made = config(f"groups: {{default: {{answer: {mode}}}}}\nanswer: {{notice: {{ipv4: 192.0.2.10}}}}")
    assert made.groups["default"].answer is mode


@pytest.mark.parametrize("name", ["null", "no", "on", "1", "1_000", "2026-01-31"])
def test_yaml_does_not_guess_at_a_name(name: str) -> None:
    made = config(f"lists: {{{name}: {{path: a}}}}\ngroups: {{default: {{block: [{name}]}}}}")
    assert (list(made.lists), made.groups["default"].block) == ([name], (name,))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (".", b"\0"),
        ("_tcp.corp.example.", b"\x04_tcp\x04corp\x07example\0"),
        ("0/26.2.0.192.in-addr.arpa", b"\x040/26\x012\x010\x03192\x07in-addr\x04arpa\0"),
        ("a\\032b\\058.example", b"\x04a b:\x07example\0"),
        ("b\u00fccher.example", b"\x0dxn--bcher-kva\x07example\0"),
    ],
)
def test_a_route_takes_every_name_that_is_written_as_one(text: str, name: bytes) -> None:
    assert config(f"routes: [{{domains: [{text}], upstream: default}}]").routes[0].domains == (name,)


@pytest.mark.parametrize(
    "text",
    ["corp example", "corp.example:53", "a.*.example", "*.a b", "it@corp.example", "corp.example/", "*."],
)
def test_what_no_query_can_match_is_no_route(text: str) -> None:
    (said,) = mistakes(f"routes: [{{domains: ['{text}'], upstream: default}}]")
    assert said.startswith("1:21: routes.0.domains.0: ")


def test_private_stands_for_networks_beside_others() -> None:
    made = config("access: {clients: [203.0.113.0/24, private, 198.51.100.7]}")
    named = {ip_network("203.0.113.0/24"), ip_network("198.51.100.7/32")}
    assert set(made.access.clients) == named | set(PRIVATE)


def test_what_is_said_to_ship_does() -> None:
    assert {file.stem for file in shipped_folder().glob("*.yaml")} == {*SHIPPED, *OPTIONAL, *TEMPLATES}


def test_admin_can_be_off() -> None:
    assert config("listen: {admin: off}").listen.admin is None


def test_port_0_may_stand_twice() -> None:
    assert len(config("listen: {dns: [127.0.0.1:0, 127.0.0.1:0], admin: 127.0.0.1:0}").listen.dns) == 2


def test_lists_without_groups_count_for_everybody() -> None:
    made = config("lists: {ads: {path: a}, staff: {path: b, kind: allow}}")
    assert list(made.groups) == ["default"]
    assert (made.groups["default"].block, made.groups["default"].allow) == (("ads",), ("staff",))
    assert made.warnings == ()


def test_no_lists_at_all_is_a_choice() -> None:
    made = config("lists: {}")
    assert (made.lists, made.groups["default"].block) == ({}, ())


def test_groups_without_lists_have_those_that_ship() -> None:
    made = config("groups: {default: {block: [line]}}")
    assert made.groups["default"].block == ("line",)
    assert made.warnings == ()


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"STATE_DIRECTORY": "/var/lib/nxwhy"}, "/var/lib/nxwhy"),
        ({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "HOME": "/h"}, "/var/lib/a"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/nxwhy"),
        ({"XDG_STATE_HOME": "x", "HOME": "/h"}, "/h/.local/state/nxwhy"),
        ({"XDG_STATE_HOME": "", "HOME": "/h"}, "/h/.local/state/nxwhy"),
        (HOME, "/home/owner/.local/state/nxwhy"),
    ],
)
def test_state_is_kept_where_the_environment_says(environment: dict[str, str], folder: str) -> None:
    assert default(environment).state == Path(folder)


def test_the_home_of_a_path_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/owner")
    assert config("lists: {a: {path: ~/a.txt}}").lists["a"].path == Path("/home/owner/a.txt")


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        config("").cache.size = 1  # type: ignore[misc]
