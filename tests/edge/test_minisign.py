"""Signatures by minisign: those of the real program, ours, and every way in which one may not hold."""

from __future__ import annotations

import base64
import hashlib
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from resolver.core.errors import FetchError, SignatureFault
from resolver.edge import minisign
from resolver.edge.fetch import Fetched, NotModified, fetch
from resolver.edge.fetch_request import FetchRequest
from tests.webservers import Handler, web

# A key and signatures of the file "test" that minisign 0.8 and 0.10 made, as its documentation shows them
KEY = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
LEGACY = b"""untrusted comment: signature from minisign secret key
RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=
trusted comment: timestamp:1555779966\tfile:test
QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==
"""
PREHASHED = b"""untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1633700835\tfile:test\tprehashed
wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==
"""
LIST = b"ads.example\n"


class Signer:
    """Signs as minisign does."""

    def __init__(self, number: bytes = b"12345678") -> None:
        self._number, self._key = number, Ed25519PrivateKey.generate()
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public = base64.b64encode(b"Ed" + number + raw).decode()

    def sign(self, content: bytes, *, legacy: bool = False, kind: bytes | None = None) -> bytes:
        """Return the signature file of a content."""
        own = self._key.sign(content if legacy else hashlib.blake2b(content).digest())
        whole = self._key.sign(own + b"a comment")
        kind = kind or (b"Ed" if legacy else b"ED")
        first, second = base64.b64encode(kind + self._number + own), base64.b64encode(whole)
        return b"untrusted comment: x\n" + first + b"\ntrusted comment: a comment\n" + second + b"\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "list.txt"
    made.write_bytes(b"test")
    return made


def fault(path: Path, signature: bytes, key: str = KEY) -> str:
    with pytest.raises(SignatureFault) as caught:
        minisign.verify(path, signature, minisign.public_key(key))
    return str(caught.value)


@pytest.mark.parametrize("signature", [LEGACY, PREHASHED, LEGACY.replace(b"\n", b"\r\n")])
@pytest.mark.parametrize("key", [KEY, f"untrusted comment: minisign public key\n{KEY}\n", f" {KEY} "])
def test_signatures_of_the_real_program_hold(path: Path, signature: bytes, key: str) -> None:
    minisign.verify(path, signature, minisign.public_key(key))


@pytest.mark.parametrize("signature", [LEGACY, PREHASHED])
@pytest.mark.parametrize("content", [b"", b"Test", b"test\n"])
def test_another_content_does_not_hold(path: Path, signature: bytes, content: bytes) -> None:
    path.write_bytes(content)
    assert fault(path, signature) == "the content is not what was signed"


def test_an_empty_file_can_be_signed(path: Path) -> None:
    path.write_bytes(b"")
    signer = Signer()
    for legacy in (False, True):
        minisign.verify(path, signer.sign(b"", legacy=legacy), minisign.public_key(signer.public))


def test_another_trusted_comment_does_not_hold(path: Path) -> None:
    assert "trusted comment" in fault(path, PREHASHED.replace(b"1633700835", b"1733700835"))


def test_another_untrusted_comment_does(path: Path) -> None:
    minisign.verify(path, PREHASHED.replace(b"secret", b"SECRET"), minisign.public_key(KEY))


def test_another_key_is_named_by_its_number(path: Path) -> None:
    assert fault(path, Signer(bytes(7) + b"\xab").sign(b"test")) == (
        "signed by another key, AB00000000000000 and not E7620F1842B4E81F"
    )


def test_another_key_of_the_same_number_does_not_hold(path: Path) -> None:
    number = minisign.public_key(KEY).number
    assert "not" in fault(path, Signer(number).sign(b"test"))


def test_a_signature_of_another_kind_is_not_guessed_at(path: Path) -> None:
    signer = Signer()
    assert fault(path, signer.sign(b"test", kind=b"EX"), signer.public) == "a signature of an unknown kind"


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"\xff",
        b"<html>\n" * 10,
        b"\n".join(PREHASHED.splitlines()[:2]),
        b"\n".join(PREHASHED.splitlines()[:3]),
        PREHASHED.replace(b"RUQ", b"R!Q"),
        PREHASHED.replace(b"RUQ", b""),
        PREHASHED.replace(b"wLM", b""),
    ],
)
def test_what_is_no_signature_is_refused(path: Path, signature: bytes) -> None:
    assert "of minisign" in fault(path, signature)


@pytest.mark.parametrize("key", ["", "\n", "RWQ", KEY[:-4], "é" * 56, "RU" + KEY[2:], KEY[:-1] + "\n" + "x"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(SignatureFault, match="not a public key of minisign"):
        minisign.public_key(key)


def test_a_list_is_held_to_the_signature_beside_it(tmp_path: Path) -> None:
    signer, signed = Signer(), LIST

    def script(handler: Handler) -> None:
        handler.answer(signer.sign(signed) if handler.path == "/list.txt.minisig?v=1" else LIST, ETag='"one"')

    with web(script) as server:
        request = FetchRequest(server.url("/list.txt?v=1"), tmp_path / "fetched", minisign=signer.public)
        found = fetch(request, lambda host: ["127.0.0.1"])
        assert isinstance(found, Fetched)
        assert found.path.read_bytes() == LIST
        assert list(request.folder.iterdir()) == [found.path]
        found.path.unlink()
        signed = b"other.example\n"
        with pytest.raises(FetchError, match="the content is not what was signed"):
            fetch(request, lambda host: ["127.0.0.1"])
        assert list(request.folder.iterdir()) == []


@pytest.mark.parametrize("large", [False, True])
def test_a_list_whose_signature_is_missing_or_too_large_is_refused(tmp_path: Path, large: bool) -> None:
    def script(handler: Handler) -> None:
        signature = handler.path.endswith(".minisig")
        handler.answer(bytes(10000) if signature else LIST, 404 if signature and not large else 200)

    with web(script) as server:
        request = FetchRequest(server.url(), tmp_path / "fetched", minisign=KEY)
        with pytest.raises(FetchError, match="larger than 8192" if large else "404 Not Found") as caught:
            fetch(request, lambda host: ["127.0.0.1"])
    assert caught.value.url == server.url("/list.txt.minisig")
    assert list(request.folder.iterdir()) == []


def test_a_file_is_held_to_its_signature_too(path: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt.minisig").write_bytes(PREHASHED)
    request = FetchRequest(f"file://{path}", tmp_path / "fetched", minisign=KEY)
    found = fetch(request, lambda host: [])
    assert isinstance(found, Fetched)
    again = FetchRequest(request.url, request.folder, found.validators, minisign=KEY)
    assert isinstance(fetch(again, lambda host: []), NotModified)


def test_without_the_package_for_signatures_nothing_is_fetched_and_it_is_said_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    request = FetchRequest("http://lists.example/", tmp_path / "fetched", minisign=KEY)
    with pytest.raises(FetchError, match=r"pip install 'nxwhy\[minisign\]'"):
        fetch(request, lambda host: pytest.fail("looked up"))


def test_a_key_that_is_none_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    request = FetchRequest("http://lists.example/", tmp_path / "fetched", minisign="abc")
    with pytest.raises(FetchError, match="not a public key"):
        fetch(request, lambda host: pytest.fail("looked up"))
