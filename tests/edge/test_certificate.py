from __future__ import annotations

from pathlib import Path

import pytest

from resolver.core.errors import PageFault
from resolver.edge.certificate import read_certificate
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


@pytest.mark.parametrize("broken", ["notice.pem", "notice.key"])
def test_what_is_no_certificate_or_no_key_is_refused_with_the_file(tmp_path: Path, broken: str) -> None:
    certificate, key = certify(tmp_path, "notice.example")
    (tmp_path / broken).write_text("nothing")
    with pytest.raises(PageFault, match=r"notice\.(pem|key)"):
        read_certificate(certificate, key)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    certificate, key = certify(tmp_path, "notice.example")
    with pytest.raises(PageFault, match="No such file"):
        read_certificate(certificate, tmp_path / "other.key")
    with pytest.raises(PageFault, match="No such file"):
        read_certificate(tmp_path / "other.pem", key)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    certificate, _ = certify(tmp_path, "notice.example")
    _, key = certify(tmp_path / "other", "notice.example")
    with pytest.raises(PageFault, match=r"(?i)mismatch"):
        read_certificate(certificate, key)
