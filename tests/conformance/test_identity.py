"""What the running server says of itself, as dig, kdig and dnspython read it, with either engine."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.query
import dns.rdatatype
import pytest

from tests.conformance.test_list_formats import upstream
from tests.programs import need
from tests.servers import environment, free_port, process, until_it_answers
from tests.twins import needs_native

pytestmark = pytest.mark.timeout(120)

INFO = "https://dns.corp.example/transparency"
SERVER = f"""server:
  name: dns.corp.example
  id: dns1
  transparency: {INFO}
  designated:
    - {{alpn: [dot], port: 8853, addresses: [192.0.2.1, "2001:db8::1"]}}
    - {{alpn: [h2, h3], name: doh.corp.example}}
"""


@pytest.fixture(scope="module", params=["python", pytest.param("native", marks=needs_native)])
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server that says all of itself, in front of one that would answer every question."""
    folder, port = tmp_path_factory.mktemp("identity"), free_port()
    (folder / "ads.txt").write_text("ads.example\n")
    with upstream() as beyond:
        (folder / "nxwhy.yaml").write_text(
            f"listen: {{dns: ['127.0.0.1:{port}'], admin: off}}\n"
            f"upstreams: {{default: {{servers: ['127.0.0.1:{beyond}']}}}}\n"
            f"lists: {{ads: {{path: ads.txt}}}}\nengine: {request.param}\nstate: state\n{SERVER}"
        )
        argv = [sys.executable, "-m", "resolver", "serve", "--config", str(folder / "nxwhy.yaml")]
        with process(argv, env=environment(folder), cwd=folder, stderr=subprocess.DEVNULL) as running:
            until_it_answers(running, port, "ads.example")
            yield port


def run(program: str, port: int, *words: str) -> str:
    argv = [need(program), "@127.0.0.1", "-p", str(port), *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout


def asked(port: int, name: str, qtype: str, qclass: str = "IN") -> dns.message.Message:
    query = dns.message.make_query(name, qtype, qclass, flags=0, use_edns=0)
    return dns.query.udp(query, "127.0.0.1", 5, port)


PROGRAMS = pytest.mark.parametrize("program", ["dig", "kdig"])
RESINFO = f'"exterr=3-4,13,15-23,30" "infourl={INFO}"'
DESIGNATED = [
    "1 dns.corp.example. alpn=dot port=8853 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1",
    "2 doh.corp.example. alpn=h2,h3 dohpath=/dns-query{?dns}",
]


@PROGRAMS
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
@pytest.mark.parametrize("name", ["resolver.arpa", "dns.corp.example"])
def test_resinfo_is_read(port: int, program: str, transport: str, name: str) -> None:
    shown = run(program, port, name, "TYPE261", "+norecurse", transport)
    assert re.search(r"^;; [Ff]lags: qr aa ra[;\s]", shown, re.MULTILINE)
    (record,) = re.findall(rf"^{name}\.\s+300\s+IN\s+(?:TYPE261|RESINFO)\s+(.*)$", shown, re.MULTILINE)
    assert record.startswith("\\#") or record == RESINFO
    raw = "".join(record.split()[2:]) if record.startswith("\\#") else ""
    assert not raw or bytes.fromhex(raw).endswith(INFO.encode())


def test_dnspython_reads_resinfo_word_for_word(port: int) -> None:
    for name in ("resolver.arpa", "dns.corp.example"):
        message = asked(port, name, "RESINFO")
        assert message.flags & dns.flags.AA
        assert [rdata.to_text() for rdata in message.answer[0]] == [RESINFO]


@PROGRAMS
@pytest.mark.parametrize("name", ["_dns.resolver.arpa", "_dns.dns.corp.example"])
def test_the_designated_servers_are_read(port: int, program: str, name: str) -> None:
    shown = run(program, port, name, "TYPE64", "+norecurse")
    records = re.findall(rf"^{name}\.\s+300\s+IN\s+SVCB\s+(.*)$", shown, re.MULTILINE)
    shown_as = [record.replace('"', "").replace("key7", "dohpath") for record in records]
    assert sorted(shown_as) == DESIGNATED
    assert re.search(r"^dns\.corp\.example\.\s+300\s+IN\s+A\s+192\.0\.2\.1$", shown, re.MULTILINE)
    assert re.search(r"^dns\.corp\.example\.\s+300\s+IN\s+AAAA\s+2001:db8::1$", shown, re.MULTILINE)


@pytest.mark.parametrize("qtype", ["A", "AAAA", "TXT", "HTTPS"])
@pytest.mark.parametrize("name", ["resolver.arpa", "_dns.resolver.arpa", "x.y.resolver.arpa"])
def test_nothing_else_under_resolver_arpa_is_there_or_leaves(port: int, name: str, qtype: str) -> None:
    message = asked(port, name, qtype)  # upstream would have answered with records
    assert (message.rcode(), message.answer) == (0, [])
    assert message.flags & dns.flags.AA


@PROGRAMS
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("version.bind", "nxwhy"),
        ("version.server", "nxwhy"),
        ("id.server", "dns1"),
        ("hostname.bind", "dns1"),
    ],
)
def test_chaos_txt_is_read(port: int, program: str, name: str, text: str) -> None:
    shown = run(program, port, name, "CH", "TXT")
    assert re.search(rf'^{name}\.\s+0\s+CH\s+TXT\s+"{text}"$', shown, re.MULTILINE)
    assert re.search(r"^;; [Ff]lags: qr aa rd ra[;\s]", shown, re.MULTILINE)


@PROGRAMS
def test_other_chaos_questions_are_refused(port: int, program: str) -> None:
    shown = run(program, port, "authors.bind", "CH", "TXT")
    assert "status: REFUSED" in shown


@PROGRAMS
@pytest.mark.parametrize("name", ["ads.example", "localhost", "resolver.arpa", "a.example"])
def test_our_id_goes_with_every_answer_for_those_who_ask_for_it(port: int, program: str, name: str) -> None:
    for _ in range(2):  # the second comes from the cache where the first did from upstream
        shown = run(program, port, name, "A", "+nsid", *["+cookie"] * (program == "dig"))
        assert re.search(r'NSID: .*"dns1"', shown)
        assert "NSID" not in run(program, port, name, "A")


def test_nxwhy_query_shows_resinfo(port: int) -> None:
    argv = [
        sys.executable,
        "-m",
        "resolver",
        "query",
        "resolver.arpa",
        "RESINFO",
        "--server",
        f"127.0.0.1:{port}",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    assert f"resolver.arpa\t300\tRESINFO\t{RESINFO}" in done.stdout
