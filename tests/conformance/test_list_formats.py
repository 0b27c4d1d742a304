"""Lists for dnsmasq and unbound: what we make of a name, and what the programs themselves answer."""

from __future__ import annotations

import random
import socket
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from resolver.core.lists.line import Bad
from resolver.core.lists.reader import LINE_READERS
from resolver.core.lists.rule import Action, Scope
from resolver.core.names import from_text
from resolver.core.policy import Profile
from tests.judged import profile
from tests.programs import need
from tests.servers import free_port, process, until_it_answers

pytestmark = pytest.mark.timeout(120)

MARKS = {"A": "192.0.2.99", "AAAA": "2001:db8::99", "TXT": '"asked upstream"'}
"""What the upstream server answers to every name."""
TYPES = tuple(MARKS)
NULLS = {"0.0.0.0", "::"}


# What we say


def verdict(asked: Profile, name: str, qtype: str) -> str:
    """Judge a name as the server does.

    Returns `open`, `blocked` (in any way that the group likes), an action, or the data of an answer.
    """
    found = asked.decide(from_text(name), int(dns.rdatatype.from_text(qtype)))
    own = found.say.own if found.say else None
    if not found.blocks:
        return "open"
    if own is None:
        return "blocked"
    if own.action is Action.NULL:
        return "null" if qtype in ("A", "AAAA") else "nodata"
    if own.action is not Action.DATA:
        return own.action
    data = [shown(*one) for one in own.records]
    return next((text for kind, text in data if kind in (qtype, "CNAME")), "nodata")


def shown(qtype: int, data: bytes) -> tuple[str, str]:
    if qtype in (1, 28):
        return dns.rdatatype.to_text(dns.rdatatype.RdataType(qtype)), str(ip_address(data))
    rdata = dns.rdata.from_wire("IN", dns.rdatatype.RdataType(qtype), data, 0, len(data))
    return dns.rdatatype.to_text(rdata.rdtype), rdata.to_text()


# What the programs answer


@contextmanager
def upstream() -> Iterator[int]:
    """Answer every question with a mark of its type; gives the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                wire, client = sock.recvfrom(4096)
                if not wire:
                    return
                query = dns.message.from_wire(wire)
                reply = dns.message.make_response(query, recursion_available=True)
                question = query.question[0]
                qtype = dns.rdatatype.to_text(question.rdtype)
                if qtype in MARKS:
                    reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", qtype, MARKS[qtype]))
                sock.sendto(reply.to_wire(), client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            sock.sendto(b"", sock.getsockname())
            thread.join()


@contextmanager
def dnsmasq(folder: Path, text: str) -> Iterator[int]:
    path, port = folder / "dnsmasq.conf", free_port()
    path.write_text(text)
    with upstream() as beyond:
        options = (
            f"--no-daemon --no-resolv --no-hosts --port={port} --listen-address=127.0.0.1 --bind-interfaces"
        )
        argv = [need("dnsmasq"), *options.split(), f"--server=127.0.0.1#{beyond}", f"--conf-file={path}"]
        with process([*argv, "--pid-file="], stderr=subprocess.DEVNULL) as running:
            until_it_answers(running, port, "ready.example")
            yield port


UNBOUND = """server:
  interface: 127.0.0.1@{port}
  num-threads: 1
  do-daemonize: no
  username: ""
  chroot: ""
  pidfile: ""
  do-not-query-localhost: no
  module-config: "iterator"
  use-syslog: no
  logfile: "{folder}/unbound.log"
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{beyond}
server:
{text}
"""


@contextmanager
def unbound(folder: Path, text: str) -> Iterator[int]:
    path, port = folder / "unbound.conf", free_port()
    with upstream() as beyond:
        path.write_text(UNBOUND.format(port=port, folder=folder, beyond=beyond, text=text))
        with process([need("unbound"), "-d", "-c", str(path)], stderr=subprocess.DEVNULL) as running:
            until_it_answers(running, port, "ready.example")
            yield port


PROGRAMS = {"dnsmasq": dnsmasq, "unbound": unbound}


def answered(port: int, name: str, qtype: str, timeout_s: float) -> str:
    query = dns.message.make_query(name, qtype)
    try:
        reply = dns.query.udp(query, "127.0.0.1", port=port, timeout=timeout_s)
    except dns.exception.Timeout:
        return "drop"
    if not reply.answer:
        code = dns.rcode.to_text(reply.rcode()).lower()
        return "nodata" if code == "noerror" else code
    text: str = reply.answer[0][0].to_text()
    return "open" if text == MARKS[qtype] else "null" if text in NULLS else text


def agrees(ours: str, theirs: str) -> bool:
    return ours == theirs or (ours == "blocked" and theirs in ("nxdomain", "nodata", "null"))


def differences(folder: Path, format: str, text: str, names: Iterable[str]) -> dict[str, str]:
    """Return what differs, as `name type` -> `ours, theirs`."""
    asked = profile(folder, format, text)
    found = {}
    with PROGRAMS[format](folder, text) as port:
        for name in names:
            for qtype in TYPES:
                ours = verdict(asked, name, qtype)
                theirs = answered(port, name, qtype, 0.5 if ours == "drop" else 10)
                if not agrees(ours, theirs):
                    found[f"{name} {qtype}"] = f"{ours}, {theirs}"
    return found


DNSMASQ = """
# comment
address=/address.example/
local=/local.example/
server=/server.example/
 address = /Spaces.Example/ # comment
address="/quoted.example/"
local=/first.example/second.example/
local=/.dot.example/
local=/*.below.example/
local=/*ending.example/
local=/root-dot.example./
local=/under_score.example/
address=/hash.example/#
address=/zero4.example/0.0.0.0
address=/zero6.example/::
address=/zeros.example/0.0.0.0
address=/zeros.example/::
address=/redirect.example/192.0.2.1
address=/redirects.example/192.0.2.1
address=/redirects.example/2001:db8::1
server=/forward.example/192.0.2.53#5353
local=/outer.example/
server=/ok.outer.example/#
local=/in.ok.outer.example/
server=/*.half.outer.example/#
server=/*ends.outer.example/#
local=/both.example/
server=/both.example/#
local=/*.inside.example/
server=/inside.example/#
local=/plain.example/
server=/*plain.example/#
local=//
local=/..dots.example/
local=/star*.example/
local=/com/
local=/*.*.stars.example/
"""

DNSMASQ_NAMES = """
address.example www.address.example local.example server.example spaces.example quoted.example
first.example second.example dot.example www.dot.example below.example www.below.example notbelow.example
ending.example www.ending.example unending.example www.unending.example root-dot.example
under_score.example hash.example www.hash.example zero4.example zero6.example zeros.example
www.zeros.example redirect.example www.redirect.example redirects.example outer.example www.outer.example
ok.outer.example www.ok.outer.example in.ok.outer.example half.outer.example www.half.outer.example
ends.outer.example bends.outer.example www.bends.outer.example both.example inside.example
www.inside.example plain.example www.plain.example explain.example single dots.example a.com
starred.example stars.example a.stars.example a.b.stars.example open.example
"""

DNSMASQ_DIFFERS: Mapping[str, Mapping[str, str]] = {
    # dnsmasq since 2.86 asks upstream for the types that a line has no address for: AAAA records, and address
    # hints in HTTPS records, would let a blocked name through. A block here covers every type.
    "types without an address": {
        "hash.example TXT": "nodata, open",
        "www.hash.example TXT": "nodata, open",
        "zero4.example AAAA": "blocked, open",
        "zero4.example TXT": "blocked, open",
        "zero6.example A": "blocked, open",
        "zero6.example TXT": "blocked, open",
        "zeros.example TXT": "blocked, open",
        "www.zeros.example TXT": "blocked, open",
        "redirect.example AAAA": "nodata, open",
        "redirect.example TXT": "nodata, open",
        "www.redirect.example AAAA": "nodata, open",
        "www.redirect.example TXT": "nodata, open",
        "redirects.example TXT": "nodata, open",
    },
    # Names without a dot, and a single label with all that is below it, reach further than a list may.
    "too far": {f"{name} {qtype}": "open, nxdomain" for name in ("single", "a.com") for qtype in TYPES},
    # A name and a pattern that is as long: the name counts in dnsmasq. Here a pattern that lets through beats
    # every block of its list, since patterns are looked for apart from names.
    "a pattern as an exception": {
        f"{name} {qtype}": "open, nxdomain"
        for name in ("plain.example", "www.plain.example")
        for qtype in TYPES
    },
    # dnsmasq drops any number of dots; two of them are a mistake here, as everywhere in nxwhy.
    "two dots": {f"dots.example {qtype}": "open, nxdomain" for qtype in TYPES},
}

UNBOUND_LIST = """
server:
# comment
local-zone: "nxdomain.example" always_nxdomain
local-zone: 'null.example.' always_null # comment
local-zone: Always-Refuse.example always_refuse
local-zone: "refuse.example" refuse
local-zone: "static.example" static
local-zone: "deny.example" deny
local-zone: "inform-deny.example" inform_deny
local-zone: "always-deny.example" always_deny
local-zone: "nodata.example" always_nodata
local-zone: "redirect.example" redirect
local-zone: "redirect-null.example" redirect
local-data: "redirect-null.example A 0.0.0.0"
local-zone: "redirect-page.example" redirect
local-data: "redirect-page.example A 192.0.2.1"
local-zone: "transparent.example" transparent
local-zone: "transparent-null.example" transparent
local-data: "transparent-null.example A 0.0.0.0"
local-zone: "typetransparent.example" typetransparent
local-data: "typetransparent.example A 0.0.0.0"
local-zone: "inform.example" inform
local-data: "data4.example A 0.0.0.0"
local-data: 'data6.example. IN AAAA ::'
local-data: "datas.example 60 IN A 0.0.0.0"
local-data: "datas.example 60 IN AAAA ::"
local-data: "loopback.example A 127.0.0.1"
local-data: "page.example A 192.0.2.1"
local-data: "page.example AAAA 2001:db8::1"
local-data: 'text.example TXT "a b"'
local-data: "alias.example CNAME target.example"
local-zone: "ok.nxdomain.example" always_transparent
local-zone: "in.ok.nxdomain.example" static
local-zone: "transparent.nxdomain.example" transparent
local-zone: "nodefault.nxdomain.example" nodefault
local-data: "data.nxdomain.example A 192.0.2.1"
local-zone: "with-data.example" static
local-data: "host.with-data.example A 192.0.2.1"
local-zone: "first.example" static local-zone: "second.example" static
local-zone: "twice.example" static
local-zone: "twice.example" static
local-zone: "*.star.example" static
local-zone: "com" static
local-data: "extra.example A 0.0.0.0 extra"
do-ip6: yes
"""

UNBOUND_NAMES = """
nxdomain.example www.nxdomain.example null.example www.null.example always-refuse.example
www.always-refuse.example refuse.example www.refuse.example static.example www.static.example
deny.example www.deny.example inform-deny.example always-deny.example nodata.example www.nodata.example
redirect.example www.redirect.example redirect-null.example www.redirect-null.example
redirect-page.example www.redirect-page.example transparent.example www.transparent.example
transparent-null.example www.transparent-null.example typetransparent.example www.typetransparent.example
inform.example data4.example www.data4.example data6.example datas.example www.datas.example
loopback.example page.example www.page.example text.example alias.example ok.nxdomain.example
www.ok.nxdomain.example in.ok.nxdomain.example transparent.nxdomain.example nodefault.nxdomain.example
data.nxdomain.example with-data.example www.with-data.example host.with-data.example first.example
second.example twice.example star.example www.star.example a.com extra.example open.example
"""

UNBOUND_DIFFERS: Mapping[str, Mapping[str, str]] = {
    # A null record asks for null addresses of both families: "nothing at ::" ends a connection sooner than
    # an empty answer, and 0.0.0.0 does what 127.0.0.1 is for.
    "null in both families": {
        "redirect-null.example AAAA": "null, nodata",
        "transparent-null.example AAAA": "null, nodata",
        "data4.example AAAA": "null, nodata",
        "data6.example A": "null, nodata",
        "loopback.example A": "null, 127.0.0.1",
        "loopback.example AAAA": "null, nodata",
    },
    # A block covers every type; half a block that comes of two lines would let the other types through.
    "typetransparent with data": {
        "typetransparent.example AAAA": "null, open",
        "typetransparent.example TXT": "nodata, open",
    },
    # A line is read by itself: what the data of a `redirect` says holds for its own name alone, what is below
    # is blocked.
    "redirect to a page": {"www.redirect-page.example A": "blocked, 192.0.2.1"},
    # `transparent` and its like usually make a place for data. As an exception the line would free the name
    # from other lists too; `always_transparent` says that.
    "transparent below a block": {
        f"transparent.nxdomain.example {qtype}": "blocked, open" for qtype in TYPES
    },
    # Data in a zone of an `always_` type is never looked at. Our own rules for a name go by the name alone;
    # such an answer is taken from trusted lists only.
    "data below always_nxdomain": {
        "data.nxdomain.example A": "192.0.2.1, nxdomain",
        "data.nxdomain.example AAAA": "nodata, nxdomain",
        "data.nxdomain.example TXT": "nodata, nxdomain",
    },
    # A single label with all below it reaches further than a list may.
    "too far": {f"a.com {qtype}": "open, nxdomain" for qtype in TYPES},
    # unbound overlooks what stands behind the data of a record; here it is a mistake.
    "words behind the data": {
        "extra.example A": "open, null",
        "extra.example AAAA": "open, nodata",
        "extra.example TXT": "open, nodata",
    },
}


@pytest.mark.parametrize(
    ("format", "text", "names", "known"),
    [
        ("dnsmasq", DNSMASQ, DNSMASQ_NAMES, DNSMASQ_DIFFERS),
        ("unbound", UNBOUND_LIST, UNBOUND_NAMES, UNBOUND_DIFFERS),
    ],
)
def test_a_list_means_what_its_program_makes_of_it_but_for_the_differences_named_here(
    format: str, text: str, names: str, known: Mapping[str, Mapping[str, str]], tmp_path: Path
) -> None:
    expected = {case: pair for cases in known.values() for case, pair in cases.items()}
    assert differences(tmp_path, format, text, names.split()) == expected


# Lists by chance


def dnsmasq_by_chance(rng: random.Random, name: str) -> str:
    spelled = rng.choice(["{}", ".{}", "*.{}"]).format(name)  # for patterns see DNSMASQ_DIFFERS
    return rng.choice(["local=/{}/", "address=/{}/", "server=/{}/#"]).format(spelled)


def unbound_by_chance(rng: random.Random, name: str) -> str:
    kinds = ["always_nxdomain", "always_transparent", "always_null", "refuse", "static", "always_nodata"]
    return f'local-zone: "{name}" {rng.choice(kinds)}'


CHANCE: Mapping[str, Callable[[random.Random, str], str]] = {
    "dnsmasq": dnsmasq_by_chance,
    "unbound": unbound_by_chance,
}


@pytest.mark.parametrize("format", CHANCE)
@pytest.mark.parametrize("seed", range(3))
def test_the_most_specific_of_many_rules_decides_as_in_the_program(
    format: str, seed: int, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    lines, names = [], []
    for number in range(40):  # families of names that do not touch each other
        family = [f"{below}f{number}.example" for below in ("", "a.", "b.a.", "p", "ap", "c.ap", "d.b.a.")]
        chosen = rng.sample(family, rng.randint(1, 4))  # unbound takes the last of two zones of a name
        lines += [CHANCE[format](rng, name) for name in chosen]
        names += family
    rng.shuffle(lines)
    assert differences(tmp_path, format, "\n".join(lines), names) == {}


# Lines that the programs refuse


CHECKERS = {"dnsmasq": ("dnsmasq", "--test", "--conf-file={}"), "unbound": ("unbound-checkconf", "{}")}
SOUND = {
    "dnsmasq": """address = /x.example/|address=/x.example/ #|address=/x.example/#
address=/"x.example"/0.0.0.0
local=//|server=/x.example/#|local=/x.example/192.0.2.53|server=192.0.2.53|server=/x.example/192.0.2.53@lo
address=/a.example/b.example/#|local=/_x.example/|address=/x.example/"0.0.0.0"|bogus-nxdomain=192.0.2.1
domain-needed|local=/*x.example/|local=/*.x.example/|local=/bücher.example/""",
    "unbound": """local-zone:"x.example" static|local-zone:x.example static|local-zone: "x.example"static
local-zone: 'x.example.' "static"|local-zone: "x.example" static # c|server: local-zone: x.example static
local-zone: x.example always_deny|local-zone: x.example nodefault|local-data: "x.example. 1h IN A 0.0.0.0"
local-data: 'x.example TXT "a b"'|local-data: "x.example a 0.0.0.0 ; c"|local-data: "x.example NS y.example"
do-ip6: no|access-control: 192.0.2.0/24 allow|local-data: "x.example MX 10 y.example"|server: # c""",
}
BROKEN = {
    "dnsmasq": """ADDRESS=/x.example/|address=/x.example/# c|address=/x.example/#c
address=/x.example/0.0.0.0#c
address='/x.example/'|address=/x.example|address=x.example|address
address=/x.example/localhost|address=/x.example/192.0.2|address=/x.example/192.0.2.1,192.0.2.2
address=/x.example/fe80::1%lo|--address=/x.example/|address:/x.example/|address="/x.example/""",
    "unbound": """LOCAL-ZONE: "x.example" static|local-zone: "x.example" STATIC
local-zone : "x.example" static|local-zone: "x.example" static# c|local-zone: "x.example"
local-zone: "x.example" nosuch
local-zone: "a..b" static|local-zone: "x.example static|local-data: x.example A 0.0.0.0
local-data: "x.example A 0.0.0"|local-data: "x.example"|x.example""",
}
"""Lines, with a bar in between where they are short."""


def lines_of(table: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(format, line) for format in table for line in table[format].replace("\n", "|").split("|")]


@pytest.mark.parametrize(
    ("format", "line", "sound"),
    [(*one, True) for one in lines_of(SOUND)] + [(*one, False) for one in lines_of(BROKEN)],
)
def test_a_line_that_the_program_refuses_is_a_mistake_and_no_other(
    format: str, line: str, sound: bool, tmp_path: Path
) -> None:
    path = tmp_path / "list.conf"
    path.write_text(f"server:\n{line}\n" if format == "unbound" else f"{line}\n")
    program, *words = CHECKERS[format]
    argv = [need(program), *(word.format(path) for word in words)]
    done = subprocess.run(argv, capture_output=True, timeout=30, check=False)
    assert (done.returncode == 0) == sound
    said = LINE_READERS[format](line, 1, Scope.EXACT)
    assert any(isinstance(one, Bad) for one in said) != sound
