"""The transparency document of the running server, over HTTP and as files, and the way to it in DNS."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import dns.message
import dns.query
import pytest

from tests.servers import Nxwhy, free_port, nxwhy

pytestmark = pytest.mark.timeout(120)

INFO = "https://dns.corp.example/transparency"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Nxwhy]:
    more = f"server: {{name: dns.corp.example, transparency: '{INFO}'}}\n"
    with nxwhy(tmp_path, f'"127.0.0.1:{free_port()}"', more) as running:
        yield running


def get(port: int, path: str, host: str = "127.0.0.1") -> tuple[Message, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers, answer.read()


def names(document: bytes) -> dict[str, int]:
    return {one["list"]: one["names"] for one in json.loads(document)["lists"]}


def test_both_listeners_the_command_and_resinfo_lead_to_the_same_document(
    server: Nxwhy, tmp_path: Path
) -> None:
    done = server.command("transparency", "--output", str(tmp_path / "public"))
    assert done.returncode == 0, done.stderr
    for path, file in (("/transparency", "index.html"), ("/transparency.json", "transparency.json")):
        written = (tmp_path / "public" / file).read_bytes()
        assert get(server.admin, path)[1] == written
        assert get(server.notice, path)[1] == get(server.notice, path, "dns.corp.example")[1] == written
    found = names((tmp_path / "public" / "transparency.json").read_bytes())
    assert list(found) == ["wechat", "line", "bbm", "linkedin", "imo", "extra"]
    query = dns.message.make_query("resolver.arpa", "RESINFO", flags=0)
    assert INFO in dns.query.udp(query, "127.0.0.1", 5, server.port).answer[0][0].to_text()


def test_what_the_server_says_of_itself_changes_at_a_reload(server: Nxwhy) -> None:
    asked = dns.message.make_query("id.server", "TXT", "CH")
    assert dns.query.udp(asked, "127.0.0.1", 5, server.port).rcode() == 5
    text = server.config.read_text().replace("server: {", "server: {id: dns2, ")
    server.config.write_text(text)
    assert server.command("reload").returncode == 0
    assert dns.query.udp(asked, "127.0.0.1", 5, server.port).answer[0][0].to_text() == '"dns2"'


def test_a_change_of_a_list_is_in_the_document_once_it_is_in_force(server: Nxwhy) -> None:
    headers, before = get(server.admin, "/transparency.json")
    (server.folder / "extra.txt").write_text("ads.extra.example\nmore.extra.example\n")
    assert server.command("reload").returncode == 0
    again, after = get(server.admin, "/transparency.json")
    assert (names(before)["extra"], names(after)["extra"]) == (1, 2)
    assert again["ETag"] != headers["ETag"]
    (extra,) = [one for one in json.loads(after)["lists"] if one["list"] == "extra"]
    assert [(one["rules"], one["in_force"]) for one in extra["versions"]] == [(2, True), (1, False)]
    assert extra["changed"] == json.loads(after)["changed"]
