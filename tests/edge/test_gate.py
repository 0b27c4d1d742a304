from __future__ import annotations

from resolver.edge.gate import Gate, network


def test_one_client_gets_its_bound_and_others_are_not_held_up() -> None:
    gate = Gate(rate=100, each=20)
    assert [gate.admits("192.0.2.1", 0.0) for _ in range(30)] == [True] * 20 + [False] * 10
    assert gate.admits("192.0.2.2", 0.0)


def test_all_together_have_a_bound_too() -> None:
    gate = Gate(rate=100, each=20)
    assert sum([gate.admits(f"192.0.2.{number}", 0.0) for number in range(1, 201)]) == 100


def test_the_next_second_is_a_new_one() -> None:
    gate = Gate(rate=100, each=20)
    while gate.admits("192.0.2.1", 0.0):
        pass
    assert gate.admits("192.0.2.1", 1.0)


def test_loopback_has_only_the_bound_of_all() -> None:
    gate = Gate(rate=100, each=20)
    assert sum([gate.admits(network(("127.0.0.1", 1)), 0.0) for _ in range(200)]) == 100
    assert sum([Gate(100, 20).admits(network(("::1", 1, 0, 0)), 0.0) for _ in range(1)]) == 1


def test_addresses_of_one_ipv6_network_count_together() -> None:
    assert network(("2001:db8::1", 1, 0, 0)) == network(("2001:db8::2", 9, 0, 0))
    assert network(("::ffff:192.0.2.1", 1, 0, 0)) == "192.0.2.1"
    assert network(None) == ""
