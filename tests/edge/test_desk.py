"""Asking for an exception: the form, its token, how much is taken, and the file."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from starlette.types import ASGIApp

from resolver.edge import desk as desks
from resolver.edge.desk import FILE, MAX_EACH, MAX_IN_ALL, Desk, Quota, append, kept
from resolver.edge.notice import notice_app
from resolver.web.look import Look
from resolver.web.requests import Wish
from tests.edge.asking import get, judge, running, send

HOST = "www.house.example"
SECRET = bytes(range(32))
FORM = "application/x-www-form-urlencoded"
WISH = Wish("chat.example", "192.0.2.7", "homework", "", "chat", "default")


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def app(folder: Path, clock: Clock | None = None) -> ASGIApp:
    return notice_app(judge, look=lambda: Look(forms=True), desk=Desk(folder, SECRET, clock or Clock()))


def post(host: str, body: bytes | dict[str, str], **headers: str) -> bytes:
    raw = body if isinstance(body, bytes) else urlencode(body).encode()
    given = {"Content-Type": FORM, "Content-Length": str(len(raw)), "Accept": "text/html"}
    given |= {key.replace("_", "-"): value for key, value in headers.items()}
    lines = "".join([f"{key}: {value}\r\n" for key, value in given.items()])
    return get(host, method="POST")[:-2] + lines.encode() + b"\r\n" + raw


async def token_of(address: tuple[str, int], host: str = HOST) -> str:
    _, headers, body = await send(address, get(host))
    assert "form-action 'self'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "same-origin"
    found = re.search(r'name="token" value="([^"]+)"', body.decode())
    assert found
    return found[1]


async def test_a_request_is_taken_kept_and_listed_with_what_it_is_about(tmp_path: Path) -> None:
    async with running(app(tmp_path)) as address:
        fields = {"token": await token_of(address), "why": "home\r\nwork", "reply": "a@pupil.example"}
        status, headers, body = await send(address, post(HOST, fields, Origin=f"http://{HOST}"))
    assert (status, headers["cache-control"]) == (202, "no-store")
    assert b"Your request is on its way" in body
    assert list(kept(tmp_path)) == [
        {
            "time": "2027-01-15T08:00:00+00:00",
            "host": HOST,
            "client": "127.0.0.1",
            "why": "home work",
            "reply": "a@pupil.example",
            "list": "house",
            "group": "default",
        }
    ]


async def test_programs_learn_in_json_what_became_of_it(tmp_path: Path) -> None:
    async with running(app(tmp_path)) as address:
        fields = {"token": await token_of(address), "why": "homework"}
        _, _, body = await send(address, post(HOST, fields, Accept="application/json"))
    assert json.loads(body) == {"host": HOST, "requested": True}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://{HOST}.evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Origin": f"http://{HOST}"},
        {"Sec_Fetch_Site": "none"},
    ],
)
async def test_what_a_page_elsewhere_makes_a_browser_send_is_refused(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    async with running(app(tmp_path)) as address:
        fields = {"token": await token_of(address), "why": "homework"}
        status, _, body = await send(address, post(HOST, fields, **headers))
    assert status == 403
    assert b"was not taken" in body
    assert list(kept(tmp_path)) == []


@pytest.mark.parametrize("token", ["", "x", "1.2", "9" * 20 + "." + "a" * 64, "1800000000." + "a" * 64])
async def test_a_token_that_is_not_ours_is_refused(tmp_path: Path, token: str) -> None:
    async with running(app(tmp_path)) as address:
        assert (await send(address, post(HOST, {"token": token, "why": "homework"})))[0] == 403


async def test_a_token_holds_for_one_host_and_one_hour(tmp_path: Path) -> None:
    clock = Clock()
    async with running(app(tmp_path, clock)) as address:
        fields = {"token": await token_of(address), "why": "homework"}
        assert (await send(address, post("house.example", fields)))[0] == 403
        clock.now += 3601
        assert (await send(address, post(HOST, fields)))[0] == 403
        clock.now -= 1
        assert (await send(address, post(HOST, fields)))[0] == 202


@pytest.mark.parametrize(
    "body",
    [
        {"why": ""},
        {"why": " \n"},
        {"why": "x" * 1001},
        {"why": "x", "reply": "x" * 201},
        {f"k{number}": "x" for number in range(20)},
        b"why=%ff",
        b"\xff\xfe",
        b"",
        b"why=" + b"x" * 20_000,
    ],
)
async def test_a_form_without_a_reason_or_out_of_bounds_is_refused(
    tmp_path: Path, body: bytes | dict[str, str]
) -> None:
    async with running(app(tmp_path)) as address:
        if isinstance(body, dict):
            body = {"token": await token_of(address), **body}
        assert (await send(address, post(HOST, body)))[0] == 400
    assert list(kept(tmp_path)) == []


async def test_a_host_that_is_not_blocked_takes_no_request(tmp_path: Path) -> None:
    async with running(app(tmp_path)) as address:
        fields = {"token": await token_of(address), "why": "homework"}
        assert (await send(address, post("free.example", fields)))[0] == 404
    assert list(kept(tmp_path)) == []


async def test_without_the_owners_word_there_is_no_form_and_nothing_is_taken(tmp_path: Path) -> None:
    async with running(notice_app(judge, desk=Desk(tmp_path, SECRET))) as address:
        status, headers, body = await send(address, post(HOST, {"token": "x", "why": "homework"}))
    assert status == 403
    assert b"<form" not in body
    assert "form-action 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"


async def test_one_client_may_ask_a_few_times_and_is_told_when_again(tmp_path: Path) -> None:
    async with running(app(tmp_path)) as address:
        token = await token_of(address)
        asked = [post(HOST, {"token": token, "why": f"{number}"}) for number in range(MAX_EACH + 1)]
        found = [await send(address, one) for one in asked]
    assert [status for status, _, _ in found] == [202] * MAX_EACH + [429]
    assert 3590 <= int(found[-1][1]["retry-after"]) <= 3601
    assert len(list(kept(tmp_path))) == MAX_EACH


async def test_who_presses_the_button_twice_asks_once(tmp_path: Path) -> None:
    async with running(app(tmp_path)) as address:
        token = await token_of(address)
        same = post(HOST, {"token": token, "why": "homework"})
        both = await asyncio.gather(send(address, same), send(address, same))
        assert [status for status, _, _ in both] == [202, 202]
        assert [one["why"] for one in kept(tmp_path)] == ["homework"]
        other = post(HOST, {"token": token, "why": "homework, and work"})
        assert (await send(address, other))[0] == 202
    assert [one["why"] for one in kept(tmp_path)] == ["homework", "homework, and work"]


async def test_the_same_words_after_a_while_are_another_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "AGAIN_S", 0.0)
    async with running(app(tmp_path)) as address:
        same = post(HOST, {"token": await token_of(address), "why": "homework"})
        for _ in range(2):
            assert (await send(address, same))[0] == 202
    assert [one["why"] for one in kept(tmp_path)] == ["homework", "homework"]


async def test_a_disk_that_refuses_is_told_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(app(tmp_path / "missing")) as address:
        fields = {"token": await token_of(address), "why": "homework"}
        assert (await send(address, post(HOST, fields)))[0] == 500
    assert "could not be kept" in caplog.text


def test_all_together_have_a_bound_and_an_hour_later_it_begins_anew() -> None:
    quota = Quota()
    assert sum([quota.take(f"192.0.2.{number}", 0.0) for number in range(MAX_IN_ALL + 5)]) == MAX_IN_ALL
    assert not quota.take("198.51.100.1", 3599.0)
    assert quota.take("198.51.100.1", 3600.0)


@pytest.mark.parametrize("torn", [b"{", b'{"why": "hal', b"\xff\0", b"[1]", b"\n\n"])
def test_a_line_that_a_crash_tore_costs_no_other(tmp_path: Path, torn: bytes) -> None:
    append(tmp_path, WISH, 0.0)
    with (tmp_path / FILE).open("ab") as file:
        file.write(torn)
    append(tmp_path, WISH, 60.0)
    assert [one["time"] for one in kept(tmp_path)] == [
        "1970-01-01T00:00:00+00:00",
        "1970-01-01T00:01:00+00:00",
    ]


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    append(tmp_path, WISH, 0.0)
    assert os.stat(tmp_path / FILE).st_mode & 0o777 == 0o600


def test_the_file_has_a_bound_and_keeps_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "MAX_BYTES", 4000)
    for number in range(100):
        append(tmp_path, WISH, number)
    assert (tmp_path / FILE).stat().st_size <= 4000
    times = [one["time"] for one in kept(tmp_path)]
    assert times[-1] == "1970-01-01T00:01:39+00:00"
    assert times == sorted(times)
    assert len(times) > 5
