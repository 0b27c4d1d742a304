"""TLS towards the servers of lists: whom we believe."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from resolver.core.errors import FetchError
from resolver.edge.fetch import Fetched, fetch
from resolver.edge.fetch_request import FetchRequest
from resolver.edge.webclient import Target, is_public, looked_up
from tests.webservers import DAY, NOW, Authority, Handler, web

LIST = b"ads.example\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def loopback(host: str) -> list[str]:
    return ["127.0.0.1"]


def rightly(handler: Handler) -> None:
    handler.answer(LIST)


def refused(request: FetchRequest) -> str:
    with pytest.raises(FetchError) as caught:
        fetch(request, loopback)
    return caught.value.reason


def test_a_certificate_of_a_trusted_authority_for_the_host_is_believed(
    authority: Authority, tmp_path: Path
) -> None:
    with web(rightly, authority.certificate("lists.example")) as server:
        found = fetch(FetchRequest(server.url(), tmp_path, ca=authority.file), loopback)
    assert isinstance(found, Fetched)
    assert found.path.read_bytes() == LIST


def test_an_address_in_the_url_is_held_to_the_addresses_of_the_certificate(
    authority: Authority, tmp_path: Path
) -> None:
    with web(rightly, authority.certificate("127.0.0.1")) as server:
        url = server.url(host="127.0.0.1")
        assert isinstance(fetch(FetchRequest(url, tmp_path, ca=authority.file), lambda host: [host]), Fetched)


def test_a_certificate_for_another_host_is_not_believed(authority: Authority, tmp_path: Path) -> None:
    with web(rightly, authority.certificate("other.example", "127.0.0.1")) as server:
        reason = refused(FetchRequest(server.url(), tmp_path, ca=authority.file))
    assert reason.startswith("the certificate does not hold: Hostname mismatch")
    assert server.asked == []


def test_a_certificate_of_an_unknown_authority_is_not_believed(authority: Authority, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    with web(rightly, authority.certificate("lists.example")) as server:
        for request in (
            FetchRequest(server.url(), tmp_path),
            FetchRequest(server.url(), tmp_path, ca=Authority(folder).file),
        ):
            assert refused(request).startswith("the certificate does not hold")
    assert server.asked == []


def test_a_certificate_that_ran_out_is_not_believed(authority: Authority, tmp_path: Path) -> None:
    with web(rightly, authority.certificate("lists.example", until=NOW - DAY)) as server:
        reason = refused(FetchRequest(server.url(), tmp_path, ca=authority.file))
    assert reason == "the certificate does not hold: certificate has expired"


def test_a_redirect_from_https_to_http_is_not_followed(authority: Authority, tmp_path: Path) -> None:
    with web(rightly) as plain:

        def script(handler: Handler) -> None:
            handler.answer(status=302, Location=plain.url())

        with web(script, authority.certificate("lists.example")) as server:
            reason = refused(FetchRequest(server.url(), tmp_path, ca=authority.file))
    assert reason == "a redirect from https to http"
    assert plain.asked == []


def test_a_redirect_from_http_to_https_is_followed(authority: Authority, tmp_path: Path) -> None:
    with web(rightly, authority.certificate("lists.example")) as server:

        def script(handler: Handler) -> None:
            handler.answer(status=301, Location=server.url())

        with web(script) as plain:
            found = fetch(FetchRequest(plain.url(), tmp_path, ca=authority.file), loopback)
    assert isinstance(found, Fetched)
    assert found.url == server.url()


def test_a_body_without_length_is_whole_only_after_a_goodbye_of_tls(
    authority: Authority, tmp_path: Path
) -> None:
    def cut(handler: Handler) -> None:
        handler.raw(b"HTTP/1.0 200 OK\r\n\r\n" + LIST)
        handler.connection.shutdown(socket.SHUT_RDWR)

    def goodbye(handler: Handler) -> None:
        handler.raw(b"HTTP/1.0 200 OK\r\n\r\n" + LIST)
        handler.connection = handler.request = handler.request.unwrap()

    with web(cut, authority.certificate("lists.example")) as server:
        request = FetchRequest(server.url(), tmp_path, ca=authority.file)
        assert refused(request) == "the connection broke: it ended in the middle"
        server.script = goodbye
        assert isinstance(fetch(request, loopback), Fetched)


def test_a_server_that_speaks_no_tls_is_named(tmp_path: Path) -> None:
    with web(rightly) as server:
        reason = refused(FetchRequest(server.url().replace("http:", "https:"), tmp_path))
    assert reason.startswith(f"no connection to 127.0.0.1 port {server.port}: TLS failed: ")


def test_a_handshake_that_hangs_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        request = FetchRequest(f"https://lists.example:{port}/", tmp_path, connect_s=0.2)
        assert refused(request) == f"no connection to 127.0.0.1 port {port} within 0.2 s"
        request = FetchRequest(f"https://lists.example:{port}/", tmp_path, total_s=0.2)
        assert refused(request) == "took longer than 0.2 s"


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_a_file_of_authorities_that_is_none_is_named(tmp_path: Path, text: str | None) -> None:
    ca = tmp_path / "ca.pem"
    if text is not None:
        ca.write_text(text)
    reason = refused(FetchRequest("https://lists.example/", tmp_path, ca=ca))
    assert reason.startswith(f"{ca}: no certificates to trust")


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("http://Lists.Example", "lists.example", "/"),
        ("http://lists.example:80/a", "lists.example", "/a"),
        ("https://lists.example:80/a?b#c", "lists.example:80", "/a?b"),
        ("HTTPS://lists.example:443?b", "lists.example", "/?b"),
        ("http://[2001:DB8::1]:8080/ä", "[2001:db8::1]:8080", "/%C3%A4"),
        ("http://bücher.example/%20", "xn--bcher-kva.example", "/%20"),
    ],
)
def test_a_url_becomes_a_host_and_what_to_ask_it(url: str, authority: str, path: str) -> None:
    target = Target(url)
    assert (target.authority, target.path) == (authority, path)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("9.9.9.9", True),
        ("64:ff9b::909:909", True),
        ("2002:909:909::1", False),
        ("::127.0.0.1", False),
        ("64:ff9b::127.0.0.1", False),
        ("64:ff9b::10.0.0.1", False),
        ("2002:a00:1::1", False),
        ("fec0::1", False),
        ("ff0e::1", False),
        ("224.0.0.1", False),
        ("2620:fe::fe", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
    ],
)
def test_public_addresses_are_told_from_private_ones(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_from_outside_only_public_addresses_of_a_host_count() -> None:
    target, resolve = Target("http://lists.example/"), lambda host: ["10.0.0.1", "9.9.9.9"]
    assert looked_up(target, resolve, outside=True) == ("9.9.9.9",)
    assert looked_up(target, resolve, outside=False) == ("10.0.0.1", "9.9.9.9")
