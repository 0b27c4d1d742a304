"""The admin listener, asked by scrapers, by probes and by people who mean harm."""

from __future__ import annotations

import json

import pytest

from resolver.edge.admin import admin_app
from tests.edge.asking import admin, get, running, send


async def test_the_admin_listener_shows_metrics_and_health() -> None:
    async with running(admin()) as address:
        status, headers, body = await send(address, get("127.0.0.1:8053", "/metrics"))
        assert (status, body) == (200, b"nxwhy_x 1\n")
        assert headers["content-type"] == "text/plain; version=0.0.4"
        assert (await send(address, get("localhost", "/healthz")))[0] == 200
        assert (await send(address, get("[::1]:8053", "/readyz")))[0] == 200


async def test_not_ready_is_503_with_the_reason() -> None:
    async with running(admin(ready=False)) as address:
        status, _, body = await send(address, get("nxwhy", "/readyz"))
    assert status == 503
    assert json.loads(body)["checks"]["upstreams"] == {"ok": False, "detail": "none"}


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/metrics", 405),
        ("DELETE", "/readyz", 405),
        ("PUT", "/healthz", 405),
        ("GET", "/reload", 404),
        ("GET", "/", 404),
        ("GET", "/metrics/", 404),
        ("GET", "//metrics", 404),
    ],
)
async def test_the_admin_listener_only_reads(method: str, path: str, expected: int) -> None:
    async with running(admin()) as address:
        assert (await send(address, get("127.0.0.1", path, method)))[0] == expected


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8053", "127.0.0.1.evil.example", "a..b", "evil.example@127.0.0.1", "é"],
)
async def test_a_page_that_rebinds_its_name_to_us_reads_nothing(host: str) -> None:
    async with running(admin()) as address:
        status, _, body = await send(address, get(host, "/metrics"))
    assert status == 421
    assert b"nxwhy_x" not in body


async def test_the_admin_listener_answers_to_names_it_was_given() -> None:
    app = admin_app(lambda _: (b"x", "text/plain"), list, hosts=["dns.corp.example"])
    async with running(app) as address:
        assert (await send(address, get("DNS.corp.example:8053", "/metrics")))[0] == 200
        assert (await send(address, get("other.corp.example", "/metrics")))[0] == 421
        assert (await send(address, b"GET /metrics HTTP/1.0\r\n\r\n"))[0] == 200


async def test_head_is_answered_like_get_and_no_page_may_embed_it() -> None:
    async with running(admin()) as address:
        status, headers, body = await send(address, get("127.0.0.1", "/metrics", "HEAD"))
    assert (status, body, headers["content-length"]) == (200, b"", "10")
    assert headers["cross-origin-resource-policy"] == "same-origin"
