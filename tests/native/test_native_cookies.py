"""Cookies answered natively: the same bytes as in Python, wherever they go along."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.cookies import COOKIE, Cookies
from resolver.core.replies import pack_option
from tests.messages import opt, parsed, query
from tests.native.both import CLIENTS, COOKIES, FREE, Both
from tests.native.test_native_answers import A, filled, shared
from tests.twins import needs_native

pytestmark = needs_native
MINE = b"abcdefgh"


def with_cookie(name: str, data: bytes = MINE, qtype: int = 1, payload: int = 1232) -> bytes:
    return query(name, qtype, opt=opt(options=pack_option(COOKIE, data), payload=payload))


def cookies_of(wire: bytes) -> list[bytes]:
    return [bytes(option.to_wire() or b"") for option in parsed(wire).options if option.otype == COOKIE]


def cookie_from(wire: bytes | None) -> bytes:
    assert wire is not None
    (cookie,) = cookies_of(wire)
    return cookie


@pytest.mark.parametrize("client", [CLIENTS[0], FREE])
@pytest.mark.parametrize("name", ["policy.example", "known.example", "gone.example", "failed.example"])
def test_a_client_sees_its_cookie_again_in_whatever_is_known(name: str, client: bytes) -> None:
    made = filled()
    made.learn(query("policy.example"), [A])
    cookie = cookie_from(made.ask(with_cookie(name), client, 2.5))
    assert cookie[:8] == MINE
    assert len(cookie) == 24


def test_a_server_cookie_of_ours_is_good_for_half_an_hour_and_then_made_anew() -> None:
    made = Both()
    first = cookie_from(made.ask(with_cookie("policy.example")))
    again = [cookie_from(made.ask(with_cookie("policy.example", first), now=now)) for now in (1800.0, 1801.0)]
    assert (again[0] == first, again[1] == first) == (True, False)


def test_a_server_cookie_of_another_client_is_made_anew() -> None:
    made = Both()
    first = cookie_from(made.ask(with_cookie("policy.example"), CLIENTS[0]))
    assert cookie_from(made.ask(with_cookie("policy.example", first), CLIENTS[1])) != first


@pytest.mark.parametrize("size", range(50))
def test_a_cookie_of_a_wrong_length_is_for_python(size: int) -> None:
    found = Both().ask(with_cookie("policy.example", bytes(size)))
    assert (found is not None) == (size == 8 or 16 <= size <= 40)


@pytest.mark.parametrize("payload", [512, 560, 600, 700, 1232])
@pytest.mark.parametrize(
    "name", ["long.example", "policy.example", ".".join(["b"] * 100) + ".policy.example"]
)
def test_a_cookie_stays_where_reasons_and_records_go_for_want_of_room(name: str, payload: int) -> None:
    made = filled()
    for client in (CLIENTS[0], FREE):
        for qtype in (1, 16):
            found = made.ask(with_cookie(name, qtype=qtype, payload=payload), client)
            assert found is None or cookies_of(found)


def test_without_cookies_of_ours_who_sends_one_is_for_python() -> None:
    made = Both(cookies=None)
    assert made.ask(query("policy.example", opt=opt())) is not None
    assert made.ask(with_cookie("policy.example")) is None


def test_a_secret_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Both().told.snapshot.use_cookies(bytes(15), 0.0)


@given(
    data=st.one_of(
        st.binary(max_size=45),
        st.binary(min_size=24, max_size=24),
        st.builds(
            lambda mine, made_at, client, secret: Cookies(secret, made_at).answer(mine, client, 0.0)[4:],
            st.binary(min_size=8, max_size=8),
            st.sampled_from([COOKIES.epoch_s + at for at in (-3700, -3600, -1801, -1800, 0, 299, 301)])
            | st.floats(0, 1e10),
            st.sampled_from([*CLIENTS, FREE]),
            st.sampled_from([COOKIES.secret, bytes(16)]),
        ),
    ),
    client=st.sampled_from([*CLIENTS, FREE]),
    now=st.floats(0, 1e7),
    name=st.sampled_from(["policy.example", "known.example", "long.example"]),
    payload=st.integers(0, 1300),
    do=st.booleans(),
)
def test_whatever_cookie_is_sent_is_answered_as_in_python(
    data: bytes, client: bytes, now: float, name: str, payload: int, do: bool
) -> None:
    shared().ask(query(name, opt=opt(payload=payload, do=do, options=pack_option(COOKIE, data))), client, now)
