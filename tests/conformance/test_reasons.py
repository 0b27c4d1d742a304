"""Blocked answers as real clients read them: dig and kdig, every mode, class and form of the reason."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.programs import need
from tests.servers import command, environment, free_port, process, until_it_answers

pytestmark = pytest.mark.timeout(120)

CONFIG = """\
listen: {{dns: ["127.0.0.1:{port}"], admin: off}}
upstreams: {{default: {{servers: ["127.0.0.1:{closed}"]}}}}
lists:
  policy:
    path: policy.txt
    record: {{title: Chat, text: {{en: No chat., de: Kein Chät.}}, since: 2026-11-22}}
  legal: {{path: legal.txt, record: {{title: Order, class: legal, text: By order of a court.}}}}
  requested: {{path: requested.txt, record: {{title: Ads, class: requested, text: No ads.}}}}
  security: {{path: security.txt, record: {{title: Bad, class: security, text: Steals., harm: phishing}}}}
groups:
  default: {{block: [policy, legal, requested, security]}}
  nodata: {{clients: [127.0.0.2], block: [policy, legal, requested, security], answer: nodata}}
  notice: {{clients: [127.0.0.3], block: [policy, legal, requested, security], answer: notice}}
  "null": {{clients: [127.0.0.4], block: [policy, legal, requested, security], answer: "null"}}
  refused: {{clients: [127.0.0.5], block: [policy, legal, requested, security], answer: refused}}
answer: {{notice: {{ipv4: 192.0.2.10}}, language: de, contact: "mailto:it@corp.example", organisation: Corp}}
state: state
"""
LISTS = ("policy", "legal", "requested", "security")
HOMES = {
    "nxdomain": "127.0.0.1",
    "nodata": "127.0.0.2",
    "notice": "127.0.0.3",
    "null": "127.0.0.4",
    "refused": "127.0.0.5",
}
STATUS = {
    "nxdomain": "NXDOMAIN",
    "nodata": "NOERROR",
    "notice": "NOERROR",
    "null": "NOERROR",
    "refused": "REFUSED",
}
TYPES = ("A", "AAAA", "HTTPS", "MX", "ANY")
NAMED = {"policy": "15 (Blocked)", "legal": "16 (Censored)", "requested": "17 (Filtered)"} | {
    "security": "15 (Blocked)"
}
PLAIN = {
    "policy": "Chat: Kein Chät; by Corp; since 2026-11-22; ask it@corp.example",
    "legal": "Order: By order of a court; by Corp; ask it@corp.example",
    "requested": "Ads: No ads; by Corp; ask it@corp.example",
    "security": "Bad: Steals; by Corp; ask it@corp.example",
}
CONTACT = '"c":["mailto:it@corp.example"]'
STRUCTURED = {
    "policy": f'{{{CONTACT},"j":"Chat: Kein Chät; since 2026-11-22","s":5,"o":"Corp","l":"de"}}',
    "legal": f'{{{CONTACT},"j":"Order: By order of a court","o":"Corp","l":"de"}}',
    "requested": f'{{{CONTACT},"j":"Ads: No ads","o":"Corp","l":"de"}}',
    "security": f'{{{CONTACT},"j":"Bad: Steals","s":2,"o":"Corp","l":"de"}}',
}


@pytest.fixture(scope="module", params=["auto", "python"])
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server by either engine; gives its port."""
    folder = tmp_path_factory.mktemp("nxwhy")
    for name in LISTS:
        (folder / f"{name}.txt").write_text(f"{name}.example\n")
    taken = free_port()
    config = folder / "nxwhy.yaml"
    text = CONFIG.format(port=taken, closed=free_port()) + f"engine: {request.param}\n"
    config.write_text(text, "utf-8")
    argv = [sys.executable, "-m", "resolver", "serve", "--config", str(config)]
    with process(argv, env=environment(folder), cwd=folder) as running:
        until_it_answers(running, taken, "policy.example")
        yield taken


@pytest.fixture
def types(request: pytest.FixtureRequest) -> Sequence[str]:
    """What is asked: with one engine every type, with the other, which gives the same bytes, two."""
    return TYPES if request.node.callspec.params["port"] == "auto" else ("A", "HTTPS")


def run(program: str, port: int, *words: str) -> str:
    argv = [need(program), "@127.0.0.1", "-p", str(port), *words]
    done = subprocess.run(argv, capture_output=True, timeout=60, check=True)
    return done.stdout.decode()


@pytest.mark.parametrize("mode", HOMES)
@pytest.mark.parametrize("name", LISTS)
def test_dig_reads_every_blocked_answer_with_and_without_structured_errors(
    port: int, types: Sequence[str], name: str, mode: str
) -> None:
    plain = "4 (Forged Answer)" if mode in ("notice", "null") else NAMED[name]
    cases = [
        ([], f"; EDE: {plain}: ({PLAIN[name]})"),
        (["+bufsize=512"], f"; EDE: {plain}: ({PLAIN[name]})"),
        (["+ednsopt=65015"], f"; EDE: {NAMED[name]}: ({STRUCTURED[name]})"),
        (["+ednsopt=15"], f"; EDE: {NAMED[name]}: ({STRUCTURED[name]})"),
        (["+ednsopt=15:0000"], f"; EDE: {NAMED[name]}: ({STRUCTURED[name]})"),
    ]
    for words, expected in cases:
        for qtype in types:
            answer = run("dig", port, "-b", HOMES[mode], f"{name}.example", qtype, *words)
            assert expected in unescaped(answer).splitlines()
            assert f"status: {STATUS[mode]}," in answer
            assert "Message parser reports malformed" not in answer
    assert "EDE" not in run("dig", port, "-b", HOMES[mode], f"{name}.example", "+noedns")


def unescaped(text: str) -> str:
    """Return what dig shows with what it writes as \\DDD, bytes beyond ASCII, as the letters they are."""
    return re.sub(
        r"(?:\\\d{3})+",
        lambda found: bytes(int(code) for code in re.findall(r"\d{3}", found[0])).decode(),
        text,
    )


@pytest.mark.parametrize("mode", HOMES)
@pytest.mark.parametrize("name", LISTS)
def test_kdig_reads_every_blocked_answer_with_and_without_structured_errors(
    port: int, types: Sequence[str], name: str, mode: str
) -> None:
    plain = "4 (Forged Answer)" if mode in ("notice", "null") else NAMED[name]
    cases = [
        (["+edns"], f"EDE: {plain}: '{PLAIN[name]}'"),
        (["+bufsize=512"], f"EDE: {plain}: '{PLAIN[name]}'"),
        (["+edns", "+ednsopt=65015"], f"EDE: {NAMED[name]}: '{STRUCTURED[name]}'"),
        (["+edns", "+ednsopt=15"], f"EDE: {NAMED[name]}: '{STRUCTURED[name]}'"),
    ]
    for words, expected in cases:
        for qtype in types:
            answer = run("kdig", port, "-b", HOMES[mode], f"{name}.example", qtype, *words)
            assert expected in unescaped(answer)
            assert f"status: {STATUS[mode]};" in answer
    assert "EDE" not in run("kdig", port, "-b", HOMES[mode], f"{name}.example", "+noedns")


def test_our_own_query_shows_what_a_structured_error_says(port: int) -> None:
    answer = command("query", "policy.example", "--server", f"127.0.0.1:{port}", "--structured")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[1:7] == [
        "Blocked",
        "  why         Chat: Kein Chät; since 2026-11-22",
        "  kind        network operator policy (5)",
        "  who         Corp",
        "  ask         mailto:it@corp.example",
        "  language    de",
    ]


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        (["www.free.example"], "SERVFAIL", "EDE: 23 (Network Error): (upstream servers could not be"),
        (["norec.free.example", "+norecurse"], "REFUSED", "EDE: 20 (Not Authoritative)"),
        (["free.example", "-c", "CH", "-t", "TXT"], "REFUSED", "EDE: 21 (Not Supported)"),
        (["free.example", "TYPE249"], "NOTIMP", "EDE: 21 (Not Supported)"),
        (["free.example", "TYPE128"], "FORMERR", "EDE: 30"),
    ],
)
def test_what_is_not_answered_says_why(port: int, words: list[str], status: str, expected: str) -> None:
    answer = run("dig", port, "+tries=1", *words)
    assert f"status: {status}," in answer
    assert expected in answer


def test_the_memory_of_a_failure_says_that_it_is_one_and_why(port: int) -> None:
    assert "(Cached Error)" not in run("dig", port, "once.free.example")
    again = run("dig", port, "once.free.example")
    assert "EDE: 13 (Cached Error)" in again
    assert "EDE: 23 (Network Error)" in again


def test_a_client_that_may_not_ask_is_refused_with_the_code_for_it(tmp_path: Path) -> None:
    taken = free_port()
    config = tmp_path / "nxwhy.yaml"
    config.write_text(
        f"listen: {{dns: ['127.0.0.1:{taken}'], admin: off}}\n"
        "state: state\naccess: {clients: [127.0.0.1]}\n"
    )
    argv = [sys.executable, "-m", "resolver", "serve", "--config", str(config)]
    with process(argv, env=environment(tmp_path), cwd=tmp_path) as running:
        until_it_answers(running, taken, "localhost")
        answer = run("dig", taken, "-b", "127.0.0.7", "localhost")
    assert "status: REFUSED," in answer
    assert "EDE: 18 (Prohibited)" in answer
