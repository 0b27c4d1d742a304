"""The threads that answer, as the service has them: over loopback, with reloads, a full ring, and an end."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from resolver import engines
from resolver.core.source import Source
from resolver.edge import udp
from resolver.observe.counters import Channel
from tests import twins
from tests.messages import parsed, query
from tests.tables import blocking
from tests.twins import needs_native
from tests.upstreams import PATIENCE_S, A, Running, answered, resolver, rightly, silent, upstream

pytestmark = needs_native

THREADS = 3
CLIENTS = 24
"""So many that each thread has some of them, as good as always; no test depends on it."""


@pytest.fixture(autouse=True)
def several(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it as if there were so many cores, and clients on all of them."""
    twins.spread(monkeypatch)
    monkeypatch.setattr(engines, "answering_threads", lambda: THREADS)


@asynccontextmanager
async def running() -> AsyncIterator[Running]:
    twins.use("native")
    async with upstream(rightly) as up, resolver(up.address, policy=blocking("ads.example")) as made:
        twins.use("python")
        yield made


class Client:
    """A socket that asks and waits."""

    def __init__(self, address: tuple[str, int], held: ExitStack) -> None:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sock = held.enter_context(socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
        self.sock.connect(address)  # hears only what leaves from the address asked

    async def ask(self, wire: bytes) -> bytes:
        self.sock.send(wire)
        async with asyncio.timeout(PATIENCE_S):
            return await asyncio.get_running_loop().sock_recv(self.sock, 4096)


async def acquaint(client: Client) -> None:
    """Let the threads know the client, and then what holds for a blocked name."""
    for _ in range(2):
        assert parsed(await client.ask(query("ads.example"))).rcode() == 3


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def answering() -> list[str]:
    """Return the names of the threads of this process that answer."""
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    return [name for name in names if name == "answers"]


async def test_every_answer_is_right_over_many_sockets_while_policies_are_replaced(held: ExitStack) -> None:
    async with running() as made:
        clients = [Client(made.address, held) for _ in range(CLIENTS)]

        async def ask(client: Client, number: int) -> None:
            for turn in range(30):
                names = ["ads.example", f"free{turn % 5}.example", "www.ads.example", f"n{number}.example"]
                name = names[turn % 4]
                reply = await client.ask(query(name, 1, ident=turn + 1))
                found = parsed(reply)
                assert (found.id, found.question[0].name.to_text()) == (turn + 1, f"{name}.")
                assert found.rcode() == (3 if name in {"ads.example", "www.ads.example"} else 0)

        async def replace() -> None:
            for generation in range(1, 100_000):
                made.replace(blocking("ads.example", generation))
                await asyncio.sleep(0)

        replacing = asyncio.create_task(replace())
        await asyncio.gather(*[ask(client, number) for number, client in enumerate(clients)])
        replacing.cancel()
        asked = sum([count for _, _, count in made.counters.requests()])
        assert asked == sum([count for _, _, count in made.counters.responses()]) == CLIENTS * 30
        assert not any(made.counters.drops().values())


async def test_what_has_no_room_in_the_ring_is_counted_and_nothing_else_is_lost(held: ExitStack) -> None:
    async with running() as made:
        client = Client(made.address, held)
        await acquaint(client)
        flood = query("x" * 60 + "." + "y" * 60 + "." + "z" * 60 + ".example", opt=bytes(3000))
        sent = 0
        while not made.counters.drops()["overload"]:  # this loop does not turn: nobody takes from the ring
            for _ in range(64):
                client.sock.send(flood)
            sent += 64
            known = query("ads.example", ident=sent & 0xFFFF)
            client.sock.send(known)
            while int.from_bytes(blocking_recv(client.sock)[:2], "big") != sent & 0xFFFF:
                pass
        async with asyncio.timeout(PATIENCE_S):  # those that had room are answered: they cannot be read
            # of a batch, what is dropped is counted last
            while _failed(made) + made.counters.drops()["overload"] < sent:
                await asyncio.sleep(0)
        dropped = made.counters.drops()["overload"]
        assert _failed(made) == sent - dropped
        assert dict(made.counters.drops()) == dict.fromkeys(made.counters.drops(), 0) | {"overload": dropped}


def _failed(made: Running) -> int:
    return sum([count for _, rcode, count in made.counters.responses() if rcode == "FORMERR"])


def blocking_recv(sock: socket.socket) -> bytes:
    """Receive without the event loop."""
    sock.settimeout(PATIENCE_S)
    try:
        return sock.recv(4096)
    finally:
        sock.setblocking(False)


async def test_known_names_are_answered_while_the_event_loop_stands_still(held: ExitStack) -> None:
    async with running() as made:
        clients = [Client(made.address, held) for _ in range(CLIENTS)]
        await acquaint(clients[0])
        for client in clients:
            client.sock.send(query("ads.example"))
            assert parsed(blocking_recv(client.sock)).rcode() == 3


async def test_a_policy_is_known_to_the_threads_before_it_is_in_force(held: ExitStack) -> None:
    async with running() as made:
        client = Client(made.address, held)
        await acquaint(client)
        made.replace(blocking("other.example", generation=1))
        client.sock.send(query("other.example"))
        assert parsed(blocking_recv(client.sock)).rcode() == 3


async def test_a_stop_leaves_no_thread_and_what_was_left_is_answered(held: ExitStack) -> None:
    before = len(answering())
    async with running() as made:
        assert len(answering()) == before + THREADS
        sock = udp.bind("127.0.0.1", 0)
        listener = made.listen(sock)
        assert len(answering()) == before + THREADS
        client = Client(sock.getsockname(), held)
        client.sock.send(query("ads.example"))
        while not made.parts._workers[0]._thread or not _waits(made):  # type: ignore[attr-defined]
            os.sched_yield()
        listener.close()  # before the event loop has turned
        assert parsed(blocking_recv(client.sock)).rcode() == 3
        assert len(answering()) == before + THREADS
    assert len(answering()) == before


def _waits(made: Running) -> bool:
    """Return whether a thread has told that it left something."""
    import select  # noqa: PLC0415

    wakes = [worker._thread.wake for worker in made.parts._workers]  # type: ignore[attr-defined]
    return bool(select.select(wakes, [], [], 0)[0])


async def test_nobody_else_can_have_the_address(held: ExitStack) -> None:
    async with running() as made:
        with pytest.raises(OSError, match="in use") as refused:
            udp.bind(*made.address)
        assert refused.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize(
    ("listen", "asked"), [("0.0.0.0", ["127.0.0.2", "127.0.0.77"]), ("::", ["::1"])], ids=["IPv4", "IPv6"]
)
async def test_every_thread_replies_from_the_address_that_was_asked(
    listen: str, asked: list[str], held: ExitStack
) -> None:
    async with running() as made:
        sock = udp.bind(listen, 0)
        listener = made.listen(sock)
        for number in range(CLIENTS):
            client = Client((asked[number % len(asked)], sock.getsockname()[1]), held)
            for name, rcode in (("ads.example", 3), (f"n{number}.example", 0), ("ads.example", 3)):
                assert parsed(await client.ask(query(name))).rcode() == rcode
        listener.close()
        family: tuple[Channel, ...] = (Channel("udp", 6 if ":" in listen else 4),)
        assert [(channel, count) for channel, _, count in made.counters.requests()] == [
            (*family, CLIENTS * 3)
        ]


async def test_all_threads_answer_and_what_they_count_is_added_up(held: ExitStack) -> None:
    async with running() as made:
        loops = made.parts._answering.loops  # type: ignore[attr-defined]
        assert len(loops) == THREADS
        asked = 0
        async with asyncio.timeout(PATIENCE_S):
            while not all(sum(memoryview(loop.tally()[0][0]).cast("Q")) for loop in loops):
                await Client(made.address, held).ask(query("ads.example"))
                asked += 1
            # how long it took is counted once the answer has left
            while sum(made.counters.durations()[Source.BLOCKED].counts) < asked:
                await asyncio.sleep(0)
        assert sum(made.counters.durations()[Source.BLOCKED].counts) == asked


async def test_where_a_thread_cannot_begin_the_event_loop_answers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, held: ExitStack
) -> None:
    from resolver.native import threads  # noqa: PLC0415  # may not be built

    def refuse(_: object) -> None:
        raise OSError(errno.EAGAIN, "no more threads")

    monkeypatch.setattr(threads.Worker, "_start", refuse)
    before = len(answering())
    with caplog.at_level(logging.WARNING):
        async with running() as made:
            assert len(answering()) == before
            for number in range(CLIENTS):
                client = Client(made.address, held)
                for name, rcode in (("ads.example", 3), (f"n{number}.example", 0)):
                    assert parsed(await client.ask(query(name))).rcode() == rcode
    assert "a thread that answers cannot begin, the event loop answers in its place" in caplog.text


async def test_where_a_thread_ends_by_itself_the_event_loop_answers(
    caplog: pytest.LogCaptureFixture, held: ExitStack
) -> None:
    async with running() as made:
        client = Client(made.address, held)
        await client.ask(query("ads.example"))
        _end_threads()
        for number in range(CLIENTS):
            one = Client(made.address, held)
            for name, rcode in (("ads.example", 3), (f"n{number}.example", 0)):
                assert parsed(await one.ask(query(name))).rcode() == rcode
        while caplog.text.count("a thread that answers has ended") < THREADS:
            await asyncio.sleep(0)
        for _ in range(CLIENTS):
            assert parsed(await Client(made.address, held).ask(query("ads.example"))).rcode() == 3


@pytest.mark.usefixtures("patient")
async def test_what_a_thread_has_asked_when_it_ends_is_asked_again(held: ExitStack) -> None:
    twins.use("native")
    async with upstream(silent) as up, resolver(up.address) as made:
        twins.use("python")
        asking = asyncio.ensure_future(Client(made.address, held).ask(query()))
        await up.until(1)
        _end_threads()
        await up.until(2)
        up.reply_to(up.asked[1], answered(up.asked[1].wire, A))
        assert parsed(await asking).rcode() == 0
        assert made.service.inflight == 0


def _end_threads() -> None:
    """Take away from the threads what they wait with."""
    with open(os.devnull) as nothing:
        for path in Path("/proc/self/fd").iterdir():
            if _is_of_a_thread(path):
                os.dup2(nothing.fileno(), int(path.name))


def _is_of_a_thread(path: Path) -> bool:
    """Return whether a descriptor is what a thread waits with."""
    loop = asyncio.get_running_loop()
    own = loop._selector.fileno()  # type: ignore[attr-defined]
    try:
        return os.readlink(path) == "anon_inode:[eventpoll]" and int(path.name) != own
    except OSError:
        return False


async def test_questions_that_wait_for_upstream_do_not_hold_up_what_is_known(held: ExitStack) -> None:
    twins.use("native")
    async with upstream(silent) as up, resolver(up.address, policy=blocking("ads.example")) as made:
        twins.use("python")
        client = Client(made.address, held)
        await acquaint(client)
        for number in range(200):
            client.sock.send(query(f"n{number}.example"))
        client.sock.send(query("ads.example", ident=77))
        assert parsed(blocking_recv(client.sock)).id == 77


async def test_a_client_that_was_forgotten_has_its_rate_again(
    monkeypatch: pytest.MonkeyPatch, held: ExitStack
) -> None:
    async with running() as made:
        client = Client(made.address, held)
        await acquaint(client)
        monkeypatch.setattr("resolver.core.clients.MAX_KNOWN", 1)
        assert made.service.clients.find(bytes([127, 0, 0, 9])) is not None  # and all others are forgotten
        await client.ask(query("free.example"))
        await acquaint(client)
        client.sock.send(query("ads.example"))
        assert parsed(blocking_recv(client.sock)).rcode() == 3
