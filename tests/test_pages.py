"""The notice page of the running server: what a reload changes, and what it refuses."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from resolver import app as app_module
from resolver.core.errors import PageFault
from tests.edge.asking import get, send
from tests.edge.certified import certify
from tests.servers import free_port
from tests.test_app import serving


def configure(folder: Path, port: int, tls: int, notice: str) -> Path:
    (folder / "ads.txt").write_text("ads.example\n")
    file = folder / "nxwhy.yaml"
    file.write_text(
        f"""listen: {{dns: ["127.0.0.1:0"], notice: ["127.0.0.1:{port}"],
  notice_tls: ["127.0.0.1:{tls}"], admin: off}}
upstreams: {{default: {{servers: [192.0.2.53]}}}}
lists: {{ads: {{path: ads.txt}}}}
notice: {{{notice}}}
state: state
engine: python
"""
    )
    return file


@pytest.fixture(autouse=True)
def only_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "LOOK_S", 3600.0)


async def test_a_reload_changes_how_the_page_looks_and_what_it_takes(tmp_path: Path) -> None:
    port, tls = free_port(), free_port()
    async with serving(configure(tmp_path, port, tls, "text: First.")) as app:
        _, _, body = await send(("127.0.0.1", port), get("ads.example"))
        assert b"First." in body
        assert b"<form" not in body
        configure(tmp_path, port, tls, "text: Second., requests: true")
        await app.reload()
        _, _, body = await send(("127.0.0.1", port), get("ads.example"))
        assert b"Second." in body
        assert b"<form" in body


async def test_a_reload_with_a_file_that_is_no_picture_changes_nothing(tmp_path: Path) -> None:
    port, tls = free_port(), free_port()
    (tmp_path / "logo.png").write_text("no picture")
    async with serving(configure(tmp_path, port, tls, "text: First.")) as app:
        configure(tmp_path, port, tls, "text: Second., logo: logo.png")
        with pytest.raises(PageFault, match=r"nxwhy\.yaml:5:31: notice\.logo: .*no picture"):
            await app.reload()
        _, _, body = await send(("127.0.0.1", port), get("ads.example"))
        assert b"First." in body


async def test_a_start_with_a_file_that_is_no_picture_says_so(tmp_path: Path) -> None:
    with pytest.raises(PageFault, match="No such file"):
        async with serving(configure(tmp_path, free_port(), free_port(), "logo: none.png")):
            pass


async def test_a_renewed_certificate_is_in_force_after_a_reload(tmp_path: Path) -> None:
    certify(tmp_path, "one.example")
    tls = free_port()
    file = configure(tmp_path, free_port(), tls, "certificate: notice.pem, key: notice.key")
    async with serving(file) as app:
        assert await asyncio.to_thread(shown, tls, "one.example") == {"one.example"}
        certify(tmp_path, "two.example")
        await app.reload()
        assert await asyncio.to_thread(shown, tls, "two.example") == {"two.example"}
        with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
            await asyncio.to_thread(shown, tls, "one.example")


def shown(port: int, name: str) -> set[str]:
    """Return the names of the certificate that a client is shown who wants a name."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), 10) as sock,
        context.wrap_socket(sock, server_hostname=name) as wrapped,
    ):
        found = x509.load_der_x509_certificate(wrapped.getpeercert(binary_form=True) or b"")
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(names.get_values_for_type(x509.DNSName))
