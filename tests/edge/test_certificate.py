from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from resolver.core.errors import PageFault
from resolver.edge.certificate import KeyFault, read_certificate
from tests.edge.certified import certify


def test_a_certificate_holds_for_its_names_and_one_label_of_a_wildcard(tmp_path: Path) -> None:
    found = read_certificate(*certify(tmp_path, "Notice.example", "*.corp.example"))
    assert found.names == {"notice.example", "*.corp.example"}
    assert [
        found.covers(name)
        for name in (
            "notice.example",
            "a.corp.example",
            "corp.example",
            "a.b.corp.example",
            "chat.example",
            "",
        )
    ] == [True, True, False, False, False, False]


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PageFault, match="expired"):
        read_certificate(*certify(tmp_path, "notice.example", days=-1))


def test_what_is_no_certificate_or_no_key_is_refused_with_the_file(tmp_path: Path) -> None:
    certificate, key = certify(tmp_path, "notice.example")
    with pytest.raises(KeyFault, match=r"^\S+/notice\.pem: no key in PEM without a password$"):
        read_certificate(certificate, certificate)
    with pytest.raises(PageFault, match=r"^\S+/notice\.key: no certificate in PEM$"):
        read_certificate(key, key)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    certificate, key = certify(tmp_path, "notice.example")
    with pytest.raises(KeyFault, match=r"^\S+/other\.key: No such file"):
        read_certificate(certificate, tmp_path / "other.key")
    with pytest.raises(PageFault, match=r"^\S+/other\.pem: No such file"):
        read_certificate(tmp_path / "other.pem", key)


@pytest.mark.parametrize("kind", [ec.SECP256R1, ec.SECP384R1, None], ids=["same", "curve", "ed25519"])
def test_a_key_of_another_certificate_is_refused(tmp_path: Path, kind: type[ec.EllipticCurve] | None) -> None:
    certificate, key = certify(tmp_path, "notice.example")
    other = ec.generate_private_key(kind()) if kind else ed25519.Ed25519PrivateKey.generate()
    key.write_bytes(
        other.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(KeyFault, match=r"notice\.key: the key is not that of the certificate \S+notice\.pem"):
        read_certificate(certificate, key)
