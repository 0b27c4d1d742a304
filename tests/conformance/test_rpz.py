"""Response policy zones: what our rules say of a name, and what BIND and unbound answer with the file."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from ipaddress import ip_address
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from resolver.core.lists.rpz import read_rpz
from resolver.core.lists.rule import Action, Rule, Scope, Side, Trigger
from resolver.core.names import from_text, parents, to_text
from tests.conformance.test_list_formats import MARKS, shown, upstream
from tests.judged import profile
from tests.programs import need
from tests.servers import free_port, process, until_it_answers

pytestmark = pytest.mark.timeout(120)

TYPES = tuple(MARKS)
HEAD = """\
$TTL 300
$ORIGIN rpz.example.
@ SOA localhost. root.localhost. (
    1 ; serial
    3600 600 86400 300 )
  NS localhost.
ready.example CNAME .
"""
ZONE = (
    HEAD
    + """\
; exact and wildcard
exact.example       CNAME .
*.below.example     CNAME .
both.example        CNAME .
*.both.example      CNAME .
; what an owner, with its wildcard or without, hides of the wildcard above it
*.ads.example       CNAME .
ok.ads.example      CNAME rpz-passthru.
deep.one.ads.example CNAME rpz-passthru.
*.wild.ads.example  CNAME rpz-passthru.
a.b.hole.example    CNAME .
*.hole.example      CNAME .
*.c.d.hole.example  CNAME .
; actions
nodata.example      CNAME *.
pass.example        CNAME rpz-passthru.
*.pass.example      CNAME .
old.example         CNAME old.example.
*.old.example       CNAME .
*.oldwild.example   CNAME *.oldwild.example.
drop.example        CNAME rpz-drop.
tcp.example         CNAME rpz-tcp-only.
; data
one.example         A 192.0.2.1
many.example    60  A 192.0.2.1
                    A 192.0.2.2
                IN  AAAA 2001:db8::1
             60 IN  TXT "a text" ; comment
text.example        TXT ( "a"
                          "b" )
alias.example       CNAME garden.test.
*.star.example      CNAME *.garden.test.
null.example        A 0.0.0.0
loop.example        A 127.0.0.1
; names between, without a rule of their own
a.b.sort.example    CNAME rpz-passthru.
long.d.sort.example CNAME rpz-passthru.
*.sort.example      CNAME .
; writing
UPPER.Example       CNAME .
\\101scape.example   CNAME .
full.example.rpz.example. CNAME .
$ORIGIN origin.example.rpz.example.
name                CNAME .
@                   CNAME .
$ORIGIN rpz.example.
last.example        CNAME .
"""
)
ASKED = """
exact.example www.exact.example below.example www.below.example a.b.below.example
both.example www.both.example a.b.both.example
ads.example x.ads.example y.x.ads.example ok.ads.example x.ok.ads.example y.x.ok.ads.example
one.ads.example x.one.ads.example deep.one.ads.example x.deep.one.ads.example
wild.ads.example x.wild.ads.example
hole.example x.hole.example b.hole.example x.b.hole.example a.b.hole.example x.a.b.hole.example
d.hole.example x.d.hole.example c.d.hole.example x.c.d.hole.example
nodata.example pass.example x.pass.example old.example x.old.example x.oldwild.example
drop.example tcp.example one.example many.example text.example alias.example x.star.example y.x.star.example
null.example loop.example upper.example ascape.example full.example name.origin.example origin.example
x.origin.example last.example free.example
b.sort.example x.b.sort.example 0.b.sort.example x.d.sort.example longer.d.sort.example
"""
NAMES = ASKED.split()

Server = Callable[[Path, str, int], AbstractContextManager[int]]


# What our rules say


def rules_of(text: str) -> list[Rule | Trigger]:
    return [one for _, _, all_ in read_rpz(text.encode()) for one in all_ if isinstance(one, Rule | Trigger)]


def verdict(rules: Sequence[Rule | Trigger], name: str, qtype: str) -> str:
    """Judge a name by one zone as DNS finds a name in it (RFC 4592, section 3.3.1).

    Returns `open`, an action, or the first record of an answer.
    """
    named = [rule for rule in rules if isinstance(rule, Rule)]
    there = {rule.name for rule in named}
    there |= {above for one in there for above in above_it(one)}  # empty non-terminals are there too
    own = [rule for rule in named if rule.name == name and rule.scope & Scope.EXACT]
    if own or name in there:
        return said_by(own, name, qtype)
    encloser = next((above for above in above_it(name) if above in there), None)
    return said_by([one for one in named if one.name == encloser and one.scope & Scope.BELOW], name, qtype)


def above_it(name: str) -> list[str]:
    return [to_text(above) for above in parents(from_text(name))]


def said_by(rules: Sequence[Rule], name: str, qtype: str) -> str:
    if not rules or rules[0].effect.allows:
        return "open"
    (rule,) = rules
    assert rule.own is not None
    if rule.own.action is Action.NULL:
        return {"A": "A 0.0.0.0", "AAAA": "AAAA ::"}.get(qtype, "nodata")
    if rule.own.action is not Action.DATA:
        return rule.own.action
    data = [shown(*record) for record in rule.own.records]
    kind, text = next((one for one in data if one[0] in (qtype, "CNAME")), ("", "nodata"))
    return f"{kind} {text.replace('*', name)}".strip().removesuffix(".")


# What the programs answer


@contextmanager
def bind(folder: Path, text: str, ask_at: int) -> Iterator[int]:
    port = free_port()
    (folder / "rpz.zone").write_text(text)
    (folder / "named.conf").write_text(
        f"""options {{
  directory "{folder}";
  pid-file "{folder}/named.pid";
  session-keyfile "{folder}/session.key";
  listen-on port {port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  recursion yes;
  dnssec-validation no;
  empty-zones-enable no;
  forward only;
  forwarders {{ 127.0.0.1 port {ask_at}; }};
  response-policy {{ zone "rpz.example"; }};
}};
controls {{ }};
zone "rpz.example" {{ type primary; file "rpz.zone"; }};
"""
    )
    argv = [need("named"), "-g", "-n", "1", "-c", str(folder / "named.conf")]
    with process(argv, stderr=subprocess.DEVNULL) as running:
        until_it_answers(running, port, "free.example")
        until_blocked(port)
        yield port


@contextmanager
def unbound(folder: Path, text: str, ask_at: int) -> Iterator[int]:
    port = free_port()
    (folder / "rpz.zone").write_text(text)
    (folder / "unbound.conf").write_text(
        f"""server:
  interface: 127.0.0.1@{port}
  num-threads: 1
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/unbound.pid"
  do-not-query-localhost: no
  module-config: "respip iterator"
  use-syslog: no
  logfile: "{folder}/unbound.log"
remote-control:
  control-enable: no
rpz:
  name: rpz.example
  zonefile: "{folder}/rpz.zone"
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{ask_at}
"""
    )
    with process([need("unbound"), "-d", "-c", str(folder / "unbound.conf")]) as running:
        until_it_answers(running, port, "free.example")
        until_blocked(port)
        yield port


def until_blocked(port: int) -> None:
    """Wait until a server has read its policy zone, which may take longer than its first answer."""
    deadline = time.monotonic() + 20
    while answer(port, "ready.example", "A") != "nxdomain":
        assert time.monotonic() < deadline, "the policy zone is not in force"
        time.sleep(0.05)


# Both compared

NULL = {
    ("null.example", "AAAA"): "nodata",
    ("loop.example", "A"): "A 127.0.0.1",
    ("loop.example", "AAAA"): "nodata",
}
"""A name with nothing but null or loopback addresses is blocked here with null addresses: lists mean that,
and one that is not trusted could not have records of its own."""
BETWEEN = "one.ads wild.ads b.hole d.hole c.d.hole b.sort"
BELOW_BETWEEN = "x.one.ads 0.b.sort x.d.sort"
UNBOUND = {
    # the old style of rpz-passthru is an alias like any other
    **{("old.example", qtype): "CNAME old.example" for qtype in TYPES},
    # a name that only has names below it does not hide the wildcard from itself, and hides it from what is
    # below only if one of those stands before the name asked in unbound's order: by length of labels first
    **{
        (f"{name}.example", qtype): "nxdomain"
        for name in (BETWEEN + " " + BELOW_BETWEEN).split()
        for qtype in TYPES
    },
}


@pytest.fixture(scope="module")
def ask_at() -> Iterator[int]:
    with upstream() as port:
        yield port


@pytest.mark.parametrize(
    ("server", "known"), [(bind, NULL), (unbound, NULL | UNBOUND)], ids=["bind", "unbound"]
)
def test_every_verdict_is_that_of_the_program_but_for_known_differences(
    server: Server, known: dict[tuple[str, str], str], ask_at: int, tmp_path: Path
) -> None:
    rules, ours = rules_of(ZONE), profile(tmp_path, "rpz", ZONE)
    different = {}
    with server(tmp_path, ZONE, ask_at) as port:
        for name in NAMES:
            for qtype in TYPES:
                judged = ours.decide(from_text(name), int(dns.rdatatype.from_text(qtype)))
                assert judged.blocks == (verdict(rules, name, qtype) != "open"), (name, qtype)
                theirs = answer(port, name, qtype)
                if theirs != verdict(rules, name, qtype):
                    different[name, qtype] = theirs
    assert different == known


@pytest.mark.parametrize(
    ("server", "expected"),
    [(bind, ["open", "open", "open", "nxdomain"]), (unbound, ["nxdomain", "nxdomain", "open", "nxdomain"])],
    ids=["bind", "unbound"],
)
def test_a_name_that_only_has_names_below_it_hides_the_wildcard_in_bind_and_by_chance_in_unbound(
    server: Server, expected: list[str], ask_at: int, tmp_path: Path
) -> None:
    text = HEAD + "*.ads.example CNAME .\naa.b.ads.example CNAME .\n"
    names = ["b.ads.example", "x.b.ads.example", "xxx.b.ads.example", "y.ads.example"]
    with server(tmp_path, text, ask_at) as port:
        assert [answer(port, name, "A") for name in names] == expected
    if server is bind:
        assert [verdict(rules_of(text), name, "A") for name in names] == expected


@pytest.mark.parametrize("server", [bind, unbound])
def test_an_address_in_an_answer_counts_by_its_longest_network_and_after_the_name(
    server: Server, ask_at: int, tmp_path: Path
) -> None:
    text = (
        HEAD
        + """\
24.0.2.0.192.rpz-ip        CNAME .
32.zz.db8.2001.rpz-ip      CNAME .
128.99.zz.db8.2001.rpz-ip  CNAME rpz-passthru.
pass.example               CNAME rpz-passthru.
"""
    )
    asked = [(name, qtype) for name in ("x.example", "pass.example") for qtype in TYPES]
    with server(tmp_path, text, ask_at) as port:
        found = [answer(port, *one) for one in asked]
    assert found == [by_address(rules_of(text), *one) for one in asked]
    assert found == ["nxdomain", "open", "open", "open", "open", "open"]


@pytest.mark.parametrize("server", [bind, unbound])
def test_the_address_of_a_client_counts_before_the_name(server: Server, ask_at: int, tmp_path: Path) -> None:
    text = HEAD + "24.0.0.0.127.rpz-client-ip CNAME .\npass.example CNAME rpz-passthru.\n"
    with server(tmp_path, text, ask_at) as port:
        assert answer(port, "pass.example", "A") == "nxdomain"
    assert by_address(rules_of(text), "pass.example", "A") == "nxdomain"


def by_address(rules: Sequence[Rule | Trigger], name: str, qtype: str) -> str:
    """Judge a name that a client at 127.0.0.1 asks for, and the mark that is its answer."""
    for side, text in ((Side.CLIENT, "127.0.0.1"), (Side.ANSWER, MARKS[qtype])):
        if side is Side.ANSWER and (
            qtype == "TXT" or any(one.name == name for one in rules if isinstance(one, Rule))
        ):
            return verdict(rules, name, qtype)
        address = ip_address(text)
        hits = [
            one
            for one in rules
            if isinstance(one, Trigger)
            and one.side is side
            and one.network.version == address.version
            and address in one.network
        ]
        if hits:
            best = max(hits, key=lambda one: one.network.prefixlen)
            return "open" if best.own is None else best.own.action
    return "open"


@pytest.mark.parametrize("line", ["out.example. CNAME .", "x.example IN 60 CNAME ."])
def test_a_line_that_costs_unbound_the_zone_costs_bind_and_us_nothing_else(
    line: str, ask_at: int, tmp_path: Path
) -> None:
    text = HEAD + line + "\nlast.example CNAME .\n"
    with bind(tmp_path, text, ask_at) as port:
        assert answer(port, "last.example", "A") == "nxdomain"
        assert answer(port, "out.example", "A") == "open"
    assert verdict(rules_of(text), "last.example", "A") == "nxdomain"
    assert verdict(rules_of(text), "out.example", "A") == "open"


def answer(port: int, name: str, qtype: str) -> str:
    """Return what a server does, in the words of `verdict`."""
    query = dns.message.make_query(name, qtype)
    try:
        reply = dns.query.udp(query, "127.0.0.1", port=port, timeout=1.0)
    except dns.exception.Timeout:
        return "drop"
    if reply.flags & dns.flags.TC:
        return "tcp-only"
    if reply.rcode() == dns.rcode.NXDOMAIN and not reply.answer:
        return "nxdomain"
    assert reply.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN), reply
    if not reply.answer:
        return "nodata"
    kind = dns.rdatatype.to_text(reply.answer[0].rdtype)
    text = sorted(one.to_text() for one in reply.answer[0])[0]
    if text == MARKS.get(kind):
        return "open"
    return f"{kind} {text}".removesuffix(".")
