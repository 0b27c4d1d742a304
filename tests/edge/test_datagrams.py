"""Messages that are received and sent in batches."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from resolver.edge.datagrams import BATCH, INBOX, LARGEST, OUTBOX, PEER_SIZES, Port, connected

Pair = tuple[socket.socket, socket.socket]
Open = Callable[[socket.AddressFamily], socket.socket]
HOSTS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens bound sockets and closes them."""
    socks: list[socket.socket] = []

    def open_one(family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        socks.append(sock)
        sock.bind((HOSTS[family], 0))
        return sock

    yield open_one
    for sock in socks:
        sock.close()


class Told:
    """An owner that notes what its port says."""

    def __init__(self) -> None:
        self.lost: list[Any] = []
        self.refusals: list[list[Any]] = []

    def refused(self, waiting: Sequence[Any]) -> None:
        self.refusals.append(list(waiting))

    def unsent(self, to: Sequence[Any]) -> None:
        self.lost.extend(to)


@pytest.mark.parametrize("family", HOSTS)
def test_messages_come_whole_in_order_and_each_goes_back_where_it_came_from(
    opened: Open, family: socket.AddressFamily
) -> None:
    server, clients = opened(family), [opened(family) for _ in range(BATCH)]
    sent = [bytes([number]) * (1 + number * 19) for number in range(BATCH)]
    for client, wire in zip(clients, sent, strict=True):
        client.sendto(wire, server.getsockname())
    wires = INBOX.receive(server.fileno())
    assert wires == sent
    peers = INBOX.peers(len(wires), PEER_SIZES[family])
    assert OUTBOX.send(server.fileno(), wires, peers, ()) == BATCH
    assert [client.recv(LARGEST) for client in clients] == sent


def test_at_most_a_batch_is_received_and_the_rest_stays(opened: Open) -> None:
    server, client = opened(socket.AF_INET), opened(socket.AF_INET)
    for number in range(BATCH + 3):
        client.sendto(bytes([number]), server.getsockname())
    assert [len(INBOX.receive(server.fileno())) for _ in range(2)] == [BATCH, 3]
    with pytest.raises(BlockingIOError):
        INBOX.receive(server.fileno())


def test_a_message_longer_than_any_query_is_cut(opened: Open) -> None:
    server, client = opened(socket.AF_INET), opened(socket.AF_INET)
    client.sendto(bytes(LARGEST + 1), server.getsockname())
    client.sendto(b"next", server.getsockname())
    assert INBOX.receive(server.fileno()) == [bytes(LARGEST), b"next"]


def test_sockets_of_both_families_take_turns(opened: Open) -> None:
    for family in [*HOSTS, *HOSTS]:
        server, client = opened(family), opened(family)
        client.sendto(b"x", server.getsockname())
        assert INBOX.receive(server.fileno()) == [b"x"]
        (peer,) = INBOX.peers(1, PEER_SIZES[family])
        assert OUTBOX.send(server.fileno(), [b"y"], [peer], ()) == 1
        assert client.recv(9) == b"y"


async def test_what_is_sent_in_one_turn_of_the_loop_goes_out_together(opened: Open) -> None:
    one, other = opened(socket.AF_INET), opened(socket.AF_INET)
    one.connect(other.getsockname())
    port = Port(one, Told(), asyncio.get_running_loop(), connected)
    for number in range(3 * BATCH):
        port.send(bytes([number]), None)
    assert port.waiting
    with pytest.raises(BlockingIOError):
        other.recv(1)
    await asyncio.sleep(0)
    assert not port.waiting
    assert b"".join([other.recv(1) for _ in range(3 * BATCH)]) == bytes(range(3 * BATCH))


async def test_a_message_that_the_system_does_not_take_costs_only_itself(opened: Open) -> None:
    one, other, owner = opened(socket.AF_INET), opened(socket.AF_INET), Told()
    one.connect(other.getsockname())
    port = Port(one, owner, asyncio.get_running_loop(), connected)
    for wire, to in ((b"a", 1), (bytes(70_000), 2), (b"b", 3)):  # UDP has room for 65,507 bytes
        port.send(wire, to)
    port.flush()
    assert [other.recv(1), other.recv(1)] == [b"a", b"b"]
    assert owner.lost == [2]


async def test_a_refusal_is_told_and_costs_no_message_that_comes_after_it(opened: Open) -> None:
    one, gone, owner = opened(socket.AF_INET), opened(socket.AF_INET), Told()
    one.connect(gone.getsockname())
    gone.close()
    port = Port(one, owner, asyncio.get_running_loop(), connected)
    port.send(b"into the void", 1)
    port.flush()
    port.send(b"after the refusal", 2)
    port.flush()
    assert (owner.refusals, owner.lost) == ([[2]], [])


async def test_a_port_whose_socket_is_closed_sends_nothing(opened: Open) -> None:
    one, owner = opened(socket.AF_INET), Told()
    port = Port(one, owner, asyncio.get_running_loop(), connected)
    port.send(b"late", 1)
    one.close()
    port.flush()
    assert owner.lost == []
