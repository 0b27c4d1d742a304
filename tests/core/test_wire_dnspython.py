"""Messages that dnspython writes are read as dnspython reads them."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.DNAME
import dns.rdtypes.ANY.SOA
import dns.rdtypes.IN.HTTPS
import dns.rdtypes.IN.SVCB
import dns.rrset
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.errors import WireError
from resolver.core.wire import Answer, parse_answer, parse_query
from tests.messages import OPT, query

LABEL = st.one_of(st.sampled_from([b"www", b"cdn", b"a", b"example"]), st.binary(min_size=1, max_size=12))
NAME = st.lists(LABEL, max_size=6).map(lambda labels: dns.name.Name([*labels, b""]))
TTL = st.integers(0, 2**31 - 1)
SHORT = st.integers(0, 0xFFFF)


def _bytes(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


def _wire(name: dns.name.Name) -> bytes:
    return name.to_wire() or b""


def _joined(*parts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.tuples(*parts).map(b"".join)


TARGET = NAME.map(_wire)
PRIORITY = st.integers(1, 0xFFFF).map(lambda number: number.to_bytes(2, "big"))
PARAMETERS = st.sampled_from([b"", b"\0\3\0\2\0\x35", b"\x02\x9b\0\5hello", b"\0\1\0\3\2h2"])
RDATA: dict[str, st.SearchStrategy[bytes]] = {
    "A": _bytes(4),
    "AAAA": _bytes(16),
    "CNAME": TARGET,
    "DNAME": TARGET,
    "NS": TARGET,
    "PTR": TARGET,
    "MX": _joined(PRIORITY, TARGET),
    "SRV": _joined(_bytes(6), TARGET),
    "SOA": _joined(TARGET, TARGET, _bytes(20)),
    "TXT": st.binary(max_size=200).map(lambda text: bytes([len(text)]) + text),
    "SVCB": _joined(PRIORITY, TARGET, PARAMETERS),
    "HTTPS": _joined(PRIORITY, TARGET, PARAMETERS),
    "TYPE64000": st.binary(max_size=60),
}
"""RDATA without compression; dnspython compresses it when it writes the message."""


@st.composite
def rrset(draw: st.DrawFn) -> dns.rrset.RRset:
    rtype = dns.rdatatype.from_text(draw(st.sampled_from(sorted(RDATA))))
    data = draw(RDATA[dns.rdatatype.to_text(rtype)])
    rdata = dns.rdata.from_wire(dns.rdataclass.IN, rtype, data, 0, len(data))
    return dns.rrset.from_rdata(draw(NAME), draw(TTL), rdata)


OPTION = st.builds(
    dns.edns.GenericOption, st.integers(65001, 65534).map(dns.edns.OptionType.make), st.binary(max_size=30)
)


class Edns(NamedTuple):
    payload: int
    do: bool
    options: list[dns.edns.Option]


EDNS = st.none() | st.builds(Edns, st.integers(512, 65535), st.booleans(), st.lists(OPTION, max_size=4))


def use(message: dns.message.Message, edns: Edns | None) -> None:
    if edns is not None:
        flags = dns.flags.DO if edns.do else 0
        message.use_edns(0, flags, edns.payload, options=edns.options)


@given(NAME, SHORT, SHORT.filter(bool), EDNS, st.booleans(), st.booleans())
def test_a_query_is_read_as_written(
    name: dns.name.Name, qtype: int, qclass: int, edns: Edns | None, cd: bool, ad: bool
) -> None:
    message = dns.message.QueryMessage()
    message.flags = dns.flags.RD | (dns.flags.CD if cd else 0) | (dns.flags.AD if ad else 0)
    message.question.append(
        dns.rrset.RRset(name, dns.rdataclass.RdataClass.make(qclass), dns.rdatatype.RdataType.make(qtype))
    )
    use(message, edns)
    wire = message.to_wire()
    found = parse_query(wire)
    assert found.name == name.canonicalize().to_wire()
    assert found.qtype == qtype
    assert found.is_internet == (qclass == 1)
    assert wire[12 : found.end] == (name.to_wire() or b"") + struct.pack(">2H", qtype, qclass)
    assert found.do == (edns is not None and edns.do)
    assert found.wants_ad == (ad or found.do)
    if edns is None:
        assert found.edns is None
    else:
        assert found.edns is not None
        assert found.edns.payload == edns.payload
        assert found.edns.options == tuple([(int(each.otype), each.to_wire()) for each in edns.options])


SECTION = st.lists(rrset(), max_size=4)


@st.composite
def answers(draw: st.DrawFn) -> dns.message.Message:
    message = dns.message.QueryMessage()
    message.flags = dns.flags.QR | dns.flags.RA | draw(st.sampled_from([0, dns.flags.AD, dns.flags.CD]))
    asked = draw(NAME).canonicalize()
    message.question.append(dns.rrset.RRset(asked, dns.rdataclass.IN, dns.rdatatype.A))
    message.answer, message.authority, message.additional = draw(SECTION), draw(SECTION), draw(SECTION)
    edns = draw(EDNS)
    use(message, edns)
    rcode = draw(st.integers(0, 4095 if edns is not None else 15))
    message.set_rcode(dns.rcode.Rcode.make(rcode))
    return message


def records(message: dns.message.Message) -> Iterator[tuple[dns.rrset.RRset, dns.rdata.Rdata]]:
    for section in (message.answer, message.authority, message.additional):
        for rrset in section:
            yield rrset, rrset[0]


LEADING = (
    dns.rdtypes.ANY.CNAME.CNAME,
    dns.rdtypes.ANY.DNAME.DNAME,
    dns.rdtypes.IN.SVCB.SVCB,
    dns.rdtypes.IN.HTTPS.HTTPS,
)
SERVICES = (dns.rdtypes.IN.SVCB.SVCB, dns.rdtypes.IN.HTTPS.HTTPS)


def targets(message: dns.message.Message) -> list[bytes]:
    """Return where the records of a message lead, the root left out."""
    name = message.question[0].name.canonicalize()
    found = []
    for rrset, rdata in records(message):
        if not isinstance(rdata, LEADING):
            continue
        target = rdata.target.canonicalize()
        if isinstance(rdata, dns.rdtypes.ANY.DNAME.DNAME):
            target = mapped(name, rrset.name, target)
        if not isinstance(rdata, SERVICES) and target != dns.name.root:
            name = target
        found.append(target)
    return [_wire(each) for each in found if each != dns.name.root]


def mapped(name: dns.name.Name, owner: dns.name.Name, target: dns.name.Name) -> dns.name.Name:
    """Return what a DNAME record makes of a name, or the root."""
    if name != owner and name.is_subdomain(owner):
        with contextlib.suppress(dns.name.NameTooLong):
            return name.relativize(owner).concatenate(target)
    return dns.name.root


def question_of(wire: bytes) -> bytes:
    _, size = dns.name.from_wire(wire, 12)
    return wire[12 : 12 + size + 4]


def read(wire: bytes) -> Answer:
    found = parse_answer(wire, question_of(wire))
    assert found is not None
    return found


@given(answers())
def test_an_answer_is_read_as_written(message: dns.message.Message) -> None:
    wire = message.to_wire(max_size=65535)
    found = read(wire)
    second = dns.message.from_wire(wire, one_rr_per_rrset=True)
    assert found.rcode == second.rcode() == message.rcode()
    assert found.authentic == bool(second.flags & dns.flags.AD)
    assert found.counts == (len(second.answer), len(second.authority), len(second.additional))
    ttls = [rrset.ttl for rrset, _ in records(second)]
    assert [ttl for _, ttl in found.ttls] == ttls
    assert [struct.unpack_from(">I", found.body, at)[0] for at, _ in found.ttls] == ttls
    assert found.min_ttl == min(ttls, default=0)
    assert list(found.aliases) == targets(second)
    soas = [
        min(rrset.ttl, rrset[0].minimum)
        for rrset in second.authority
        if isinstance(rrset[0], dns.rdtypes.ANY.SOA.SOA)
    ]
    assert found.negative_ttl == (soas[0] if soas else None)
    if second.opt is None:
        assert found.edns is None
    else:
        assert found.edns is not None
        assert found.edns.payload == second.payload
        assert found.edns.do == bool(second.ednsflags & dns.flags.DO)
        assert found.edns.options == tuple([(int(each.otype), each.to_wire()) for each in second.options])


@given(answers())
def test_the_body_is_the_whole_answer_but_for_opt(message: dns.message.Message) -> None:
    wire = message.to_wire(max_size=65535)
    found = read(wire)
    again = wire[:4] + struct.pack(">4H", 1, *found.counts) + question_of(wire) + found.body
    first = dns.message.from_wire(wire, one_rr_per_rrset=True)
    second = dns.message.from_wire(again, one_rr_per_rrset=True)
    assert first.sections[1:] == second.sections[1:]
    assert second.opt is None


STRICT = (dns.message.ShortHeader, dns.message.TrailingJunk, dns.name.BadLabelType, dns.name.BadPointer)
"""What dnspython raises where a message is broken by the rules that are ours too."""


@given(st.data())
def test_a_changed_query_is_read_alike_or_refused(data: st.DataObject) -> None:
    start = query("a.bc.example", opt=OPT[:-2] + b"\0\6\xff\xf0\0\2hi")
    wire = bytearray(start)
    for _ in range(data.draw(st.integers(1, 3))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    changed = bytes(wire[: data.draw(st.integers(0, len(wire)))] if data.draw(st.booleans()) else wire)
    try:
        found = parse_query(changed)
    except WireError:
        found = None
    try:
        second = dns.message.from_wire(changed)
    except STRICT:
        assert found is None or found.edns is None  # a record of another type, whose RDATA we do not read
    except dns.exception.DNSException:
        pass  # what an option holds, an update, a signature: nothing that we read
    else:
        asked = second.question
        query_only = second.opcode() == 0 and not second.flags & dns.flags.QR
        if not query_only or len(asked) != 1 or second.answer or second.authority:
            assert found is None
        elif found is None:
            assert 0xC0 in changed[12:40]  # the question's name is compressed
        else:
            assert found.name == _wire(asked[0].name.canonicalize())
            assert (found.edns is not None) == (second.opt is not None)
            assert found.edns is None or found.edns.payload == second.payload
