"""The transparency document over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pytest
from starlette.requests import Request
from starlette.responses import Response

from resolver.edge import transparency
from resolver.edge.admin import admin_app
from resolver.edge.notice import notice_app
from resolver.web.transparency import CONTENT_SECURITY_POLICY
from tests.edge.asking import get, judge, running, send

MADE = {"index.html": b"<!doctype html>\n<p>lists", "transparency.json": b"{}\n"}


async def files() -> Mapping[str, bytes]:
    return MADE


async def about(request: Request) -> Response | None:
    return await transparency.answer(request, files)


NOTICE = partial(notice_app, judge, about, lambda: {"dns.corp.example"})


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "[2001:db8::1]:8080", "dns.corp.example", "DNS.Corp.Example:80"]
)
@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/transparency", "text/html; charset=utf-8", MADE["index.html"]),
        ("/transparency?x=1", "text/html; charset=utf-8", MADE["index.html"]),
        ("/transparency.json", "application/json", MADE["transparency.json"]),
    ],
)
async def test_it_is_served_at_an_address_and_at_our_own_name(
    host: str, path: str, kind: str, body: bytes
) -> None:
    async with running(NOTICE()) as address:
        status, headers, got = await send(address, get(host, path))
    assert (status, headers["content-type"], got) == (200, kind, body)
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
    assert headers["cache-control"] == "public, max-age=300"


@pytest.mark.parametrize("path", ["/transparency", "/transparency.json"])
async def test_a_blocked_host_with_that_path_gets_its_notice(path: str) -> None:
    async with running(NOTICE()) as address:
        status, headers, body = await send(address, get("www.house.example", path))
    assert (status, headers["cache-control"]) == (403, "no-store")
    assert b"House rules" in body


@pytest.mark.parametrize(
    ("path", "method"), [("/transparency", "POST"), ("/transparency/", "GET"), ("/", "GET")]
)
async def test_everything_else_at_an_address_is_the_notice_page(path: str, method: str) -> None:
    async with running(NOTICE()) as address:
        status, _, body = await send(address, get("192.0.2.1", path, method))
    assert status == 404
    assert b"Nothing was asked for" in body


async def test_who_has_it_already_is_told_so() -> None:
    async with running(NOTICE()) as address:
        _, headers, _ = await send(address, get("192.0.2.1", "/transparency"))
        tag = headers["etag"]
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            asked = get("192.0.2.1", "/transparency")[:-2] + f"If-None-Match: {known}\r\n\r\n".encode()
            status, again, body = await send(address, asked)
            assert (status, again["etag"], body) == (304, tag, b"")
        status, _, _ = await send(
            address, get("192.0.2.1", "/transparency.json")[:-2] + f"If-None-Match: {tag}\r\n\r\n".encode()
        )
        assert status == 200


async def test_head_gets_the_length_without_the_body() -> None:
    async with running(NOTICE()) as address:
        status, headers, body = await send(address, get("192.0.2.1", "/transparency", "HEAD"))
    assert (status, headers["content-length"], body) == (200, str(len(MADE["index.html"])), b"")


async def test_the_admin_listener_serves_it_too_but_not_at_names_of_others() -> None:
    app = admin_app(lambda _: (b"x", "text/plain"), list, about=about)
    async with running(app) as address:
        assert (await send(address, get("127.0.0.1:8053", "/transparency")))[2] == MADE["index.html"]
        assert (await send(address, get("localhost", "/transparency.json")))[2] == MADE["transparency.json"]
        assert (await send(address, get("rebound.example", "/transparency")))[0] == 421
        assert (await send(address, get("localhost", "/healthz")))[0] == 200
