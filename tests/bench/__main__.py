"""`make bench`: what the steps of a query cost, in microseconds of one core.

Each figure is the best of several repeats, so that what else the machine does counts least. The cost of whole
queries, kernel included, is measured by the benchmark that docs/performance.md describes.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from resolver.core import names
from resolver.core.cache import Ageing, Cache
from resolver.core.engine import Engine
from resolver.core.lists.reader import parse_list
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Effect, Rule, Scope
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList
from resolver.core.replies import AnswerMode
from resolver.core.routes import Routes
from resolver.core.wire import parse_answer, parse_query
from resolver.observe.counters import Channel, Counters
from tests.bench.hostile import hostile
from tests.bench.step import Step, measure
from tests.messages import answer, opt, query, record
from tests.tables import build


def steps(names_listed: int = 100_000) -> Iterator[Step]:
    """Yield what is measured."""
    rules = [
        Rule(f"a{number}.example", Scope.SUBTREE, Effect.BLOCK, number) for number in range(names_listed)
    ]
    text = "".join([f"a{number}.example\n" for number in range(names_listed)]).encode()
    table = build([rules])
    group = Group("default", (), frozenset([0]), AnswerMode.NXDOMAIN)
    record_of = Record("Ads", text="No advertising on this network.")
    policy = Policy(table, [PolicyList("ads", record_of)], [group], AnswerSettings())
    profile = policy.profile_for(ip_address("192.0.2.1"))
    engine = Engine(Cache(1 << 20), Ageing(), Routes())
    plain, edns = query("www.a77.example"), query("www.a77.example", opt=opt())
    known, known_edns = query("www.known.example"), query("www.known.example", opt=opt())
    pointer = b"\xc0\x0c"
    one = [record(pointer, 1, 300, b"\xc0\0\2\1")]
    chain = [record(pointer, 5, 300, b"\3cdn\xc0\x10"), *one * 4]
    wire_one, wire_chain = answer(known[12:], one), answer(known[12:], chain)
    soa = b"\2ns\xc0\x16\1h\xc0\x16" + bytes(16) + b"\0\0\3\x84"  # `example` is at 0x16 in the question
    wire_negative = answer(known[12:], authority=[record(b"\xc0\x16", 6, 900, soa)], flags=0x8183)
    found = parse_answer(wire_one, known[12:])
    assert found is not None
    engine.accept(parse_query(known).key, found, 0.0)
    counters, channel = Counters(), Channel("udp", 4)
    reply = engine.handle(plain, profile, 0.0)
    yield Step("parse a query", lambda: parse_query(plain))
    yield Step("parse a query with EDNS", lambda: parse_query(edns))
    yield Step("parse and blocked answer", lambda: engine.handle(plain, profile, 0.0), goal_us=2)
    yield Step("the same with EDNS and the reason", lambda: engine.handle(edns, profile, 0.0))
    yield Step("parse and cached answer", lambda: engine.handle(known, profile, 0.0), goal_us=3)
    yield Step("the same with EDNS", lambda: engine.handle(known_edns, profile, 0.0))
    miss, hit = names.from_text("www.free.example"), names.from_text("www.a77.example")
    yield Step("judge a name on no list", lambda: profile.decide(miss))
    yield Step("judge a name on a list", lambda: profile.decide(hit))
    yield Step("read an answer of 1 record", lambda: parse_answer(wire_one, known[12:]))
    yield Step("read an answer of 5 records", lambda: parse_answer(wire_chain, known[12:]))
    yield Step("read a name error", lambda: parse_answer(wire_negative, known[12:]))
    kind = plain[-4:]
    yield Step(
        "count a query",
        lambda: counters.count(channel, kind, reply.source, reply.rcode, reply.verdict, 0.0001),  # type: ignore[union-attr]
    )
    yield Step("read a list, a name", lambda: parse_list(text, "bench"), 1, names_listed)
    yield Step("build the table, a name", lambda: build([rules]), 1, names_listed)
    yield from hostile()


def main() -> None:
    """Print a table."""
    print(f"{'step':<58}{'µs':>10}{'goal':>8}")
    for step in steps():
        took = measure(step)
        goal = "" if step.goal_us is None else f"{step.goal_us:g}"
        missed = "  missed" if step.goal_us is not None and took > step.goal_us else ""
        print(f"{step.name:<58}{took:>10.2f}{goal:>8}{missed}")


if __name__ == "__main__":
    main()
