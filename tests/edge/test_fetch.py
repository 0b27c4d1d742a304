"""Fetching over HTTP and from files: what comes back, and what a server cannot do to us."""

from __future__ import annotations

import hashlib
import os
import pickle
import socket
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest

from resolver import __version__
from resolver.core.errors import FetchError, ListRefused, UpstreamError
from resolver.core.lists.reader import parse_list
from resolver.core.refresh import Validators
from resolver.edge import fetch as fetch_module
from resolver.edge import webclient
from resolver.edge.fetch import Fetched, NotModified, clear_leftovers, fetch
from resolver.edge.fetch_request import FetchRequest
from resolver.edge.webclient import MAX_HEAD
from tests.servers import free_port
from tests.webservers import Handler, Script, Web, web

LIST = b"ads.example\ntracker.example\n"
SHA256 = hashlib.sha256(LIST).hexdigest()

Serve = Callable[[Script], Web]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(web(script))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "fetched"


def loopback(host: str) -> Sequence[str]:
    return ["127.0.0.1"]


def got(request: FetchRequest) -> Fetched:
    found = fetch(request, loopback)
    assert isinstance(found, Fetched)
    return found


def refused(request: FetchRequest, resolve: Callable[[str], Sequence[str]] = loopback) -> str:
    """Return the reason why a fetch fails, which must leave no file."""
    with pytest.raises(FetchError) as caught:
        fetch(request, resolve)
    assert not request.folder.exists() or list(request.folder.iterdir()) == []
    return caught.value.reason


def rightly(handler: Handler) -> None:
    handler.answer(LIST, ETag='"one"', Last_Modified="Mon, 23 Nov 2026 12:00:00 GMT")


def test_a_list_arrives_whole_with_its_hash_and_validators(serve: Serve, folder: Path) -> None:
    server = serve(rightly)
    found = got(FetchRequest(server.url("/a list?v=1&é#part").replace(" ", "%20"), folder))
    assert found.path.read_bytes() == LIST
    assert found.path.parent == folder
    assert (found.sha256, found.size) == (SHA256, len(LIST))
    assert found.validators == Validators('"one"', "Mon, 23 Nov 2026 12:00:00 GMT")
    assert server.asked[0][0] == "/a%20list?v=1&%C3%A9"


def test_the_request_says_who_we_are_and_which_host_is_meant(serve: Serve, folder: Path) -> None:
    server = serve(rightly)
    got(FetchRequest(server.url(), folder))
    assert server.headers == {
        "Host": f"lists.example:{server.port}",
        "User-Agent": f"nxwhy/{__version__}",
        "Accept": "*/*",
        "Accept-Encoding": "gzip",
        "Connection": "close",
    }


def test_a_host_is_resolved_by_what_we_are_given_in_the_form_that_names_have(
    serve: Serve, folder: Path
) -> None:
    server, asked = serve(rightly), list[str]()

    def resolve(host: str) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    fetch(FetchRequest(server.url(host="LISTS.bücher.example."), folder), resolve)
    assert asked == ["lists.xn--bcher-kva.example"]
    assert server.headers["Host"].startswith("lists.xn--bcher-kva.example:")


def test_validators_that_still_hold_bring_no_content(serve: Serve, folder: Path) -> None:
    server = serve(lambda handler: handler.answer(status=304, ETag='"two"'))
    before = Validators('"one"', "Mon, 23 Nov 2026 12:00:00 GMT")
    found = fetch(FetchRequest(server.url(), folder, before), loopback)
    assert found == NotModified(Validators('"two"', "Mon, 23 Nov 2026 12:00:00 GMT"))
    assert server.headers["If-None-Match"] == '"one"'
    assert server.headers["If-Modified-Since"] == "Mon, 23 Nov 2026 12:00:00 GMT"
    assert not folder.exists()


def test_not_modified_without_having_been_asked_is_an_error(serve: Serve, folder: Path) -> None:
    server = serve(lambda handler: handler.answer(status=304))
    assert refused(FetchRequest(server.url(), folder)) == "the server answered 304 Not Modified"


@pytest.mark.parametrize(
    "etag", ["x" * 2000, "caf\xe9", "a\tb"], ids=["too long", "not ASCII", "with a control character"]
)
def test_validators_that_could_not_be_sent_back_are_not_kept(serve: Serve, folder: Path, etag: str) -> None:
    server = serve(lambda handler: handler.answer(LIST, ETag=etag))
    assert got(FetchRequest(server.url(), folder)).validators == Validators()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "404 Not Found"),
        (403, "403 Forbidden"),
        (503, "503 Service Unavailable"),
        (204, "204 No Content"),
    ],
)
def test_other_statuses_are_named(serve: Serve, folder: Path, status: int, said: str) -> None:
    server = serve(lambda handler: handler.answer(b"" if status == 204 else b"sorry", status))
    assert refused(FetchRequest(server.url(), folder)) == f"the server answered {said}"


def test_a_status_that_nobody_knows_is_named_by_its_number(serve: Serve, folder: Path) -> None:
    server = serve(lambda handler: handler.raw(b"HTTP/1.1 599 \x1b[31mred\r\n\r\n"))
    assert refused(FetchRequest(server.url(), folder)) == "the server answered 599"


def test_a_page_instead_of_a_list_is_left_to_the_parser_which_refuses_it(serve: Serve, folder: Path) -> None:
    server = serve(lambda handler: handler.answer(b"<!DOCTYPE html><html>Sign in</html>"))
    found = got(FetchRequest(server.url(), folder))
    with pytest.raises(ListRefused):
        parse_list(found.path.read_bytes(), server.url())


def test_the_pinned_sha256_is_held(serve: Serve, folder: Path) -> None:
    server = serve(rightly)
    assert got(FetchRequest(server.url(), folder, sha256=SHA256.upper())).path.exists()
    clear_leftovers(folder)
    other = "0" * 64
    assert refused(FetchRequest(server.url(), folder, sha256=other)) == f"its sha256 is {SHA256}, not {other}"
    assert "not 64 hexadecimal digits" in refused(FetchRequest(server.url(), folder, sha256="abc"))


# Bodies


def test_chunked_bodies_are_joined(serve: Serve, folder: Path) -> None:
    def script(handler: Handler) -> None:
        handler.raw(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"".join([b"1;ext=1\r\n" + bytes([byte]) + b"\r\n" for byte in LIST])
            + b"0\r\nTrailer: 1\r\n\r\n"
        )

    assert got(FetchRequest(serve(script).url(), folder)).path.read_bytes() == LIST


@pytest.mark.parametrize(
    "body",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nads.example\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\nads.example\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nads.example\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nads.example\n",
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nads.example\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nads.example\n",
        b"220 mail.example ready\r\n",
        b"",
    ],
)
def test_a_body_broken_off_or_of_no_clear_length_is_refused(serve: Serve, folder: Path, body: bytes) -> None:
    server = serve(lambda handler: handler.raw(body))
    assert refused(FetchRequest(server.url(), folder)).startswith("not a whole HTTP response")


def test_a_body_that_ends_with_the_connection_is_taken_only_where_something_else_proves_it_whole(
    serve: Serve, folder: Path
) -> None:
    server = serve(lambda handler: handler.raw(b"HTTP/1.0 200 OK\r\n\r\n" + LIST))
    assert "does not say how long it is" in refused(FetchRequest(server.url(), folder))
    assert got(FetchRequest(server.url(), folder, sha256=SHA256)).path.read_bytes() == LIST


def test_a_list_that_says_it_is_too_large_is_not_read(serve: Serve, folder: Path) -> None:
    def only_the_head(handler: Handler) -> None:
        handler.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n")
        handler.server.web.stopped.wait()

    server = serve(only_the_head)
    assert refused(FetchRequest(server.url(), folder, max_bytes=10, total_s=10)) == "larger than 10 bytes"
    server.script = rightly
    assert got(FetchRequest(server.url(), folder, max_bytes=len(LIST))).size == len(LIST)


def test_a_list_that_never_ends_is_cut_at_the_bound(serve: Serve, folder: Path) -> None:
    def endless(handler: Handler) -> None:
        handler.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not handler.server.web.stopped.is_set():
            handler.raw(b"10000\r\n" + b"a" * 65536 + b"\r\n")

    request = FetchRequest(serve(endless).url(), folder, max_bytes=4 << 20)
    tracemalloc.start()
    try:
        assert refused(request) == "larger than 4 MiB"
        assert tracemalloc.get_traced_memory()[1] < 3 << 20
    finally:
        tracemalloc.stop()


def test_a_head_that_never_ends_is_cut(serve: Serve, folder: Path) -> None:
    sent = [0]

    def huge(handler: Handler) -> None:
        handler.raw(b"HTTP/1.1 200 OK\r\n")
        while not handler.server.web.stopped.is_set():
            handler.raw(b"X-%d: " % sent[0] + b"a" * 1000 + b"\r\n")
            sent[0] += 1

    assert "not a whole HTTP response" in refused(FetchRequest(serve(huge).url(), folder))
    assert sent[0] * 1000 > MAX_HEAD


def test_interim_responses_without_end_are_cut(serve: Serve, folder: Path) -> None:
    server = serve(lambda handler: handler.raw(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3 + OK))
    assert got(FetchRequest(server.url(), folder)).size == 2
    clear_leftovers(folder)
    server.script = lambda handler: handler.raw(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 30 + OK)
    assert "many interim ones" in refused(FetchRequest(server.url(), folder))


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na\n"


# Time


def silent(handler: Handler) -> None:
    handler.server.web.stopped.wait()


def dripping_head(handler: Handler) -> None:
    handler.raw(b"HTTP/1.1 200 OK\r\nX: ")
    while not handler.server.web.stopped.wait(0.01):
        handler.raw(b"a")


def dripping_body(handler: Handler) -> None:
    handler.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    while not handler.server.web.stopped.wait(0.01):
        handler.raw(b"a")


def dripping_chunks(handler: Handler) -> None:
    handler.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not handler.server.web.stopped.wait(0.01):
        handler.raw(b"1\r\na\r\n")


@pytest.mark.parametrize("script", [silent, dripping_head, dripping_body, dripping_chunks])
def test_a_server_that_takes_its_time_is_left_at_the_deadline(
    serve: Serve, folder: Path, script: Script
) -> None:
    start = monotonic()
    assert refused(FetchRequest(serve(script).url(), folder, total_s=0.3)) == "took longer than 0.3 s"
    assert 0.3 <= monotonic() - start < 3


def test_redirects_share_one_deadline(serve: Serve, folder: Path) -> None:
    def slow(handler: Handler) -> None:
        handler.server.web.stopped.wait(0.2)
        handler.answer(status=302, Location="/again")

    assert refused(FetchRequest(serve(slow).url(), folder, total_s=0.5)) == "took longer than 0.5 s"


def test_a_connection_that_is_not_taken_is_given_up(folder: Path) -> None:
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # the queue is full after one or two; later ones get no reply at all
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        port = full.getsockname()[1]
        request = FetchRequest(f"http://lists.example:{port}/", folder, connect_s=0.2)
        assert refused(request) == f"no connection to 127.0.0.1 port {port} within 0.2 s"


# Addresses and connections


def test_a_refused_connection_is_named(folder: Path) -> None:
    port = free_port()
    reason = refused(FetchRequest(f"http://lists.example:{port}/", folder))
    assert reason == f"no connection to 127.0.0.1 port {port}: Connection refused"


def test_every_address_of_a_host_is_tried(serve: Serve, folder: Path) -> None:
    request = FetchRequest(serve(rightly).url(), folder)
    assert isinstance(fetch(request, lambda host: ["::1", "127.0.0.1"]), Fetched)


def test_a_host_without_address_is_an_error(folder: Path) -> None:
    request = FetchRequest("http://lists.example/", folder)
    assert refused(request, lambda host: []) == "lists.example has no address"

    def fails(host: str) -> Sequence[str]:
        raise UpstreamError("127.0.0.1:53 did not answer")

    assert "could not be looked up: 127.0.0.1:53 did not answer" in refused(request, fails)


def test_what_resolves_to_a_name_is_not_handed_to_the_system(folder: Path) -> None:
    request = FetchRequest("http://lists.example/", folder)
    assert refused(request, lambda host: ["localhost"]) == "lists.example has no address"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://lists.example/", "ftp: is not fetched"),
        ("lists.example/list.txt", "nothing: is not fetched"),
        ("http:///list.txt", "no host"),
        ("http://a..example/", "no host"),
        ("http://a\\.example/", "is no host"),
        ("http://[::1%25lo]/", "is no host"),
        ("http://[::1/", "not an address of the web"),
        ("http://lists.example:99999/", "not an address of the web"),
        ("http://lists.example:0/", "port 0"),
        ("http://lists.example/a b", "white space"),
        ("http://lists.example/\r\nHost: other.example", "white space"),
    ],
)
def test_what_is_no_address_of_the_web_is_refused(folder: Path, url: str, said: str) -> None:
    assert said in refused(FetchRequest(url, folder))


def test_validators_that_would_break_the_request_are_not_sent(serve: Serve, folder: Path) -> None:
    server = serve(rightly)
    reason = refused(FetchRequest(server.url(), folder, Validators('"a"\r\nHost: other.example')))
    assert "Illegal header value" in reason
    assert server.asked == []


def test_a_password_in_the_address_is_refused_and_not_repeated(folder: Path) -> None:
    with pytest.raises(FetchError) as caught:
        fetch(FetchRequest("https://me:secret@lists.example/", folder), loopback)
    assert str(caught.value).startswith("https://lists.example/: a name and password")


def test_an_error_survives_the_way_from_process_to_process() -> None:
    error = FetchError("http://lists.example/", "gone")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.url, again.reason) == (
        FetchError,
        "http://lists.example/: gone",
        "http://lists.example/",
        "gone",
    )


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_with_the_validators(serve: Serve, folder: Path, status: int) -> None:
    def script(handler: Handler) -> None:
        if handler.path == "/list.txt":
            handler.answer(status=status, Location="../other/é.txt".encode().decode("latin-1"))
        else:
            rightly(handler)

    server = serve(script)
    found = got(FetchRequest(server.url(), folder, Validators('"old"')))
    assert found.url == server.url("/other/%C3%A9.txt")
    assert server.headers["If-None-Match"] == '"old"'


def test_a_redirect_loop_ends(serve: Serve, folder: Path) -> None:
    server = serve(lambda handler: handler.answer(status=302, Location="/list.txt"))
    assert refused(FetchRequest(server.url(), folder)) == "more than 5 redirects"
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("file:///etc/passwd", "a redirect from the web to file:"),
        ("FILE:/etc/passwd", "a redirect from the web to file:"),
        ("ftp://lists.example/", "a redirect from the web to ftp:"),
        ("http://[::1/", "a redirect to what is no address"),
        ("", "a redirect to nowhere"),
    ],
)
def test_a_redirect_leads_to_the_web_or_nowhere(serve: Serve, folder: Path, location: str, said: str) -> None:
    server = serve(lambda handler: handler.answer(status=302, Location=location))
    assert said in refused(FetchRequest(server.url(), folder))


def test_a_redirect_from_outside_does_not_reach_private_addresses(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(lambda handler: handler.answer(status=302, Location="http://127.0.0.2/admin"))
    for module in (fetch_module, webclient):
        monkeypatch.setattr(module, "is_public", lambda address: address == "127.0.0.1")
    reason = refused(
        FetchRequest(server.url(), folder), lambda host: ["127.0.0.2" if host == "127.0.0.2" else "127.0.0.1"]
    )
    assert reason == "a redirect from outside to the private address 127.0.0.2"


# Files


def test_a_file_is_copied_and_recognised_again(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "my list.txt"
    path.write_bytes(LIST)
    for url in (f"file://{tmp_path}/my%20list.txt", f"file://localhost{tmp_path}/my%20list.txt"):
        found = got(FetchRequest(url, folder, sha256=SHA256))
        assert found.path.read_bytes() == LIST
        assert fetch(FetchRequest(url, folder, found.validators), loopback) == NotModified(found.validators)
    path.write_bytes(LIST + b"a")
    assert got(FetchRequest(url, folder, found.validators)).size == len(LIST) + 1


@pytest.mark.parametrize(
    ("name", "said"),
    [("missing.txt", "No such file"), ("pipe", "not a regular file"), ("large", "larger than 100 bytes")],
)
def test_a_file_that_cannot_be_a_list_is_refused(tmp_path: Path, folder: Path, name: str, said: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"a" * 101)
    assert said in refused(FetchRequest(f"file://{tmp_path}/{name}", folder, max_bytes=100))


@pytest.mark.parametrize(
    "url", ["file:list.txt", "file://other.example/list.txt", "file:///a%00b", "file://[/a", "file:"]
)
def test_a_file_is_named_by_its_whole_path_on_this_machine(folder: Path, url: str) -> None:
    assert "not the whole path of a file" in refused(FetchRequest(url, folder))


def test_a_file_that_changes_under_the_reading_is_not_taken(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(LIST)
    versions = iter(["one", "two"])
    monkeypatch.setattr(fetch_module, "_version", lambda file: next(versions))
    assert refused(FetchRequest(f"file://{path}", folder)) == "changed while it was read"


def test_a_folder_that_cannot_be_written_is_named(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FetchError, match=r"file/fetched: Not a directory"):
        fetch(FetchRequest(serve(rightly).url(), tmp_path / "file" / "fetched"), loopback)


def test_leftovers_are_cleared_and_nothing_else(folder: Path) -> None:
    folder.mkdir()
    for name in (".fetch-abc", "ads.list"):
        (folder / name).touch()
    clear_leftovers(folder)
    assert [path.name for path in folder.iterdir()] == ["ads.list"]


def test_the_origin_tells_apart_what_content_depends_on(folder: Path) -> None:
    url = "https://lists.example/"
    one = FetchRequest(url, folder).origin
    two = FetchRequest(url, folder, sha256="AB" * 32).origin
    three = FetchRequest(url, folder, minisign="untrusted comment: my key\nRWQkey\n").origin
    assert [one, two, three] == [url, f"{url} sha256:{'ab' * 32}", f"{url} minisign:RWQkey"]
