"""The notice page, asked by browsers, by programs and by people who mean harm."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core import names
from resolver.core.errors import NameFault
from resolver.edge.asked import KINDS, host_of, preferred
from resolver.edge.http import Deadlines
from resolver.edge.notice import notice_app
from resolver.web.look import Look
from tests.edge.asking import JUDGED, get, judge, running, send
from tests.programs import need


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
@pytest.mark.parametrize("path", ["/", "/some/where?x=1", "/%00%ff"])
async def test_every_method_on_every_path_gets_the_notice(method: str, path: str) -> None:
    async with running(notice_app(judge)) as address:
        status, headers, body = await send(address, get("www.house.example", path, method))
    assert status == 403
    assert b"House rules" in body
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cache-control"] == "no-store"


async def test_head_gets_the_status_without_a_body() -> None:
    async with running(notice_app(judge)) as address:
        status, headers, body = await send(address, get("legal.example", method="HEAD"))
    assert (status, body) == (451, b"")
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/html"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("*/*", "text/html"),
        ("application/json", "application/json"),
        ("Application/JSON ; charset=utf-8", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("application/json, text/html", "text/html"),
        ("application/*", "application/json"),
        ("application/problem+json", "application/problem+json"),
        ("application/json;q=0.5, text/html;q=0.9", "text/html"),
        ("application/json;q=0.9, text/html;q=0.5", "application/json"),
        ("application/json;q=0.5, */*", "text/html"),
        ("text/html;q=0, */*", "application/json"),
        ("application/json;q=0", "text/html"),
        ("application/json;q=nan", "text/html"),
        ("application/json;q=inf", "text/html"),
        ("image/avif,image/webp", "text/html"),
        (";;;,,,q=;", "text/html"),
    ],
)
def test_the_client_says_what_it_reads(accept: str, kind: str) -> None:
    assert preferred(accept) == kind


@given(st.text(st.characters(max_codepoint=255), max_size=200))
def test_whatever_the_accept_header_holds_there_is_an_answer(accept: str) -> None:
    assert preferred(accept) in KINDS


async def test_programs_get_json_and_people_get_html() -> None:
    async with running(notice_app(judge)) as address:
        _, headers, body = await send(address, get("house.example", accept="application/json"))
        assert headers["content-type"] == "application/json"
        assert json.loads(body)["list"] == "house"
        _, headers, body = await send(address, get("house.example", accept="text/html"))
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["vary"] == "Accept, Accept-Language"
    assert body.startswith(b"<!doctype html>")


async def test_a_legal_block_names_who_blocks_and_the_listener_where_the_record_does_not() -> None:
    async with running(notice_app(judge)) as address:
        _, headers, _ = await send(address, get("legal.example"))
        assert headers["link"] == '<mailto:it@corp.example>; rel="blocked-by"'
        _, headers, _ = await send(address, get("bare.example"))
        assert headers["link"] == f'<http://127.0.0.1:{address[1]}/>; rel="blocked-by"'
        _, headers, _ = await send(address, get("house.example"))
        assert "link" not in headers


async def test_the_client_is_judged_by_its_address() -> None:
    JUDGED.clear()
    async with running(notice_app(judge), host="::1") as address:
        assert (await send(address, get("house.example")))[0] == 403
    assert JUDGED == [(b"\5house\7example\0", "::1")]


@pytest.mark.parametrize(
    "host", ["HOUSE.example.", "house.example:80", "www.house.example", "house.example:99999"]
)
async def test_the_host_is_judged_whatever_its_case_and_port(host: str) -> None:
    async with running(notice_app(judge)) as address:
        status, _, _ = await send(address, get(host))
    assert status == 403


@pytest.mark.parametrize(
    "host",
    [
        b"a..b",
        b"x" * 64 + b".example",
        b"a." * 130 + b"example",
        b"<script>alert(1)</script>",
        b'"onload="x',
        b"house.example<b>",
        b"house.example:80:80",
        b"house.example:port",
        b"user@house.example",
        b"house%2eexample",
        b"house\\.example",
        "\u202eelpmaxe.esuoh".encode(),
        "hoüse.example".encode(),
        b"\xff\xfe..",
        b"[::1",
        b"[house.example]",
        b"[face.feed]",
        b"[::1]x",
    ],
)
async def test_a_host_that_is_no_name_is_refused_and_not_repeated(host: bytes) -> None:
    async with running(notice_app(judge)) as address:
        status, headers, body = await send(address, get(host))
    assert status == 400
    assert headers["content-type"].startswith("text/plain")
    assert host not in body


@given(st.binary(min_size=1, max_size=80))
def test_whatever_bytes_a_host_header_holds_it_is_a_name_an_address_or_refused(raw: bytes) -> None:
    try:
        name = host_of(raw.decode("latin-1"))
    except NameFault:
        return
    assert name is None or re.fullmatch(r"[a-z0-9._-]+", names.to_text(name))


@pytest.mark.parametrize("host", ["192.0.2.10", "192.0.2.10:80", "[2001:db8::10]", "[2001:db8::10]:8080", ""])
async def test_a_visit_by_address_is_told_what_the_page_is_and_judged_by_nobody(host: str) -> None:
    JUDGED.clear()
    async with running(notice_app(judge)) as address:
        status, _, body = await send(address, get(host))
    assert status == 404
    assert b"Nothing was asked for" in body
    assert JUDGED == []


@pytest.mark.parametrize(
    "target",
    [
        "http://house.example/x",
        "HTTP://HOUSE.example:80",
        "https://house.example?x",
        "http://u:p@house.example/",
    ],
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_the_target_decides_where_it_names_a_host_itself(target: str, version: str) -> None:
    async with running(notice_app(judge)) as address:
        request = f"GET {target} HTTP/{version}\r\nHost: free.example\r\n\r\n".encode()
        status, _, _ = await send(address, request)
    assert status == 403  # RFC 9112, section 3.2.2


async def test_a_tunnel_is_refused_with_the_reason() -> None:
    async with running(notice_app(judge)) as address:
        request = b"CONNECT house.example:443 HTTP/1.1\r\nHost: free.example:443\r\n\r\n"
        status, _, body = await send(address, request)
    assert status == 403
    assert b"House rules" in body


async def test_a_websocket_is_refused_with_the_reason() -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    async with running(notice_app(judge)) as address:
        status, _, body = await send(address, get("house.example")[:-2] + upgrade + b"\r\n")
    assert status == 403
    assert b"House rules" in body


async def test_http_1_0_without_a_host_gets_an_answer() -> None:
    async with running(notice_app(judge)) as address:
        assert (await send(address, b"GET / HTTP/1.0\r\n\r\n"))[0] == 404
        assert (await send(address, b"GET / HTTP/1.1\r\n\r\n"))[0] == 400  # RFC 9112, section 3.2
        two = b"GET / HTTP/1.1\r\nHost: a.example\r\nHost: house.example\r\n\r\n"
        assert (await send(address, two))[0] == 400


@pytest.mark.parametrize(
    ("wanted", "tag", "heading"),
    [
        ("de-CH, en;q=0.5", "de", "ist in diesem Netz gesperrt"),
        ("fr, zh-TW;q=0.8", "zh-Hans", "在此网络中已被屏蔽"),
        ("tlh", "en", "is blocked on this network"),
        ("", "en", "is blocked on this network"),
        ("de;q=0, ja", "ja", "ブロックされています"),
    ],
)
async def test_the_page_speaks_the_language_that_the_browser_asks_for(
    wanted: str, tag: str, heading: str
) -> None:
    request = get("house.example", accept="text/html")[:-2] + f"Accept-Language: {wanted}\r\n\r\n".encode()
    async with running(notice_app(judge)) as address:
        _, headers, body = await send(address, request)
    assert headers["content-language"] == tag
    assert f'<html lang="{tag}" dir="ltr">' in body.decode()
    assert heading in body.decode()


async def test_where_the_browser_asks_for_none_that_is_there_the_networks_language_counts() -> None:
    request = get("house.example")[:-2] + b"Accept-Language: tlh\r\n\r\n"
    async with running(notice_app(judge, look=lambda: Look(language="ru"))) as address:
        _, headers, _ = await send(address, request)
    assert headers["content-language"] == "ru"


async def test_our_own_names_are_judged_by_nobody() -> None:
    JUDGED.clear()
    async with running(notice_app(judge, own=lambda: {"house.example"})) as address:
        status, _, body = await send(address, get("house.example"))
    assert (status, JUDGED) == (404, [])
    assert b"Nothing was asked for" in body


async def test_a_block_has_no_end_that_is_known() -> None:
    async with running(notice_app(judge)) as address:
        _, headers, _ = await send(address, get("house.example"))
    assert "retry-after" not in headers


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-H", "Host: house.example"], "403 text/html; charset=utf-8"),
        (["-H", "Host: legal.example"], "451 text/html; charset=utf-8"),
        (["-H", "Host: house.example", "-H", "Accept: application/json"], "403 application/json"),
        (["-I", "-H", "Host: legal.example"], "451 text/html; charset=utf-8"),
        (["-0", "-H", "Host: house.example"], "403 text/html; charset=utf-8"),
        (["-H", "Host: <b>"], "400 text/plain; charset=utf-8"),
        (["-H", "Host: house.example", "-d", "@/dev/null"], "403 text/html; charset=utf-8"),
        (["-H", "Host: house.example", "--path-as-is", "--url-query", "x=" + "y" * 9000], "403 text/html"),
        (["-H", "Host: house.example", "-H", "X: " + "y" * 100_000], "400 text/plain"),
    ],
    ids=["html", "legal", "json", "head", "http 1.0", "bad host", "post", "long path", "100 KB of headers"],
)
async def test_curl_gets_what_it_asks_for(arguments: list[str], expected: str) -> None:
    curl = need("curl")
    async with running(notice_app(judge)) as (host, port):
        asked = await asyncio.create_subprocess_exec(
            *(curl, "-s", "-o", "/dev/null", "-w", "%{http_code} %{content_type}", "--max-time", "20"),
            *(*arguments, f"http://{host}:{port}/"),
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await asked.communicate()
    assert said.decode().startswith(expected) or (expected.startswith("400") and said.startswith(b"000"))


async def test_curl_that_reads_a_byte_a_second_keeps_nobody_else_waiting() -> None:
    curl = need("curl")
    async with running(notice_app(judge), Deadlines(reply_s=0.3)) as (host, port):
        asked = await asyncio.create_subprocess_exec(
            *(curl, "-s", "--limit-rate", "1", "--max-time", "30", "-H", "Host: house.example"),
            f"http://{host}:{port}/",
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert (await send((host, port), get("house.example")))[0] == 403
        with contextlib.suppress(ProcessLookupError):  # it may have read all that it wants
            asked.kill()
        await asked.wait()
