"""Messages that go to the socket of the core that received them."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
from collections.abc import Iterator

import pytest

from resolver.edge import udp
from resolver.edge.steering import steer_by_core
from tests import twins

CLIENTS = 40
needs_cores = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core only")


@contextlib.contextmanager
def sockets(address: str, count: int) -> Iterator[list[socket.socket]]:
    """Bind so many sockets to one port."""
    with contextlib.ExitStack() as held:
        socks = [held.enter_context(udp.bind(address, 0))]
        socks += [held.enter_context(udp.bind_beside(socks[0])) for _ in range(count - 1)]
        yield socks


def reached(socks: list[socket.socket], core: int) -> set[int]:
    """Return which sockets get what many clients send from one core: loopback receives on it too."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        for _ in range(CLIENTS):
            with socket.socket(socks[0].family, socket.SOCK_DGRAM) as client:
                client.sendto(b"query", socks[0].getsockname())
    finally:
        os.sched_setaffinity(0, before)
    got: list[int] = []
    while len(got) < CLIENTS:
        for ready in select.select(socks, [], [], 20)[0]:
            ready.recv(16)
            got.append(socks.index(ready))
    return set(got)


@needs_cores
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_each_core_has_a_socket_of_its_own(address: str) -> None:
    cores = sorted(os.sched_getaffinity(0))[:2]
    with sockets(address, 1 + cores[1] - cores[0]) as socks:  # so that the two differ modulo their number
        assert steer_by_core(socks[0], len(socks))
        found = [reached(socks, core) for core in cores]
    assert [len(one) for one in found] == [1, 1]
    assert found[0] != found[1]


def test_cores_that_we_may_use_come_first_whatever_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    core = max(os.sched_getaffinity(0))
    with sockets("127.0.0.1", 1 + core + 1) as socks:  # so that by its number the core would have another one
        with monkeypatch.context() as patch:
            patch.setattr(os, "sched_getaffinity", lambda _: {core})
            assert steer_by_core(socks[0], len(socks))
        assert reached(socks, core) == {0}


def test_with_fewer_sockets_than_cores_all_messages_arrive() -> None:
    with sockets("127.0.0.1", 3) as socks:
        assert steer_by_core(socks[0], 1)
        assert len(reached(socks, max(os.sched_getaffinity(0)))) == 1


def test_where_it_cannot_be_had_clients_are_spread_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    twins.spread(monkeypatch)
    with sockets("127.0.0.1", 2) as socks:
        assert not steer_by_core(socks[0], 2)
        assert len(reached(socks, max(os.sched_getaffinity(0)))) == 2


def test_a_socket_that_is_gone_takes_no_message_with_it() -> None:
    core = max(os.sched_getaffinity(0))
    with sockets("127.0.0.1", 3) as socks:
        assert steer_by_core(socks[0], 3)
        for left in (2, 1):
            socks.pop().close()
            assert len(reached(socks, core)) >= 1
            assert len(socks) == left


def test_elsewhere_than_on_linux_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with sockets("127.0.0.1", 1) as socks:
        assert not steer_by_core(socks[0], 1)
