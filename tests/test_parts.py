from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from resolver import parts
from resolver.config import Endpoint
from resolver.core.names import from_text
from resolver.core.replies import AnswerMode
from resolver.edge import builder
from resolver.edge.server import ServerSpec
from resolver.shipped import shipped_folder
from resolver.system import read_system_resolvers, system_resolvers
from tests.config.reading import config, mistakes

ADS = b"\x03ads\x07example\0"


def test_lists_keep_the_order_and_settings_of_the_configuration() -> None:
    made = config("lists: {b: {path: b.txt, kind: allow, format: hosts}, a: {shipped: line}}")
    first, second = parts.list_sources(made)
    assert (first.name, first.path, first.format, first.allow) == (
        "b",
        Path("/etc/nxwhy/b.txt"),
        "hosts",
        True,
    )
    assert (second.name, second.path, second.allow) == ("a", shipped_folder() / "line.yaml", False)
    assert second.path.is_file()


def test_a_client_in_several_groups_has_all_their_lists_and_the_answer_of_its_narrowest_entry(
    tmp_path: Path,
) -> None:
    (tmp_path / "ads.txt").write_text("ads.example\n")
    (tmp_path / "more.txt").write_text("more.example\n")
    made = config(
        f"lists: {{ads: {{path: {tmp_path}/ads.txt}}, more: {{path: {tmp_path}/more.txt}}}}\n"
        "groups:\n"
        "  wide: {clients: [192.0.2.0/24], block: [ads], answer: refused}\n"
        "  narrow: {clients: [192.0.2.7], block: [more], answer: nodata}\n"
        "answer: {ttl: 1m}\n"
    )
    policy = parts.make_policy(made, builder.build(parts.list_sources(made), None), 3)
    verdict = policy.profile_for(ip_address("192.0.2.7")).decide(ADS)
    assert (verdict.blocks, verdict.group) == (True, "wide")
    assert verdict.answer is not None
    assert (verdict.answer.mode, verdict.answer.ttl) == (AnswerMode.NODATA, 60)
    assert not policy.profile_for(ip_address("203.0.113.1")).decide(ADS).blocks  # in no group, and no default
    assert policy.generation == 3


def test_upstreams_are_those_of_the_configuration() -> None:
    made = parts.make_upstreams(
        config("upstreams: {default: {servers: [192.0.2.53, 'tcp://[2001:db8::53]:54'], timeout: 1s}}")
    )
    assert made["default"].servers == (ServerSpec("192.0.2.53"), ServerSpec("2001:db8::53", 54, True))
    assert made["default"].timeout_s == 1


def test_without_upstreams_the_resolvers_of_the_system_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "read_system_resolvers", lambda own: (Endpoint("192.0.2.53", 53),))
    assert parts.make_upstreams(config(""))["default"].servers == (ServerSpec("192.0.2.53"),)


def test_resolv_conf_is_read_line_by_line() -> None:
    text = (
        "# x\nnameserver 192.0.2.53\nnameserver\nnameserver here\n"
        " nameserver 2001:db8::53 # y\nnameserver 192.0.2.53\nnameserver fe80::53%eth0\n"
    )
    assert [str(at) for at in system_resolvers(text)] == ["192.0.2.53:53", "[2001:db8::53]:53"]


def test_the_first_file_that_names_somebody_else_counts(tmp_path: Path) -> None:
    files = [tmp_path / "none", tmp_path / "own", tmp_path / "other"]
    files[1].write_text("nameserver 127.0.0.1\n")
    files[2].write_bytes(b"\xff\nnameserver 127.0.0.1\nnameserver 127.0.0.11\n")
    assert read_system_resolvers([Endpoint("0.0.0.0", 53)], files) == (Endpoint("127.0.0.11", 53),)
    assert read_system_resolvers([Endpoint("0.0.0.0", 53)], files[:2]) == ()
    assert read_system_resolvers([Endpoint("127.0.0.1", 5335)], files) == (Endpoint("127.0.0.1", 53),)


@pytest.mark.parametrize(
    ("mode", "blocked", "shadow"), [("enforced", True, None), ("shadow", False, "ads"), ("off", False, None)]
)
def test_the_mode_of_a_list_says_whether_it_decides(
    tmp_path: Path, mode: str, blocked: bool, shadow: str | None
) -> None:
    (tmp_path / "ads.txt").write_text("ads.example\n")
    made = config(f"lists: {{ads: {{path: {tmp_path}/ads.txt, mode: {mode}, trusted: true}}}}")
    policy = parts.make_policy(made, builder.build(parts.list_sources(made), None), 1)
    verdict = policy.profile_for(ip_address("192.0.2.7")).decide(ADS)
    assert verdict.blocks is blocked
    assert (verdict.shadow.list.name if verdict.shadow else None) == shadow


def test_a_test_asks_for_its_type(tmp_path: Path) -> None:
    (tmp_path / "ads.txt").write_text("||ads.example^$dnstype=AAAA\n")
    made = config(
        f"lists: {{ads: {{path: {tmp_path}/ads.txt}}}}\n"
        "tests:\n"
        "  - {name: ads.example, type: AAAA, expect: blocked}\n"
        "  - {name: ads.example, type: TYPE65, expect: blocked}\n"
        "  - {name: ads.example, expect: blocked}\n"
    )
    assert parts.failed_tests(made, builder.build(parts.list_sources(made), None)) == [
        "n.yaml:4:5: tests.1: ads.example HTTPS for 127.0.0.1 should be blocked and is open",
        "n.yaml:5:5: tests.2: ads.example A for 127.0.0.1 should be blocked and is open",
    ]


WAITING = """
lists:
  ads: {url: "https://lists.example/ads.txt"}
  staff: {url: "https://lists.example/staff.txt", kind: allow}
  trial: {url: "https://lists.example/trial.txt", mode: shadow}
  here: {path: %s}
groups:
  default: {block: [ads, trial, here], allow: [staff]}
  lab: {clients: [192.0.2.64/26], block: [here, trial]}
tests:
  - {name: ads.example, expect: blocked}
  - {name: here.example, expect: open}
  - {name: ads.example, client: 192.0.2.65, expect: blocked}
  - {name: here.example, client: 192.0.2.65, expect: open}
  - {name: here.example, expect: blocked}
state: %s
"""


def test_a_test_waits_for_the_lists_of_its_client_that_were_never_fetched_and_for_nothing_else(
    tmp_path: Path,
) -> None:
    (tmp_path / "here.txt").write_text("here.example\n")
    made = config(WAITING % (tmp_path / "here.txt", tmp_path))
    built = builder.build(parts.list_sources(made), None)
    assert parts.waiting_tests(made, built) == [
        "n.yaml:11:5: tests.0: ads.example A for 127.0.0.1 should be blocked and is open, "
        "but nothing of list ads is there yet",
        "n.yaml:12:5: tests.1: here.example A for 127.0.0.1 should be open and is blocked by here, "
        "but nothing of list ads or staff is there yet",
    ]
    failed = [
        "n.yaml:13:5: tests.2: ads.example A for 192.0.2.65 should be blocked and is open",
        "n.yaml:14:5: tests.3: here.example A for 192.0.2.65 should be open and is blocked by here",
    ]
    assert parts.failed_tests(made, built) == failed
    sources = {source.name: source for source in parts.list_sources(made)}
    for name in ("ads", "staff"):
        sources[name].path.parent.mkdir(exist_ok=True)
        sources[name].path.write_text("other.example\n")
    built = builder.build(parts.list_sources(made), None)
    assert parts.waiting_tests(made, built) == []
    assert [said.split(":")[3] for said in parts.failed_tests(made, built)] == [
        " tests.0",
        " tests.1",
        " tests.2",
        " tests.3",
    ]


@pytest.mark.parametrize("text", ["nothing", "TYPE0", "TYPE65535", "TYPE99999", "[A]"])
def test_what_is_no_query_type_is_a_mistake(text: str) -> None:
    (mistake,) = mistakes(f"tests: [{{name: a.example, type: {text}, expect: open}}]")
    assert "tests.0.type: " in mistake


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("server: {name: dns.example}", True),
        ("routes: [{domains: [corp.example], upstream: default}]", True),
        ("upstreams: {default: {servers: [192.0.2.53]}}", True),
        ("answer: {ttl: 5s}", False),
    ],
)
def test_what_is_cached_may_be_wrong_where_answers_come_from_elsewhere(text: str, changed: bool) -> None:
    assert (parts.origins(config(text)) != parts.origins(config(""))) is changed


def test_answers_come_from_elsewhere_when_the_system_has_other_resolvers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parts, "read_system_resolvers", lambda _: (Endpoint("192.0.2.53", 53),))
    before = parts.origins(config(""))
    assert parts.origins(config("")) == before
    monkeypatch.setattr(parts, "read_system_resolvers", lambda _: (Endpoint("192.0.2.54", 53),))
    assert parts.origins(config("")) != before


def test_a_path_goes_with_https_alone() -> None:
    made = config("server: {name: a.example, designated: [{alpn: [dot]}, {alpn: [h3], name: b.example}]}")
    shape = parts.make_identity(made).find(from_text("_dns.resolver.arpa"), b"\0\x40\0\1")
    assert shape is not None
    assert shape.sections.tail.count(b"/dns-query{?dns}") == 1
    assert from_text("b.example") in shape.sections.tail
