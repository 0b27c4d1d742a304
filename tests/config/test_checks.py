from __future__ import annotations

import pytest

from resolver.config import Endpoint
from resolver.config.checks import is_own
from tests.config.reading import config, mistakes, warnings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lists: {a: {}}", "1:12: lists.a: needs `path`, `url` or `shipped`"),
        (
            "lists: {a: {path: b, shipped: line}}",
            "1:12: lists.a: has `path` and `shipped`: one is enough",
        ),
        (
            "groups:\n  default:\n    block:\n    - wechat\n    - lin",
            "5:7: groups.default.block.1: there is no list 'lin'; is `line` meant?",
        ),
        ("groups: {default: {block: [xyz]}}", "1:28: groups.default.block.0: there is no list 'xyz'"),
        (
            "groups: {default: {allow: [line]}}",
            "1:28: groups.default.allow.0: list 'line' blocks: name it under `block`",
        ),
        (
            "lists: {a: {path: b, kind: allow}}\ngroups: {default: {block: [a]}}",
            "2:28: groups.default.block.0: list 'a' allows: name it under `allow`",
        ),
        (
            "groups: {default: {clients: [192.0.2.1]}}",
            "1:29: groups.default.clients: this group is for the clients in no other; leave it out",
        ),
        ("groups: {default: {}, lab: {block: [line]}}", "1:28: groups.lab: has no `clients`"),
        (
            "groups: {default: {answer: notice}}",
            "1:28: groups.default.answer: needs the address of the notice page:"
            " set `answer.notice.ipv4` or `ipv6`",
        ),
        (
            "upstreams: {office: {servers: [192.0.2.53]}}",
            "1:12: upstreams: needs a group `default`, for names without a route",
        ),
        (
            "routes: [{domains: [corp.example], upstream: office}]",
            "1:46: routes.0.upstream: there is no upstream 'office'",
        ),
        (
            "upstreams: {default: {servers: [192.0.2.53]}, office: {servers: [192.0.2.54]}}\n"
            "routes: [{domains: [corp.example], upstream: ofice}]",
            "2:46: routes.0.upstream: there is no upstream 'ofice'; is `office` meant?",
        ),
        (
            "routes: [{domains: [a.example], upstream: default},"
            " {domains: [b.example, A.example.], upstream: default}]",
            "1:75: routes.1.domains.1: another route has this domain already",
        ),
        (
            "listen: {dns: [0.0.0.0:53]}\nupstreams: {default: {servers: [192.0.2.53, 127.0.0.1]}}",
            "2:45: upstreams.default.servers.1: this is our own address: a loop",
        ),
        ("listen: {dns: [192.0.2.1:53, 192.0.2.1:53]}", "1:30: listen.dns.1: 192.0.2.1:53 stands twice"),
        (
            "listen: {notice: [192.0.2.1:80]}\nnotice: {key: a.pem}",
            "2:15: notice.key: needs `certificate` beside it",
        ),
        (
            "listen: {notice: [192.0.2.1:80]}\nnotice: {colour: red}",
            "2:18: notice.colour: 'red' is no colour as #0f6272",
        ),
        (
            "listen: {notice: [192.0.2.1:80], notice_tls: [192.0.2.1:80]}",
            "1:47: listen.notice_tls.0: 192.0.2.1:80 stands twice",
        ),
        (
            "listen: {notice: [192.0.2.1:80], admin: 192.0.2.1:80}",
            "1:41: listen.admin: 192.0.2.1:80 stands twice",
        ),
        (
            "listen: {dns: [192.0.2.1:80], notice: [192.0.2.1:80]}",
            "1:40: listen.notice.0: 192.0.2.1:80 stands twice",
        ),
        (
            "listen: {dns: [192.0.2.1:53, 0.0.0.0:53]}",
            "1:16: listen.dns.0: 0.0.0.0:53 takes this address already",
        ),
        (
            'listen: {dns: ["[::]:53", "[::1]:53"]}',
            "1:27: listen.dns.1: [::]:53 takes this address already",
        ),
        (
            "server: {designated: [{alpn: [dot]}]}",
            "1:23: server.designated.0: needs a `name`, here or as `server.name`",
        ),
    ],
)
def test_what_does_not_fit_together_is_told_where_it_stands(text: str, said: str) -> None:
    assert mistakes(text) == [said]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "lists: {a: {path: b}, c: {path: d}}\ngroups: {default: {block: [a]}}",
            "1:26: lists.c: is in no group, so it blocks and allows nothing",
        ),
        (
            "groups: {lab: {clients: [192.0.2.0/24], block: [line]}}",
            "1:9: groups: there is no group `default`: for clients in no group nothing is blocked",
        ),
        (
            "access: {clients: [private, '::/0']}",
            "1:29: access.clients.1: everybody may ask: an open resolver is used for attacks",
        ),
    ],
)
def test_what_should_be_known_is_a_warning(text: str, said: str) -> None:
    assert warnings(text) == [said]


@pytest.mark.parametrize(
    "text",
    [
        "groups: {default: {answer: notice}}\nanswer: {notice: {ipv4: 192.0.2.10}}",
        "groups: {default: {answer: notice}}\nanswer: {notice: {ipv6: 2001:db8::10}}",
        "groups:\n  default: {block: [line]}\n"
        "  lab: {clients: [192.0.2.0/24], block: [line]}\n"
        "  boss: {clients: [192.0.2.7], block: [line, wechat]}",
        'listen: {dns: [0.0.0.0:53, "[::]:53"], admin: 127.0.0.1:8053}',
        "listen: {dns: [192.0.2.1:53, 192.0.2.2:53]}",
        "listen: {dns: [0.0.0.0:53]}\nupstreams: {default: {servers: [127.0.0.11]}}",
        "routes: [{domains: [corp.example], upstream: default}]",
        "server: {name: dns.example, designated: [{alpn: [dot]}]}",
        "server: {designated: [{alpn: [dot], name: dns.example}]}",
    ],
)
def test_what_fits_together_is_taken_without_a_word(text: str) -> None:
    assert config(text).warnings == ()


def test_an_address_of_this_machine_among_upstreams_is_warned_of_where_we_listen_on_all() -> None:
    text = "listen: {dns: [0.0.0.0:53]}\nupstreams: {default: {servers: [127.0.0.53]}}"
    (warning,) = config(text).warnings
    assert str(warning).endswith(
        "servers.0: this is our own address: a loop, unless the system leads elsewhere what is sent there"
    )


@pytest.mark.parametrize(
    ("at", "listen", "own"),
    [
        ("127.0.0.1", "0.0.0.0", True),
        ("::1", "::", True),
        ("::1", "0.0.0.0", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("127.0.0.11", "0.0.0.0", False),
        ("127.0.0.53", "0.0.0.0", True),
        ("127.0.0.53", "127.0.0.1", False),
        ("192.0.2.1", "0.0.0.0", False),
        ("2001:db8::1", "::", False),
    ],
)
def test_own_addresses(at: str, listen: str, own: bool) -> None:
    assert is_own(Endpoint(at, 53), [Endpoint(listen, 53)]) is own
    assert not is_own(Endpoint(at, 54), [Endpoint(listen, 53)])
