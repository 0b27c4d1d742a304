from __future__ import annotations

from pathlib import Path

import pytest

from resolver.config import ConfigError, read
from resolver.config.reader import MAX_BYTES, default
from tests.config.reading import HOME, config, mistakes
from tests.config.test_model import FULL

NAME = "a name has 1 to 64 letters, digits, `_`, `.` and `-`, and begins with none of the last two"
KEYS = (
    "listen, server, upstreams, routes, lists, groups, never_block, tests, answer, notice, cache, access, "
    "log, journal, engine, state"
)
DURATION = "write it as 500ms, 30s, 5m, 2h or 1d"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("listen: {dns: []}", "1:15: listen.dns: needs at least one entry"),
        ("listen: {dns: 127.0.0.1:53}", "1:15: listen.dns: must be a list, as [one, two]"),
        ("listen: {dns: {a: b}}", "1:15: listen.dns: must be a list, as [one, two]"),
        ("listen: {dns: [localhost:53]}", "1:16: listen.dns.0: 'localhost' is no IP address"),
        (
            "listen: {dns: [[127.0.0.1, 53]]}",
            "1:16: listen.dns.0: must be one value, not a list or a mapping",
        ),
        (
            "listen: {dns: [{host: a, port: 1}]}",
            "1:16: listen.dns.0: must be one value, not a list or a mapping",
        ),
        ("listen: no", "1:9: listen: must be a mapping of keys"),
        ("listen: [a]", "1:9: listen: must be a mapping of keys"),
        ("listen:\n  dsn: []", "2:3: listen.dsn: unknown key; is `dns` meant?"),
        (
            "listen: {admin: true}",
            "1:17: listen.admin: 'true' is no IP address",
        ),
        ("listen: {tls: []}", "1:10: listen.tls: DNS over TLS is not there yet"),
        ("listen: {https: []}", "1:10: listen.https: DNS over HTTPS is not there yet"),
        (
            "journal: {queries: sqlite}",
            "1:20: journal.queries: a journal on disk is not there yet; write memory or off",
        ),
        ("journal: {queries: disk}", "1:20: journal.queries: must be off or memory"),
        ("journal: {entries: 0}", "1:20: journal.entries: must be from 1 to 100,000"),
        ("journal: {entries: 1e3}", "1:20: journal.entries: '1e3' is no number; write it as 10000"),
        ("journal: {clients: some}", "1:20: journal.clients: must be full, network or none"),
        ("tls: {key: a}", "1:1: tls: DNS over TLS is not there yet"),
        (
            "lists: {a: {url: 'ftp://lists.example/a'}}",
            "1:18: lists.a.url: 'ftp://lists.example/a' is no https://, http:// or file: URL",
        ),
        ("lists: {a: {url: 'https:///a'}}", "1:18: lists.a.url: 'https:///a' names no host"),
        (
            "lists: {a: {url: 'https://me:pass@lists.example/'}}",
            "1:18: lists.a.url: a password in a URL would be shown in many places",
        ),
        (
            "lists: {a: {url: 'https://lists.example/', sha256: abc}}",
            "1:52: lists.a.sha256: 'abc' is no SHA-256: 64 hexadecimal digits",
        ),
        ("lists: {a: {path: b, refresh: 5m}}", "1:31: lists.a.refresh: is for lists with a `url`"),
        (
            "lists: {a: {path: b, guard: {shrink: 7}}}",
            "1:38: lists.a.guard.shrink: must be from 0 to 1, or off",
        ),
        (
            "lists: {a: {path: b, guard: {grow: much}}}",
            "1:36: lists.a.guard.grow: 'much' is no factor; write it as 0.5, 50% or off",
        ),
        ("zzz: 1", f"1:1: zzz: unknown key; there are {KEYS}"),
        ("<<: {cache: {}}", f"1:1: '<<': unknown key; there are {KEYS}"),
        ("cache: {size: 1KiB}", "1:15: cache.size: must be at least 1MiB"),
        ("cache: {size: 65GiB}", "1:15: cache.size: must be at most 64GiB"),
        ("cache: {size: 1e3}", "1:15: cache.size: '1e3' is no size; write it as 512KiB, 64MiB or 1GiB"),
        ("cache: {max_ttl: 0}", "1:18: cache.max_ttl: must be at least 1s"),
        ("cache: {max_ttl: 8d}", "1:18: cache.max_ttl: must be at most 1w"),
        ("cache: {negative_ttl: 2d}", "1:23: cache.negative_ttl: must be at most 1d"),
        ("cache: {stale: 8d}", "1:16: cache.stale: must be at most 1w"),
        ("cache: {stale: 12:30:45}", f"1:16: cache.stale: '12:30:45' is no duration; {DURATION}"),
        ("cache: {stale: 1e3}", f"1:16: cache.stale: '1e3' is no duration; {DURATION}"),
        ("cache: {stale: [1s]}", "1:16: cache.stale: must be one value, not a list or a mapping"),
        ("cache: {prefetch: maybe}", "1:19: cache.prefetch: must be true or false"),
        ("cache: {prefetch: [yes]}", "1:19: cache.prefetch: must be true or false"),
        ("answer: {ttl: 2d}", "1:15: answer.ttl: must be at most 1d"),
        (
            "answer: {notice: {ipv4: 2001:db8::1}}",
            "1:25: answer.notice.ipv4: must be an IPv4 address, as 192.0.2.1",
        ),
        (
            "answer: {notice: {ipv6: 192.0.2.1}}",
            "1:25: answer.notice.ipv6: must be an IPv6 address, as 2001:db8::1",
        ),
        ("answer: {notice: {ipv4: no}}", "1:25: answer.notice.ipv4: 'no' is no IP address"),
        ("access: {clients: private}", "1:19: access.clients: must be a list, as [one, two]"),
        (
            "access:\n  clients:\n  - private\n  - 192.0.2.1/24",
            "4:5: access.clients.1: '192.0.2.1/24' has host bits set: is 192.0.2.0/24 meant, or 192.0.2.1?",
        ),
        ("access: {rate: 0/s}", "1:16: access.rate: '0/s' is no rate; write it as 1000/s, or off"),
        ("log: {level: verbose}", "1:14: log.level: must be debug, info, warning or error"),
        ("log: {level: warn}", "1:14: log.level: must be debug, info, warning or error; is `warning` meant?"),
        ("log: {format: xml}", "1:15: log.format: must be auto, human or json"),
        ("engine: cobol", "1:9: engine: must be auto, python or native"),
        ("state: [a]", "1:8: state: must be one value, not a list or a mapping"),
        ("state: ''", "1:8: state: '' is no path"),
        ('state: "a\\0b"', "1:8: state: 'a\\x00b' is no path"),
        ("state: ~nobody.of.that.name/x", "1:8: state: '~nobody.of.that.name/x' is no path"),
        ('lists: {a: {path: "a\\nb"}}', "1:19: lists.a.path: 'a\\nb' is no path"),
        (
            "lists: {a: {path: b, format: csv}}",
            "1:30: lists.a.format: 'csv' is no format; there are auto, hosts, domains, wildcards, adblock,"
            " dnsmasq, unbound, rpz, annotated",
        ),
        ("lists: {a: {path: b, match: all}}", "1:29: lists.a.match: must be exact or subtree"),
        ("lists: {a: {path: b, match: [exact]}}", "1:29: lists.a.match: must be exact or subtree"),
        ("lists: {a: {path: b, kind: deny}}", "1:28: lists.a.kind: must be block or allow"),
        (
            "lists: {a: {shipped: nope}}",
            "1:22: lists.a.shipped: 'nope' does not ship; wechat, line, bbm, linkedin, imo, canaries,"
            " doh-bypass do",
        ),
        (
            "lists: {a: {shipped: vchat}}",
            "1:22: lists.a.shipped: 'vchat' ships empty: fill a copy of it and give its `path`",
        ),
        ("lists: {a: {path: b, record: text}}", "1:30: lists.a.record: must be a mapping"),
        (
            "lists: {a: {path: b, record: {title: c, class: d}}}",
            "1:48: lists.a.record.class: 'd' is not one of policy, legal, requested, security",
        ),
        (
            "lists: {a: {path: b, record: {title: [c]}}}",
            "1:38: lists.a.record.title: must be text, not list: put it in quotes",
        ),
        ("answer: {language: de_CH}", "1:20: answer.language: 'de_CH' is no language tag as en or zh-Hans"),
        *[
            (
                f"answer: {{structured: {option}}}",
                "1:22: answer.structured: must be the number of an EDNS option, 16 to 65534, or off",
            )
            for option in ("15", "65535", "on", "0x10")
        ],
        (
            "answer: {contact: me@corp.example}",
            "1:19: answer.contact: must be a mailto:, tel: or https: URI, as mailto:it@corp.example",
        ),
        (
            "answer: {organisation: {x_y: c}}",
            "1:25: answer.organisation.x_y: 'x_y' is no language tag as en or zh-Hans",
        ),
        (
            "lists: {a: {path: b, record: {title: c, colour: y}}}",
            "1:41: lists.a.record.colour: unknown; the keys are title, class, text, organisation, authority,"
            " reference, contact, since, review, more, language, history, harm",
        ),
        (
            "lists: {a: {path: b, record: {title: c, history: [{status: x, date: 2026-01-02}]}}}",
            "1:60: lists.a.record.history.0.status: 'x' is not one of listed, notified, enforced, shadow,"
            " lifted",
        ),
        ("lists: {a: {path: b, record: {text: c}}}", "1:30: lists.a.record.title: missing"),
        ("lists: {../a: {path: b}}", f"1:9: lists.'../a': {NAME}"),
        ("lists: {'': {path: b}}", f"1:9: lists.'': {NAME}"),
        ("lists: {~: {path: b}}", f"1:9: lists.'~': {NAME}"),
        ("null: {}", f"1:1: null: unknown key; there are {KEYS}"),
        ("upstreams: {a b: {servers: [192.0.2.53]}}", f"1:13: upstreams.'a b': {NAME}"),
        ("upstreams: {default: {}}", "1:22: upstreams.default.servers: is missing"),
        ("upstreams: {default: 192.0.2.53}", "1:22: upstreams.default: must be a mapping of keys"),
        ("upstreams: {default: {servers: []}}", "1:32: upstreams.default.servers: needs at least one entry"),
        (
            "upstreams: {default: {servers: [tls://192.0.2.53]}}",
            "1:33: upstreams.default.servers.0: tls:// is not there yet; udp:// and tcp:// are",
        ),
        (
            "upstreams: {default: {servers: [2001:db8::53]}}",
            "1:33: upstreams.default.servers.0: '2001:db8::53' is no address with a port;"
            " put an IPv6 address in brackets: [2001:db8::53]:53",
        ),
        (
            "upstreams: {default: {servers: [192.0.2.53:0]}}",
            "1:33: upstreams.default.servers.0: nobody can be asked at 192.0.2.53:0",
        ),
        (
            "upstreams: {default: {servers: ['[::]']}}",
            "1:33: upstreams.default.servers.0: nobody can be asked at [::]:53",
        ),
        (
            "upstreams: {default: {servers: [192.0.2.53], strategy: order}}",
            "1:56: upstreams.default.strategy: must be fastest, ordered, random or parallel;"
            " is `ordered` meant?",
        ),
        (
            "upstreams: {default: {servers: [192.0.2.53], timeout: 1m}}",
            "1:55: upstreams.default.timeout: must be at most 30s",
        ),
        (
            "upstreams: {default: {servers: [192.0.2.53], timeout: 1ms}}",
            "1:55: upstreams.default.timeout: must be at least 100ms",
        ),
        (
            "routes: [{domains: [corp..example], upstream: default}]",
            "1:21: routes.0.domains.0: empty label in 'corp..example'",
        ),
        (
            "routes: [{domains: [a.example, '*.b.example'], upstream: default}]",
            "1:32: routes.0.domains.1: '*.b.example': a route takes all below a name: write 'b.example'",
        ),
        (
            "routes: [{domains: ['https://corp.example/'], upstream: default}]",
            "1:21: routes.0.domains.0: 'https://corp.example/' is no domain name as corp.example",
        ),
        ("routes: [{upstream: default}]", "1:10: routes.0.domains: is missing"),
        (
            "groups: {default: {block: line}}",
            "1:27: groups.default.block: must be a list, as [one, two]",
        ),
        ("groups: {default: {block: [{a: b}]}}", "1:28: groups.default.block.0: must be text"),
        (
            "server: {name: resolver.arpa}",
            "1:16: server.name: 'resolver.arpa' is no name of one server, as dns.corp.example",
        ),
        ("server: {name: .}", "1:16: server.name: '.' is no name of one server, as dns.corp.example"),
        ("server: {id: größe}", "1:14: server.id: 'größe' is not printable ASCII"),
        (f"server: {{id: {'a' * 64}}}", "1:14: server.id: has 64 characters; 63 at most"),
        (f"server: {{version: {'a' * 256}}}", "1:19: server.version: has 256 characters; 255 at most"),
        (
            "server: {transparency: 'http://dns.example/'}",
            "1:24: server.transparency: 'http://dns.example/' is no https:// URL",
        ),
        (
            "server: {transparency: 'https://me:pass@dns.example/'}",
            "1:24: server.transparency: a password in a URL would be shown to everybody",
        ),
        (
            f"server: {{transparency: 'https://dns.example/{'a' * 228}'}}",
            "1:24: server.transparency: has 248 characters; 247 at most",
        ),
        (
            "server: {name: dns.example, designated: [{alpn: []}]}",
            "1:49: server.designated.0.alpn: needs at least one entry",
        ),
        (
            "server: {name: dns.example, designated: [{alpn: [h4]}]}",
            "1:50: server.designated.0.alpn.0: must be dot, doq, h2 or h3",
        ),
        (
            "server: {name: dns.example, designated: [{alpn: [dot], port: 0}]}",
            "1:62: server.designated.0.port: '0' is no port: a number from 1 to 65535",
        ),
        (
            "server: {name: dns.example, designated: [{alpn: [h2], path: /dns-query}]}",
            "1:61: server.designated.0.path: '/dns-query' is no path with `{?dns}`, as /dns-query{?dns}",
        ),
        (
            "groups: {default: {answer: nxdomian}}",
            "1:28: groups.default.answer: must be nxdomain, nodata, notice, null or refused;"
            " is `nxdomain` meant?",
        ),
        (
            "groups: {lab: {clients: [192.0.2.0/24, lab]}, default: {}}",
            "1:40: groups.lab.clients.1: 'lab' is no address and no network as 192.0.2.0/24",
        ),
    ],
)
def test_a_mistake_in_a_value_is_told_where_it_stands(text: str, said: str) -> None:
    assert mistakes(text) == [said]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "1:1: the configuration must be a mapping of keys"),
        ("\n  hello", "2:3: the configuration must be a mapping of keys"),
        ("''", "1:1: the configuration must be a mapping of keys"),
        ("a: &x b", "1:4: anchors and aliases are not taken; a text that begins with `&` needs quotes"),
        ("a: *x", "1:4: anchors and aliases are not taken; a text that begins with `*` needs quotes"),
        (
            "a: !!python/name:os.system b",
            "1:4: tags are not taken; a text that begins with `!` needs quotes",
        ),
        ("state: !!str a", "1:8: tags are not taken; a text that begins with `!` needs quotes"),
        (
            "notice:\n  colour: #0f6272",
            "2:10: notice.colour: has no value: write one, or leave it out; "
            "what is behind `#` is a comment, unless it is in quotes",
        ),
        ("engine: auto\n---\nengine: auto", "2:1: no valid YAML: but found another document"),
        ("{a: " * 9 + "}" * 9, "1:33: nested too deeply"),
        ("[" * 900, "1:9: nested too deeply"),  # libyaml looks ahead, and may refuse 1000 itself
        (
            "\tlog: {}",
            "1:1: no valid YAML: found character that cannot start any token; use blanks to indent, not tabs",
        ),
        (
            "log:\n\tlevel: info",
            "2:1: no valid YAML: found character that cannot start any token; use blanks to indent, not tabs",
        ),
        ("log: 'a", "1:8: no valid YAML: found unexpected end of stream"),
        ("log: {}\nlog: {}", "2:1: log: this key stands twice"),
        ("log:\n  level: info\n  level: info", "3:3: log.level: this key stands twice"),
        ("? [a]\n: b", "1:3: a key must be plain text"),
        ("log: {? {a: b} : c}", "1:9: log: a key must be plain text"),
        ("log: {}\n# \x00", "2:3: the character U+0000 must not stand here"),
        ("# \ud800", "1:3: the character U+D800 must not stand here"),
        ("lists:", "1:7: lists: has no value: write one, or leave it out"),
        ("lists: null", None),
        ("state:\n", "1:7: state: has no value: write one, or leave it out"),
        (
            "listen:\n  dns:\n  - 127.0.0.1:53\n  -",
            "4:4: listen.dns.1: has no value: write one, or leave it out",
        ),
    ],
)
def test_a_mistake_in_the_yaml_is_told_where_it_stands(text: str, said: str | None) -> None:
    assert mistakes(text) == [said or "1:8: lists: must be a mapping of keys"]


@pytest.mark.parametrize("text", ["listen: {dns: [[2001:db8::1]:53]}", "listen: {dns: [[fe80::1]:53]}"])
def test_an_address_in_brackets_that_yaml_takes_for_a_key_is_told_to_need_quotes(text: str) -> None:
    said = 'a key must be plain text; an address in brackets needs quotes, as "[::1]:53"'
    assert mistakes(text)[0] == f"1:16: listen.dns.0: {said}"


def test_all_mistakes_are_told_in_one_run_in_their_order() -> None:
    text = """
listen: {dns: [here, 127.0.0.1:53, 127.0.0.1:53]}
cache: {sise: 64MiB, stale: 1y}
upstreams: {default: {servers: [nobody, tcp://127.0.0.1:53]}}
groups:
  default: {block: [[a], line, wchat], answer: notice}
  lab: {block: [line]}
  lab: {}
"""
    assert mistakes(text) == [
        "2:16: listen.dns.0: 'here' is no IP address",
        "2:36: listen.dns.2: 127.0.0.1:53 stands twice",
        "3:9: cache.sise: unknown key; is `size` meant?",
        f"3:29: cache.stale: '1y' is no duration; {DURATION}",
        "4:33: upstreams.default.servers.0: 'nobody' is no IP address",
        "4:41: upstreams.default.servers.1: this is our own address: a loop",
        "6:21: groups.default.block.0: must be text",
        "6:32: groups.default.block.2: there is no list 'wchat'; is `wechat` meant?",
        "6:48: groups.default.answer: needs the address of the notice page: "
        "set `answer.notice.ipv4` or `ipv6`",
        "7:8: groups.lab: has no `clients`",
        "8:3: groups.lab: this key stands twice",
    ]


def test_places_are_told_as_written_however_many_stand_before_them() -> None:
    servers = ["bad", *[f"192.0.2.{n}" for n in range(1, 11)], "bad", "127.0.0.1:5335"]
    text = f"upstreams: {{default: {{servers: [{', '.join(servers)}]}}}}"
    assert [said.split(": ")[1] for said in mistakes(text)] == [
        "upstreams.default.servers.0",
        "upstreams.default.servers.11",
        "upstreams.default.servers.12",
    ]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("lists: {ads: text}\ngroups: {default: {block: [ads]}}", "lists.ads"),
        ("lists: {ads: }\ngroups: {default: {block: [ads]}}", "lists.ads"),
        (
            "upstreams: {default: text}\nroutes: [{domains: [corp.example], upstream: default}]",
            "upstreams.default",
        ),
        (
            "upstreams: {default: {servers: [192.0.2.53]}, office: {}}\n"
            "routes: [{domains: [corp.example], upstream: office}]",
            "upstreams.office.servers",
        ),
        (
            "answer: {notice: {ipv4: x}}\ngroups: {default: {answer: notice}}",
            "answer.notice.ipv4",
        ),
        ("groups: {lab: {clients: [x]}, default: {}}", "groups.lab.clients.0"),
        ("lists: {ads: {path: a, shiped: b}}", "lists.ads.shiped"),
        ("lists: {ads: {shipped: b}}", "lists.ads.shipped"),
    ],
)
def test_a_mistake_is_told_once_and_not_what_follows_from_it(text: str, where: str) -> None:
    assert [said.split(": ")[1] for said in mistakes(text)] == [where]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "\ufeff", "{}", "---\n...\n"])
def test_nothing_written_is_the_default(text: str) -> None:
    assert config(text) == config("{}")


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_lines_may_end_as_elsewhere(end: str) -> None:
    assert config(FULL.replace("\n", end)) == config(FULL)
    assert mistakes(f"log: {{}}{end}cache: {{size: x}}")[0].startswith("2:15: cache.size")


# Files


def test_a_file_is_read_with_its_paths_starting_at_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "nxwhy.yaml"
    file.write_bytes(b"\xef\xbb\xbflists: {a: {path: lists/a.txt}}\r\nstate: here\r\n")
    found = read(file, HOME)
    assert found.lists["a"].path == tmp_path / "lists/a.txt"
    assert found.state == tmp_path / "here"
    assert found.source == file


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"log: {}\nstate: \xc3\xa4\xe4", "2:9: not UTF-8"),
        ("log: {}".encode("utf-16"), "1:1: not UTF-8"),
        (b"#" * (MAX_BYTES + 1), "1:1: larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_text_for_us_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    file = tmp_path / "nxwhy.yaml"
    file.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        read(file, HOME)
    assert str(caught.value) == f"{file}:{said}"


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    file = tmp_path / "nxwhy.yaml"
    file.write_bytes(b"{} #" + b"#" * (MAX_BYTES - 4))
    assert read(file, HOME).lists == config("").lists


@pytest.mark.parametrize(
    ("name", "said"), [("none.yaml", "No such file or directory"), ("", "not a regular file")]
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f":1:1: {said}$"):
        read(tmp_path / name, HOME)


def test_every_mistake_of_a_record_is_told() -> None:
    text = """\
lists:
  a:
    path: b
    record:
      title: {en: c, en_US: d}
      since: soon
      history: [{status: x, date: 2026-01-02}, {}]
"""
    assert [said.partition(": lists.a.record.")[::2] for said in mistakes(text)] == [
        ("5:22", "title.en_US: 'en_US' is no language tag as en or zh-Hans"),
        ("6:14", "since: 'soon' is not a date as 2026-11-22"),
        ("7:26", "history.0.status: 'x' is not one of listed, notified, enforced, shadow, lifted"),
        ("7:48", "history.1.date: missing"),
        ("7:48", "history.1.status: missing"),
    ]


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n"])
def test_a_file_that_says_nothing_is_a_mistake_and_an_empty_mapping_is_none(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "n.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"n\.yaml:1:1: .*\{\}"):
        read(file, {"HOME": str(tmp_path)})
    file.write_text("{}\n")
    assert read(file, {"HOME": str(tmp_path)}).lists == default({"HOME": str(tmp_path)}).lists
